"""Means behind the figures: arms, random sampling and numbers in print, by route."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from nastransfer.report.means_table import (
    DIRECT,
    EMPTY,
    MEANS_COLUMNS,
    PRINTED,
    TRANSFER,
    means,
    means_layout,
)
from tests.report.rows import small_study, study, training


def printed(**changed: Any) -> dict[str, Any]:
    row = {
        "run": "paper-1",
        "study": "Paper",
        "kind": "augment",
        "origin": "published",
        "method": "darts2",
        "source": "digits",
        "selection": "all",
        "target": "glyphs",
        "top1_last": 70.5,
        "feeds": "table 3",
        "augment_seed": 2,
    }
    return {**row, **changed}


def test_a_mean_leaves_with_its_interval_its_n_and_its_ri() -> None:
    table = means(small_study(), (TRANSFER,))
    assert table.columns == list(MEANS_COLUMNS)
    (row,) = table.to_dicts()
    assert (row["n"], row["n_random"], row["top1_mean"]) == (2, 3, 72.0)
    assert row["top1_std"] == pytest.approx(2**0.5)
    # t of 1 degree of freedom at 97.5% is 12.706; the standard error is 1.
    assert row["top1_low"] == pytest.approx(72 - 12.706, abs=0.001)
    assert row["ri_percent"] == pytest.approx(100 * (72 / 70 - 1))
    assert row["ri_low"] < row["ri_percent"] < row["ri_high"]


def test_routes_are_told_apart_and_random_sampling_comes_last() -> None:
    table = means(small_study())
    assert table["route"].to_list() == [TRANSFER, DIRECT, "random"]
    assert table["ri_percent"].null_count() == 1
    assert means(small_study(), (DIRECT,))["selection"].to_list() == ["p1"]


def test_published_numbers_say_so_in_every_row_and_have_no_interval() -> None:
    table = means(pl.concat([small_study(), study(printed())]))
    (row,) = table.filter(origin="published").to_dicts()
    assert (row["study"], row["top1_mean"], row["n"]) == ("Paper, table 3, seed 2", 70.5, None)
    shown = means_layout(table)
    (line,) = [line for line in shown.lines if "published" in line[1]]
    assert line[1] == "DARTS\npublished: Paper, table 3, seed 2"
    assert line[3:6] == ("not given", "70.50", "none")
    assert PRINTED in shown.below[0]


def test_published_numbers_on_other_targets_and_of_ablations_are_left_out() -> None:
    others = study(printed(target="cifar10"), printed(feeds="table 4"))
    assert "published" not in means(pl.concat([small_study(), others]))["origin"]
    assert means(study(printed(target="cifar10")))["target"].to_list() == ["cifar10"]


def test_several_studies_are_named_papers_apart() -> None:
    two = pl.concat([small_study(), study(training("darts1", 2, 70.0, study="other", run="other/1"))])
    assert [line[1] for line in means_layout(means(two, (TRANSFER,))).lines] == [
        "DARTS (1st order), demo",
        "DARTS (1st order), other",
    ]


def test_one_run_has_no_interval_and_nothing_says_what_is_missing() -> None:
    (row,) = means(study(training("darts1", 2, 70.0))).to_dicts()
    assert (row["top1_low"], row["top1_std"], row["ri_percent"]) == (None, None, None)
    assert means_layout(means(study())).below == (EMPTY,)
