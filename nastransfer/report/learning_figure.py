"""Learning curves of a study's final trainings: which were still rising, which went wrong, who was ahead when."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
import polars as pl

from nastransfer.report.arms import trainings
from nastransfer.report.grid import Properties, Sheet, Words
from nastransfer.report.marks import axis_range, how_many, line_key, with_hover
from nastransfer.report.names import method_name, set_name
from nastransfer.report.style import DASHES, Look, empty_figure, method_looks, translucent

TITLE = "Learning curves of the final trainings"
NOTE = (
    "Thin: a run's top-1 on the test part by epoch. Thick: mean of a method's runs, where all have the epoch."
)
NOTHING = "No learning curve yet: the first one appears when a training on a target has finished an epoch."

_PANEL_PIXELS = 260
_MOST_POINTS = 120


def learning_curves(frame: pl.DataFrame, histories: Mapping[str, pl.DataFrame]) -> go.Figure:
    """Top-1 by epoch of every training in `histories`, a panel for each target.

    `histories`: run (as in the frame) -> its history, with the columns epoch and top1. Runs without one are left out.
    `ValueError` as `arms.trainings` says, and for a history without these columns.
    """
    trained = trainings(frame)
    rows = with_hover(trained).filter(pl.col("run").is_in(list(histories)))
    curves = {run: _curve(run, histories[run]) for run in rows["run"]}
    rows = rows.filter(pl.col("run").is_in([run for run, curve in curves.items() if not curve.is_empty()]))
    if rows.is_empty():
        return empty_figure(NOTHING, TITLE)
    panels = {
        str(target): runs for (target,), runs in rows.sort("target").group_by("target", maintain_order=True)
    }
    looks = method_looks(rows["method"])
    dashes = {method: DASHES[place % len(DASHES)] for place, method in enumerate(looks)}
    keys = [
        line_key(method_name(method), color=look.colour, dash=dashes[method])
        for method, look in looks.items()
    ]
    some = rows.height < trained.height
    left = f"{rows.height} of {trained.height} trainings have a curve here." if some else ""
    words = Words(TITLE, NOTE, _in_words(panels, curves), left)
    titles = [f"on {set_name(target)}\n{_counts(runs)}" for target, runs in panels.items()]
    sheet = Sheet(words, titles, [_PANEL_PIXELS] * len(panels), keys)
    for number, runs in enumerate(panels.values(), 1):
        _draw(sheet, number, runs, curves, looks, dashes)
    return sheet.figure()


def _curve(run: str, history: pl.DataFrame) -> pl.DataFrame:
    """Epochs with a top-1, thinned to what a screen can show, the last one kept."""
    if missing := {"epoch", "top1"} - set(history.columns):
        raise ValueError(
            f"the history of run {run!r} has no column {sorted(missing)}; it has {history.columns}"
        )
    known = history.filter(pl.col("top1").is_not_null()).select("epoch", "top1")
    return known[
        np.unique(np.linspace(0, len(known) - 1, min(len(known), _MOST_POINTS)).astype(int)).tolist()
    ]


def _draw(
    sheet: Sheet,
    number: int,
    runs: pl.DataFrame,
    curves: dict[str, pl.DataFrame],
    looks: dict[str, Look],
    dashes: dict[str, str],
) -> None:
    values: list[float] = []
    for row in runs.iter_rows(named=True):
        curve, look = curves[row["run"]], looks[row["method"]]
        values += curve["top1"].to_list()
        line = {"color": translucent(look.colour, 0.35), "width": 1}
        sheet.add(number, _line(curve, line) | _about(row, curve.height))
    for (method,), group in runs.group_by("method", maintain_order=True):
        look = looks[str(method)]
        mean = _mean([curves[run] for run in group["run"]])
        line = {"color": look.colour, "width": 2.5, "dash": dashes[str(method)]}
        sheet.add(number, _line(mean, line) | {"hoverinfo": "skip"})
    sheet.axis("x", number, title={"text": "epoch"})
    sheet.axis("y", number, title={"text": "top-1 accuracy, %"}, range=axis_range(values))


def _line(curve: pl.DataFrame, line: Properties) -> Properties:
    places = {"x": curve["epoch"].to_list(), "y": curve["top1"].to_list()}
    return {"type": "scatter", "mode": "lines", **places, "line": line}


def _about(row: Properties, points: int) -> Properties:
    hover = {
        "text": row["hover"],
        "hovertemplate": "epoch %{x}: %{y:.2f}%<br>at the end: %{text}<extra></extra>",
    }
    return {"customdata": [[row["run"]]] * points, **hover}


def _mean(curves: list[pl.DataFrame]) -> pl.DataFrame:
    """Mean over the curves at the epochs that all of them have."""
    joined = pl.concat(curves).group_by("epoch").agg(pl.col("top1").mean(), runs=pl.len())
    return joined.filter(pl.col("runs") == len(curves)).sort("epoch")


def _counts(runs: pl.DataFrame) -> str:
    return f"{how_many(runs.group_by('method').len()['len'])} trainings a method"


def _in_words(panels: dict[str, pl.DataFrame], curves: dict[str, pl.DataFrame]) -> str:
    said = []
    for target, runs in panels.items():
        parts = []
        for (method,), group in runs.group_by("method", maintain_order=True):
            ends = sorted(curves[run]["top1"][-1] for run in group["run"])
            span = " to ".join(dict.fromkeys(f"{end:.1f}" for end in (ends[0], ends[-1])))
            runs_said = f"{len(ends)} run{'s' if len(ends) > 1 else ''}"
            parts.append(f"{method_name(str(method))}: {runs_said}, {span}% at the end")
        said.append(f"On {set_name(target)}, {'; '.join(parts)}.")
    return f"{TITLE}. {' '.join(said)}"
