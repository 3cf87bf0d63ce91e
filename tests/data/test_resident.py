"""Batches of images held on the device: order, caps, resumption, shares."""

from __future__ import annotations

import pytest
import torch

from nastransfer.data.passes import Share
from nastransfer.data.resident import ResidentBatches
from nastransfer.data.transforms import PaddedCrop, Recipe, ResizedCrop

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
PLAIN = PaddedCrop(6, MEAN, STD)
RECIPES = {
    "crop": PaddedCrop(6, MEAN, STD, flip=True, padding=2),
    "resized": ResizedCrop(8, MEAN, STD, flip=True),
}


def make(
    recipe: Recipe = PLAIN, number: int = 10, batch: int = 4, share: Share | None = None
) -> ResidentBatches:
    images = torch.randint(0, 256, (number, 3, 6, 6), generator=generator(1)).to(torch.uint8)
    return ResidentBatches(images, torch.arange(number), recipe, batch=batch, share=share)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_ordered_batches_are_normalised_only() -> None:
    batches = make(RECIPES["crop"])
    assert [len(y) for _, y in batches.ordered()] == [4, 4, 2]
    x, y = (torch.cat(values) for values in zip(*batches.ordered(), strict=True))
    images = torch.randint(0, 256, (10, 3, 6, 6), generator=generator(1))
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    torch.testing.assert_close(x, (images / 255 - mean) / std)
    assert y.tolist() == list(range(10))


@pytest.mark.parametrize("name", RECIPES)
def test_same_generator_same_batches(name: str) -> None:
    first, second, other = (
        torch.cat([x for x, _ in make(RECIPES[name]).epoch(generator(seed))]) for seed in (1, 1, 2)
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


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("done", [1, 2, 3])
def test_state_resumes_in_the_middle_of_an_epoch(name: str, done: int) -> None:
    batches, draw = make(RECIPES[name]), generator(1)
    list(batches.epoch(draw, images=6))
    running = batches.epoch(draw, images=14)
    for _ in range(done):
        next(running)
    state, draw_state = batches.state(), draw.get_state()
    expected = torch.cat(
        [torch.empty(0, 3, batches.recipe.side, batches.recipe.side), *(x for x, _ in running)]
    )
    fresh, fresh_draw = make(RECIPES[name]), generator(9)
    fresh.load_state(state)
    fresh_draw.set_state(draw_state)
    rest = torch.cat([x for x, _ in fresh.epoch(fresh_draw, images=14 - 4 * done)])
    assert len(rest) == 14 - 4 * done and torch.equal(rest, expected)
    with pytest.raises(ValueError, match="there are 2"):
        make(number=2).load_state(state)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_the_same_batches(name: str, ranks: int) -> None:
    whole = list(make(RECIPES[name]).epoch(generator(1), images=13))
    parts = [
        list(make(RECIPES[name], share=Share(rank, ranks)).epoch(generator(1), images=13))
        for rank in range(ranks)
    ]
    for (x, y), *shares in zip(whole, *parts, strict=True):
        assert torch.equal(y, torch.cat([labels for _, labels in shares]))
        torch.testing.assert_close(x, torch.cat([images for images, _ in shares]), atol=1e-5, rtol=0)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="must be at least 1, got 0 and 10"):
        make(batch=0)
    with pytest.raises(ValueError, match="and 2 labels"):
        ResidentBatches(torch.zeros(1, 3, 6, 6, dtype=torch.uint8), torch.zeros(2), PLAIN, batch=1)
    with pytest.raises(ValueError, match=r"got torch.uint8 \[2, 3, 6, 5\]"):
        ResidentBatches(torch.zeros(2, 3, 6, 5, dtype=torch.uint8), torch.zeros(2), PLAIN, batch=1)
    with pytest.raises(ValueError, match="images must be at least 1, got 0"):
        list(make().epoch(generator(1), images=0))
