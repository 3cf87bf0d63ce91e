"""Figure 3 of the paper: transfer against the best direct search on the target or a proxy of it, with the diagonal.

Searches on two sets have no natural partners, so no run is paired with another: a method's transfer runs stand above
and below its two means, its direct runs to their left and right. Random sampling lies on the diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.arms import Arm, arms, baselines, published_accuracies
from nastransfer.report.diagonal import diagonal_sheet, finish_panel
from nastransfer.report.gaps import still_missing
from nastransfer.report.grid import Sheet, Words
from nastransfer.report.marks import (
    axis_range,
    between,
    dots,
    how_many,
    interval_bar,
    key,
    mean_mark,
    published_key,
    published_marks,
    summary_words,
    with_hover,
)
from nastransfer.report.names import RANDOM, method_name, set_name
from nastransfer.report.printed import beside_every_origin, by_origin, with_origin
from nastransfer.report.style import NEUTRAL, Look, darker, empty_figure, method_looks
from nastransfer.stats.estimate import Estimate
from nastransfer.stats.selection import winners_curse

TITLE = "Transfer against the best direct search"
NOTE = "Large: both means, 95% intervals. Transfer runs lie above and below, hollow direct runs beside."
CAVEAT = "Winner's curse: the best direct search was picked by these very runs, so its mean is too high."
NOTHING = (
    "Nothing to compare yet: one method needs finished trainings both from another data set (transfer) and from the "
    "target itself or a proxy of it (direct)."
)

_SPLITS = 200
_SAME = ("study", "target", "method", "preset")


@dataclass(frozen=True)
class Crossing:
    """A method's transfer from one source beside its best direct search on the same target, out of `choices` many.

    `honest` is what the best one has where half of the runs choose it and the other half score it.
    """

    transfer: Arm
    direct: Arm
    choices: int
    honest: Estimate | None


@dataclass(frozen=True)
class Panel:
    """Transfer from one source to one target; `printed` has the column `direct_top1`."""

    target: str
    source: str
    crossings: list[Crossing]
    random: list[Arm]
    printed: pl.DataFrame

    @property
    def title(self) -> str:
        """From where to where."""
        return f"{self.source}\nto {set_name(self.target)}"

    @property
    def counts(self) -> str:
        """How many searches the means of both sides rest on."""
        own = [len(one.transfer.accuracies) for one in self.crossings]
        return how_many(own, [len(one.direct.accuracies) for one in self.crossings], "direct")

    @property
    def methods(self) -> list[str]:
        return [*(one.transfer.method for one in self.crossings), *self.printed["method"]]


def transfer_versus_direct(frame: pl.DataFrame) -> go.Figure:
    """Top-1 of transfer against each method's best direct search, a panel for each target and source (Figure 3).

    The best is the one of the highest mean. `ValueError` as `arms.trainings` says.
    """
    panels = transfer_panels(frame)
    if not panels:
        return empty_figure(NOTHING, TITLE)
    looks = method_looks(method for panel in panels for method in panel.methods)
    chosen = any(one.choices > 1 for panel in panels for one in panel.crossings)
    note = f"{NOTE} {CAVEAT}" if chosen else NOTE
    words = Words(TITLE, note, _in_words(panels, chosen), still_missing(frame))
    titles = [f"{panel.title}\n{panel.counts}" for panel in panels]
    sheet = diagonal_sheet(words, titles, _keys(panels, looks))
    reaches = {
        panel.target: _reach([one for one in panels if one.target == panel.target]) for panel in panels
    }
    for number, panel in enumerate(panels, 1):
        _draw(sheet, number, panel, looks, reaches[panel.target])
    return sheet.figure()


def transfer_panels(frame: pl.DataFrame) -> list[Panel]:
    """By target and source; published pairs join the first study's panel of the same source."""
    frame = with_hover(frame)
    own = arms(frame)
    random: dict[tuple[str, str | None], list[Arm]] = {
        (arm.target, arm.study): [arm] for arm in baselines(frame)
    }
    printed = _printed_pairs(published_accuracies(frame))
    best = _best_direct(own)
    found: dict[tuple[str, str, str], list[Crossing]] = {}
    for arm in own:
        choice = best.get(tuple(getattr(arm, name) for name in _SAME))
        if choice is not None and not arm.direct:
            found.setdefault((arm.target, arm.origin, arm.study), []).append(Crossing(arm, *choice))
    return [
        Panel(target, source, crossings, random.get((target, study), []), rows)
        for target, source, study, crossings, rows in by_origin(found, printed)
    ]


def _best_direct(own: list[Arm]) -> dict[tuple[Any, ...], tuple[Arm, int, Estimate | None]]:
    """By study, target, method and preset: the direct arm of the highest mean, out of how many, and an honest score."""
    direct: dict[tuple[Any, ...], list[Arm]] = {}
    for arm in own:
        if arm.direct:
            direct.setdefault(tuple(getattr(arm, name) for name in _SAME), []).append(arm)
    found = {}
    for same, group in direct.items():
        best = max(group, key=lambda arm: arm.summary.mean)
        choices = {arm.origin: arm.accuracies for arm in group}
        honest = winners_curse(choices, splits=_SPLITS).honest if len(group) > 1 else None
        found[same] = (best, len(group), honest)
    return found


