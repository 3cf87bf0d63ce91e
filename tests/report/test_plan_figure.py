"""The picture of a plan: bands as wide as their trainings, numbers in words, nothing lost."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from nastransfer.report.plan_figure import NOTHING, bands, plan_figure, plan_in_words

SCHEMA = {
    "id": pl.String(),
    "kind": pl.String(),
    "method": pl.String(),
    "source": pl.String(),
    "target": pl.String(),
    "search_seed": pl.Int64(),
    "augment_seed": pl.Int64(),
    "protocol": pl.String(),
    "parents": pl.List(pl.String()),
    "feeds": pl.List(pl.String()),
}


def task(
    kind: str, method: str | None, source: str | None, target: str | None = None, **more: Any
) -> dict[str, Any]:
    trained = {"augment_seed": 2, "protocol": "tiny"} if target else {}
    return {
        "kind": kind,
        "method": method,
        "source": source,
        "target": target,
        "feeds": ["x"],
        **trained,
        **more,
    }


def plan(*tasks: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(tasks), schema=SCHEMA)


PLAN = plan(
    task("proxy", None, "digits-p1"),
    task("search", "darts2", "digits-p1", search_seed=2),
    task("search", "darts2", "digits-p1", search_seed=3),
    task("search", "enas", "cifar10", search_seed=2),
    *(task("augment", "random", None, "glyphs", feeds=["random"]) for _ in range(3)),
    *(task("augment", "darts2", "digits-p1", "glyphs", augment_seed=seed) for seed in (2, 3, 2, 3)),
    task("augment", "enas", "cifar10", "glyphs"),
    task("augment", "enas", "cifar10", "digits"),
    task("augment", "DARTS_V2", None, "glyphs", feeds=["known"]),
    task("augment", "random", "digits-p1", "digits-p1", feeds=["rank_agreement"]),
)


def links(frame: pl.DataFrame) -> dict[tuple[str, str], float]:
    (sankey,) = plan_figure(frame).data
    labels = sankey.node.label
    ends = zip(sankey.link.source, sankey.link.target, sankey.link.value, strict=True)
    return {(labels[start], labels[end]): value for start, end, value in ends}


def test_bands_are_as_wide_as_their_trainings() -> None:
    assert links(PLAN) == {
        ("random sampling: 4", "glyphs (synthetic): 9"): 3,
        ("digits-p1: 2", "DARTS: 2"): 4,
        ("DARTS: 2", "glyphs (synthetic): 9"): 4,
        ("cifar10: 1", "ENAS: 1"): 2,
        ("ENAS: 1", "glyphs (synthetic): 9"): 1,
        ("ENAS: 1", "digits: 1"): 1,
        ("DARTS_V2: 1", "glyphs (synthetic): 9"): 1,
        ("random sampling: 4", "digits-p1, to rank: 1"): 1,
    }


def test_every_training_is_in_one_band() -> None:
    found = bands(PLAN)
    assert sum(band.plan.height for band in found) == PLAN.filter(kind="augment").height
    assert [band.end for band in found if band.ranks] == ["digits-p1, to rank"]
    assert next(band for band in found if band.ranks).source is None


def test_hovering_says_seeds_protocols_and_searches() -> None:
    (sankey,) = plan_figure(PLAN).data
    said = " ".join([*sankey.link.customdata, *sankey.node.customdata])
    for words in (
        "<b>digits-p1 to DARTS</b><br>2 searches, trained in 4 trainings",
        "<b>DARTS to glyphs (synthetic)</b><br>4 trainings<br>augment seed 2 and 3<br>tiny",
        "<b>digits-p1</b><br>a proxy, built once<br>2 searches<br>4 trainings",
        "<b>random sampling</b><br>4 trainings",
    ):
        assert words in said


def test_words_for_those_who_do_not_see_it() -> None:
    assert plan_in_words(PLAN) == "1 proxy, 3 searches, 11 trainings"
    figure = plan_figure(PLAN)
    assert figure.layout.title.text.replace("<br>", " ") == "Plan: 1 proxy, 3 searches, 11 trainings"
    assert "DARTS from digits-p1 on glyphs: 4" in figure.layout.meta["alt"]
    assert "random sampling on digits-p1, to rank: 1" in figure.layout.meta["alt"]


def test_an_empty_plan_says_so() -> None:
    assert NOTHING in plan_figure(plan()).layout.meta["alt"]


def test_a_plan_of_a_single_search_is_drawn() -> None:
    (sankey,) = plan_figure(plan(task("search", "enas", "cifar10"))).data
    assert list(sankey.node.label) == ["cifar10: 1", "ENAS: 1"]
    assert len(sankey.link.value) == 0


@pytest.mark.parametrize("name", ["<b>mine</b>", "a&b"])
def test_names_are_no_markup(name: str) -> None:
    (sankey,) = plan_figure(plan(task("augment", "random", None, name))).data
    assert name not in "".join([*sankey.node.label, *sankey.link.customdata])
