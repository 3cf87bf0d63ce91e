"""Pillow's bilinear scaling of many crops at once, to the byte: integer sums, the same on every device.

Pillow (and so torchvision on its images) weighs source pixels by a triangle as wide as the scale where it shrinks, in
22-bit fixed point, first along rows, then along columns, each rounded to bytes. Here both passes pick whole rows of a
table of bytes, one row a pixel of the result and source pixel that counts, and add them up.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

_BITS = 22
# Images worked on at once on a CPU: their sums stay in its second-level cache.
_CHUNK = 32


def columns_first(images: Tensor) -> Tensor:
    """uint8 [n, 3, height, width] as [n, width, 3, height], which `resample` takes: a column's bytes are neighbours."""
    return images.permute(0, 3, 1, 2).contiguous()


def resample(columns: Tensor, index: Tensor, boxes: Tensor, side: int) -> Tensor:
    """Boxes of images scaled to `side` pixels, uint8 [b, 3, side, side].

    columns uint8 [n, width, 3, height] of `columns_first`; index int64 [b] (CPU): which images; boxes int64 [b, 4]
    (CPU): top, left, height, width of what is cut out of each before it is scaled.
    """
    taps = taps_table(max(columns.shape[1], columns.shape[3]), side)
    top, left, height, width = boxes.unbind(1)
    return _scaled(columns, index, (left, *taps.of(width)), (top, *taps.of(height)))


def resample_centre(columns: Tensor, index: Tensor, scaled: int, side: int) -> Tensor:
    """Square images scaled to `scaled` pixels, and the middle `side` pixels of them, uint8 [b, 3, side, side]."""
    whole = torch.full((len(index),), columns.shape[-1])
    first, weights = taps_table(columns.shape[-1], scaled).of(whole)
    start = round((scaled - side) / 2)
    middle = slice(start, start + side)
    axis = (torch.zeros_like(whole), first[:, middle], weights[:, middle])
    return _scaled(columns, index, axis, axis)


class Taps:
    """For every length up to `largest` that is scaled to `side`: where each new pixel's source begins, and its weights.

    first int64 [largest + 1, side]; weights int32 [largest + 1, side, taps], sums of 2^22 but for rounding; taps beyond
    the last source pixel weigh 0.
    """

    def __init__(self, largest: int, side: int) -> None:
        # The arithmetic of Pillow's precompute_coeffs, in the same order of operations.
        length = np.maximum(np.arange(largest + 1), 1)[:, None]
        scale = length / side
        width = np.maximum(scale, 1.0)
        centre = (np.arange(side) + 0.5)[None] * scale
        first = np.maximum((centre - width + 0.5).astype(np.int64), 0)
        count = np.minimum((centre + width + 0.5).astype(np.int64), length) - first
        weights = np.zeros((*first.shape, int(count.max())))
        total = np.zeros(first.shape)
        for tap in range(weights.shape[-1]):
            distance = np.abs((tap + first - centre + 0.5) * (1.0 / width))
            weights[..., tap] = np.where((tap < count) & (distance < 1.0), 1.0 - distance, 0.0)
            total += weights[..., tap]
        fixed = (0.5 + weights / total[..., None] * (1 << _BITS)).astype(np.int32)
        self._first = torch.from_numpy(first)
        self._weights = torch.from_numpy(fixed)

    def of(self, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """First source pixels int64 [b, side] and weights int32 [b, side, taps] of these lengths, int64 [b]."""
        return self._first[lengths], self._weights[lengths]


@lru_cache(maxsize=8)
def taps_table(largest: int, side: int) -> Taps:
    """The table for lengths up to `largest`, made once."""
    return Taps(largest, side)


# Of one axis: start of the box int64 [b], first source pixels int64 [b, side], weights int32 [b, side, taps].
_Axis = tuple[Tensor, Tensor, Tensor]


def _scaled(columns: Tensor, index: Tensor, across: _Axis, down: _Axis) -> Tensor:
    _, width, channels, height = columns.shape
    number, side = across[1].shape
    chunk = _CHUNK if columns.device.type == "cpu" else max(number, 1)
    picks = (
        _picked(index * width, width, across),
        _picked(torch.arange(number) % chunk * height, height, down),
    )
    parts = [value.to(columns.device).split(chunk) for pick in picks for value in pick]
    result = torch.empty(number, channels, side, side, dtype=torch.uint8, device=columns.device)
    # Used for all sums: on a CPU, fresh memory of this size costs more than what is done with it.
    largest = min(chunk, number) * side * channels * max(height, side)
    scratch = torch.empty(2, largest, dtype=torch.int32, device=columns.device)
    for images, *across_one, place, weights in zip(result.split(chunk), *parts, strict=True):
        wide = _combined(columns.view(-1, channels * height), across_one[0], across_one[1], scratch)
        # [b, side, 3, height] -> rows of pixels, [b, height, 3, side]
        rows = wide.view(-1, side, channels, height).permute(0, 3, 2, 1).contiguous()
        small = _combined(rows.view(-1, channels * side), place, weights, scratch)
        images.copy_(small.view(-1, side, channels, side).transpose(1, 2))
    return result


def _picked(base: Tensor, length: int, axis: _Axis) -> tuple[Tensor, Tensor]:
    """Which rows count for each new one, and their weights, [b, side, taps]; base: where an image's rows begin."""
    start, first, weights = axis
    place = (start[:, None] + first)[..., None] + torch.arange(weights.shape[-1])
    # Taps beyond the last row weigh 0; they only must not leave the table.
    return place.clamp_(max=length - 1).add_(base[:, None, None]), weights


def _combined(rows: Tensor, place: Tensor, weights: Tensor, scratch: Tensor) -> Tensor:
    """Weighted sums of rows of bytes, [b * side, bytes]; place int64, weights int32 [b, side, taps].

    scratch: int32 [2, at least as many numbers as there are sums].
    """
    place, weights = place.flatten(0, 1), weights.flatten(0, 1)
    sums = len(place) * rows.shape[1]
    total, picked = scratch[:, :sums].view(2, len(place), rows.shape[1])
    total.fill_(1 << (_BITS - 1))
    for tap in range(place.shape[1]):
        picked.copy_(rows.index_select(0, place[:, tap].contiguous()))
        total.addcmul_(picked, weights[:, tap, None])
    return total.bitwise_right_shift_(_BITS).to(torch.uint8)
