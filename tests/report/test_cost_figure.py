"""Search cost against top-1: runs at the cost of their own search, a front of means that random sampling opens."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from nastransfer.report.cost_figure import cost_panels, search_cost
from tests.report.rows import study, training
from tests.report.seen import dots, means


def search(method: str, seed: int, **cost: Any) -> dict[str, Any]:
    about = {"kind": "search", "origin": "own", "study": "demo", "method": method, "search_seed": seed}
    return {
        **about,
        "preset": "tiny",
        "source": "digits",
        "selection": "all",
        "run": f"s-{method}-{seed}",
        **cost,
    }


def priced() -> pl.DataFrame:
    """Random 70; cheap finds 72, dear 71, dearest 74; worthless costs least and finds 69."""
    found = {"cheap": (1e9, 72.0), "dear": (1e10, 71.0), "dearest": (1e11, 74.0), "worthless": (1e8, 69.0)}
    rows = [training("random", draw, top1) for draw, top1 in enumerate((69.0, 71.0))]
    for method, (macs, top1) in found.items():
        rows += [training(method, seed, top1 + seed - 2.5) for seed in (2, 3)]
        rows += [search(method, seed, search_macs=int(macs * seed), seconds=10.0) for seed in (2, 3)]
    return study(*rows)


def test_runs_stand_at_the_cost_of_their_search() -> None:
    found = dots(search_cost(priced()))
    assert found["demo/augment/cheap-2/2"] == (2e9, 71.5)
    assert found["demo/augment/dear-3/2"] == (3e10, 71.5)
    assert not [run for run in found if "random" in run]


def test_the_front_is_one_of_means_above_random_sampling() -> None:
    (panel,) = cost_panels(priced(), "search_macs")
    assert [one.arm.method for one in panel.front] == ["cheap", "dearest"]
    assert [one.cost for one in panel.front] == [2.5e9, 2.5e11]
    assert (
        "of 4 methods and sources: cheap, from digits: 2.5e+09 multiply-adds"
        in search_cost(priced()).layout.meta["alt"]
    )


def test_seconds_where_no_search_counted_its_multiply_adds() -> None:
    figure = search_cost(priced().with_columns(search_macs=pl.lit(None, pl.Int64)))
    assert {x for x, _ in dots(figure).values()} == {10.0}
    assert figure.layout.xaxis.title.text == "seconds of a search"
    assert math.log10(10) == pytest.approx(sum(figure.layout.xaxis.range) / 2)


def test_searches_without_a_cost_are_left_out() -> None:
    unpriced = priced().filter(~((pl.col("kind") == "search") & (pl.col("method") == "cheap")))
    assert len(means(search_cost(unpriced))) == 3
    nothing = search_cost(priced().filter(pl.col("kind") != "search"))
    assert "with their cost" in nothing.layout.meta["alt"]
