"""Resizing against arithmetic and against torch's interpolation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from nastransfer.data.resize import resize

IMAGES = np.random.default_rng(1).integers(0, 256, (5, 3, 16, 16), dtype=np.uint8)


def test_by_hand() -> None:
    image = np.array([[[[0, 10], [20, 33]]]], np.uint8)
    assert resize(image, 1).tolist() == [[[[16]]]]
    assert resize(image, 4)[0, 0, 0].tolist() == [0, 3, 8, 10]
    assert resize(image, 2) is image


@pytest.mark.parametrize(
    ("resolution", "mode"), [(8, "area"), (4, "area"), (24, "bilinear"), (32, "bilinear")]
)
def test_equals_torch(resolution: int, mode: str) -> None:
    expected = interpolate(torch.from_numpy(IMAGES).double(), size=resolution, mode=mode).numpy()
    assert np.abs(resize(IMAGES, resolution) - expected).max() <= 0.5 + 1e-9


def test_uneven_shrinking_keeps_the_mean() -> None:
    small = resize(IMAGES, 11)
    assert small.shape == (5, 3, 11, 11)
    assert np.abs(small.mean(axis=(2, 3)) - IMAGES.mean(axis=(2, 3))).max() < 0.5


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="must be square"):
        resize(IMAGES[..., :8], 4)
    with pytest.raises(ValueError, match="at least 1 pixel, got 0"):
        resize(IMAGES, 0)
