"""How a part of a data set becomes batches."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import pytest
import torch

from nastransfer.data.batches import load_batches, recipe_of
from nastransfer.data.datasets import open_dataset
from nastransfer.data.resident import ResidentBatches
from nastransfer.data.stream import StreamBatches
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


@pytest.mark.parametrize(("stem", "side"), [("cifar", 16), ("imagenet", 80)])
def test_small_and_large_sets_give_the_same_batches(stem: Literal["cifar", "imagenet"], side: int) -> None:
    """What does not fit into `resident_bytes` is read while it is needed."""
    dataset = replace(DIGITS, stem=stem, flip=True)
    manifest = dataset.manifest.take(np.arange(len(dataset.manifest)) % 20 == 0)
    size = 3 * manifest.count("train") * (side if stem == "cifar" else 8) ** 2
    load = partial(
        load_batches, dataset, "train", manifest=manifest, batch=16, resolution=side, training=True, workers=0
    )
    resident, streamed = load(resident_bytes=size), load(resident_bytes=size - 1)
    assert isinstance(resident, ResidentBatches) and isinstance(streamed, StreamBatches)
    for draw in (generator(1), generator(2)):
        again = torch.Generator()
        again.set_state(draw.get_state())
        for (x, y), (other, labels) in zip(resident.epoch(draw, 30), streamed.epoch(again, 30), strict=True):
            assert torch.equal(x, other) and torch.equal(y, labels)
    for (x, y), (other, labels) in zip(resident.ordered(), streamed.ordered(), strict=True):
        assert torch.equal(x, other) and torch.equal(y, labels)


def test_the_limit_is_said_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASTRANSFER_RESIDENT_BYTES", "1000")
    assert isinstance(load_batches(DIGITS, "train", batch=8, training=True), StreamBatches)
    monkeypatch.setenv("NASTRANSFER_RESIDENT_BYTES", "2e9")
    with pytest.raises(ValueError, match="must be a number of bytes, 0 or more, got '2e9'"):
        load_batches(DIGITS, "train", batch=8, training=True)


def test_photos_are_scaled_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = next(load_batches(DIGITS, "train", batch=2000, resolution=4, training=False).ordered())
    monkeypatch.setattr("nastransfer.data.batches._READ_BYTES", 3 * 8 * 8 * 100)
    parts = next(load_batches(DIGITS, "train", batch=2000, resolution=4, training=False).ordered())
    assert all(torch.equal(first, second) for first, second in zip(whole, parts, strict=True))
