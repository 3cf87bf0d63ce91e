"""A whole search in double precision ends with the same genotype, whichever engine runs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from nastransfer.data.streams import Streams
from nastransfer.search.searcher import SearchData, SearchStep, make_searcher
from nastransfer.space.genotype import CELLS
from nastransfer.train.feed import Feed
from nastransfer.train.loop import Batch
from tests.planted import planted


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def searched(engine: str, monkeypatch: pytest.MonkeyPatch, images: int, **settings: Any) -> SearchStep:
    """The last report of a search of the tiny preset with some settings of its own."""
    single = Feed.__next__

    def doubled(feed: Feed) -> Batch:
        images, labels = single(feed)
        return images.double(), labels

    with monkeypatch.context() as patched:
        patched.setattr(Feed, "__next__", doubled)
        return list(_steps(engine, images, settings))[-1]


def _steps(engine: str, images: int, settings: dict[str, Any]) -> Iterator[SearchStep]:
    searcher = make_searcher("darts1", "tiny", engine=engine, **settings)
    return searcher.search(SearchData(planted(train=images), 2, "cpu"), Streams(2, "search", "darts1"))


def assert_same_search(plain: SearchStep, cpp: SearchStep) -> None:
    assert cpp.genotype == plain.genotype
    assert cpp.scores == pytest.approx(plain.scores, rel=1e-6)
    assert plain.mixture is not None and cpp.mixture is not None
    for kind in CELLS:
        table = np.array(plain.mixture[kind])
        assert np.abs(np.array(cpp.mixture[kind]) - table).max() < 2e-6
        assert table.std() > 1e-4, "the search has gone somewhere"


def test_a_short_search_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {"channels": 4, "batch": 6, "resolution": None, "steps": 6, "reports": 1}
    assert_same_search(*(searched(engine, monkeypatch, 48, **changed) for engine in ("plain", "cpp")))


@pytest.mark.slow
def test_a_tiny_search_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny preset as it is, on images of 16 pixels."""
    assert_same_search(*(searched(engine, monkeypatch, 200) for engine in ("plain", "cpp")))
