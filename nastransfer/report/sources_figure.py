"""Figure 1 of the paper: how well what was found on each source set does on each target, a mark for each method."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.arms import Arm, arms
from nastransfer.report.effect import improvement, random_mean
from nastransfer.report.gaps import still_missing
from nastransfer.report.grid import Properties, Sheet, Words
from nastransfer.report.marks import (
    PERCENT,
    axis_range,
    between,
    dodge,
    dots,
    ends_of,
    how_many,
    interval_bar,
    key,
    line_key,
    mean_mark,
    published_key,
    published_marks,
    summary_words,
    with_hover,
)
from nastransfer.report.names import RANDOM, method_name, set_name
from nastransfer.report.printed import by_arm
from nastransfer.report.style import Look, empty_figure, method_looks, wrapped
from nastransfer.stats.improvement import RelativeImprovement

TITLE = "Transfer by source set"
NOTE = "Large: mean of a method's searches with its 95% interval; small: one run."
NOTHING = (
    "No transfer yet: the first mark appears when what was found on one data set has been trained on another."
)

_METHOD_PIXELS, _ROW_PIXELS, _LINE_PIXELS = 22, 14, 17
_LABEL_LETTERS = 18
_RI, _TOP1 = "ri_percent", "top1_last"


@dataclass(frozen=True)
class Transfer:
    """What one method found on one source set, on one target: runs of the study, numbers from print, or both."""

    source: str
    method: str
    arm: Arm | None
    printed: pl.DataFrame

    @cached_property
    def random_mean(self) -> float | None:
        """Mean top-1 of the random runs to compare with; None without any."""
        return None if self.arm is None else random_mean(self.arm)

    @cached_property
    def improvement(self) -> RelativeImprovement | None:
        """RI over those random runs."""
        return None if self.arm is None else improvement(self.arm)


@dataclass(frozen=True)
class Panel:
    """A target's transfers; `quantity` is ri_percent, or top1_last where random sampling is missing."""

    target: str
    quantity: str
    transfers: list[Transfer]

    @property
    def title(self) -> str:
        """Target, and how many searches and random genotypes a mark rests on."""
        own = [transfer.arm for transfer in self.transfers if transfer.arm is not None]
        counts = [len(arm.accuracies) for arm in own], [len(arm.random_accuracies) for arm in own]
        return f"to {set_name(self.target)}\n{how_many(*counts)}"

    @property
    def sources(self) -> list[str]:
        return list(dict.fromkeys(transfer.source for transfer in self.transfers))

    @property
    def methods(self) -> list[str]:
        return sorted({transfer.method for transfer in self.transfers})


def transfer_by_source(frame: pl.DataFrame) -> go.Figure:
    """RI of every method by source set, for each target that something was transferred to (Figure 1).

    Searches on the target itself or a proxy of it are left out. Where a target has no random runs, top-1 is drawn
    instead. `ValueError` as `arms.trainings` says.
    """
    panels = transfer_panels(frame)
    if not panels:
        return empty_figure(NOTHING, TITLE)
    looks = method_looks(transfer.method for panel in panels for transfer in panel.transfers)
    words = Words(TITLE, NOTE, _in_words(panels), still_missing(frame))
    heights = [_row_pixels(panel) * len(panel.sources) for panel in panels]
    sheet = Sheet(words, [panel.title for panel in panels], heights, _keys(panels, looks))
    for number, panel in enumerate(panels, 1):
        _draw(sheet, number, panel, looks)
    return sheet.figure()


def transfer_panels(frame: pl.DataFrame) -> list[Panel]:
    """Targets with own transfers first, then those that only papers have; a target's sources in the order of names."""
    own = [arm for arm in arms(with_hover(frame)) if not arm.direct]
    printed = frame.filter(pl.col("origin") == "published", pl.col("source") != pl.col("target"))
    targets = list(dict.fromkeys([*(arm.target for arm in own), *sorted(set(printed["target"]))]))
    panels = []
    for target in targets:
        here = [arm for arm in own if arm.target == target]
        numbers = printed.filter(target=target)
        known = any(not arm.baseline.is_empty() for arm in here) if here else numbers[_RI].count() > 0
        quantity = _RI if known else _TOP1
        numbers = numbers.filter(pl.col(quantity).is_not_null(), pl.col("feeds").ne_missing("table 4"))
        transfers = _transfers(here, numbers)
        panels += [Panel(target, quantity, transfers)] if transfers else []
    return panels


def _transfers(own: list[Arm], printed: pl.DataFrame) -> list[Transfer]:
    several = len({arm.study for arm in own}) > 1
    found = [
        Transfer(f"{origin} ({arm.study})" if arm and several else str(origin), method, arm, numbers)
        for arm, method, origin, numbers in by_arm(own, printed)
    ]
    return sorted(found, key=lambda transfer: transfer.source)


