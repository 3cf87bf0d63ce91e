"""Accuracy by number of cells: whether what is good in a shallow network is so in a deep one (the paper's Table 4)."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.arms import ABLATIONS, Arm, arms_of, baselines_of, by_cells
from nastransfer.report.grid import Properties, Sheet, Words
from nastransfer.report.marks import (
    axis_range,
    between,
    dodge,
    dots,
    how_many,
    interval_bar,
    mean_mark,
    method_keys,
    published_marks,
    summary_words,
    with_hover,
)
from nastransfer.report.names import RANDOM, method_name, set_name
from nastransfer.report.printed import beside_every_origin, by_origin, with_origin
from nastransfer.report.style import Look, empty_figure, method_looks

TITLE = "Accuracy by number of cells"
NOTE = "Small: a run. Large: mean with its 95% interval, side by side only to be seen."
NOTHING = (
    "No comparison of depths yet: it takes trainings of the same genotypes with different numbers of cells."
)

_PANEL_PIXELS = 230


@dataclass(frozen=True)
class Panel:
    """Genotypes of one source on one target: (cells, arm) of searches and of random sampling, and printed rows."""

    target: str
    source: str
    arms: list[tuple[int, Arm]]
    printed: pl.DataFrame

    @property
    def depths(self) -> set[int]:
        return {cells for cells, _ in self.arms} | set(self.printed["cells"])

    @property
    def counts(self) -> str:
        """How many searches and random genotypes the means rest on."""
        own, random = (
            [len(arm.accuracies) for _, arm in self.arms if (arm.method == RANDOM) == drawn]
            for drawn in (False, True)
        )
        return how_many(own, random)

    @property
    def methods(self) -> list[str]:
        return [*(arm.method for _, arm in self.arms), *self.printed["method"]]


def accuracy_by_cells(frame: pl.DataFrame) -> go.Figure:
    """Top-1 by number of cells of each method, a panel for each source and target that has several depths.

    Random sampling stands in every panel of its target. `ValueError` as `arms.by_cells` says.
    """
    panels = depth_panels(frame)
    if not panels:
        return empty_figure(NOTHING, TITLE)
    looks = method_looks(method for panel in panels for method in panel.methods)
    keys = method_keys(looks, printed=any(not panel.printed.is_empty() for panel in panels))
    titles = [f"on {set_name(panel.target)}\nfrom {panel.source}\n{panel.counts}" for panel in panels]
    columns = 2 if len(panels) > 1 else 1
    heights = [_PANEL_PIXELS] * -(-len(panels) // columns)
    sheet = Sheet(Words(TITLE, NOTE, _in_words(panels)), titles, heights, keys, columns=columns)
    for number, panel in enumerate(panels, 1):
        _draw(sheet, number, panel, looks)
    return sheet.figure()


def depth_panels(frame: pl.DataFrame) -> list[Panel]:
    """By target and source; published rows of Table 4 join the first study's panel, or have panels of their own."""
    found: dict[tuple[str, str, str], list[tuple[int, Arm]]] = {}
    random: dict[tuple[str, str | None], list[tuple[int, Arm]]] = {}
    for cells, rows in by_cells(with_hover(frame)).items():
        for arm in arms_of(rows):
            found.setdefault((arm.target, arm.origin, arm.study), []).append((cells, arm))
        for arm in baselines_of(rows):
            random.setdefault((arm.target, arm.study), []).append((cells, arm))
    found = {place: group for place, group in found.items() if len({cells for cells, _ in group}) > 1}
    return [
        Panel(target, source, [*group, *random.get((target, study), [])], rows)
        for target, source, study, group, rows in by_origin(found, _printed(frame))
    ]


def _printed(frame: pl.DataFrame) -> pl.DataFrame:
    """Published accuracies by depth; random sampling comes with every source."""
    rows = frame.filter(
        pl.col("origin") == "published", pl.col("feeds").is_in(ABLATIONS), pl.col("top1_last").is_not_null()
    )
    return beside_every_origin(with_origin(rows))


def _draw(sheet: Sheet, number: int, panel: Panel, looks: dict[str, Look]) -> None:
    depths = sorted(panel.depths)
    methods = [method for method in looks if method in panel.methods]
    beside = dict(zip(methods, dodge(len(methods), 0.07 * (len(methods) - 1)), strict=True))
    values: list[float] = []
    ends: list[float] = []
    for cells, arm in panel.arms:
        x, top1 = depths.index(cells) + beside[arm.method], arm.runs["top1_last"].to_list()
        values += top1
        sheet.add(number, dots(arm.runs, [x] * len(top1), top1, looks[arm.method], size=5))
    for method in methods:
        own = [(cells, arm) for cells, arm in panel.arms if arm.method == method]
        places = [(depths.index(cells) + beside[method], arm.summary.mean) for cells, arm in own]
        sheet.add(number, _line(places, looks[method]))
        for (x, mean), (_, arm) in zip(places, own, strict=True):
            interval = arm.summary.mean_interval()
            ends += interval or ()
            bar = interval_bar("y", mean, interval, looks[method])
            said = [arm.label, *summary_words(arm.summary)]
            sheet.add(number, mean_mark(x, mean, looks[method], said, size=10, **bar))
        rows = panel.printed.filter(method=method).sort("cells")
        numbers = rows["top1_last"].to_list()
        values += numbers
        if numbers:
            at = [depths.index(cells) + beside[method] for cells in rows["cells"]]
            dotted = {"color": looks[method].colour, "width": 1, "dash": "dot"}
            marks = published_marks(rows, at, numbers, looks[method])
            sheet.add(number, {**marks, "mode": "lines+markers", "line": dotted})
    ticks = {"tickvals": list(range(len(depths))), "ticktext": [str(cells) for cells in depths]}
    sheet.axis("x", number, title={"text": "cells"}, **ticks, range=[-0.5, len(depths) - 0.5], showgrid=False)
    told = number % sheet.columns == 1 % sheet.columns
    sheet.axis(
        "y", number, title={"text": "top-1 accuracy, %" if told else ""}, range=axis_range(values, ends)
    )


def _line(places: list[tuple[float, float]], look: Look) -> Properties:
    x, y = zip(*places, strict=True) if places else ((None,), (None,))
    line = {"color": look.colour, "width": 1.5}
    return {"type": "scatter", "mode": "lines", "x": list(x), "y": list(y), "line": line, "hoverinfo": "skip"}


def _in_words(panels: list[Panel]) -> str:
    said = []
    for panel in panels:
        parts = [
            f"{method_name(arm.method)}, {cells} cells: mean {arm.summary.mean:.1f}% of {arm.summary.n}, 95% interval "
            f"{between(arm.summary.mean_interval(), 1)}"
            for cells, arm in panel.arms
        ]
        parts += [
            f"{method_name(row['method'])}, {row['cells']} cells: published {row['top1_last']:.2f}%"
            for row in panel.printed.iter_rows(named=True)
        ]
        said.append(f"On {set_name(panel.target)} from {panel.source}: {'; '.join(parts)}.")
    return f"{TITLE}, top-1. {' '.join(said)}"
