"""The marks that figures share: a run's dot with its hover text, a mean with its interval, a published number."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from nastransfer.report.names import method_name
from nastransfer.report.style import NEUTRAL, darker, translucent
from nastransfer.stats.sample import Sample


def dots(
    runs: pl.DataFrame, x: Sequence[float], y: Sequence[float], colour: str, **marker: Any
) -> dict[str, Any]:
    """A dot for each run, at the given places."""
    look = {
        "size": 9,
        "color": translucent(colour, 0.75),
        "line": {"width": 1, "color": darker(colour)},
        **marker,
    }
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": list(y),
        "marker": look,
        "customdata": [[run] for run in runs["run"]],
        "text": [_about_run(row) for row in runs.iter_rows(named=True)],
        "hovertemplate": "%{text}<extra></extra>",
    }


def mean_mark(summary: Sample, label: str, y: float, colour: str) -> dict[str, Any]:
    """A diamond at the mean, at height `y`, with its 95% t interval where there is one."""
    ends = summary.mean_interval()
    said = (
        "no interval: one run, or all equal"
        if ends is None
        else f"95% interval: {ends[0]:.2f} to {ends[1]:.2f}"
    )
    spread = "" if summary.std is None else f" ± {summary.std:.2f} (standard deviation)"
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [summary.mean],
        "y": [y],
        "marker": {
            "symbol": "diamond",
            "size": 11,
            "color": colour,
            "line": {"width": 1, "color": darker(colour)},
        },
        "text": [
            f"<b>mean {summary.mean:.2f}%</b>{spread}<br>{html.escape(label)}, n = {summary.n}<br>{said}"
        ],
        "hovertemplate": "%{text}<extra></extra>",
        **error_bars("x", summary, darker(colour)),
    }


def error_bars(axis: str, summary: Sample, colour: str) -> dict[str, Any]:
    """The 95% t interval of a mean along `axis` (x or y), as an entry of a trace; empty where there is none."""
    ends = summary.mean_interval()
    if ends is None:
        return {}
    look = {"type": "data", "color": colour, "thickness": 1.5, "width": 5}
    return {f"error_{axis}": {**look, "array": [ends[1] - summary.mean]}}


def published_marks(
    rows: pl.DataFrame, x: Sequence[float], y: Sequence[float], colour: str
) -> dict[str, Any]:
    """A hollow square for each number that a paper prints."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": list(y),
        "marker": {"symbol": "square-open", "size": 11, "color": colour, "line": {"width": 2}},
        "customdata": [[run] for run in rows["run"]],
        "text": [_about_published(row) for row in rows.iter_rows(named=True)],
        "hovertemplate": "%{text}<extra></extra>",
    }


def key(name: str, **marker: Any) -> dict[str, Any]:
    """An entry of the legend that stands for a kind of mark and draws nothing itself."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [None],
        "y": [None],
        "name": html.escape(name),
        "marker": {"color": NEUTRAL, "size": 10, **marker},
        "hoverinfo": "skip",
    }


def jitter(count: int, width: float) -> list[float]:
    """Offsets that keep `count` dots apart, the same every time: evenly spaced within ±width, in a scattered order."""
    if count < 2:
        return [0.0] * count
    order = np.random.default_rng(count).permutation(count)
    return [float(value) for value in width * (2 * order / (count - 1) - 1)]


def axis_range(values: Sequence[float], ends: Sequence[float] = ()) -> list[float]:
    """From the lowest to the highest value with some air; `ends` of intervals may widen it by half as much again."""
    low, high = min(values), max(values)
    air = max(0.12 * (high - low), 0.5)
    reach = max(0.5 * (high - low), 2.0)
    low, high = max(min([low, *ends]), low - reach) - air, min(max([high, *ends]), high + reach) + air
    return [max(low, 0.0), min(high, 100.0 + air)]


def _about_run(row: dict[str, Any]) -> str:
    lines = [
        f"<b>{row['top1_last']:.2f}%</b> {html.escape(method_name(row['method']))}",
        f"search seed {row['search_seed']}, augment seed {row['augment_seed']}",
        *_lines(row["run"] or "run not named"),
        *_lines(row["genotype"] or "genotype not recorded"),
    ]
    return "<br>".join(lines)


def _about_published(row: dict[str, Any]) -> str:
    seed = "augment seed not given" if row["augment_seed"] is None else f"augment seed {row['augment_seed']}"
    lines = [
        f"<b>{row['top1_last']:.2f}%</b> {html.escape(method_name(row['method']))}, published",
        *_lines(f"{row['study']}, {row['feeds']}"),
        f"{row['cells']} cells, {seed}",
    ]
    return "<br>".join(lines)


def _lines(text: str) -> list[str]:
    """Hover boxes do not wrap: lines that fit a phone."""
    return [html.escape(line) for line in textwrap.wrap(text, 52)]
