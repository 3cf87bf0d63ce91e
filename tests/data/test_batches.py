"""Training batches against a plain per-image reference; order, caps and resume."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nastransfer.data.batches import Batches, load_batches
from nastransfer.data.datasets import open_dataset

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def make(number: int = 10, side: int = 6, **options: object) -> Batches:
    images = torch.randint(0, 256, (number, 3, side, side), generator=generator(1)).to(torch.uint8)
    settings = {"batch": 4, "mean": MEAN, "std": STD} | options
    return Batches(images, torch.arange(number), **settings)  # type: ignore[arg-type]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plain(image: torch.Tensor) -> torch.Tensor:
    """Normalise one uint8 image [3, side, side]."""
    return (image.float() / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def test_ordered_batches_are_normalised_only() -> None:
    batches = make(crop_padding=2, flip=True)
    x = torch.cat([x for x, _ in batches.ordered()])
    assert [len(y) for _, y in batches.ordered()] == [4, 4, 2]
    expected = torch.stack([plain(image) for image in batches._images])
    torch.testing.assert_close(x, expected)


def test_training_images_are_crops_and_mirrors_of_the_padded_image() -> None:
    padding, side = 2, 6
    batches = make(number=40, crop_padding=padding, flip=True, batch=40)
    (x, y) = next(batches.epoch(generator(3)))
    seen = set()
    for image, label in zip(x, y, strict=True):
        padded = torch.nn.functional.pad(batches._images[label], [padding] * 4)
        matches = [
            (top, left, mirrored)
            for top in range(2 * padding + 1)
            for left in range(2 * padding + 1)
            for mirrored in (False, True)
            for crop in [padded[:, top : top + side, left : left + side]]
            if torch.allclose(image, plain(crop.flip(2) if mirrored else crop), atol=1e-5)
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    assert {mirrored for *_, mirrored in seen} == {False, True}
    assert {top for top, *_ in seen} == {left for _, left, _ in seen} == set(range(5))


def test_same_generator_same_batches() -> None:
    first, second, other = (
        torch.cat([x for x, _ in make(crop_padding=1, flip=True).epoch(generator(seed))])
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, second) and not torch.equal(first, other)


def test_an_epoch_has_every_image_once() -> None:
    batches = make()
    labels = [y for _, y in batches.epoch(generator(1))]
    assert [len(y) for y in labels] == [4, 4, 2] and len(batches) == 3 and batches.num_images == 10
    assert torch.cat(labels).sort().values.tolist() == list(range(10))


def test_capped_epochs_use_every_image_before_any_again() -> None:
    batches, draw = make(), generator(1)
    epochs = [torch.cat([y for _, y in batches.epoch(draw, images=6)]).tolist() for _ in range(5)]
    assert [len(epoch) for epoch in epochs] == [6] * 5
    shown = [label for epoch in epochs for label in epoch]
    assert all(sorted(shown[start : start + 10]) == list(range(10)) for start in (0, 10, 20))
    assert len(torch.cat([y for _, y in batches.epoch(draw, images=23)])) == 23


def test_state_resumes_in_the_middle_of_a_pass() -> None:
    batches, draw = make(), generator(1)
    list(batches.epoch(draw, images=6))
    state, draw_state = batches.state(), draw.get_state()
    expected = torch.cat([x for x, _ in batches.epoch(draw, images=6)])
    fresh, fresh_draw = make(), generator(9)
    fresh.load_state(state)
    fresh_draw.set_state(draw_state)
    assert torch.equal(torch.cat([x for x, _ in fresh.epoch(fresh_draw, images=6)]), expected)
    with pytest.raises(ValueError, match="there are 2"):
        make(number=2).load_state({"order": torch.tensor([7])})


def test_load_batches_follows_the_set() -> None:
    digits = open_dataset("digits")
    batches = load_batches(digits, "train", batch=32, resolution=16, training=True)
    x, y = next(batches.epoch(generator(1)))
    assert x.shape == (32, 3, 16, 16) and x.dtype == torch.float32 and y.dtype == torch.int64
    assert batches._crop_padding == 2 and not batches._flip
    whole = torch.cat([x for x, _ in load_batches(digits, "train", batch=500, training=False).ordered()])
    assert abs(float(whole.mean())) < 0.05 and abs(float(whole.std()) - 1) < 0.05
    assert load_batches(replace(digits, flip=True), "train", batch=8, training=True)._flip


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="no image in the part 'val'"):
        load_batches(open_dataset("digits"), "val", batch=8, training=True)
    with pytest.raises(ValueError, match="batch must be at least 1"):
        make(batch=0)
    with pytest.raises(ValueError, match="and 2 labels"):
        Batches(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), torch.zeros(2), batch=1, mean=MEAN, std=STD)
    with pytest.raises(ValueError, match="images must be at least 1, got 0"):
        list(make().epoch(generator(1), images=0))
