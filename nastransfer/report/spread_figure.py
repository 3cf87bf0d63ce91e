"""Figure 4 of the paper: how far random genotypes lie apart on each target, in points and relative to their mean."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.arms import Arm, baselines, published_accuracies
from nastransfer.report.gaps import still_missing
from nastransfer.report.grid import Sheet, Words
from nastransfer.report.marks import (
    axis_range,
    dots,
    interval_bar,
    jitter,
    mean_mark,
    published_key,
    published_marks,
    summary_words,
    with_hover,
)
from nastransfer.report.names import RANDOM, set_name
from nastransfer.report.style import empty_figure, method_looks
from nastransfer.stats.spread import brown_forsythe

TITLE = "Spread of random sampling by target"
NOTE = (
    "Small: a training of a random genotype. Large: mean, and one standard deviation (ddof 1) to both sides."
)
NOTHING = "No random genotype has been trained yet: this figure shows how far their accuracies lie apart."

_ROW_PIXELS = 44


@dataclass(frozen=True)
class Row:
    """Random sampling on one target: runs of one study, numbers from print, or both."""

    target: str
    label: str
    arm: Arm | None
    printed: pl.DataFrame

    @cached_property
    def centre(self) -> float:
        """Mean top-1 over genotypes; of the printed numbers where there is no run."""
        return (
            self.arm.summary.mean
            if self.arm is not None
            else float(self.printed["top1_last"].to_numpy().mean())
        )

    @property
    def std(self) -> float | None:
        """Standard deviation over genotypes; None with one, and in print, which varies the seed only."""
        return None if self.arm is None else self.arm.summary.std


def spread_of_random(frame: pl.DataFrame) -> go.Figure:
    """Random genotypes' top-1 on each target, and the same as deviation from the target's mean in percent (Figure 4).

    Targets in the order of their means. `ValueError` as `arms.trainings` says.
    """
    rows = spread_rows(frame)
    if not rows:
        return empty_figure(NOTHING, TITLE)
    keys = [published_key()] if any(not row.printed.is_empty() for row in rows) else []
    titles = ["top-1 accuracy", "relative to the target's mean"]
    words = Words(TITLE, NOTE, _in_words(rows), still_missing(frame))
    sheet = Sheet(words, titles, [_ROW_PIXELS * len(rows) + 10] * 2, keys)
    _draw(sheet, 1, rows)
    _draw(sheet, 2, rows)
    return sheet.figure()


def spread_rows(frame: pl.DataFrame) -> list[Row]:
    """A row for each study and target, the highest mean first; published numbers join the first study's row."""
    own = baselines(with_hover(frame))
    printed = published_accuracies(frame).filter(method=RANDOM)
    several = len({arm.study for arm in own}) > 1
    rows = []
    for arm in own:
        name = set_name(arm.target)
        rows.append(
            Row(
                arm.target,
                f"{name}, {arm.study}" if several else name,
                arm,
                printed.filter(target=arm.target),
            )
        )
        printed = printed.filter(pl.col("target") != arm.target)
    for (target,), numbers in printed.group_by("target", maintain_order=True):
        rows.append(Row(str(target), set_name(str(target)), None, numbers))
    return sorted(rows, key=lambda row: -row.centre)


def _draw(sheet: Sheet, number: int, rows: list[Row]) -> None:
    """Panel 1 in percent of the images, panel 2 in percent of the target's mean."""
    relative = number == 2
    values: list[float] = []
    for at, row in enumerate(rows):
        for trace in _marks(row, at, relative):
            values += trace["x"]
            sheet.add(number, trace)
    ends = [end for row in rows if row.std is not None for end in _ends(row, relative)]
    title = "% above the target's mean" if relative else "top-1 accuracy, %"
    reach = axis_range(values, ends, limits=(-100.0, 1e3)) if relative else axis_range(values, ends)
    sheet.axis("x", number, title={"text": title}, range=reach)
    sheet.rows(number, [_label(row, relative) for row in rows])


def _marks(row: Row, at: float, relative: bool) -> list[dict[str, Any]]:
    traces: list[dict[str, Any]] = []
    look = method_looks([RANDOM])[RANDOM]
    if row.arm is not None:
        top1 = [_placed(value, row, relative) for value in row.arm.runs["top1_last"]]
        places = [at - 0.1 + offset for offset in jitter(len(top1), 0.2)]
        ends = None if row.std is None else _ends(row, relative)
        centre = _placed(row.centre, row, relative)
        said = [row.label, *summary_words(row.arm.summary)]
        traces.append(dots(row.arm.runs, top1, places, look, size=6))
        traces.append(mean_mark(centre, at + 0.27, look, said, **interval_bar("x", centre, ends, look)))
    numbers = [_placed(value, row, relative) for value in row.printed["top1_last"]]
    # Another study's numbers have no place about this study's mean.
    if numbers and (row.arm is None or not relative):
        traces.append(published_marks(row.printed, numbers, [at - 0.1] * len(numbers), look))
    return traces


def _placed(top1: float, row: Row, relative: bool) -> float:
    if not relative:
        return top1
    return 100 * (top1 / row.centre - 1) if row.centre else 0.0


def _ends(row: Row, relative: bool) -> tuple[float, float]:
    """One standard deviation below and above the mean."""
    std = row.std or 0.0
    return _placed(row.centre - std, row, relative), _placed(row.centre + std, row, relative)


def _label(row: Row, relative: bool) -> str:
    name = html.escape(row.label)
    if row.arm is None:
        return f"{name}<br>published"
    if row.std is None:
        return f"{name}<br>n = {row.arm.summary.n}"
    shown = (
        f"std/mean {100 * row.std / row.centre:.2f}%"
        if relative and row.centre
        else f"{row.centre:.1f} ± {row.std:.2f}"
    )
    return f"{name}<br>{shown}, n = {row.arm.summary.n}"


def _in_words(rows: list[Row]) -> str:
    said = []
    for row in rows:
        if row.arm is None:
            said.append(f"{row.label}: {row.printed.height} published numbers")
            continue
        spread = "no spread known"
        if row.std is not None and row.centre:
            spread = f"standard deviation {row.std:.2f} points, {100 * row.std / row.centre:.2f}% of the mean"
        said.append(f"{row.label}: mean {row.centre:.1f}% of {row.arm.summary.n} genotypes, {spread}")
    return f"{TITLE}. {'; '.join([*said, *_spreads_differ(rows)])}."


def _spreads_differ(rows: list[Row]) -> list[str]:
    """Brown and Forsythe's test of equal relative spreads, where it can be made."""
    groups = {row.label: row.arm.accuracies for row in rows if row.arm is not None}
    if not groups or not all(value for values in groups.values() for value in values):
        return []
    test = brown_forsythe(groups, relative=True)
    return [] if test.p is None else [f"equal relative spreads: p = {test.p:.2g} (Brown-Forsythe)"]
