"""Variance components: how much of what the accuracies differ by is due to method, source, search and seed."""

from __future__ import annotations

import html
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.arms import by_cells
from nastransfer.report.counterparts import trained_once
from nastransfer.report.grid import Sheet, Words
from nastransfer.report.marks import axis_range, between, interval_bar, key, mean_mark
from nastransfer.report.names import RANDOM, method_name, set_name
from nastransfer.report.style import Look, empty_figure, method_looks
from nastransfer.stats.components import Component, variance_components

TITLE = "What the accuracies differ by"
NOTE = (
    "Standard deviation of a factor's effects with its 95% interval (a bar without a cap goes on), and its share of "
    "the variance."
)
NOTHING = "No variance to split yet: it takes finished trainings that differ in method, source, search or augment seed."

SEARCHED = "found by searches"
_LOOKS = {SEARCHED: Look("#CC6677", "hexagon"), RANDOM: method_looks([RANDOM])[RANDOM]}
_NAMES = {SEARCHED: SEARCHED, RANDOM: method_name(RANDOM)}
_ROW_PIXELS, _FEWEST = 34, 3
_ARM = ("method", "preset", "source", "selection", "cells")
_RESAMPLES = 400  # thousands of runs in a moment; the ends of an interval then vary by a few percent


@dataclass(frozen=True)
class Panel:
    """Components of the accuracies on one target of one study: of what searches found and of random genotypes."""

    title: str
    parts: list[tuple[str, Component]]


def components_of_variance(frame: pl.DataFrame) -> go.Figure:
    """Variance components of the top-1 accuracies on each target, as standard deviations in percentage points.

    Of what searches found: method, source, method x source, search (that is the genotype found), augment seed, and
    cells where they vary; of random sampling: genotype, augment seed, cells. What runs of equal levels leave is the
    residual: of one search and one seed each, it holds what both do together. `ValueError` as `arms.by_cells` says.
    """
    panels = component_panels(frame)
    if not panels:
        return empty_figure(NOTHING, TITLE)
    kinds = dict.fromkeys(kind for panel in panels for kind, _ in panel.parts)
    keys = [key(_NAMES[kind], _LOOKS[kind]) for kind in kinds]
    heights = [_ROW_PIXELS * len(panel.parts) + 10 for panel in panels]
    sheet = Sheet(Words(TITLE, NOTE, _in_words(panels)), [panel.title for panel in panels], heights, keys)
    for number, panel in enumerate(panels, 1):
        _draw(sheet, number, panel)
    return sheet.figure()


def component_panels(frame: pl.DataFrame) -> list[Panel]:
    """By target and study. Components that the runs cannot tell apart are left out, and panels that have none."""
    depths = by_cells(frame)
    if not depths:
        return []
    rows = pl.concat(depths.values())
    several = rows["study"].n_unique() > 1
    panels = []
    for (target, study), runs in rows.sort("target", "study").group_by(
        "target", "study", maintain_order=True
    ):
        random = pl.col("method") == RANDOM
        parts = [(SEARCHED, one) for one in _searched(runs.filter(~random))]
        parts += [(RANDOM, one) for one in _random(runs.filter(random))]
        title = f"on {set_name(str(target))}{f', {study}' if several else ''}"
        panels += [Panel(title, parts)] if parts else []
    return panels


def _searched(runs: pl.DataFrame) -> list[Component]:
    runs = pl.concat(map(trained_once, runs.partition_by(_ARM, maintain_order=True))) if runs.height else runs
    method, source = runs["method"].to_list(), list(runs.select("source", "selection").iter_rows())
    crossed = list(zip(method, source, strict=True))
    factors: dict[str, Sequence[Hashable]] = {
        "method": method,
        "source": source,
        "method x source": crossed,
        "search": list(zip(crossed, runs["preset"], runs["search_seed"], strict=True)),
    }
    return _known(runs, factors)


def _random(runs: pl.DataFrame) -> list[Component]:
    return _known(runs, {"genotype": runs["genotype"].to_list()})


def _known(runs: pl.DataFrame, factors: dict[str, Sequence[Hashable]]) -> list[Component]:
    """Components that have a variance; none where there is nothing besides the residual."""
    if runs.height < _FEWEST:
        return []
    factors |= {"augment seed": runs["augment_seed"].to_list(), "cells": runs["cells"].to_list()}
    found = variance_components(runs["top1_last"].to_list(), factors, resamples=_RESAMPLES)
    known = [one for one in found if one.variance is not None]
    return known if len(known) > 1 else []


def _draw(sheet: Sheet, number: int, panel: Panel) -> None:
    values = [0.0]
    ends: list[float] = []
    for at, (kind, one) in enumerate(panel.parts):
        deviation, interval = _deviations(one)
        values.append(deviation)
        ends += interval or ()
        said = [f"{one.name}, {_NAMES[kind]}", *_said(one)]
        look = _LOOKS[kind]
        bar = interval_bar("x", deviation, interval, look)
        sheet.add(number, mean_mark(deviation, at, look, said, size=10, **bar))
    reach = axis_range(values, ends, limits=(-0.08 * max(values), math.inf), least=0.1)
    sheet.axis("x", number, title={"text": "standard deviation, points"}, range=reach)
    sheet.rows(number, [_label(kind, one) for kind, one in panel.parts])


def _deviations(one: Component) -> tuple[float, tuple[float, float] | None]:
    """A component as a standard deviation, with its interval; an end that is not known lies far out."""
    assert one.variance is not None
    if one.low is None:
        return math.sqrt(one.variance), None
    high = math.inf if one.high is None else math.sqrt(one.high)
    return math.sqrt(one.variance), (math.sqrt(one.low), high)


def _label(kind: str, one: Component) -> str:
    name = one.name if kind == SEARCHED else f"{one.name}, {RANDOM}"
    return f"{html.escape(name)}, {one.share_percent:.0f}%"


def _said(one: Component) -> list[str]:
    deviation, interval = _deviations(one)
    said = [f"standard deviation {deviation:.2f} points, 95% interval {between(interval)}"]
    said.append(f"{one.share_percent:.0f}% of the variance, {one.levels} levels")
    return [*said, one.note] if one.note else said


def _in_words(panels: list[Panel]) -> str:
    said = []
    for panel in panels:
        parts = [f"{_NAMES[kind]}, {one.name}: {', '.join(_said(one))}" for kind, one in panel.parts]
        said.append(f"{panel.title[0].upper()}{panel.title[1:]}. {'; '.join(parts)}.")
    return f"{TITLE}. {' '.join(said)}"
