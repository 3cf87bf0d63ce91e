"""The list of runs: what it can be cut down to, and the words that are looked for."""

from __future__ import annotations

import polars as pl
import pytest

from nastransfer.report.run_list import LIST_COLUMNS, NONE, filtered, option_name, options, run_list
from nastransfer.study.frame import results_frame

FRAME = results_frame(
    [
        {"run": "s/proxy/a-1/x", "kind": "proxy", "source": "glyphs", "selection": "p1"},
        {
            "run": "s/search/b-2/x",
            "kind": "search",
            "method": "darts2",
            "source": "glyphs",
            "selection": "p1",
        },
        {
            "run": "s/augment/c-3/x",
            "kind": "augment",
            "method": "darts2",
            "target": "digits",
            "commit": "ABC[1",
        },
        {"run": "s/augment/d-4/x", "kind": "augment", "method": "random", "target": "glyphs"},
    ]
)


def test_options_are_the_values_that_are_there() -> None:
    assert options(FRAME, "kind") == ["augment", "proxy", "search"]
    assert options(FRAME, "method") == ["darts2", "random", NONE]
    assert options(FRAME.clear(), "target") == []


def test_options_are_called_as_papers_call_them() -> None:
    assert option_name("method", "darts1") == "DARTS (1st order)"
    assert option_name("target", "glyphs") == "glyphs (synthetic)"
    assert option_name("kind", "augment") == "augment"
    assert option_name("method", NONE) == NONE


@pytest.mark.parametrize(
    ("chosen", "text", "kept"),
    [
        ({}, "", "abcd"),
        ({"kind": None, "method": "darts2"}, "", "bc"),
        ({"method": NONE}, "", "a"),
        ({"kind": "augment", "target": "glyphs"}, "", "d"),
        ({}, "GLYPHS", "abd"),
        ({}, "glyphs random", "d"),
        ({}, "abc[1", "c"),
        ({"kind": "search"}, "digits", ""),
    ],
)
def test_runs_are_filtered(chosen: dict[str, str | None], text: str, kept: str) -> None:
    assert "".join(run.split("/")[2][0] for run in filtered(FRAME, chosen, text)["run"]) == kept


def test_the_newest_run_comes_first() -> None:
    listed = run_list(FRAME)
    assert listed["run"].to_list() == FRAME["run"].to_list()[::-1]
    assert listed["method"].to_list() == ["random sampling", "DARTS", "DARTS", None]


def test_ten_thousand_runs_stay_as_many() -> None:
    many = pl.concat([FRAME] * 2_500)
    assert filtered(many, {"method": "random"}, "augment").height == 2_500


def test_columns_without_a_value_are_left_out() -> None:
    assert run_list(FRAME.filter(kind="proxy")).columns == ["kind", "source", "selection", "run"]
    assert run_list(FRAME.clear()).columns == []
    full = FRAME.with_columns(pl.all().fill_null(strategy="backward").fill_null(strategy="forward"))
    assert [name for name in LIST_COLUMNS if name in run_list(full).columns] == run_list(full).columns
