"""Sets of images, each made for one operation: what tells its two classes apart is what that operation keeps.

"dilated": noise that comes again twice, four pixels on, along the rows in one class, along the columns in the other.
Pixels nearer than that tell nothing; a dilated convolution joins those four apart, an average mixes them with all that
is between. "maximum": a few bright points on a darker ground, or dark ones on a brighter, of equal mean and spread,
below noise. A maximum widens the bright ones and takes the dark ones away; an average makes both alike. "average": fine
noise over everything; coarse patches below it in one class, as strong fine ones in the other. Averaging takes the noise
away at once; a convolution would have to learn it. No set needs a separable convolution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nastransfer.data.dataset import Dataset
from nastransfer.data.manifest import Manifest, mix_keys

SIDE = 16
Operation = Literal["dilated", "maximum", "average"]
# How far apart the copies of a texture are: what taps at -2 and +2 join and a 3x3 kernel cannot.
LAG = 4
POINTS = 20


@dataclass(frozen=True)
class Pixels:
    """Reads images uint8 [n, 3, height, width] by their place among `all`; can be sent to other processes."""

    all: np.ndarray

    def __call__(self, manifest: Manifest) -> np.ndarray:
        chosen: np.ndarray = self.all[manifest.rows["offset"].to_numpy()]
        return chosen


def made_for(
    operation: Operation, seed: int, images: int = 600, *, shuffled: bool = False, noise: float | None = None
) -> Dataset:
    """`images` of two classes, drawn by `seed`; `shuffled` labels tell nothing.

    `noise`: its standard deviation beside a signal of 1; None: the one in `_DRAWS`.
    """
    rng = np.random.default_rng(seed)
    label = np.arange(images) % 2
    draw, usual = _DRAWS[operation]
    noise = usual if noise is None else noise
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


def _repeats(rng: np.random.Generator, label: int, noise: float) -> np.ndarray:
    once = rng.normal(size=(SIDE, SIDE))
    texture = sum(np.roll(once, copy * LAG, axis=label) for copy in range(3)) / np.sqrt(3)
    values: np.ndarray = texture + noise * rng.normal(size=(3, SIDE, SIDE))
    return values


def _points(rng: np.random.Generator, label: int, noise: float) -> np.ndarray:
    image = np.zeros(SIDE * SIDE)
    image[rng.choice(image.size, POINTS, replace=False)] = 1.0 if label else -1.0
    image = ((image - image.mean()) / image.std()).reshape(SIDE, SIDE)
    values: np.ndarray = image + noise * rng.normal(size=(3, SIDE, SIDE))
    # In the middle of the greys: a side cut off at black would shift the mean of one class.
    return 0.5 * values + 0.4


# set -> what draws an image, and its usual noise
_DRAWS: dict[Operation, tuple[Callable[[np.random.Generator, int, float], np.ndarray], float]] = {
    "dilated": (_repeats, 0.0),
    "maximum": (_points, 2.0),
    "average": (_patches, 2.5),
}