def _printed_pairs(printed: pl.DataFrame) -> pl.DataFrame:
    """Published transfer accuracies with `direct_top1`: the best direct one of the same table, method and augment seed.

    Random sampling of the same table is its own partner.
    """
    same = ["run", "target", "method", "augment_seed"]
    named = with_origin(printed)
    direct = named.filter(pl.col("source") == pl.col("target")).group_by(same)
    pairs = named.filter(pl.col("source") != pl.col("target"))
    pairs = pairs.join(direct.agg(direct_top1=pl.col("top1_last").max()), on=same, maintain_order="left")
    random = named.filter(method=RANDOM).with_columns(direct_top1="top1_last")
    return beside_every_origin(pl.concat([pairs, random]))


def _keys(panels: list[Panel], looks: dict[str, Look]) -> list[dict[str, Any]]:
    keys = [key(method_name(method), look) for method, look in looks.items() if method != RANDOM]
    if any(panel.random for panel in panels) or RANDOM in looks:
        keys.append(key(method_name(RANDOM), method_looks([RANDOM])[RANDOM]))
    if any(not panel.printed.is_empty() for panel in panels):
        keys.append(published_key())
    return keys


def _reach(panels: list[Panel]) -> list[float]:
    """Range of both axes, the same in all panels of a target."""
    values: list[float] = []
    ends: list[float] = []
    for panel in panels:
        values += [*panel.printed["top1_last"], *panel.printed["direct_top1"]]
        own = [arm for one in panel.crossings for arm in (one.transfer, one.direct)]
        values += [top1 for arm in [*own, *panel.random] for top1 in arm.runs["top1_last"]]
        ends += [end for arm in own for end in arm.summary.mean_interval() or ()]
    return axis_range(values, ends)


def _draw(sheet: Sheet, number: int, panel: Panel, looks: dict[str, Look], reach: list[float]) -> None:
    for arm in panel.random:
        top1 = arm.runs["top1_last"].to_list()
        look = method_looks([RANDOM])[RANDOM]
        sheet.add(number, dots(arm.runs, top1, top1, look, size=5, color=NEUTRAL))
    for one in panel.crossings:
        look = looks[one.transfer.method]
        x, y = one.direct.summary.mean, one.transfer.summary.mean
        up, along = one.transfer.runs["top1_last"].to_list(), one.direct.runs["top1_last"].to_list()
        hollow = {"size": 5, "symbol": look.hollow, "color": darker(look.colour), "line": {"width": 1}}
        sheet.add(number, dots(one.direct.runs, along, [y] * len(along), look, **hollow))
        sheet.add(number, dots(one.transfer.runs, [x] * len(up), up, look, size=5))
    for one in panel.crossings:
        sheet.add(number, _means(one, looks[one.transfer.method]))
    for (method,), rows in panel.printed.group_by("method", maintain_order=True):
        places = rows["direct_top1"].to_list(), rows["top1_last"].to_list()
        sheet.add(number, published_marks(rows, *places, looks[str(method)]))
    finish_panel(sheet, number, reach, ("direct", "transfer"))


def _means(one: Crossing, look: Look) -> dict[str, Any]:
    direct, transfer = one.direct.summary, one.transfer.summary
    said = [
        method_name(one.transfer.method),
        f"transfer from {one.transfer.origin}",
        *summary_words(transfer),
    ]
    said += [f"direct on {one.direct.origin}{_choice(one)}", *summary_words(direct)]
    bars = interval_bar("x", direct.mean, direct.mean_interval(), look)
    bars |= interval_bar("y", transfer.mean, transfer.mean_interval(), look)
    return mean_mark(direct.mean, transfer.mean, look, said, **bars)


def _in_words(panels: list[Panel], chosen: bool) -> str:
    said = []
    for panel in panels:
        parts = [_crossing_in_words(one) for one in panel.crossings]
        parts += [
            f"{method_name(row['method'])} published {row['top1_last']:.2f}% against {row['direct_top1']:.2f}%"
            for row in panel.printed.iter_rows(named=True)
        ]
        said.append(f"From {' '.join(panel.title.splitlines())}: {'; '.join(parts)}.")
    return " ".join([f"{TITLE}, top-1 accuracy.", *said, *([CAVEAT] if chosen else [])])


def _choice(one: Crossing) -> str:
    """Out of how many the direct search was picked, and what that is worth without the luck of the pick."""
    if one.choices < 2:
        return ""
    picked = f", best of {one.choices}"
    if one.honest is None or one.honest.estimate is None:
        return picked
    return f"{picked} (chosen on half of its runs, scored on the others: {one.honest.estimate:.1f}%)"


def _crossing_in_words(one: Crossing) -> str:
    sides = {
        "transfer": one.transfer.summary,
        f"direct on {one.direct.origin}{_choice(one)}": one.direct.summary,
    }
    said = [
        f"{name}: mean {side.mean:.1f}% of {side.n}, 95% interval {between(side.mean_interval(), 1)}"
        for name, side in sides.items()
    ]
    return f"{method_name(one.transfer.method)}, {', '.join(said)}"
