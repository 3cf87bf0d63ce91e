"""Transfer against the best direct search in numbers and words."""

from __future__ import annotations

import polars as pl
import pytest

from nastransfer.report.crosses import CAVEAT, NOTHING
from nastransfer.report.crosses_table import CROSSING_COLUMNS, crossings, crossings_in_words, crossings_layout
from tests.report.made_study import made_study
from tests.report.rows import small_study, study, training


def test_the_difference_is_of_both_means_with_welchs_interval() -> None:
    table = crossings(small_study())
    assert table.columns == list(CROSSING_COLUMNS)
    (row,) = table.to_dicts()
    assert (row["transfer_mean"], row["direct_mean"], row["choices"]) == (72.0, 75.0, 1)
    assert row["difference_percent"] == pytest.approx(-4.0)
    assert row["low_percent"] < -4.0 < row["high_percent"]


def test_published_pairs_are_marked_and_have_no_interval() -> None:
    about = {"study": "Paper", "origin": "published", "feeds": "table 3", "run": "paper-1"}
    pair = study(
        training("darts2", 2, 66.0, **about),
        training("darts2", 2, 60.0, **about, source="glyphs", selection="p1"),
    )
    table = crossings(pl.concat([small_study(), pair]))
    (row,) = table.filter(origin="published").to_dicts()
    assert row["difference_percent"] == pytest.approx(10.0)
    assert (row["low_percent"], row["n_transfer"]) == (None, None)
    assert "DARTS\npublished: Paper, table 3, seed 2" in [line[1] for line in crossings_layout(table).lines]
    assert (
        "published numbers, which have no interval, transfer is higher in 1 of 1 pair."
        in crossings_in_words(table)
    )


def test_the_best_of_several_is_named_with_its_caveat() -> None:
    shown = crossings_layout(crossings(made_study()))
    assert any("best of 3, halved" in line[4] for line in shown.lines)
    assert CAVEAT in shown.below[0]
    assert CAVEAT not in crossings_layout(crossings(small_study())).below[0]


def test_words_count_what_the_intervals_show() -> None:
    def worse_by_transfer(_: str, source: str, target: str) -> float:
        return 0.0 if source.startswith(target) else -20.0

    far = made_study(searches=8, seed_spread=0.1, effect=worse_by_transfer)
    table = crossings(far)
    assert set(table["high_percent"] < 0) == {True}
    assert crossings_in_words(table).startswith(
        f"Of {table.height} pairs of a method and a source, transfer has the higher mean in 0. The 95% interval of the "
        f"difference lies above 0 in none, below 0 in {table.height}, and holds 0 or is not known in 0."
    )
    small = crossings_in_words(crossings(small_study()))
    assert small.startswith("Of 1 pair of a method and a source")
    assert crossings_in_words(crossings(study())) == ""


def test_nothing_to_compare_is_said() -> None:
    assert crossings_layout(crossings(study(training("random", 0, 60.0)))).below == (NOTHING,)


def test_a_direct_search_without_any_right_image_has_no_relative_difference() -> None:
    direct = {"source": "glyphs", "selection": "p1", "run": "direct"}
    rows = study(training("darts1", 2, 50.0), training("darts1", 2, 0.0, **direct))
    (row,) = crossings(rows).to_dicts()
    assert row["difference_percent"] is None
    assert "no direct run got an image right" in row["note"]
