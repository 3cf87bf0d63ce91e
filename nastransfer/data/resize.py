"""Images at another resolution, by integer arithmetic (the same bytes everywhere), and squares cut from photos."""

from __future__ import annotations

import numpy as np
from PIL import Image

_CHUNK_BYTES = 1 << 25


def resize(images: np.ndarray, resolution: int) -> np.ndarray:
    """Square images uint8 [n, channels, side, side] at `resolution` pixels a side.

    Smaller: the mean over the area of each new pixel; larger: linear between pixel centres; rounded half up.
    """
    side = images.shape[-1]
    if images.ndim != 4 or images.shape[-2] != side:
        raise ValueError(f"images must be square, [n, channels, side, side], got {images.shape}")
    if resolution < 1:
        raise ValueError(f"resolution must be at least 1 pixel, got {resolution}")
    if resolution == side:
        return images
    weights = _weights(side, resolution)
    total = int(weights[0].sum()) ** 2
    result = np.empty((*images.shape[:2], resolution, resolution), np.uint8)
    rows = max(1, _CHUNK_BYTES // (images.shape[1] * max(side, resolution) ** 2 * 8))
    for start in range(0, len(images), rows):
        part = np.tensordot(images[start : start + rows].astype(np.int32), weights, axes=([2], [1]))
        part = np.tensordot(part, weights, axes=([2], [1])).swapaxes(-1, -2)
        result[start : start + rows] = ((part + total // 2) // total).swapaxes(-1, -2)
    return result


def _weights(side: int, resolution: int) -> np.ndarray:
    """How much of every old pixel is in every new one, int32 [resolution, side], all rows of one sum."""
    new, old = np.arange(resolution)[:, None], np.arange(side)[None, :]
    if resolution < side:
        overlap = np.minimum((new + 1) * side, (old + 1) * resolution) - np.maximum(
            new * side, old * resolution
        )
        return np.maximum(overlap, 0).astype(np.int32)
    # Centres in units of 1 / (2 * resolution) old pixels; outside the outermost centres the edge pixel holds.
    unit = 2 * resolution
    centre = np.clip((2 * new + 1) * side - resolution, 0, (side - 1) * unit)
    return np.maximum(unit - np.abs(centre - old * unit), 0).astype(np.int32)


def square(image: np.ndarray, pixels: int) -> np.ndarray:
    """An image uint8 [height, width, 3] as [pixels, pixels, 3]: shorter side scaled, then the middle cut out."""
    height, width = image.shape[:2]
    short = min(height, width)
    if short != pixels:
        size = (round(width * pixels / short), round(height * pixels / short))
        method = Image.Resampling.BOX if short > pixels else Image.Resampling.BILINEAR
        image = np.asarray(Image.fromarray(image).resize(size, method))
    top, left = (image.shape[0] - pixels) // 2, (image.shape[1] - pixels) // 2
    return image[top : top + pixels, left : left + pixels]