def _keys(panels: list[Panel], looks: dict[str, Look]) -> list[Properties]:
    keys = [key(method_name(method), look) for method, look in looks.items()]
    if any(panel.quantity == _RI for panel in panels):
        keys.append(line_key(method_name(RANDOM)))
    if any(not transfer.printed.is_empty() for panel in panels for transfer in panel.transfers):
        keys.append(published_key())
    return keys


def _row_pixels(panel: Panel) -> int:
    """Room for a line each method, and for the longest label."""
    lines = max(wrapped(source, _LABEL_LETTERS).count("<br>") + 1 for source in panel.sources)
    return max(_METHOD_PIXELS * len(panel.methods) + _ROW_PIXELS, _LINE_PIXELS * lines + 6)


def _draw(sheet: Sheet, number: int, panel: Panel, looks: dict[str, Look]) -> None:
    count = len(panel.methods)
    offsets = dict(zip(panel.methods, dodge(count, 0.46 * (1 - 1 / count)), strict=True))
    values: list[float] = []
    ends: list[float] = []
    for transfer in panel.transfers:
        at = panel.sources.index(transfer.source) + offsets[transfer.method]
        traces, places, reach = _marks(transfer, panel.quantity, at, looks[transfer.method])
        values += places
        ends += reach
        for trace in traces:
            sheet.add(number, trace)
    relative = panel.quantity == _RI
    if relative:
        sheet.line(number, (0, None), (0, None), width=2)
        values.append(0.0)
    title = "RI over random sampling, %" if relative else "top-1 accuracy, %"
    reach = axis_range(values, ends, limits=None if relative else PERCENT)
    sheet.axis("x", number, title={"text": title}, range=reach)
    sheet.rows(number, [wrapped(source, _LABEL_LETTERS) for source in panel.sources])
    for edge in range(1, len(panel.sources)):
        sheet.line(number, (None, edge - 0.5), (None, edge - 0.5), width=0.5)


def _marks(
    transfer: Transfer, quantity: str, y: float, look: Look
) -> tuple[list[Properties], list[float], list[float]]:
    """A transfer's traces, where they lie, and the ends of its interval."""
    traces: list[Properties] = []
    values: list[float] = []
    ends: tuple[float, ...] = ()
    arm = transfer.arm
    if arm is not None and (quantity == _TOP1 or transfer.random_mean is not None):
        places = [_placed(top1, transfer, quantity) for top1 in arm.runs[_TOP1]]
        summary, found = arm.summary, transfer.improvement
        interval = summary.mean_interval() if found is None else ends_of(found)
        centre = summary.mean if found is None else found.estimate
        said = [arm.label, *summary_words(summary), *arm.notes]
        if found is not None:
            said.insert(1, f"RI {centre:+.2f}%, 95% interval {between(interval, sign='+')}")
        traces += [
            dots(arm.runs, places, [y] * len(places), look, size=6),
            mean_mark(centre, y, look, said, **interval_bar("x", centre, interval, look)),
        ]
        values += places
        ends = interval or ()
    numbers = transfer.printed[quantity].to_list()
    if numbers:
        traces.append(published_marks(transfer.printed, numbers, [y] * len(numbers), look))
    return traces, [*values, *numbers], list(ends)


def _placed(top1: float, transfer: Transfer, quantity: str) -> float:
    if quantity == _TOP1 or transfer.random_mean is None:
        return top1
    return 100 * (top1 / transfer.random_mean - 1)


def _in_words(panels: list[Panel]) -> str:
    said = []
    for panel in panels:
        parts = [
            f"{transfer.source}, {method_name(transfer.method)} {_value(transfer, panel.quantity)}"
            for transfer in panel.transfers
        ]
        name = "RI over random sampling" if panel.quantity == _RI else "top-1 accuracy"
        said.append(f"To {set_name(panel.target)}, {name}: {'; '.join(parts)}.")
    return f"{TITLE}. {' '.join(said)}"


def _value(transfer: Transfer, quantity: str) -> str:
    parts = []
    if transfer.improvement is not None:
        found = transfer.improvement
        parts.append(
            f"{found.estimate:+.1f}% of {found.n_method}, 95% interval {between(ends_of(found), 1, '+')}"
        )
    elif transfer.arm is not None:
        summary = transfer.arm.summary
        parts.append(f"mean {summary.mean:.1f}% of {summary.n}")
    sign = "+" if quantity == _RI else ""
    parts += [f"published {number:{sign}.2f}%" for number in transfer.printed[quantity]]
    return ", ".join(parts)
