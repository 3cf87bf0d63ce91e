"""Random sampling in numbers, and its genotypes one by one."""

from __future__ import annotations

import polars as pl
import pytest

from nastransfer.report.random_table import (
    EMPTY,
    GENOTYPE_COLUMNS,
    SPREAD_COLUMNS,
    random_genotypes,
    random_spread,
    random_spread_layout,
    spreads_in_words,
)
from tests.report.made_study import made_study
from tests.report.rows import small_study, study, training


def test_spread_and_headroom_of_a_target() -> None:
    table = random_spread(small_study())
    assert table.columns == list(SPREAD_COLUMNS)
    (row,) = table.to_dicts()
    assert (row["n"], row["lowest"], row["mean"], row["highest"], row["std"]) == (3, 69.0, 70.0, 71.0, 1.0)
    assert row["spread_percent"] == pytest.approx(100 / 70)
    assert row["headroom_percent"] == pytest.approx(100 * (71 / 70 - 1))
    assert row["chance_percent"] is None
    (line,) = random_spread_layout(table).lines
    assert line[1:4] == ("3", "69.00 to 71.00", "70.00 ± 1.00")
    assert line[-1] == "none [1]"


def test_one_genotype_has_no_spread() -> None:
    (row,) = random_spread(study(training("random", 0, 60.0))).to_dicts()
    assert (row["std"], row["headroom_percent"], row["note"]) == (
        None,
        None,
        "one genotype has neither spread nor headroom",
    )


def test_genotypes_are_sorted_by_accuracy_with_equals_on_one_place() -> None:
    top1 = (60.0, 62.0, 62.0, 58.0)
    table = random_genotypes(study(*(training("random", draw, value) for draw, value in enumerate(top1))))
    assert table.schema == pl.Schema({name: dtype for name, (dtype, _) in GENOTYPE_COLUMNS.items()})
    assert table["draw"].to_list() == [1, 2, 0, 3]
    assert table["rank"].to_list() == [1, 1, 3, 4]


def test_a_genotype_counts_once_by_its_mean_over_augment_seeds() -> None:
    table = random_genotypes(made_study(genotypes=4))
    assert table.height == 4 * 3
    assert set(table["trainings"]) == {2}
    assert all(len(runs) == 2 for runs in table["runs"])
    for (_,), part in table.group_by("target"):
        assert part["rank"].sort().to_list() == [1, 2, 3, 4]


def test_whether_spreads_differ_is_said_with_two_targets() -> None:
    wide = made_study(genotypes=40, genotype_spreads={"cifar100": 0.5, "imagenet1k": 0.5, "imagenet22k": 9.0})
    assert spreads_in_words(wide).startswith(
        "The relative spreads of the 3 targets differ (Brown-Forsythe, p ="
    )
    assert spreads_in_words(small_study()) == ""


def test_nothing_drawn_yet_is_said() -> None:
    assert random_spread_layout(random_spread(study())).below == (EMPTY,)
    assert random_genotypes(study()).is_empty()
