"""One panel of the accuracy figure: a row for each arm on one target, with dots, mean, and random sampling's band."""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.arms import Arm
from nastransfer.report.marks import axis_range, dots, jitter, mean_mark, published_marks
from nastransfer.report.names import RANDOM, method_name, source_name
from nastransfer.report.style import NEUTRAL, translucent


@dataclass(frozen=True)
class Row:
    """One line of a panel: an arm of the study, numbers from print (`printed`), or both."""

    arm: Arm | None
    printed: pl.DataFrame
    label: str
    method: str


def panel_rows(target: str, own: list[Arm], printed: pl.DataFrame) -> list[Row]:
    """The rows of a target, random sampling last; published numbers join the arm of the same method and source."""
    here = [arm for arm in own if arm.target == target]
    several = len({arm.study for arm in here}) > 1
    left = printed.filter(target=target)
    rows = []
    for arm in here:
        same = pl.all_horizontal(
            pl.col(name).eq_missing(getattr(arm, name)) for name in ("method", "source", "selection")
        )
        name = f"{arm.study}: {arm.label}" if several else arm.label
        rows.append(Row(arm, left.filter(same), _short_lines(name), arm.method))
        left = left.filter(~same)
    for (method, source, selection), numbers in left.group_by(
        "method", "source", "selection", maintain_order=True
    ):
        origin = "" if source is None else f", from {source_name(str(source), str(selection))}"
        rows.append(Row(None, numbers, _short_lines(f"{method_name(str(method))}{origin}"), str(method)))
    return sorted(rows, key=lambda row: row.method == RANDOM)


def draw_panel(figure: go.Figure, place: int, rows: list[Row], colours: dict[str, str]) -> None:
    """Draw the rows into subplot `place` (from 1), the first one at the top."""
    values: list[float] = []
    ends: list[float] = []
    for at, row in enumerate(rows):
        colour = colours[row.method]
        if row.arm is not None:
            accuracies = row.arm.runs["top1_last"].to_list()
            values += accuracies
            places = [at - 0.12 + offset for offset in jitter(len(accuracies), 0.16)]
            _add(figure, place, dots(row.arm.runs, accuracies, places, colour), row.method)
            summary = row.arm.summary
            ends += summary.mean_interval() or ()
            mark = mean_mark(summary, row.arm.label, at + 0.24, colour)
            _add(figure, place, mark, row.method)
            if row.method == RANDOM:
                _band(figure, place, summary.mean, summary.mean_interval())
        numbers = row.printed["top1_last"].to_list()
        if numbers:
            values += numbers
            _add(
                figure,
                place,
                published_marks(row.printed, numbers, [at - 0.12] * len(numbers), colour),
                row.method,
            )
    figure.update_xaxes(range=axis_range(values, ends), row=place, col=1)
    labels = {"tickvals": list(range(len(rows))), "ticktext": [row.label for row in rows]}
    figure.update_yaxes(**labels, range=[len(rows) - 0.5, -0.5], showgrid=False, row=place, col=1)


def _band(figure: go.Figure, place: int, mean: float, interval: tuple[float, float] | None) -> None:
    where = {"row": place, "col": 1, "layer": "below"}
    if interval is not None:
        fill = translucent(NEUTRAL, 0.18)
        figure.add_vrect(x0=interval[0], x1=interval[1], fillcolor=fill, line_width=0, **where)
    figure.add_vline(x=mean, line={"color": NEUTRAL, "width": 1.5, "dash": "dot"}, **where)


def _add(figure: go.Figure, place: int, trace: dict[str, Any], method: str) -> None:
    figure.add_trace({**trace, "legendgroup": method, "showlegend": False}, row=place, col=1)


def _short_lines(label: str) -> str:
    """Method above source in short lines, so that the dots keep their room on a narrow screen."""
    lines = [
        line
        for part in label.replace(", from ", "\nfrom ", 1).splitlines()
        for line in textwrap.wrap(part, 18)
    ]
    return "<br>".join(map(html.escape, lines))
