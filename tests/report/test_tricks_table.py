"""What the tricks of the final training add, each genotype against itself."""

from __future__ import annotations

import math
from typing import Any

import pytest

from nastransfer.report.tricks_table import EMPTY, TRICK_COLUMNS, tricks, tricks_layout, tricks_name
from tests.report.rows import study, training


def both_ways(
    method: str, draw: int, plain: float, changed: float, label: str = "cutout8"
) -> list[dict[str, Any]]:
    trick = {"protocol": f"tiny+{label}", "feeds": "tricks", "run": f"{method}-{draw}-{label}"}
    return [training(method, draw, plain), training(method, draw, changed, **trick)]


def test_a_gain_is_of_the_same_genotypes() -> None:
    rows = [
        *both_ways("random", 0, 50.0, 55.0),
        *both_ways("random", 1, 60.0, 63.0),
        training("random", 2, 10.0),
    ]
    table = tricks(study(*rows))
    assert table.columns == list(TRICK_COLUMNS)
    (row,) = table.to_dicts()
    gains = math.log(55 / 50), math.log(63 / 60)
    mean, error = sum(gains) / 2, abs(gains[0] - gains[1]) / 2
    assert (row["n"], row["plain_mean"], row["trick_mean"]) == (2, 55.0, 59.0)
    assert row["gain_percent"] == pytest.approx(100 * math.expm1(mean))
    # Student's t of 1 degree of freedom at 97.5%.
    assert row["gain_low"] == pytest.approx(100 * math.expm1(mean - 12.7062 * error), abs=1e-3)


def test_arms_stand_below_all_of_them_together() -> None:
    rows = [*both_ways("random", 0, 50.0, 55.0), *both_ways("darts1", 2, 60.0, 63.0)]
    assert [line[2] for line in tricks_layout(tricks(study(*rows))).lines] == [
        "all of them",
        "random sampling",
        "DARTS (1st order), digits",
    ]


def test_tricks_are_named_with_their_strength_and_told_apart() -> None:
    label = "drop_path0.2+auxiliary0.4+cutout8"
    assert tricks_name(label) == "drop path 0.2, auxiliary 0.4, cutout 8"
    rows = [*both_ways("random", 0, 50.0, 55.0), *both_ways("random", 0, 50.0, 54.0, label)[1:]]
    assert tricks(study(*rows))["tricks"].to_list() == ["cutout8", label]


def test_one_genotype_has_no_interval_and_the_note_says_why() -> None:
    table = tricks(study(*both_ways("random", 0, 50.0, 55.0)))
    (row,) = table.to_dicts()
    assert (row["gain_low"], row["note"]) == (None, "one run on a side shows no noise")
    assert tricks_layout(table).lines[0][-1] == "none [1]"


def test_genotypes_that_changed_by_as_many_images_have_no_interval() -> None:
    rows = [*both_ways("random", 0, 98.2, 98.4), *both_ways("random", 1, 98.6, 98.8)]
    table = tricks(study(*rows))
    (row,) = table.to_dicts()
    assert row["gain_percent"] == pytest.approx(0.203, abs=1e-3) and row["gain_low"] is None
    assert row["note"] == "every genotype changed by as much, which shows no noise"


def test_without_the_plain_training_nothing_is_compared() -> None:
    trick_only = both_ways("random", 0, 50.0, 55.0)[1:]
    assert tricks_layout(tricks(study(*trick_only))).below == (EMPTY,)
    assert tricks(study(*both_ways("random", 0, 0.0, 0.0)))["gain_percent"].to_list() == [None]
