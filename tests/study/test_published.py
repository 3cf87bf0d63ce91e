"""The published rows: typed, cited, and the very numbers that the papers print."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from nastransfer.study.frame import SCHEMA
from nastransfer.study.published import (
    RELATIONS,
    citations,
    published,
    published_sets,
    published_summaries,
    statements,
)


def value(column: str, **where: Any) -> float:
    found = published().filter(*(pl.col(name).eq_missing(wanted) for name, wanted in where.items()))
    assert found.height == 1, f"{found.height} rows for {where}"
    return float(found[column][0])


def test_rows_are_of_the_results_frame_and_cited() -> None:
    frame = published()
    assert frame.schema == pl.Schema(SCHEMA)
    assert frame["origin"].unique().to_list() == ["published"]
    assert set(frame["kind"]) == {"augment", "search"}
    assert frame.filter(kind="search")["target"].null_count() == 10
    assert set(frame["study"]) == set(citations())
    assert all("https://arxiv.org/abs/" in citation for citation in citations().values())


def test_every_printed_number_is_there_and_nothing_else() -> None:
    """Table 2: 4 x 7 less one dash; Table 3: 4 x 2, 3 x 2 and 2; Table 4: 4, 3 and 1 times 3; NAS-Benchmark: 8 x 5."""
    counts = dict(published().group_by("run").len().iter_rows())
    assert counts == {
        "nastransfer:table-2": 27,
        "nastransfer:table-3": 16,
        "nastransfer:table-4": 24,
        "nastransfer:text": 3,
        "nas-benchmark:table-1": 40,
        "nas-benchmark:search-cost": 8,
    }
    filled = [pl.col(name).is_not_null().cast(int) for name in ("ri_percent", "top1_last", "seconds")]
    numbers = published().select(pl.sum_horizontal(filled)).to_series()
    assert set(numbers) == {1}, "each row holds one number: an RI, an accuracy or a time"


def test_what_was_not_published_is_missing() -> None:
    frame = published().filter(kind="augment")
    unknown = [
        "genotype",
        "search_seed",
        "protocol",
        "n_train",
        "n_test",
        "top1_best",
        "top5_last",
        "params",
        "seconds",
    ]
    assert frame.select(pl.col(unknown).is_not_null().any()).row(0) == (False,) * len(unknown)
    random = frame.filter(method="random")
    assert random.height == 5
    assert random["source"].null_count() == random["selection"].null_count() == 5
    assert frame.filter(method="nsganet", source="imagenet1k").is_empty()


@pytest.mark.parametrize(
    ("column", "expected", "where"),
    [
        ("ri_percent", -9.16, {"method": "nsganet", "source": "flowers102", "target": "imagenet1k"}),
        ("ri_percent", 5.44, {"method": "nao", "source": "imagenet1k", "target": "imagenet22k"}),
        ("ri_percent", 1.01, {"method": "darts2", "source": "cifar10", "target": "cifar100"}),
        ("ri_percent", -3.44, {"method": "enas", "source": "cifar100", "target": "cifar100"}),
        ("ri_percent", 0.25, {"method": "darts2", "source": "flowers102", "target": "flowers102"}),
        ("top1_last", 72.69, {"method": "enas", "source": "cifar10", "augment_seed": 3}),
        ("top1_last", 61.85, {"method": "nao", "selection": "imagenet1k-p1", "augment_seed": 3}),
        ("top1_last", 71.35, {"method": "random", "augment_seed": 3}),
        ("top1_last", 53.98, {"method": "darts2", "source": "cifar10", "cells": 60}),
        ("top1_last", 52.45, {"method": "nao", "selection": "imagenet1k-p1", "cells": 60}),
        ("top1_last", 65.52, {"method": "random", "cells": 40}),
        ("top1_last", 68.38, {"method": "nsganet", "cells": 20, "feeds": "table 4"}),
        ("top1_last", 69.86, {"method": "nsganet", "augment_seed": 2, "feeds": "table 3"}),
        ("top1_last", 30.91, {"method": "nao", "target": "imagenet22k", "feeds": "text"}),
        ("seconds", 96 * 3600, {"method": "nsganet", "kind": "search", "feeds": "text"}),
        ("seconds", 0.375 * 86400, {"method": "enas", "kind": "search", "feeds": "text"}),
        ("seconds", 0.67 * 86400, {"method": "nao", "kind": "search", "feeds": "search cost"}),
    ],
)
def test_numbers_as_printed(column: str, expected: float, where: dict[str, Any]) -> None:
    assert value(column, **where) == expected


def test_statements_of_search_times_say_of_what_or_that_it_is_not_known() -> None:
    frame = statements()
    assert set(frame["relation"]) <= set(RELATIONS) and set(frame["study"]) == set(citations())
    times = frame.filter(unit="days")
    known = {"96 GPU-hours": ("nsganet", 4.0), "0.375 days": ("enas", 0.375)}
    for row in times.iter_rows(named=True):
        if row["said"] in known:
            assert (row["method"], row["value"]) == known[row["said"]] and row["source"] == "cifar10"
        else:
            assert row["method"] is row["source"] is None and "is not recorded" in row["about"]
    years = dict(times.select("said", pl.col("value") / 365.25).iter_rows())
    assert years["approximately 19 years"] == 19 and years["over one year and half"] == 1.5
    assert years["almost two months"] == pytest.approx(2 / 12) and times.height == 6


def test_summaries_of_the_authors_files() -> None:
    """methods.md 9.6 and 7.5: DARTS on CIFAR10 96.92 to 97.23; bare protocol 94.96; 214 networks 97.03 and 96.95."""
    frame = published_summaries()
    own = frame.filter(setting="own protocol of the method")
    assert own.height == 5 * 8 * 2 and set(own["n"]) == {8} and frame.height == 80 + 10 + 2 + 7
    darts = own.filter(dataset="cifar10", method="darts2")
    assert dict(darts.select("arm", "mean").iter_rows()) == {"random": 96.922, "searched": 97.235}
    assert frame.filter(setting="bare").select("mean", "std").row(0) == (94.956, 0.293)
    many = frame.filter(n=214)
    assert many["mean"].to_list() == [97.034, 96.949] and many["highest"].to_list() == [97.56, 97.41]
    ordered = frame.select((pl.col("lowest") <= pl.col("mean")) & (pl.col("mean") <= pl.col("highest")))
    assert ordered.to_series().all()


def test_a_caller_cannot_change_what_the_next_one_reads() -> None:
    frame = published()
    frame[0, "ri_percent"] = 99.0
    assert published()[0, "ri_percent"] != 99.0


def test_table_1_of_sets_and_proxies() -> None:
    frame = published_sets()
    assert frame.columns == ["name", "selection", "classes", "train", "val"] and frame.height == 6 + 8
    assert frame.filter(name="imagenet22k-p2").row(0) == ("imagenet22k-p2", "uniform", 13_377, "35K", "35K")
    assert frame.filter(name="imagenet1k-p2")["train"].item() == "258K"
    assert frame["selection"].to_list().count("random") == 5
