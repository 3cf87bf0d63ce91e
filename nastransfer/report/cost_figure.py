"""Search cost against top-1: what a better network costs to find, and which methods and sources are worth it."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.arms import Arm, arms, baselines
from nastransfer.report.gaps import still_missing
from nastransfer.report.grid import Properties, Sheet, Words
from nastransfer.report.marks import (
    axis_range,
    between,
    dots,
    how_many,
    interval_bar,
    key,
    line_key,
    log_axis,
    mean_mark,
    summary_words,
    with_hover,
)
from nastransfer.report.names import method_name, set_name
from nastransfer.report.style import NEUTRAL, Look, empty_figure, method_looks

TITLE = "Search cost against top-1 accuracy"
NOTE = "Small: a run, at its search's cost. Large: means, 95% interval. Line: Pareto front of the means."
NOTHING = "Nothing to draw yet: it takes finished searches with their cost, and trainings of what they found."

_SEARCH = ("study", "method", "preset", "source", "selection", "search_seed")
_OWN_SEARCH = (pl.col("kind") == "search") & pl.col("origin").is_in(["own", "linked"])
_PANEL_PIXELS = 260
_MACS, _SECONDS = "search_macs", "seconds"


@dataclass(frozen=True)
class Priced:
    """An arm, its runs with the `cost` of their searches (runs without one are left out), and the mean."""

    arm: Arm
    runs: pl.DataFrame
    cost: float


@dataclass(frozen=True)
class Panel:
    """Priced arms of one target of one study, and its random sampling."""

    target: str
    study: str | None
    priced: list[Priced]
    random: Arm | None

    @property
    def title(self) -> str:
        """Target, and study where several are shown."""
        return f"on {set_name(self.target)}{f', {self.study}' if self.study else ''}"

    @property
    def counts(self) -> str:
        """How many searches and random genotypes the means rest on."""
        random = [] if self.random is None else [len(self.random.accuracies)]
        return how_many([len(one.arm.accuracies) for one in self.priced], random)

    @property
    def front(self) -> list[Priced]:
        """Arms that no cheaper one reaches, by rising cost; random sampling costs nothing and comes before all."""
        best = self.random.summary.mean if self.random is not None else -1.0
        front = []
        for one in sorted(self.priced, key=lambda one: (one.cost, -one.arm.summary.mean)):
            if one.arm.summary.mean > best:
                best = one.arm.summary.mean
                front.append(one)
        return front


def search_cost(frame: pl.DataFrame) -> go.Figure:
    """Top-1 on each target against the multiply-adds of the searches; their wall time where none were counted.

    The front is one of means: of single runs it would be one of lucky runs. `ValueError` as `arms.trainings` says.
    """
    measure = _MACS if frame.filter(_OWN_SEARCH)[_MACS].count() else _SECONDS
    panels = cost_panels(frame, measure)
    if not panels:
        return empty_figure(NOTHING, TITLE)
    looks = method_looks(one.arm.method for panel in panels for one in panel.priced)
    words = Words(TITLE, NOTE, _in_words(panels, measure), still_missing(frame))
    heights = [_PANEL_PIXELS] * len(panels)
    titles = [f"{panel.title}\n{panel.counts}" for panel in panels]
    sheet = Sheet(words, titles, heights, _keys(panels, looks))
    for number, panel in enumerate(panels, 1):
        _draw(sheet, number, panel, looks, measure)
    return sheet.figure()


def cost_panels(frame: pl.DataFrame, measure: str) -> list[Panel]:
    """A panel for each target and study; `measure` is the frame's column that a search costs: seconds, search_macs."""
    costs = frame.filter(_OWN_SEARCH, pl.col(measure) > 0).unique(_SEARCH, keep="first", maintain_order=True)
    costs = costs.select(*_SEARCH, cost=pl.col(measure).cast(pl.Float64))
    frame = with_hover(frame)
    random = {(arm.target, arm.study): arm for arm in baselines(frame)}
    found: dict[tuple[str, str], list[Priced]] = {}
    for arm in arms(frame):
        runs = arm.runs.join(costs, on=_SEARCH, nulls_equal=True, maintain_order="left")
        if not runs.is_empty():
            mean = float(runs.unique("search_seed")["cost"].to_numpy().mean())
            found.setdefault((arm.target, arm.study), []).append(Priced(arm, runs, mean))
    several = len({study for _, study in found}) > 1
    return [
        Panel(target, study if several else None, priced, random.get((target, study)))
        for (target, study), priced in sorted(found.items())
    ]


