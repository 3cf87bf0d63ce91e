"""Two sets of images, each made for one operation: what tells its two classes apart is what that operation keeps.

"average": fine noise over everything; coarse patches below it in one class, as strong fine ones in the other.
Averaging takes the noise away, a maximum takes the patches away. "maximum": nine bright points, packed in one class,
apart in the other. A maximum covers nine times the area where they are apart; an average sees the same brightness.
Neither needs a learned filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from nastransfer.data.dataset import Dataset
from nastransfer.data.manifest import Manifest, mix_keys

SIDE = 16
Operation = Literal["average", "maximum"]


@dataclass(frozen=True)
class Pixels:
    """Reads images uint8 [n, 3, height, width] by their place among `all`; can be sent to other processes."""

    all: np.ndarray

    def __call__(self, manifest: Manifest) -> np.ndarray:
        chosen: np.ndarray = self.all[manifest.rows["offset"].to_numpy()]
        return chosen


def made_for(
    operation: Operation, seed: int, images: int = 600, *, shuffled: bool = False, noise: float = 1.5
) -> Dataset:
    """`images` of two classes, drawn by `seed`; `shuffled` labels tell nothing; more `noise` makes both sets harder."""
    rng = np.random.default_rng(seed)
    label = np.arange(images) % 2
    draw = {"average": _patches, "maximum": _points}[operation]
    pixels = np.stack(
        [np.clip(100 + 40 * draw(rng, int(one), noise), 0, 255).astype(np.uint8) for one in label]
    )
    if shuffled:
        label = rng.permutation(label)
    return of_pixels(f"made for {operation}", pixels, label, classes=2, mean=0.45, std=0.2, flip=False)


def of_pixels(
    name: str, pixels: np.ndarray, label: np.ndarray, *, classes: int, mean: float, std: float, flip: bool
) -> Dataset:
    """A data set of training images uint8 [n, 3, side, side] with labels [n]; it can be sent to other processes."""
    manifest = Manifest.build(
        name,
        [f"class {index}" for index in range(classes)],
        label=label,
        part=np.zeros(len(label), int),
        key=mix_keys(7, np.arange(len(label))),
        container="made",
        offset=np.arange(len(label)),
    )
    return Dataset(
        name=name,
        manifest=manifest,
        mean=(mean, mean, mean),
        std=(std, std, std),
        terms="made here",
        synthetic=True,
        domain="test",
        flip=flip,
        stem="cifar",
        pixels=pixels.shape[-1],
        read=Pixels(pixels),
    )


def _patches(rng: np.random.Generator, label: int, noise: float) -> np.ndarray:
    coarse = np.kron(rng.normal(size=(3, SIDE // 4, SIDE // 4)), np.ones((4, 4)))
    fine = rng.normal(size=(3, SIDE, SIDE))
    values: np.ndarray = (coarse if label else fine) + noise * rng.normal(size=(3, SIDE, SIDE))
    return values


def _points(rng: np.random.Generator, label: int, noise: float) -> np.ndarray:
    image = 0.2 * noise * rng.normal(size=(SIDE, SIDE))
    if label:
        row, column = rng.integers(0, SIDE - 2, 2)
        image[row : row + 3, column : column + 3] += 3
    else:
        for place in rng.choice(25, 9, replace=False):
            image[1 + place // 5 * 3, 1 + place % 5 * 3] += 3
    return np.stack([image] * 3)
