"""A tiny data set made of arithmetic, for tests that train: 8x8 pixels, each class bright in a corner of its own."""

from __future__ import annotations

import numpy as np

from nastransfer.data.datasets import Dataset
from nastransfer.data.manifest import Manifest, mix_keys

SIDE = 8


def planted(train: int = 48, test: int = 24, val: int = 0, classes: int = 3) -> Dataset:
    """`train`, `val` and `test` images, dealt to at most 4 `classes` in turn; the class shows through noise."""
    sizes = (train, val, test)
    part = np.repeat(np.arange(3), sizes)
    label = np.concatenate([np.arange(size) % classes for size in sizes])
    manifest = Manifest.build(
        "planted",
        [f"corner {index}" for index in range(classes)],
        label=label,
        part=part,
        key=mix_keys(7, np.arange(len(label))),
        container="made",
        offset=np.arange(len(label)),
    )
    return Dataset(
        name="planted",
        manifest=manifest,
        mean=(0.4, 0.4, 0.4),
        std=(0.25, 0.25, 0.25),
        terms="made here",
        synthetic=True,
        domain="test",
        flip=False,
        stem="cifar",
        pixels=SIDE,
        read=_read,
    )


def _read(manifest: Manifest) -> np.ndarray:
    half = SIDE // 2
    images = np.empty((len(manifest), 3, SIDE, SIDE), np.uint8)
    rows = manifest.rows
    for index, (label, offset) in enumerate(zip(rows["label"], rows["offset"], strict=True)):
        images[index] = np.random.default_rng(offset).integers(0, 150, (3, SIDE, SIDE))
        down, across = divmod(label, 2)
        images[index, :, down * half : (down + 1) * half, across * half : (across + 1) * half] += 100
    return images
