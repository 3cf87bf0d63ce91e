"""What a source is (images, classes, any other descriptor) against how well it ranks genotypes for a target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.grid import Sheet, Words
from nastransfer.report.marks import (
    axis_range,
    dodge,
    ends_of,
    how_many,
    interval_bar,
    key,
    log_axis,
    mean_mark,
)
from nastransfer.report.ranks import NOTHING, Agreement, agreements
from nastransfer.report.style import Look, empty_figure, target_looks

TITLE = "Descriptors against rank agreement"
NOTE = (
    "A mark for each source and target: Kendall's tau-b over the same random genotypes, 95% interval; side by side "
    "only to be seen."
)

NO_SIZES = (
    "No descriptor yet of a source whose rank agreement is known: results say images and classes of sources that were "
    "searched on, and of proxies."
)
SHOWN = ("images", "classes", "evenness", "size_ratio", "kl_to_target", "pixel_distance")
"""Descriptors drawn unless others are asked for; those that no source has are left out."""

_PANEL_PIXELS = 220
_SIZES = {"images": "proxy_images", "classes": "proxy_classes"}
_DECADE = 10.0


def descriptors_against_agreement(
    frame: pl.DataFrame, described: pl.DataFrame | None = None, shown: Sequence[str] = SHOWN
) -> go.Figure:
    """Kendall's tau-b of each source with each target against what the source is, a panel for each descriptor `shown`.

    `described` has a row for each `nt.describe(proxy)` or `nt.describe(proxy, target)`: dataset, selection, target and
    numbers. Without it, images and classes come from the frame. `ValueError` as `arms.rank_pairs` says, and where
    `described` has no column dataset or selection.
    """
    found = [one for one in agreements(frame) if one.found.kendall.estimate is not None]
    if not found:
        return empty_figure(NOTHING, TITLE)
    rows = _sizes(frame) if described is None else _checked(described)
    panels = {name: _values(found, rows, name) for name in shown}
    panels = {name: values for name, values in panels.items() if any(value is not None for value in values)}
    if not panels:
        return empty_figure(NO_SIZES, TITLE)
    looks = target_looks(sorted({one.target for one in found}))
    keys = [key(f"for {target}", look) for target, look in looks.items()]
    words = Words(TITLE, NOTE, _in_words(found, panels))
    counts = how_many(one.found.n for one in found)
    titles = [f"by {_named(name)}\n{counts} genotypes" for name in panels]
    sheet = Sheet(words, titles, [_PANEL_PIXELS] * len(panels), keys)
    for number, (name, values) in enumerate(panels.items(), 1):
        _draw(sheet, number, name, list(zip(found, values, strict=True)), looks)
    return sheet.figure()


def _sizes(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """What the frame says of its sources, in the columns of a description."""
    rows = frame.filter(pl.col("source").is_not_null(), pl.col("origin") != "published")
    names = {"dataset": pl.col("source"), "selection": pl.col("selection").fill_null("all")}
    names |= {name: pl.col(column) for name, column in _SIZES.items()}
    return rows.select(**names).unique(maintain_order=True).to_dicts()


def _checked(described: pl.DataFrame) -> list[dict[str, Any]]:
    if missing := {"dataset", "selection"} - set(described.columns):
        raise ValueError(
            f"the table of descriptors has no column {sorted(missing)}; its rows are those of nt.describe, "
            f"it has {described.columns}"
        )
    return described.to_dicts()


def _values(found: list[Agreement], rows: list[dict[str, Any]], name: str) -> list[float | None]:
    """A descriptor of each pair's source; a row that names a target counts for that target only."""
    known = {
        (row["dataset"], row["selection"], row.get("target")): float(row[name])
        for row in rows
        if isinstance(row.get(name), int | float)
    }
    return [
        known.get((*source, one.pair.target), known.get((*source, None)))
        for one in found
        for source in [(one.pair.source, one.pair.selection)]
    ]


def _draw(
    sheet: Sheet, number: int, name: str, placed: list[tuple[Agreement, float | None]], looks: dict[str, Look]
) -> None:
    known = [(one, value) for one, value in placed if value is not None]
    places = [value for _, value in known]
    wide = min(places) > 0 and max(places) > _DECADE * min(places)
    apart = dict(zip(looks, dodge(len(looks), 0.012 * (len(looks) - 1)), strict=True))
    ends: list[float] = [0.0]
    for one, value in known:
        tau, interval = one.found.kendall.estimate or 0.0, ends_of(one.found.kendall)
        look = looks[one.target]
        said = [*one.said, f"{_named(name)}: {_shown(value)}"]
        bar = interval_bar("y", tau, interval, look)
        sheet.add(
            number, mean_mark(_beside(value, apart[one.target], places, wide), tau, look, said, size=9, **bar)
        )
        ends += [tau, *(interval or ())]
    air = 0.02 * max(map(abs, places)) or 1.0
    along = log_axis(places) if wide else {"range": axis_range(places, limits=None, least=air)}
    sheet.axis("x", number, title={"text": _named(name)}, **along)
    sheet.axis(
        "y", number, title={"text": "Kendall's tau-b"}, range=axis_range(ends, limits=None, least=0.05)
    )
    sheet.line(number, (None, 0), (None, 0), width=1)


def _beside(value: float, share: float, places: list[float], wide: bool) -> float:
    """The place moved by a share of the axis, so that the marks of a source's targets do not hide each other."""
    if wide:
        return value * (max(places) / min(places)) ** share
    return value + share * (max(places) - min(places) or abs(value))


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() else f"{value:.3g}"


def _named(name: str) -> str:
    return f"{name.replace('_', ' ')} of the source" if name in _SIZES else name.replace("_", " ")


def _in_words(found: list[Agreement], panels: dict[str, list[float | None]]) -> str:
    said = []
    for place, one in enumerate(found):
        numbers = {_named(name): values[place] for name, values in panels.items()}
        known = [f"{name} {_shown(value)}" for name, value in numbers.items() if value is not None]
        tau = f"tau-b {one.found.kendall.estimate:.2f}"
        said.append(f"{one.source} for {one.target}: {', '.join([tau, *known])}.")
    return f"{TITLE}. {' '.join(said)}"
