"""Learning curves: a line for each run that has a history, the mean where all have the epoch."""

from __future__ import annotations

import polars as pl
import pytest

from nastransfer.report.learning_figure import learning_curves
from tests.report.rows import study, training

RUNS = ("demo/augment/enas-2/2", "demo/augment/enas-3/2")


def frame() -> pl.DataFrame:
    return study(training("enas", 2, 70.0), training("enas", 3, 60.0), training("random", 0, 65.0))


def history(*top1: float | None) -> pl.DataFrame:
    return pl.DataFrame(
        {"epoch": range(1, len(top1) + 1), "top1": top1}, schema={"epoch": pl.Int64, "top1": pl.Float64}
    )


def test_lines_are_the_histories_and_the_mean_ends_with_the_shortest() -> None:
    figure = learning_curves(frame(), {RUNS[0]: history(10.0, 20.0, 70.0), RUNS[1]: history(20.0, 40.0)})
    curves = [trace for trace in figure.data if trace.customdata is not None]
    assert [(trace.customdata[0][0], list(trace.y)) for trace in curves] == [
        (RUNS[0], [10.0, 20.0, 70.0]),
        (RUNS[1], [20.0, 40.0]),
    ]
    mean = figure.data[-1]
    assert (list(mean.x), list(mean.y)) == ([1, 2], [15.0, 30.0])
    assert "ENAS: 2 runs, 40.0 to 70.0% at the end" in figure.layout.meta["alt"]


def test_long_histories_are_thinned_to_what_a_screen_shows_with_the_last_epoch() -> None:
    figure = learning_curves(frame(), {RUNS[0]: history(*(epoch / 10 for epoch in range(600)))})
    curve = next(trace for trace in figure.data if trace.customdata is not None)
    assert len(curve.x) == len(curve.customdata) == 120
    assert (curve.x[0], curve.x[-1]) == (1, 600)


def test_epochs_without_a_test_are_skipped_and_runs_without_a_history_left_out() -> None:
    figure = learning_curves(frame(), {RUNS[0]: history(10.0, None, 70.0), "unknown": history(1.0)})
    (curve,) = [trace for trace in figure.data if trace.customdata is not None]
    assert list(curve.x) == [1, 3]
    for histories in ({}, {RUNS[0]: history()}, {RUNS[0]: history(None)}):
        assert "No learning curve yet" in learning_curves(frame(), histories).layout.meta["alt"]


def test_a_history_without_accuracies_is_refused() -> None:
    with pytest.raises(ValueError, match=rf"run '{RUNS[0]}' has no column \['top1'\]; it has \['epoch'\]"):
        learning_curves(frame(), {RUNS[0]: pl.DataFrame({"epoch": [1]})})
