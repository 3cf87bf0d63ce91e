"""A study's size: counted by hand on tiny studies, spread over devices by hand; what is not known stays so."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nastransfer.report.scale import (
    COUNTED_COLUMNS,
    HOURS_COLUMNS,
    counted,
    epoch_reads,
    hours,
    makespan,
    summed,
)
from nastransfer.report.search_work import SearchedSet, search_work
from nastransfer.space import cost
from nastransfer.space.genotype import Genotype
from nastransfer.space.known import known_genotype
from nastransfer.study.rates import SCHEMA as RATE_SCHEMA
from nastransfer.study.scale import SCHEMA as WORK_SCHEMA

V2 = known_genotype("DARTS_V2")
ALL_SKIP = Genotype.parse(
    str(V2).replace("sep_conv_3x3", "skip_connect").replace("dil_conv_3x3", "skip_connect")
)
SHAPE = {"classes": 10, "side": 16, "stem": "cifar"}


def searched(**changed: Any) -> dict[str, Any]:
    row = {"kind": "search", "method": "darts1", "on": "small", "dataset": "small", "tasks": 2}
    return {**row, "preset": "tiny", "settings": "{}", "images": 200, **SHAPE, **changed}


def trained(**changed: Any) -> dict[str, Any]:
    row = {"kind": "augment", "method": "random", "on": "small", "dataset": "small", "tasks": 2}
    network = {"protocol": "tiny", "channels": 4, "cells": 3, "genotypes": [str(V2), str(ALL_SKIP)]}
    return {**row, **network, "epochs": 5, "images": 100, "tested": 40, **SHAPE, **changed}


def work(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in WORK_SCHEMA} for row in rows], WORK_SCHEMA)


def rate(name: str = "fast", **speeds: float) -> pl.DataFrame:
    """Multiply-adds a second of trainings (by their stem) and searches (by their method)."""
    rows = [
        {
            "rate": name,
            "kind": "augment" if of in ("cifar", "imagenet") else "search",
            "of": of,
            "macs_per_second": value,
        }
        for of, value in speeds.items()
    ]
    return pl.DataFrame([{column: row.get(column) for column in RATE_SCHEMA} for row in rows], RATE_SCHEMA)


def counted_by_hand(*rows: dict[str, Any]) -> pl.DataFrame:
    """What `counted` would give, with numbers that heads can reckon with."""
    values = [{"dataset": row["on"], "streamed": True, **row} for row in rows]
    schema = {name: dtype for name, (dtype, _) in COUNTED_COLUMNS.items()}
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in values], schema)


# Searches of 3,600 and 7,200 seconds at a rate of 1, trainings of 36,000 seconds together.
BY_HAND = counted_by_hand(
    {
        "kind": "search",
        "on": "a",
        "of": "darts1",
        "tasks": 3,
        "macs_of_one": 3_600.0,
        "images_of_one": 7_200.0,
    },
    {
        "kind": "search",
        "on": "b",
        "of": "darts1",
        "tasks": 1,
        "macs_of_one": 7_200.0,
        "images_of_one": 3_600.0,
    },
    {
        "kind": "augment",
        "on": "a",
        "of": "cifar",
        "tasks": 10,
        "macs_of_one": 3_600.0,
        "images_of_one": 36_000.0,
    },
)


def hour_of(table: pl.DataFrame, kind: str | None, on: str | None, devices: int) -> Any:
    return table.filter(
        pl.col("kind").eq_missing(pl.lit(kind)), pl.col("on").eq_missing(pl.lit(on)), devices=devices
    )["hours"].item()


def test_a_training_is_three_passes_and_a_test_one() -> None:
    found = counted(work(trained()))
    assert found.columns == list(COUNTED_COLUMNS)
    row = found.row(0, named=True)
    mean = (cost.macs(V2, 10, 4, 3, "cifar", 16) + cost.macs(ALL_SKIP, 10, 4, 3, "cifar", 16)) / 2
    assert row["images_of_one"] == 5 * 140 and row["images"] == 2 * 5 * 140
    assert row["macs_of_one"] == pytest.approx(5 * (3 * 100 + 40) * mean)
    assert row["macs"] == pytest.approx(2 * row["macs_of_one"]) and row["of"] == "cifar"


def test_what_a_search_will_find_counts_as_a_random_genotype() -> None:
    found = counted(work(trained(method="darts1", genotypes=[]))).row(0, named=True)
    others = Genotype.draw(np.random.default_rng(7), 200)
    mean = np.mean([cost.macs(one, 10, 4, 3, "cifar", 16) for one in others])
    assert found["macs_of_one"] / (5 * 340) == pytest.approx(mean, rel=0.05)


def test_a_search_is_its_closed_form_with_its_settings() -> None:
    seen = SearchedSet("small", 200, 10, 16, "cifar")
    found = counted(work(searched(), searched(method="enas", settings='{"channels":4}')))
    for row, settings in zip(found.iter_rows(named=True), ({}, {"channels": 4}), strict=True):
        whole = search_work(row["method"], seen, "tiny", settings)
        assert whole is not None and row["macs_of_one"] == whole.macs and row["images_of_one"] == whole.images
    narrow = search_work("enas", seen, "tiny", {"channels": 4})
    wide = search_work("enas", seen, "tiny")
    assert narrow is not None and wide is not None and narrow.macs < wide.macs


def test_known_networks_count_where_their_size_is_known() -> None:
    found = counted(work(trained(known="DARTS_V2", genotypes=[]), trained(known="resnet18", genotypes=[])))
    first, second = found.iter_rows(named=True)
    assert first["macs_of_one"] == 5 * 340 * cost.macs(V2, 10, 4, 3, "cifar", 16)
    assert second["macs_of_one"] is None and "resnet18 are not known" in second["note"]


def test_what_cannot_be_counted_is_null_and_has_a_reason() -> None:
    unknown = {"images": None, "note": "size of small not known"}
    found = counted(work(searched(**unknown), searched(method="mine"), searched()))
    assert found["macs"].null_count() == 2 and found["note"][0] == "size of small not known"
    assert found["note"][1] == "mine is an own method: what it computes only a run can tell"
    total = summed(found, "kind", "on").row(0, named=True)
    assert (total["tasks"], total["unknown"], total["macs"]) == (6, 4, found["macs"][2])
    nothing = summed(found.head(1), "kind").row(0, named=True)
    assert nothing["macs"] is None and nothing["unknown"] == 2


def test_hours_on_devices_by_hand() -> None:
    table = hours(BY_HAND, rate(darts1=1.0, cifar=1.0), (1, 2, 96))
    assert table.columns == list(HOURS_COLUMNS)
    # Alone, one after the other: 3 x 1 h and 2 h of searches, 10 h of trainings.
    assert [hour_of(table, "search", on, 1) for on in ("a", "b", None)] == [3.0, 2.0, 5.0]
    assert hour_of(table, "augment", None, 1) == 10.0 and hour_of(table, None, None, 1) == 15.0
    # On two: the long one beside two short ones, then the last short one.
    assert [hour_of(table, "search", on, 2) for on in ("a", "b", None)] == [2.0, 2.0, 3.0]
    assert hour_of(table, "augment", "a", 2) == 5.0
    # A search cannot be cut: however many devices there are, the longest one takes its time.
    assert hour_of(table, "search", None, 96) == 2.0
    assert hour_of(table, "augment", "a", 96) == pytest.approx(10 / 96)


def test_devices_that_train_together_may_be_worth_less() -> None:
    table = hours(BY_HAND, rate(darts1=1.0, cifar=1.0), (1, 8), efficiency=0.5)
    assert hour_of(table, "augment", "a", 1) == 10.0, "one device waits for nobody"
    assert hour_of(table, "augment", "a", 8) == 2.5
    assert hour_of(table, "search", None, 8) == 2.0


def test_images_that_storage_must_give_a_second() -> None:
    table = hours(BY_HAND, rate(darts1=1.0, cifar=2.0), (1, 8), efficiency=0.5)
    needs = {
        (kind, on, devices): value
        for kind, on, devices, value in table.select("kind", "on", "devices", "images_per_second").iter_rows()
    }
    # A training reads 36,000 images in 1,800 seconds on one device.
    assert needs["augment", "a", 1] == 20.0 and needs["augment", "a", 8] == 80.0
    # A search on a reads 2 a second, on b half a one; there are three of the former, four in all.
    assert needs["search", "a", 8] == 6.0 and needs["search", "b", 8] == 0.5
    assert needs["search", None, 8] == 8.0 and needs[None, None, 8] == 80.0


def test_sets_that_stay_in_memory_need_no_storage_after_the_first_epoch() -> None:
    kept = BY_HAND.with_columns(streamed=pl.col("on") == "b")
    table = hours(kept, rate(darts1=1.0, cifar=2.0), (8,))
    asked = table.select("kind", "on", "images_per_second").rows()
    assert asked == [
        ("search", "a", None),
        ("search", "b", 0.5),
        ("augment", "a", None),
        ("search", None, 0.5),
        ("augment", None, None),
        (None, None, 0.5),
    ]
    assert counted(work(trained(), trained(stem="imagenet", side=224)))["streamed"].to_list() == [False, True]


def test_what_an_epoch_reads_by_hand() -> None:
    large = {"on": "large", "stem": "imagenet", "side": 224}
    unknown = {"on": "unknown", "images": None}
    found = epoch_reads(
        work(trained(), searched(), searched(tasks=1), trained(**large), trained(**unknown)), 1_000
    )
    assert found.select("kind", "on", "images", "image_bytes", "bytes", "streamed").rows() == [
        ("search", "small", 200, 768, 153_600, False),
        ("augment", "small", 140, 768, 107_520, False),
        ("augment", "large", 140, 1_000, 140_000, True),
    ]


def test_unknown_rates_are_none_and_counted() -> None:
    table = hours(BY_HAND, rate(cifar=1.0), (1,))
    searches = table.filter(kind="search").to_dicts()
    assert [row["hours"] for row in searches] == [None] * 3
    assert [(row["tasks"], row["unknown"]) for row in searches] == [(0, 3), (0, 1), (0, 4)]
    both = table.filter(pl.col("kind").is_null()).row(0, named=True)
    assert (both["hours"], both["tasks"], both["unknown"]) == (10.0, 10, 4)
    assert hours(BY_HAND, rate(), (1,)).is_empty()


def test_devices_and_efficiency_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match=r"counted from 1, found \[0, 8\]"):
        hours(BY_HAND, rate(cifar=1.0), (0, 8))
    with pytest.raises(ValueError, match=r"above 0 and up to 1, found 1\.5"):
        hours(BY_HAND, rate(cifar=1.0), (1,), efficiency=1.5)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 4)), min_size=1, max_size=8), st.integers(1, 9))
def test_a_makespan_lies_between_its_bounds(counts: list[tuple[int, int]], devices: int) -> None:
    """Not less than the longest task or a fair share; not more than both together."""
    total = sum(seconds * count for seconds, count in counts)
    longest = max(seconds for seconds, _ in counts)
    found = makespan([(float(seconds), count) for seconds, count in counts], devices)
    assert max(total / devices, longest) <= found <= total / devices + longest
    assert makespan([(float(seconds), count) for seconds, count in counts], 1) == total
