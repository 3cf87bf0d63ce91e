"""Endless training batches: whole passes, single images joined, exact position at every batch."""

from __future__ import annotations

import pytest
import torch

from nastransfer.data.batches import load_batches
from nastransfer.data.passes import Batches
from nastransfer.train.feed import Feed
from nastransfer.train.loop import join_single
from tests.planted import planted


def batches(images: int, batch: int) -> Batches:
    return load_batches(planted(train=images), "train", batch=batch, training=True)


@pytest.mark.parametrize(("images", "batch"), [(16, 8), (17, 8), (19, 8), (25, 8), (9, 9)])
def test_a_feed_gives_what_passes_with_joined_singles_give(images: int, batch: int) -> None:
    generator = torch.Generator().manual_seed(3)
    plain = batches(images, batch)
    wanted = [pair for _ in range(3) for pair in join_single(plain.epoch(generator))]
    feed = Feed(batches(images, batch), torch.Generator().manual_seed(3))
    for number, ((inputs, labels), (own, own_labels)) in enumerate(zip(wanted, feed, strict=False)):
        assert torch.equal(inputs, own) and torch.equal(labels, own_labels), number
    assert sum(len(labels) for _, labels in wanted) == 3 * images


@pytest.mark.parametrize(("images", "batch"), [(17, 8), (19, 8)])
def test_a_feed_goes_on_exactly_from_any_batch(images: int, batch: int) -> None:
    generator = torch.Generator().manual_seed(3)
    feed = Feed(batches(images, batch), generator)
    for number in range(8):
        state, drawn = feed.state(), generator.get_state()
        wanted = [next(feed) for _ in range(4)]
        other = torch.Generator()
        again = Feed(batches(images, batch), other)
        again.load_state(state)
        other.set_state(drawn)
        for inputs, labels in wanted:
            own, own_labels = next(again)
            assert torch.equal(inputs, own) and torch.equal(labels, own_labels), number
        feed.load_state(state)
        generator.set_state(drawn)
        next(feed)


@pytest.mark.parametrize(("images", "batch"), [(16, 8), (19, 8), (25, 8), (9, 9)])
def test_whole_batches_use_every_image_once_before_any_again(images: int, batch: int) -> None:
    feed = Feed(batches(images, batch), torch.Generator().manual_seed(3), whole=True)
    got = [next(feed) for _ in range(3 * images)]
    assert {len(labels) for _, labels in got} == {batch}
    labels = torch.cat([labels for _, labels in got])[: 3 * images]
    for start in range(0, 3 * images, images):
        counts = torch.bincount(labels[start : start + images], minlength=3)
        assert counts.max() - counts.min() <= 1, "planted classes are dealt in turn"
