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
from nastransfer.report.grid import Sheet, Words
from nastransfer.report.marks import (
    axis_range,
    between,
    dots,
    interval_bar,
    key,
    mean_mark,
    published_marks,
    summary_words,
    with_hover,
)
from nastransfer.report.names import RANDOM, method_name, set_name, source_name
from nastransfer.report.style import NEUTRAL, Look, darker, empty_figure, method_looks

TITLE = "Transfer against the best direct search"
NOTE = "Large: both means, 95% intervals. Transfer runs lie above and below, hollow direct runs beside."
CAVEAT = "Winner's curse: the best direct search was picked by these very runs, so its mean is too high."
NOTHING = (
    "Nothing to compare yet: one method needs finished trainings both from another data set (transfer) and from the "
    "target itself or a proxy of it (direct)."
)

_SAME = ("study", "target", "method", "preset")


@dataclass(frozen=True)
class Crossing:
    """A method's transfer from one source beside its best direct search on the same target, out of `choices` many."""

    transfer: Arm
    direct: Arm
    choices: int


@dataclass(frozen=True)
class Panel:
    """Transfer from one source to one target; `printed` has the columns `direct_top1` and `direct_from`."""

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
    words = Words(TITLE, f"{NOTE} {CAVEAT}" if chosen else NOTE, _in_words(panels, chosen))
    sheet = diagonal_sheet(words, [panel.title for panel in panels], _keys(panels, looks))
    reaches = {
        panel.target: _reach([one for one in panels if one.target == panel.target]) for panel in panels
    }
    for number, panel in enumerate(panels, 1):
        _draw(sheet, number, panel, looks, reaches[panel.target])
    return sheet.figure()


def transfer_panels(frame: pl.DataFrame) -> list[Panel]:
    """By target and source; published pairs join the first study's panel of the same source."""
    frame = with_hover(frame)
    own, random = arms(frame), baselines(frame)
    printed = _printed_pairs(published_accuracies(frame))
    several = len({arm.study for arm in own}) > 1
    best = _best_direct(own)
    found: dict[tuple[str, str, str], list[Crossing]] = {}
    for arm in own:
        choice = best.get(tuple(getattr(arm, name) for name in _SAME))
        if choice is not None and not arm.direct:
            found.setdefault((arm.target, arm.origin, arm.study), []).append(Crossing(arm, *choice))
    panels = []
    for (target, origin, study), crossings in sorted(found.items()):
        here = (pl.col("target") == target) & (pl.col("from") == origin)
        beside = [arm for arm in random if (arm.target, arm.study) == (target, study)]
        source = f"{origin} ({study})" if several else origin
        panels.append(Panel(target, source, crossings, beside, printed.filter(here)))
        printed = printed.filter(~here)
    for (target, origin), rows in printed.group_by("target", "from", maintain_order=True):
        panels.append(Panel(str(target), str(origin), [], [], rows))
    return panels


def _best_direct(own: list[Arm]) -> dict[tuple[Any, ...], tuple[Arm, int]]:
    """By study, target, method and preset: the direct arm of the highest mean, and out of how many."""
    direct: dict[tuple[Any, ...], list[Arm]] = {}
    for arm in own:
        if arm.direct:
            direct.setdefault(tuple(getattr(arm, name) for name in _SAME), []).append(arm)
    return {
        same: (max(group, key=lambda arm: arm.summary.mean), len(group)) for same, group in direct.items()
    }


def _printed_pairs(printed: pl.DataFrame) -> pl.DataFrame:
    """Published transfer accuracies with the best direct one of the same table, method and augment seed.

    Columns besides the frame's: `direct_top1`, and in words `from` and `direct_from`. Random sampling of the same table
    is its own partner.
    """
    origin = pl.struct("source", "selection").map_elements(
        lambda row: source_name(**row), return_dtype=pl.String
    )
    named = printed.with_columns(origin.alias("from"))
    searched = named.filter(pl.col("source").is_not_null())
    renamed = {"top1_last": "direct_top1", "from": "direct_from"}
    same = ["run", "target", "method", "augment_seed"]
    direct = searched.filter(pl.col("source") == pl.col("target")).rename(renamed).sort("direct_top1")
    direct = direct.unique(same, keep="last", maintain_order=True)
    transfer = searched.filter(pl.col("source") != pl.col("target"))
    pairs = transfer.join(direct.select(*same, *renamed.values()), on=same)
    panels = pairs.select("run", "target", "from", "direct_from").unique(maintain_order=True)
    random = named.filter(method=RANDOM).drop("from").join(panels, on=["run", "target"])
    return pl.concat([pairs, random.with_columns(direct_top1="top1_last").select(pairs.columns)])


def _keys(panels: list[Panel], looks: dict[str, Look]) -> list[dict[str, Any]]:
    keys = [key(method_name(method), look) for method, look in looks.items() if method != RANDOM]
    if any(panel.random for panel in panels) or RANDOM in looks:
        keys.append(key(method_name(RANDOM), method_looks([RANDOM])[RANDOM]))
    if any(not panel.printed.is_empty() for panel in panels):
        keys.append(key("hollow: published", symbol="circle-open", line={"width": 2}))
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
    said += [f"direct on {one.direct.origin}, best of {one.choices}", *summary_words(direct)]
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


def _crossing_in_words(one: Crossing) -> str:
    transfer, direct = one.transfer.summary, one.direct.summary
    return (
        f"{method_name(one.transfer.method)} transfer mean {transfer.mean:.1f}% of {transfer.n}, 95% interval "
        f"{between(transfer.mean_interval(), 1)}, direct on {one.direct.origin} {direct.mean:.1f}% of {direct.n}, "
        f"{between(direct.mean_interval(), 1)}"
    )
