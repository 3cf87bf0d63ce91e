"""How cells are stacked into a network: widths, reductions, map sizes (methods sheet 1.5 and 1.6; no torch)."""

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

from nastransfer.space.genotype import NODES

STEMS = ("cifar", "imagenet")
IMAGE_CHANNELS = 3
STEM_MULTIPLIER = 3
"""The 32-pixel stem gives three times the width of the first cells."""

STEM_STRIDE = {"cifar": 1, "imagenet": 8}
"""Pixels of the image for a pixel of the first cell's newer input."""

RESOLUTION = {"cifar": 32, "imagenet": 224}
"""Side of the images that a stem is made for."""

MIN_PIXELS = {"cifar": 8, "imagenet": 32}
"""Smallest side of an image: after both reductions 8 pixels leave a map of 2, 32 behind the imagenet stem one of 1."""


class CellShape(NamedTuple):
    """One cell's place in the stack."""

    inputs0: int
    inputs1: int
    width: int
    reduction: bool
    after_reduction: bool

    @property
    def outputs(self) -> int:
        """Channels of the cell's output: its four nodes side by side."""
        return NODES * self.width


def reductions(cells: int) -> tuple[int, int]:
    """Positions of the reduction cells: a third and two thirds of the way (8 cells: 2 and 5; 20 cells: 6 and 13)."""
    return cells // 3, 2 * cells // 3


def stack(channels: int, cells: int, stem: str) -> list[CellShape]:
    """The shapes of all cells, first to last; ValueError for counts that make no network."""
    check_stem(stem)
    cells = whole(cells, "a network has", "cell")
    channels = whole(channels, "a network has", "channel")
    if stem == "imagenet" and channels % 2:
        raise ValueError(
            f"the imagenet stem starts with half of the channels: they must be even, got {channels}"
        )
    older = newer = stem_channels(channels, stem)
    width, after_reduction = channels, stem == "imagenet"
    shapes = []
    for index in range(cells):
        reduction = index in reductions(cells)
        width = 2 * width if reduction else width
        shapes.append(CellShape(older, newer, width, reduction, after_reduction))
        older, newer, after_reduction = newer, shapes[-1].outputs, reduction
    return shapes


def stem_channels(channels: int, stem: str) -> int:
    """Channels of the stem's outputs for cells of width `channels`."""
    return STEM_MULTIPLIER * channels if stem == "cifar" else channels


def check_stem(stem: str) -> None:
    """ValueError for a stem that does not exist."""
    if stem not in STEMS:
        raise ValueError(f"unknown stem {stem!r}; allowed are {', '.join(STEMS)}")


def whole(value: Any, owner: str, thing: str) -> int:
    """A count as a plain int; ValueError where it is none, or less than 1."""
    try:
        count = operator.index(value)
    except TypeError:
        count = None
    if count is None or isinstance(value, bool):
        raise ValueError(f"{owner} at least 1 {thing}, in whole numbers, got {value!r}")
    if count < 1:
        raise ValueError(f"{owner} at least 1 {thing}, got {count}")
    return count


def check_partial(partial: int, channels: int) -> int:
    """`partial` as a whole number that divides the channels; ValueError otherwise."""
    partial = whole(partial, "partial channels are counted in", "part")
    if channels % partial:
        raise ValueError(
            f"partial={partial} must divide the channels of the first cells, got channels={channels}"
        )
    return partial


def check_images(shape: Sequence[int], stem: str) -> None:
    """ValueError for anything but a batch [n, 3, height, width] of images that fit the stem."""
    if len(shape) != 4 or shape[1] != IMAGE_CHANNELS:
        raise ValueError(
            f"images come as [n, {IMAGE_CHANNELS}, height, width], with {IMAGE_CHANNELS} channels, "
            f"got the shape {tuple(shape)}"
        )
    check_image_size(shape[2], shape[3], stem)


def check_image_size(height: int, width: int, stem: str) -> None:
    """ValueError where the two reductions behind the stem cannot halve the map evenly."""
    check_stem(stem)
    step = 4 * STEM_STRIDE[stem]
    smallest = MIN_PIXELS[stem]
    if min(height, width) < smallest or height % step or width % step:
        raise ValueError(
            f"images of {height}x{width} pixels do not fit the {stem} stem: both sides must be multiples of {step} "
            f"and at least {smallest}"
        )


def check_classes(classes: int) -> None:
    """ValueError for anything but a whole number from 1 on."""
    whole(classes, "a classifier has", "class")
