"""The marks that figures share: a run's dot with its hover text, a mean with its interval, a published number.

A dot's `customdata[0]` is its run, for clicks; its text says accuracy, method, seeds, run and genotype.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from nastransfer.report.names import method_name, source_name
from nastransfer.report.style import NEUTRAL, Look, darker, translucent
from nastransfer.stats.sample import Sample

PERCENT = (0.0, 100.0)
Interval = tuple[float, float]

_HOVER_LETTERS = 52  # boxes do not wrap their text: lines that fit a phone
_CROWD = 60
_MOST_GENOTYPES = 1_000  # texts of 10,000 genotypes would be most of a page
_FARTHEST = 1e3  # where an interval has no end, its bar leaves the figure


def dots(
    runs: pl.DataFrame, x: Sequence[float], y: Sequence[float], look: Look, **marker: Any
) -> dict[str, Any]:
    """A dot for each run (rows of the results frame `with_hover`) at the given places."""
    crowded = runs.height > _CROWD  # paler there, so that the mean among them is seen
    style = {
        "symbol": look.symbol,
        "size": 7,
        "color": translucent(look.colour, 0.3 if crowded else 0.65),
        "line": {"width": 0.3 if crowded else 0.75, "color": darker(look.colour)},
        **marker,
    }
    return {
        **_scatter(x, y, style),
        "customdata": [[run] for run in runs["run"]],
        "text": runs["hover"].to_list(),
    }


def with_hover(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with a column `hover`: accuracy, method, seeds, run and genotype, for a box that wraps no text.

    Of more than 1,000 runs the genotype's text is left out: the run, which is named, has it.
    """
    lines = [pl.col("run").fill_null("run not named")]
    if frame.height <= _MOST_GENOTYPES:
        lines.append(pl.col("genotype").fill_null("genotype not recorded"))
    names = {method: html.escape(method_name(method)) for method in frame["method"].unique()}
    top1 = [f"{value:.2f}" if value is not None else "" for value in frame["top1_last"]]
    said = pl.format(
        "<br>".join(["<b>{}%</b> {}", "search seed {}, augment seed {}", *("{}" for _ in lines)]),
        pl.Series(top1, dtype=pl.String),
        pl.col("method").replace_strict(names, return_dtype=pl.String),
        *(pl.col(f"{seed}_seed").cast(pl.String).fill_null("not given") for seed in ("search", "augment")),
        *map(_in_lines, lines),
    )
    return frame.with_columns(hover=said)


def mean_mark(
    x: float, y: float, look: Look, said: Iterable[str], size: int = 12, **bars: Any
) -> dict[str, Any]:
    """A larger mark at a mean; `said` are lines of plain text for hovering; `bars` from `interval_bar`."""
    first, *others = map(html.escape, said)
    style = {
        "symbol": look.symbol,
        "size": size,
        "color": look.colour,
        "line": {"width": 1.25, "color": darker(look.colour)},
    }
    return {**_scatter([x], [y], style), "text": ["<br>".join([f"<b>{first}</b>", *others])], **bars}


def interval_bar(axis: str, centre: float, ends: Interval | None, look: Look) -> dict[str, Any]:
    """The interval about `centre` along `axis` (x or y), as an entry of a trace; empty where there is none."""
    if ends is None:
        return {}
    low, high = (max(-_FARTHEST, min(end - centre, _FARTHEST)) for end in ends)
    style = {"type": "data", "symmetric": False, "color": darker(look.colour), "thickness": 1.5, "width": 4}
    return {f"error_{axis}": {**style, "array": [high], "arrayminus": [-low]}}


def published_marks(rows: pl.DataFrame, x: Sequence[float], y: Sequence[float], look: Look) -> dict[str, Any]:
    """A hollow mark for each number that a paper prints."""
    style = {"symbol": look.hollow, "size": 10, "color": look.colour, "line": {"width": 2}}
    return {
        **_scatter(x, y, style),
        "customdata": [[run] for run in rows["run"]],
        "text": [_about_published(row) for row in rows.iter_rows(named=True)],
    }


def key(name: str, look: Look | None = None, **marker: Any) -> dict[str, Any]:
    """An entry of the legend that stands for a kind of mark and draws nothing itself."""
    given = {} if look is None else {"color": look.colour, "symbol": look.symbol}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [None],
        "y": [None],
        "name": html.escape(name),
        "marker": {"color": NEUTRAL, "size": 10, **given, **marker},
        "hoverinfo": "skip",
    }


def line_key(name: str, **line: Any) -> dict[str, Any]:
    """An entry of the legend for a kind of line."""
    return {**key(name), "mode": "lines", "line": {"color": NEUTRAL, "width": 2, **line}}


def method_keys(looks: Mapping[str, Look], *, printed: bool) -> list[dict[str, Any]]:
    """The legend of a figure of methods: an entry each, and one for published numbers where there are some."""
    keys = [key(method_name(method), look) for method, look in looks.items()]
    return [*keys, published_key()] if printed else keys


def published_key() -> dict[str, Any]:
    """The entry of the legend for numbers that papers print."""
    return key("hollow: published", symbol="circle-open", line={"width": 2})


