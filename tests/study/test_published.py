"""The published rows: typed, cited, and the very numbers that the papers print."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from nastransfer.study.frame import SCHEMA
from nastransfer.study.published import citations, published, published_sets


def value(column: str, **where: Any) -> float:
    found = published().filter(*(pl.col(name).eq_missing(wanted) for name, wanted in where.items()))
    assert found.height == 1, f"{found.height} rows for {where}"
    return float(found[column][0])


def test_rows_are_of_the_results_frame_and_cited() -> None:
    frame = published()
    assert frame.schema == pl.Schema(SCHEMA)
    assert frame["origin"].unique().to_list() == ["published"]
    assert frame["kind"].unique().to_list() == ["augment"]
    assert set(frame["study"]) == set(citations())
    assert all("https://arxiv.org/abs/" in citation for citation in citations().values())


def test_every_printed_number_is_there_and_nothing_else() -> None:
    """Table 2: 4 x 7 less one dash; Table 3: 4 x 2, 3 x 2 and 2; Table 4: 4, 3 and 1 times 3; NAS-Benchmark: 8 x 5."""
    counts = dict(published().group_by("run").len().iter_rows())
    assert counts == {
        "nastransfer:table-2": 27,
        "nastransfer:table-3": 16,
        "nastransfer:table-4": 24,
        "nas-benchmark:table-1": 40,
    }
    both = published().select(pl.col("ri_percent").is_null() == pl.col("top1_last").is_null()).to_series()
    assert not both.any(), "each row holds one number, an RI or an accuracy"


def test_what_was_not_published_is_missing() -> None:
    frame = published()
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
    ],
)
def test_numbers_as_printed(column: str, expected: float, where: dict[str, Any]) -> None:
    assert value(column, **where) == expected


def test_tables_2_and_3_imply_one_random_baseline() -> None:
    """Acc_r = Acc_m / (1 + RI / 100) on ImageNet1K is 67.57 for all four methods: the rows were not mixed up."""
    for method in ("nsganet", "enas", "darts2", "nao"):
        common = {"method": method, "source": "cifar10", "target": "imagenet1k", "augment_seed": 2}
        ri = value("ri_percent", **common, feeds="table 2")
        top1 = value("top1_last", **common, feeds="table 3")
        assert top1 / (1 + ri / 100) == pytest.approx(67.57, abs=0.006)


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
