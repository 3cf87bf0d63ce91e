"""A part of a data set as batches: on the device where it is small, read by worker processes where it is large."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import torch

from nastransfer.data.dataset import Dataset
from nastransfer.data.manifest import Manifest
from nastransfer.data.passes import Batches, Share
from nastransfer.data.resident import ResidentBatches
from nastransfer.data.stream import StreamBatches, loader_of
from nastransfer.data.transforms import PaddedCrop, Recipe, ResizedCrop

RESIDENT_VARIABLE = "NASTRANSFER_RESIDENT_BYTES"
# All of CIFAR ten times over; ImageNet1K at 64 pixels is 15 GB.
RESIDENT_BYTES = 2 << 30
_READ_BYTES = 1 << 28


def load_batches(
    dataset: Dataset,
    part: str,
    *,
    batch: int,
    resolution: int | None = None,
    manifest: Manifest | None = None,
    device: str | torch.device = "cpu",
    training: bool,
    share: Share | None = None,
    workers: int | None = None,
    resident_bytes: int | None = None,
) -> Batches:
    """One part of a data set as batches; `manifest` (default: the set's own) says which images.

    `resolution`: side of the network's input; default: the manifest's, else the set's own. Transforms: see `recipe_of`.
    Images that are cut from squares of one side lie on the device where they take at most `resident_bytes` there
    (default: the variable `NASTRANSFER_RESIDENT_BYTES`, else 2 GiB). More than that, and image files that random crops
    are cut from at their own size, are read by `workers` processes (default: see `default_workers`) while they are
    needed. Both ways give the same batches. `share`: what this process gets of each, where several share them.
    `ValueError` where the part has no image.
    """
    chosen = (dataset.manifest if manifest is None else manifest).part(part)
    if not len(chosen):
        raise ValueError(f"data set {dataset.name!r} has no image in the part {part!r}")
    native = chosen.resolution or dataset.pixels
    recipe = recipe_of(dataset, resolution or native, training)
    # What a random resized crop is cut from keeps its own size.
    stored = resolution if isinstance(recipe, PaddedCrop) else None
    whole_files = isinstance(recipe, ResizedCrop) and dataset.has_files
    size = 3 * len(chosen) * (stored or native) ** 2
    if whole_files or size > _limit(resident_bytes):
        loader = loader_of(dataset, chosen, recipe, stored)
        return StreamBatches(
            chosen.rows, loader, recipe, batch=batch, device=device, share=share, workers=workers
        )
    images, labels = _read(dataset, chosen, stored)
    return ResidentBatches(images, labels, recipe, batch=batch, device=device, share=share)


def recipe_of(dataset: Dataset, side: int, training: bool) -> Recipe:
    """The transforms of methods.md 8.4 for inputs of `side` pixels; mirrored only where the set allows it.

    Sets with ImageNet's stem, above 64 pixels: `ResizedCrop`. All others: `PaddedCrop` with an eighth of the side (4
    pixels at 32); their evaluation is the whole image.
    """
    if dataset.stem_at(side) == "imagenet":
        return ResizedCrop(side, dataset.mean, dataset.std, dataset.flip, training)
    padding = side // 8 if training else 0
    return PaddedCrop(side, dataset.mean, dataset.std, dataset.flip, training, padding)


def _limit(resident_bytes: int | None) -> int:
    if resident_bytes is not None:
        return resident_bytes
    said = os.environ.get(RESIDENT_VARIABLE, str(RESIDENT_BYTES))
    if not said.isdecimal():
        raise ValueError(f"{RESIDENT_VARIABLE} must be a number of bytes, 0 or more, got {said!r}")
    return int(said)


def _read(dataset: Dataset, manifest: Manifest, resolution: int | None) -> tuple[torch.Tensor, torch.Tensor]:
    """All images and labels in the order of the keys, some at a time: photos are larger before they are scaled."""
    rows = manifest.rows.sort("key")
    step = max(1, _READ_BYTES // (3 * dataset.pixels**2))
    parts = [
        dataset.read_images(replace(manifest, rows=rows.slice(start, step)), resolution)
        for start in range(0, len(rows), step)
    ]
    images, labels = (np.concatenate(values) for values in zip(*parts, strict=True))
    return torch.from_numpy(images), torch.from_numpy(labels)