def summary_words(summary: Sample) -> list[str]:
    """Mean, standard deviation, n and the mean's interval, in lines."""
    ends = summary.mean_interval()
    spread = "" if summary.std is None else f" ± {summary.std:.2f} (standard deviation)"
    return [
        f"mean {summary.mean:.2f}%{spread}, n = {summary.n}",
        "no interval: one run, or all equal"
        if ends is None
        else f"95% interval of the mean: {between(ends)}",
    ]


def how_many(own: Iterable[int], others: Iterable[int] = (), what: str = "random") -> str:
    """What a panel's means rest on: `n = 5`, `n = 3 to 5, random 10`; empty where there are no runs."""
    first, second = _span(own), _span(others)
    said = [f"n = {first}" if first else "", f"{what} {second}" if first and second else ""]
    return ", ".join(filter(None, said))


def _span(numbers: Iterable[int]) -> str:
    known = sorted(set(numbers) - {0})
    return " to ".join(map(str, dict.fromkeys([known[0], known[-1]]))) if known else ""


def between(ends: Interval | None, digits: int = 2, sign: str = "") -> str:
    """`69.50 to 71.20`; "no interval" for None. `sign` "+" writes it out."""
    return "no interval" if ends is None else " to ".join(f"{end:{sign}.{digits}f}" for end in ends)


def ends_of(found: Any) -> Interval | None:
    """`low` and `high` of an estimate, where it has both."""
    return None if found.low is None or found.high is None else (found.low, found.high)


def jitter(count: int, width: float) -> list[float]:
    """Offsets that keep `count` dots apart, the same every time: evenly spaced within ±width, in a scattered order."""
    if count < 2:
        return [0.0] * count
    order = np.random.default_rng(count).permutation(count)
    return [float(value) for value in width * (2 * order / (count - 1) - 1)]


def dodge(count: int, width: float) -> list[float]:
    """Places of `count` marks side by side, evenly spaced within ±width, in their order."""
    return [0.0] if count == 1 else [float(value) for value in np.linspace(-width, width, count)]


def axis_range(
    values: Sequence[float],
    ends: Iterable[float] = (),
    limits: Interval | None = PERCENT,
    least: float = 0.5,
) -> list[float]:
    """From the lowest to the highest value with some air; `ends` of intervals may widen it by half as much again.

    At least `least` of air on both sides; `limits` are what the axis does not go far beyond.
    """
    low, high = min(values), max(values)
    air = max(0.12 * (high - low), least)
    reach = max(0.5 * (high - low), 4 * least)
    finite = [end for end in ends if math.isfinite(end)]
    low = max(min([low, *finite]), low - reach) - air
    high = min(max([high, *finite]), high + reach) + air
    return [low, high] if limits is None else [max(low, limits[0]), min(high, limits[1] + air)]


def log_axis(values: Iterable[float]) -> dict[str, Any]:
    """A logarithmic axis over positive values, with marks at 1, 2 and 5 times powers of ten where it is short."""
    powers = [math.log10(value) for value in values]
    low, high = min(powers), max(powers)
    air = max(0.08 * (high - low), 0.1)
    steps = (1, 2, 5) if high - low < 1.6 else (1,)
    places = [
        (step, power) for power in range(math.floor(low - air), math.ceil(high + air) + 1) for step in steps
    ]
    return {
        "type": "log",
        "range": [low - air, high + air],
        "tickvals": [step * 10.0**power for step, power in places],
        "ticktext": [_log_label(step, power) for step, power in places],
    }


def _log_label(step: int, power: int) -> str:
    if 0 <= power < 6:
        return f"{step * 10**power:,}"
    return f"{'' if step == 1 else f'{step}·'}10<sup>{power}</sup>"


def _scatter(x: Sequence[float], y: Sequence[float], marker: dict[str, Any]) -> dict[str, Any]:
    places = {"x": list(x), "y": list(y), "marker": marker}
    return {"type": "scatter", "mode": "markers", **places, "hovertemplate": "%{text}<extra></extra>"}


def _about_published(row: dict[str, Any]) -> str:
    seed = "augment seed not given" if row["augment_seed"] is None else f"augment seed {row['augment_seed']}"
    value = f"RI {row['ri_percent']:+.2f}%" if row["top1_last"] is None else f"{row['top1_last']:.2f}%"
    found = "" if row["source"] is None else f", from {source_name(row['source'], row['selection'])}"
    said = [f"{method_name(row['method'])}{found}, published", f"{row['study']}, {row['feeds']}"]
    cells = "cells not given" if row["cells"] is None else f"{row['cells']} cells"
    return "<br>".join([f"<b>{value}</b>", *map(html.escape, said), f"{cells}, {seed}"])


def _in_lines(text: pl.Expr) -> pl.Expr:
    """Text for a hover box: in lines, escaped."""
    whole = text.str.replace_all(rf"(\S{{{_HOVER_LETTERS}}})", "$1 ")
    broken = whole.str.replace_all(rf"(.{{1,{_HOVER_LETTERS}}})(?:\s+|$)", "$1\n").str.strip_chars_end("\n")
    escaped = broken.str.replace_many(["&", "<", ">"], ["&amp;", "&lt;", "&gt;"])
    return escaped.str.replace_all("\n", "<br>", literal=True)
