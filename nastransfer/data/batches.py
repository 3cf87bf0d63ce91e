"""A part of a data set as batches."""

from __future__ import annotations

import torch

from nastransfer.data.datasets import Dataset
from nastransfer.data.manifest import Manifest
from nastransfer.data.passes import Batches
from nastransfer.data.resident import ResidentBatches
from nastransfer.data.transforms import SMALL_SIDE, PaddedCrop, Recipe, ResizedCrop


def load_batches(
    dataset: Dataset,
    part: str,
    *,
    batch: int,
    resolution: int | None = None,
    manifest: Manifest | None = None,
    device: str | torch.device = "cpu",
    training: bool,
) -> Batches:
    """One part of a data set as batches; `manifest` (default: the set's own) says which images.

    `resolution`: side of the network's input; default: the manifest's, else the set's own. Transforms: see `recipe_of`.
    `ValueError` where the part has no image.
    """
    chosen = (dataset.manifest if manifest is None else manifest).part(part)
    if not len(chosen):
        raise ValueError(f"data set {dataset.name!r} has no image in the part {part!r}")
    recipe = recipe_of(dataset, resolution or chosen.resolution or dataset.pixels, training)
    # What a random resized crop is cut from keeps its own size.
    images, labels = dataset.read_images(chosen, resolution if isinstance(recipe, PaddedCrop) else None)
    return ResidentBatches(
        torch.from_numpy(images), torch.from_numpy(labels), recipe, batch=batch, device=device
    )


def recipe_of(dataset: Dataset, side: int, training: bool) -> Recipe:
    """The transforms of methods.md 8.4 for inputs of `side` pixels; mirrored only where the set allows it.

    Sets with ImageNet's stem, above 64 pixels: `ResizedCrop`. All others: `PaddedCrop` with an eighth of the side (4
    pixels at 32); their evaluation is the whole image.
    """
    if dataset.stem == "imagenet" and side > SMALL_SIDE:
        return ResizedCrop(side, dataset.mean, dataset.std, dataset.flip, training)
    return PaddedCrop(side, dataset.mean, dataset.std, dataset.flip, training, side // 8 if training else 0)
