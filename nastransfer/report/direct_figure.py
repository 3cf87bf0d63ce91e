"""Figure 2 of the paper: direct search, on the target or a proxy of it, against random sampling, with the diagonal.

A run stands where random sampling's accuracy at the same rank is: a quantile-quantile plot. A method whose runs lie on
the diagonal is no better than drawing at random, at any rank; its mean stands at random sampling's mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import polars as pl

from nastransfer.report.arms import Arm, arms, published_accuracies
from nastransfer.report.counterparts import per_search
from nastransfer.report.diagonal import diagonal_sheet, finish_panel
from nastransfer.report.gaps import still_missing
from nastransfer.report.grid import Sheet, Words
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
from nastransfer.report.printed import by_origin, with_origin
from nastransfer.report.style import Look, empty_figure, method_looks
from nastransfer.stats.sample import sample

TITLE = "Direct search against random sampling"
NOTE = (
    "Small: a run, at random sampling's run of the same rank. Large: both means, moved apart sideways where they meet, "
    "95% interval of the method's."
)
NOTHING = (
    "Nothing to compare yet: it takes finished trainings of random genotypes and of what was found on the target "
    "itself or a proxy of it."
)


@dataclass(frozen=True)
class Panel:
    """Direct search on one source of one target: arms with random runs, and `printed` numbers.

    `printed` has the column `random_top1`: what the same table says of random sampling at the same augment seed.
    """

    target: str
    source: str
    arms: list[Arm]
    printed: pl.DataFrame

    @property
    def title(self) -> str:
        """What was searched on: the target itself, whole or cut down."""
        return self.source if self.source != set_name(self.target) else f"{self.source}, whole"

    @property
    def counts(self) -> str:
        """How many searches and random genotypes the means rest on."""
        own = [len(arm.accuracies) for arm in self.arms]
        return how_many(own, [len(arm.random_accuracies) for arm in self.arms])

    @property
    def methods(self) -> list[str]:
        return [*(arm.method for arm in self.arms), *self.printed["method"]]


def direct_against_random(frame: pl.DataFrame) -> go.Figure:
    """Top-1 of direct search against random sampling's, a panel for each target and source (Figure 2).

    `ValueError` as `arms.trainings` says.
    """
    panels = direct_panels(frame)
    if not panels:
        return empty_figure(NOTHING, TITLE)
    looks = method_looks(method for panel in panels for method in panel.methods)
    keys = method_keys(looks, printed=any(not panel.printed.is_empty() for panel in panels))
    titles = [f"{panel.title}\n{panel.counts}" for panel in panels]
    words = Words(TITLE, NOTE, _in_words(panels), still_missing(frame))
    sheet = diagonal_sheet(words, titles, keys)
    reaches = {
        panel.target: _reach([one for one in panels if one.target == panel.target]) for panel in panels
    }
    for number, panel in enumerate(panels, 1):
        _draw(sheet, number, panel, looks, reaches[panel.target])
    return sheet.figure()


def direct_panels(frame: pl.DataFrame) -> list[Panel]:
    """By target and source; published numbers join the first study's panel of the same source."""
    own = [arm for arm in arms(with_hover(frame)) if arm.direct and not arm.baseline.is_empty()]
    printed = _printed_pairs(published_accuracies(frame))
    found: dict[tuple[str, str, str], list[Arm]] = {}
    for arm in own:
        found.setdefault((arm.target, arm.origin, arm.study), []).append(arm)
    return [
        Panel(target, source, group, rows) for target, source, _, group, rows in by_origin(found, printed)
    ]


def _printed_pairs(printed: pl.DataFrame) -> pl.DataFrame:
    """Published accuracies of direct search beside random sampling's of the same table and augment seed."""
    same = ["run", "target", "augment_seed"]
    random = printed.filter(method=RANDOM).select(*same, random_top1="top1_last")
    direct = printed.filter(pl.col("source") == pl.col("target"))
    return with_origin(direct.join(random, on=same, maintain_order="left"))


def random_at_same_rank(runs: Sequence[float], random: Sequence[float]) -> list[float]:
    """For each of `runs` the quantile of `random` at its rank, (rank - 1/2) / n (Hazen 1914)."""
    ranks = np.argsort(np.argsort(runs, kind="stable"), kind="stable")
    quantiles = np.quantile(random, (ranks + 0.5) / len(runs), method="hazen")
    return [float(value) for value in quantiles]


def _reach(panels: list[Panel]) -> list[float]:
    """Range of both axes, the same in all panels of a target."""
    values: list[float] = []
    ends: list[float] = []
    for panel in panels:
        values += [*panel.printed["top1_last"], *panel.printed["random_top1"]]
        for arm in panel.arms:
            values += [*arm.runs["top1_last"], *arm.baseline["top1_last"]]
            ends += arm.summary.mean_interval() or ()
    return axis_range(values, ends)


def _draw(sheet: Sheet, number: int, panel: Panel, looks: dict[str, Look], reach: list[float]) -> None:
    beside = dodge(len(panel.arms), 0.016 * (reach[1] - reach[0]) * (len(panel.arms) - 1))
    for arm in panel.arms:
        runs = arm.runs.sort("top1_last")
        top1 = runs["top1_last"].to_list()
        places = random_at_same_rank(top1, arm.baseline["top1_last"].to_list())
        line = {"mode": "lines+markers", "line": {"color": looks[arm.method].colour, "width": 1}}
        sheet.add(number, {**dots(runs, places, top1, looks[arm.method], size=6), **line})
    for arm, offset in zip(panel.arms, beside, strict=True):
        look, summary = looks[arm.method], arm.summary
        random = sample("random sampling", per_search(arm.baseline))
        said = [
            arm.label,
            *summary_words(summary),
            f"random sampling: {summary_words(random)[0]}",
            *arm.notes,
        ]
        bar = interval_bar("y", summary.mean, summary.mean_interval(), look)
        sheet.add(number, mean_mark(random.mean + offset, summary.mean, look, said, **bar))
    for (method,), rows in panel.printed.group_by("method", maintain_order=True):
        numbers = rows["random_top1"].to_list(), rows["top1_last"].to_list()
        sheet.add(number, published_marks(rows, *numbers, looks[str(method)]))
    finish_panel(sheet, number, reach, ("random", "direct"))


def _in_words(panels: list[Panel]) -> str:
    said = []
    for panel in panels:
        parts = [f"{method_name(arm.method)} {_against(arm)}" for arm in panel.arms]
        parts += [
            f"{method_name(row['method'])} published {row['top1_last']:.2f}% against {row['random_top1']:.2f}%"
            for row in panel.printed.iter_rows(named=True)
        ]
        said.append(f"On {set_name(panel.target)}, searched on {panel.title}: {'; '.join(parts)}.")
    return f"{TITLE}, top-1 accuracy. {' '.join(said)}"


def _against(arm: Arm) -> str:
    summary, random = arm.summary, sample("random sampling", per_search(arm.baseline))
    interval = between(summary.mean_interval(), 1)
    return f"mean {summary.mean:.1f}% of {summary.n}, 95% interval {interval}, against {random.mean:.1f}% of {random.n}"