def _keys(panels: list[Panel], looks: dict[str, Look]) -> list[Properties]:
    keys = [key(method_name(method), look) for method, look in looks.items()]
    lines = (
        {"random sampling, which searches nothing": "dot"} if any(panel.random for panel in panels) else {}
    )
    lines["Pareto front"] = "solid"
    return [*keys, *(line_key(name, dash=dash) for name, dash in lines.items())]


def _draw(sheet: Sheet, number: int, panel: Panel, looks: dict[str, Look], measure: str) -> None:
    values: list[float] = []
    ends: list[float] = []
    costs = [cost for one in panel.priced for cost in one.runs["cost"]]
    sheet.add(number, _staircase(panel, 10 * max(costs)))
    for one in panel.priced:
        top1 = one.runs["top1_last"].to_list()
        values += top1
        sheet.add(number, dots(one.runs, one.runs["cost"].to_list(), top1, looks[one.arm.method], size=6))
    for one in panel.priced:
        summary, look = one.arm.summary, looks[one.arm.method]
        interval = summary.mean_interval()
        ends += interval or ()
        said = [one.arm.label, *summary_words(summary), f"a search: {_amount(one.cost, measure)}"]
        sheet.add(
            number,
            mean_mark(one.cost, summary.mean, look, said, **interval_bar("y", summary.mean, interval, look)),
        )
    if panel.random is not None:
        mean = panel.random.summary.mean
        values.append(mean)
        sheet.line(number, (None, mean), (None, mean), dash="dot", width=2)
    name = "multiply-adds of a search" if measure == _MACS else "seconds of a search"
    sheet.axis("x", number, title={"text": name}, **log_axis(costs))
    sheet.axis("y", number, title={"text": "top-1 accuracy, %"}, range=axis_range(values, ends))


def _staircase(panel: Panel, farthest: float) -> Properties:
    """The front as steps: what is reached for a given cost."""
    x = [one.cost for one in panel.front]
    y = [one.arm.summary.mean for one in panel.front]
    line = {"color": NEUTRAL, "width": 2, "shape": "hv"}
    steps = {"x": [*x, farthest], "y": [*y, *y[-1:]]} if x else {"x": [None], "y": [None]}
    return {"type": "scatter", "mode": "lines", **steps, "line": line, "hoverinfo": "skip"}


def _amount(cost: float, measure: str) -> str:
    if measure == _MACS:
        return f"{cost:.2g} multiply-adds"
    return f"{cost / 3600:.2g} hours" if cost >= 3600 else f"{cost:.0f} seconds"


def _in_words(panels: list[Panel], measure: str) -> str:
    said = []
    for panel in panels:
        front = [
            f"{one.arm.label}: {_amount(one.cost, measure)}, mean {one.arm.summary.mean:.1f}% of {one.arm.summary.n}, "
            f"95% interval {between(one.arm.summary.mean_interval(), 1)}"
            for one in panel.front
        ]
        shown = "; ".join(front) if front else "none is better than random sampling"
        random = "" if panel.random is None else f" Random sampling: mean {panel.random.summary.mean:.1f}%."
        said.append(
            f"Pareto front {panel.title}, of {len(panel.priced)} methods and sources: {shown}.{random}"
        )
    return f"{TITLE}. {' '.join(said)}"
