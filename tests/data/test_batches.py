"""How a part of a data set becomes batches."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nastransfer.data.batches import load_batches, recipe_of
from nastransfer.data.datasets import open_dataset
from nastransfer.data.transforms import PaddedCrop, ResizedCrop

DIGITS = open_dataset("digits")


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_load_batches_follows_the_set() -> None:
    batches = load_batches(DIGITS, "train", batch=32, resolution=16, training=True)
    x, y = next(batches.epoch(generator(1)))
    assert x.shape == (32, 3, 16, 16) and x.dtype == torch.float32 and y.dtype == torch.int64
    whole = torch.cat([x for x, _ in load_batches(DIGITS, "train", batch=500, training=False).ordered()])
    assert abs(float(whole.mean())) < 0.05 and abs(float(whole.std()) - 1) < 0.05


def test_transforms_follow_stem_and_side() -> None:
    small = recipe_of(DIGITS, 32, training=True)
    assert small == PaddedCrop(32, DIGITS.mean, DIGITS.std, flip=False, padding=4)
    assert not recipe_of(DIGITS, 32, training=False).draw(5, generator(1))
    photos = replace(DIGITS, stem="imagenet", flip=True)
    assert recipe_of(photos, 64, training=True) == PaddedCrop(
        64, DIGITS.mean, DIGITS.std, flip=True, padding=8
    )
    assert recipe_of(photos, 224, training=True) == ResizedCrop(224, DIGITS.mean, DIGITS.std, flip=True)


def test_large_inputs_are_cut_from_the_images_own_size() -> None:
    photos = replace(DIGITS, stem="imagenet")
    batches = load_batches(photos, "train", batch=8, resolution=96, training=True)
    assert next(batches.epoch(generator(1)))[0].shape == (8, 3, 96, 96)
    assert next(batches.ordered())[0].shape == (8, 3, 96, 96)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="no image in the part 'val'"):
        load_batches(DIGITS, "val", batch=8, training=True)
