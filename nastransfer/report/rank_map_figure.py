"""Rank agreement as a heat map: how well each source orders random genotypes for each target."""

from __future__ import annotations

import html

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.grid import Properties, Sheet, Words
from nastransfer.report.marks import between, ends_of, how_many
from nastransfer.report.ranks import NOTHING, Agreement, agreements
from nastransfer.report.style import empty_figure, wrapped

TITLE = "Rank agreement of source and target"
NOTE = (
    "Kendall's tau-b over the same random genotypes, its 95% interval below. Ceiling: the target with itself."
)

_CELL_PIXELS, _LINE_PIXELS = 40, 17
# Plotly takes the room of the labels below and of the colour bar from that of the cells.
_BELOW_PIXELS = 80
# Targets up to which a phone has room for an interval in one line of a cell, and at all.
_MOST_IN_LINE, _MOST_WITH_INTERVALS = 3, 5
_DARK_UP_TO = 0.55
"""Cividis is dark enough for white figures up to here."""


def rank_agreement_map(frame: pl.DataFrame) -> go.Figure:
    """Kendall's tau-b of each source (row) with each target (column), the sources that rank best at the top.

    `ValueError` as `arms.rank_pairs` says.
    """
    found = agreements(frame)
    if all(one.found.kendall.estimate is None for one in found):
        reasons = [f"No rank agreement yet: {one.found.kendall.reason}." for one in found]
        return empty_figure(reasons[0] if reasons else NOTHING, TITLE)
    targets = sorted({one.target for one in found})
    sources = sorted({one.source for one in found}, key=lambda source: (-_mean_tau(found, source), source))
    words = Words(TITLE, NOTE, _in_words(found))
    rows = [wrapped(source, 24) for source in sources]
    lines = max(row.count("<br>") + 1 for row in rows)
    broken = _MOST_IN_LINE < len(targets) <= _MOST_WITH_INTERVALS
    cell = _CELL_PIXELS + (12 if broken else 0)
    height = max(max(cell, _LINE_PIXELS * lines + 4) * len(sources), 60) + _BELOW_PIXELS
    title = f"rows: source, columns: target\n{how_many(one.found.n for one in found)} genotypes"
    sheet = Sheet(words, [title], [height], between=74)
    sheet.add(1, _heat(found, sources, targets))
    sheet.add(1, _figures(found, sources, targets))
    sheet.rows(1, rows)
    sheet.axis("y", 1, ticks="")
    labels = [f"{wrapped(target, 12)}<br>{_ceiling(found, target)}" for target in targets]
    plain = {"showgrid": False, "ticks": "", "autotickangles": [0, 90], "range": [-0.5, len(targets) - 0.5]}
    plain["tickfont"] = {"size": 10 if len(targets) >= _MOST_IN_LINE else 12}
    sheet.axis("x", 1, tickvals=list(range(len(targets))), ticktext=labels, **plain)
    return sheet.figure()


def _heat(found: list[Agreement], sources: list[str], targets: list[str]) -> Properties:
    """The coloured cells; a pair that was not run is left empty."""
    values: list[list[float | None]] = [[None] * len(targets) for _ in sources]
    texts = [[""] * len(targets) for _ in sources]
    for one in found:
        row, column = sources.index(one.source), targets.index(one.target)
        values[row][column] = one.found.kendall.estimate
        texts[row][column] = "<br>".join(map(html.escape, one.said))
    bar = {"orientation": "h", "thickness": 10, "len": 0.9, "outlinewidth": 0, "title": {"text": ""}}
    where = {"yref": "container", "y": 0, "yanchor": "bottom", "x": 0.5}
    scale = {"colorscale": "Cividis", "zmin": 0, "zmax": 1, "colorbar": {**bar, **where}}
    look = {"xgap": 2, "ygap": 2, "hoverongaps": False, "hovertemplate": "%{text}<extra></extra>"}
    return {"type": "heatmap", "z": values, "text": texts, **scale, **look}


def _figures(found: list[Agreement], sources: list[str], targets: list[str]) -> Properties:
    """The numbers in the cells; with the intervals where a phone has room for them."""
    known = [(one, one.found.kendall.estimate) for one in found]
    shown = [(one, tau) for one, tau in known if tau is not None]
    number = len(targets)
    to = " to " if number <= _MOST_IN_LINE else " to<br>"
    texts = []
    for one, tau in shown:
        ends = ends_of(one.found.kendall)
        interval = (
            f"<br>{between(ends).replace(' to ', to)}" if number <= _MOST_WITH_INTERVALS and ends else ""
        )
        texts.append(f"{tau:.2f}{interval}")
    return {
        "type": "scatter",
        "mode": "text",
        "x": [targets.index(one.target) for one, _ in shown],
        "y": [sources.index(one.source) for one, _ in shown],
        "text": texts,
        "textfont": {
            "size": 10,
            "color": ["#ffffff" if tau < _DARK_UP_TO else "#000000" for _, tau in shown],
        },
        "hoverinfo": "skip",
    }


def _mean_tau(found: list[Agreement], source: str) -> float:
    """Mean over the source's targets; where no pair has one, below all others."""
    taus = [one.found.kendall.estimate for one in found if one.source == source]
    known = [tau for tau in taus if tau is not None]
    return sum(known) / len(known) if known else -2.0


def _ceiling(found: list[Agreement], target: str) -> str:
    """The target's noise ceiling; that of the most genotypes where pairs differ."""
    most = max((one for one in found if one.target == target), key=lambda one: one.found.n)
    ceiling = most.found.ceiling
    return "no ceiling" if ceiling.estimate is None else f"ceiling {ceiling.estimate:.2f} (n = {ceiling.n})"


def _in_words(found: list[Agreement]) -> str:
    return f"{TITLE}. {' '.join(', '.join(one.said) + '.' for one in found)}"
