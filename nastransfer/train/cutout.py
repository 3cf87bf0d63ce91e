"""Cutout: one square of each training image is blanked (methods.md 7.4; DeVries and Taylor, 1708.04552)."""

from __future__ import annotations

import torch
from torch import Tensor


def cutout(images: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """`images` [n, 3, H, W], normalised, with a square of `side` pixels a image set to 0.

    Its centre is a uniformly random pixel, so at the border part of the square falls outside. Centres are drawn from
    `generator` (on the CPU), so that the device does not change them.
    """
    count, _, height, width = images.shape
    inside = []
    for length in (height, width):
        start = torch.randint(0, length, (count, 1), generator=generator) - side // 2
        place = torch.arange(length)[None]
        inside.append((place >= start) & (place < start + side))
    square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images.masked_fill(square.to(images.device), 0.0)
