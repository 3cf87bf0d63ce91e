"""Batches made on the device against a DataLoader with torchvision's transforms, an image at a time, in 2 workers.

One epoch of images that lie in memory as uint8: CIFAR-10's size cropped and mirrored; 64 pixels with random resized
crop, mirror and colour jitter. Workers of the DataLoader live on from epoch to epoch: their start is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from nastransfer.data.resident import ResidentBatches
from nastransfer.data.transforms import PaddedCrop, Recipe, ResizedCrop
from tests.benchmarks.measure import take_turns

ROUNDS, WORKERS, BATCH = 5, 2, 96
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TO_FLOAT = (v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD))


@dataclass(frozen=True)
class Case:
    """Images of one side, and the same transforms twice: of whole batches, and of an image."""

    name: str
    images: int
    recipe: Recipe
    plain: v2.Compose


CASES = (
    Case(
        "32 px, crop and mirror",
        10_000,
        PaddedCrop(32, MEAN, STD, flip=True, padding=4),
        v2.Compose([v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip(), *TO_FLOAT]),
    ),
    Case(
        "64 px, resized crop, mirror and colours",
        2_000,
        ResizedCrop(64, MEAN, STD, flip=True),
        v2.Compose(
            [
                v2.RandomResizedCrop(64, antialias=True),
                v2.RandomHorizontalFlip(),
                v2.ColorJitter(0.4, 0.4, 0.4, 0.2),
                *TO_FLOAT,
            ]
        ),
    ),
)


class OneByOne(Dataset[tuple[Tensor, int]]):
    """Images transformed when a worker takes them."""

    def __init__(self, images: Tensor, transform: v2.Compose) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), index


def drain(batches: Iterable[tuple[Tensor, Tensor]]) -> int:
    """Takes all batches; how many images they have."""
    return sum(len(labels) for _, labels in batches)


def measure(case: Case) -> dict[str, Any]:
    """One case, both ways."""
    side, draw = case.recipe.side, torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (case.images, 3, side, side), generator=draw).to(torch.uint8)
    resident = ResidentBatches(images, torch.arange(case.images), case.recipe, batch=BATCH)
    loader: DataLoader[tuple[Tensor, int]] = DataLoader(
        OneByOne(images, case.plain),
        batch_size=BATCH,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=True,
    )
    assert drain(resident.epoch(draw)) == drain(loader) == case.images
    rows = take_turns(
        {
            f"{case.name}: on the device": lambda: drain(resident.epoch(draw)),
            f"{case.name}: DataLoader, {WORKERS} workers": lambda: drain(loader),
        },
        ROUNDS,
    )
    return {name: {**row, "images": case.images} for name, row in rows.items()}


def run() -> dict[str, Any]:
    """Milliseconds of an epoch, the ways taking turns."""
    return {name: row for case in CASES for name, row in measure(case).items()}
