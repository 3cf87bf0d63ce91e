"""Which classes a network takes for which: a heat map of the test part, a row a class."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl
from numpy.typing import NDArray

from nastransfer.report.style import COLOURS, blank_figure, empty_figure

TITLE = "Which classes are taken for which"
MOST_CLASSES = 100
"""Classes up to which cells can be seen."""

_NAMED = 3  # confusions that the text alternative names
_COLUMNS = {"class", "guess", "images"}
# White paper to dark ink, also in grey. Few images of a class are worth seeing, so small shares have most of the scale.
_SCALE = [[0.0, "#FFFFFF"], [0.01, "#E4EDF6"], [0.1, "#9CC3E2"], [0.5, "#2F7DBB"], [1.0, "#08306B"]]
_LARGEST_CELL, _SMALLEST_CELL, _PLOT_PIXELS = 34, 6, 600
_PHONE_PIXELS, _LABEL_PIXELS, _LABEL_LETTERS = 220, 12, 18
_MOST_WITH_FIGURES = 12  # classes up to which a phone has room for a share in a cell


@dataclass(frozen=True)
class _Counts:
    """Test images, class x guess; `totals` a class."""

    names: list[str]
    images: NDArray[np.int64]

    @property
    def totals(self) -> NDArray[np.int64]:
        totals: NDArray[np.int64] = self.images.sum(axis=1)
        return totals

    @property
    def percent(self) -> list[list[float | None]]:
        """Share of the class's images, percent; None for a class without any."""
        return [
            [100.0 * float(count) / float(total) if total else None for count in row]
            for row, total in zip(self.images, self.totals, strict=True)
        ]


def confusion(rows: pl.DataFrame) -> go.Figure:
    """Share of each class's test images (row) taken for each class (column), classes in the frame's order.

    `rows` has the columns class, guess and images, one row a pair; pairs that are not there have no image. The hover
    text has the counts; right answers are framed. `ValueError` for other columns, a pair given twice, a number of
    images below 0, and more than `MOST_CLASSES` classes.
    """
    counts = _counted(rows)
    n = int(counts.images.sum())
    if not n:
        return empty_figure("No test image has been scored yet.", TITLE)
    top1_percent = 100.0 * float(np.trace(counts.images)) / n
    title = f"{TITLE}: n = {n:,} test images, top-1 {top1_percent:.1f}%"
    kept_together = title.replace("n = ", "n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")
    classes = len(counts.names)
    cell = min(max(_PLOT_PIXELS // classes, _SMALLEST_CELL), _LARGEST_CELL)
    figure = blank_figure(kept_together, 140 + max(cell * classes, 120))
    figure.add_trace(_heat(counts))
    figure.add_shape(
        type="path", path=_diagonal(classes), line={"color": COLOURS[1], "width": 1.5 if cell > 20 else 0.75}
    )
    alone = {"showgrid": False, "ticks": "", "tickfont": {"size": 10 if classes > _MOST_WITH_FIGURES else 12}}
    across = _labels(counts.names, -(-_LABEL_PIXELS * classes // _PHONE_PIXELS) if classes > 25 else 1)
    figure.update_xaxes(**alone, **across, title="taken for", autotickangles=[0, 90])
    down = _labels(counts.names, -(-_LABEL_PIXELS // cell))
    figure.update_yaxes(**alone, **down, title="class", autorange="reversed")
    return figure.update_layout(meta={"alt": f"{title}. {_largest(counts)}"})


def _counted(rows: pl.DataFrame) -> _Counts:
    if missing := _COLUMNS - set(rows.columns):
        raise ValueError(
            f"confusion needs columns class, guess and images; {sorted(missing)} is missing in {rows.columns}"
        )
    names = list(dict.fromkeys([*rows["class"], *rows["guess"]]))
    if len(names) > MOST_CLASSES:
        raise ValueError(f"confusion can be seen up to {MOST_CLASSES} classes; there are {len(names)}")
    twice = rows.filter(rows.select("class", "guess").is_duplicated())
    if not twice.is_empty():
        raise ValueError(f"the pair {twice.select('class', 'guess').row(0)} is given twice; one row a pair")
    places = {name: place for place, name in enumerate(names)}
    images = np.zeros((len(names), len(names)), dtype=np.int64)
    for name, guess, count in rows.select("class", "guess", "images").iter_rows():
        if count is None or count < 0:
            raise ValueError(
                f"{count} images of {name!r} are taken for {guess!r}; a number of images is 0 or more"
            )
        images[places[name], places[guess]] = count
    return _Counts(names, images)


def _heat(counts: _Counts) -> go.Heatmap:
    names = [html.escape(name) for name in counts.names]
    totals = np.broadcast_to(counts.totals[:, None], counts.images.shape)
    cells: dict[str, Any] = {}
    if len(names) <= _MOST_WITH_FIGURES:
        shown = [[f"{share:.0f}" if share and share > 0.5 else "" for share in row] for row in counts.percent]
        cells = {"text": shown, "texttemplate": "%{text}", "textfont": {"size": 10}}
    bar = {
        "thickness": 10,
        "outlinewidth": 0,
        "tickvals": [0, 10, 50, 100],
        "ticktext": ["0%", "10%", "50%", "100% of the class"],
        "tickfont": {"size": 10},
    }
    return go.Heatmap(
        x=names,
        y=names,
        z=counts.percent,
        zmin=0,
        zmax=100,
        colorscale=_SCALE,
        colorbar=bar,
        customdata=np.stack([counts.images, totals], axis=-1).tolist(),
        hovertemplate="%{y} taken for %{x}:<br>%{customdata[0]} of %{customdata[1]} images, %{z:.1f}%<extra></extra>",
        hoverongaps=False,
        xgap=1 if len(names) <= 25 else 0,
        ygap=1 if len(names) <= 25 else 0,
        **cells,
    )


def _diagonal(classes: int) -> str:
    """A frame about each cell of a right answer, as a path in places of classes (0 is the first)."""
    corners = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    frames = []
    for place in range(classes):
        points = " L ".join(f"{place + x},{place + y}" for x, y in corners)
        frames.append(f"M {points} Z")
    return " ".join(frames)


def _labels(names: Sequence[str], step: int) -> dict[str, Any]:
    """An axis of classes with the name of every `step`-th, cut to what leaves room for the cells."""
    shown = names[:: max(step, 1)]
    cut = [name if len(name) <= _LABEL_LETTERS else f"{name[: _LABEL_LETTERS - 1]}…" for name in shown]
    places = {
        "tickvals": list(range(0, len(names), max(step, 1))),
        "ticktext": [html.escape(name) for name in cut],
    }
    return {"type": "category", "tickmode": "array", **places}


def _largest(counts: _Counts) -> str:
    """The confusions of most images, in a sentence."""
    wrong = counts.images - np.diag(np.diag(counts.images))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_NAMED]
    pairs = [divmod(int(place), len(counts.names)) for place in order]
    said = [
        f"{counts.names[at]} taken for {counts.names[guess]} ({wrong[at, guess]:,} of {counts.totals[at]:,} images)"
        for at, guess in pairs
        if wrong[at, guess]
    ]
    if not said:
        return "No image is taken for another class."
    return f"The largest confusion{'s' if len(said) > 1 else ''}: {'; '.join(said)}."
