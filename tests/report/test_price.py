"""The price in words, as a table and as bars, from made-up estimates: sums, errors, what is missing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from nastransfer.report.price import (
    compared_layout,
    estimate_html,
    estimate_text,
    price_layout,
    price_table,
    resolved_layout,
    size,
)
from nastransfer.report.price_figure import compared_figure, price_figure

DONE = {"how": "done", "overhead_seconds": 0.0, "relative_error": 0.0}
NUMBERS = {
    "seconds": pl.Float64,
    "overhead_seconds": pl.Float64,
    "relative_error": pl.Float64,
    "peak_bytes": pl.Int64,
}
TASKS = pl.DataFrame(
    [
        {"kind": "augment", "method": "random", "seconds": 3600.0, **DONE, "peak_bytes": 10**9},
        {"kind": "augment", "method": "random", "seconds": 1800.0, "how": "records", "relative_error": 0.5},
        {"kind": "augment", "method": "darts2", "seconds": None, "how": "unknown"},
        {"kind": "proxy", "method": None, "seconds": 0.0, "how": "probe", "relative_error": 0.0},
        {"kind": "search", "method": "darts2", "seconds": 1000.0, "how": "probe", "relative_error": 0.1},
        {"kind": "search", "method": "darts2", "seconds": 3000.0, "how": "probe", "relative_error": 0.3},
    ],
    schema={"kind": pl.String, "method": pl.String, "how": pl.String, **NUMBERS},
).with_columns(pl.col("overhead_seconds").fill_null(36.0))
TARGETS = pl.DataFrame(
    {
        "target": ["glyphs"],
        "searches": [4],
        "random_genotypes": [16],
        "augment_seeds": [1],
        "ri_against_random": [6.26],
        "ri_between": [None],
        "spreads_from": ["made up"],
    }
)
PLANNED, BETTER = (
    SimpleNamespace(searches=4, random_genotypes=16, augment_seeds=1),
    SimpleNamespace(searches=6, random_genotypes=9, augment_seeds=2),
)
COMPARED = pl.DataFrame(
    {
        "kind": ["search", "total", "wall"],
        "tasks": [4, 14, 14],
        "predicted_hours": [0.5, 1.0, 0.6],
        "actual_hours": [0.4, 1.25, 0.0],
        "error_percent": [25.0, -20.0, None],
    }
)


def estimate(**changed: Any) -> Any:
    resolution = SimpleNamespace(targets=TARGETS, suggestion=None)
    values: dict[str, Any] = {
        "study": "demo",
        "tasks": TASKS,
        "slots": 2,
        "threads": 1,
        "device": "an abacus",
        "wall_hours": 1.0,
        "work_hours": 1.5,
        "overhead_hours": 0.04,
        "relative_error": 0.25,
        "error_from": "a guess",
        "peak_bytes": 2 * 10**9,
        "memory_bytes": 16 * 10**9,
        "disk_bytes": 1_400_000,
        "unknown": ((1, "nobody knows"),),
        "alone_hours": 0.25,
        "resolution": resolution,
    }
    return SimpleNamespace(**{**values, **changed})


def test_a_row_a_kind_and_method_counts_what_is_left() -> None:
    rows = {(row["kind"], row["method"]): row for row in price_table(TASKS).iter_rows(named=True)}
    assert list(rows) == [("proxy", None), ("search", "darts2"), ("augment", "darts2"), ("augment", "random")]
    searches, random = rows["search", "darts2"], rows["augment", "random"]
    assert (searches["tasks"], searches["done"], searches["seconds"]) == (2, 0, 2000.0)
    assert searches["hours"] == pytest.approx((4000 + 72) / 3600)
    assert searches["error_percent"] == pytest.approx(100 * (100 + 900) / 4000)
    assert (random["tasks"], random["done"], random["how"]) == (2, 1, "records")
    assert random["hours"] == pytest.approx(1836 / 3600) and random["peak_bytes"] == 10**9
    assert rows["augment", "darts2"]["hours"] is None


def test_the_text_says_how_long_how_sure_and_what_is_missing() -> None:
    text = " ".join(estimate_text(estimate()).split())
    assert (
        "In all about 60.0 min (2 tasks side by side, 1 thread each, an abacus), 45.0 min to 75.0 min" in text
    )
    assert "25% either way. Work of all tasks together 90.0 min" in text
    assert "Memory: up to 2.0 GB at once of 16.0 GB. Disk: 1.4 MB." in text
    assert (
        "Not in these totals: 1 task of unknown price (nobody knows). Other work had the processor for 75% "
        in text
    )
    assert "measured: without it about 15.0 min." in text
    assert "6.3%" in text and "Spreads: made up." in text and "No other split of the same hours" in text
    assert "Predicted" not in text and "Other work" not in estimate_text(estimate(alone_hours=0.95))
    assert "one task at a time, 2 threads" in " ".join(price_layout(estimate(slots=1, threads=2)).below)
    done = estimate(tasks=TASKS.filter(pl.col("how") == "done"))
    assert price_layout(done).below == ["Everything is done: nothing is left to pay for."]


def test_a_better_split_is_named_with_what_it_resolves() -> None:
    suggestion = SimpleNamespace(design=BETTER, points=5.0, planned=PLANNED, planned_points=6.5)
    said = resolved_layout(SimpleNamespace(targets=TARGETS, suggestion=suggestion)).below[-1]
    assert said == (
        "The same hours would resolve more with 6 searches a method and source, 9 random genotypes, 2 trainings each: "
        "5.0 points on the mean, where the plan (4 searches a method and source, 16 random genotypes, one training "
        "each) resolves 6.5 points."
    )
    suggestion.planned_points = None
    assert (
        "resolves nothing"
        in resolved_layout(SimpleNamespace(targets=TARGETS, suggestion=suggestion)).below[-1]
    )
    none = resolved_layout(SimpleNamespace(targets=TARGETS.clear(), suggestion=None))
    assert not none.headers and "no RI" in none.below[0]


def test_predicted_against_actual_is_told_beside_it() -> None:
    layout = compared_layout(COMPARED)
    assert layout.lines[0] == ("search", "4", "30.0 min", "24.0 min", "0.80")
    assert layout.lines[2] == ("wall time", "14", "36.0 min", "0.0 s", "none")
    assert "Predicted against actual" in estimate_text(estimate(), COMPARED)
    html = estimate_html(estimate(), COMPARED)
    assert html.count("<table") == 3 and estimate_html(estimate()).count("<table") == 2
    assert not compared_layout(COMPARED.clear()).headers


def test_bars_are_hours_of_work_and_of_the_rest() -> None:
    figure = price_figure(TASKS)
    work, starts = figure.data
    assert list(work.x) == pytest.approx([0.0, 4000 / 3600, 1800 / 3600])
    assert list(starts.x) == pytest.approx([0.01, 0.02, 0.01])
    assert list(figure.layout.yaxis.ticktext) == ["proxy", "search DARTS", "augment random sampling"]
    assert "search DARTS" in figure.layout.meta["alt"] and figure.layout.barmode == "stack"
    nothing = price_figure(TASKS.filter(pl.col("how") == "done"))
    assert "Nothing is left" in nothing.layout.meta["alt"]


def test_bars_of_predicted_and_actual_lie_side_by_side() -> None:
    figure = compared_figure(COMPARED)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [list(trace.x) for trace in bars] == [[0.5, 1.0, 0.6], [0.4, 1.25, 0.0]]
    assert "search: predicted 30.0 min, actual 24.0 min (0.80 times)" in figure.layout.meta["alt"]
    assert "Nothing to compare yet" in compared_figure(COMPARED.clear()).layout.meta["alt"]


def test_sizes_are_rounded_to_what_is_read() -> None:
    assert [size(count) for count in (None, 1500, 1_500_000, 2 * 10**9, 3 * 10**12)] == [
        "none",
        "1.5 kB",
        "1.5 MB",
        "2.0 GB",
        "3.0 TB",
    ]
