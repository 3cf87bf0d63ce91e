"""The panels of the transfer figure: one for each target and pair of sources, in it a cross of runs for each method.

Searches on two sets have no natural partners, so no run is paired with another: a method's transfer runs stand above
and below its two means, its direct runs to their left and right. Random sampling lies on the diagonal.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field, replace
from typing import Any

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.arms import Arm, arms, baselines, published_accuracies
from nastransfer.report.marks import axis_range, dots, error_bars, published_marks
from nastransfer.report.names import RANDOM, method_name, source_name
from nastransfer.report.style import NEUTRAL, darker, wrapped

_PAIR = ("study", "target", "method", "preset")


@dataclass(frozen=True)
class Crossing:
    """Transfer against direct search on one target: `pairs` (transfer, direct) of arms, and `printed` numbers.

    `transfer` and `direct` name what was searched on. `printed` has the column `direct_top1` beside `top1_last`.
    """

    target: str
    transfer: str
    direct: str
    printed: pl.DataFrame
    pairs: list[tuple[Arm, Arm]] = field(default_factory=list)
    random: list[Arm] = field(default_factory=list)

    @property
    def methods(self) -> list[str]:
        return [*(transfer.method for transfer, _ in self.pairs), *self.printed["method"]]


def crossings(frame: pl.DataFrame) -> list[Crossing]:
    """Every transfer source against every direct one that a method shares with it, by target."""
    printed = _printed_pairs(published_accuracies(frame))
    found = {}
    for (target, transfer, direct), rows in printed.group_by(
        "target", "from", "direct_from", maintain_order=True
    ):
        found[target, transfer, direct] = Crossing(str(target), str(transfer), str(direct), rows)
    own, random = arms(frame), baselines(frame)
    for transfer in own:
        for direct in own:
            if (
                transfer.direct
                or not direct.direct
                or any(getattr(transfer, n) != getattr(direct, n) for n in _PAIR)
            ):
                continue
            place = (transfer.target, transfer.origin, direct.origin)
            crossing = found.setdefault(place, Crossing(*place, printed.clear()))
            crossing.pairs.append((transfer, direct))
    filled = [
        replace(one, random=[arm for arm in random if arm.target == one.target]) for one in found.values()
    ]
    return sorted(filled, key=lambda one: (one.target, one.transfer, one.direct))


def _printed_pairs(printed: pl.DataFrame) -> pl.DataFrame:
    """Published transfer accuracies with the direct ones of the same table, method and augment seed.

    Columns besides the frame's: `direct_top1`, and in words `from` and `direct_from`. Random sampling of the same table
    is its own partner.
    """
    origin = pl.struct("source", "selection").map_elements(
        lambda row: source_name(**row), return_dtype=pl.String
    )
    named = printed.with_columns(origin.alias("from"))
    searched = named.filter(pl.col("source").is_not_null())
    renamed = {"top1_last": "direct_top1", "from": "direct_from"}
    direct = searched.filter(pl.col("source") == pl.col("target")).rename(renamed)
    same = ["run", "target", "method", "augment_seed"]
    transfer = searched.filter(pl.col("source") != pl.col("target"))
    pairs = transfer.join(direct.select(*same, *renamed.values()), on=same)
    panels = pairs.select("run", "target", "from", "direct_from").unique(maintain_order=True)
    random = named.filter(method=RANDOM).drop("from").join(panels, on=["run", "target"])
    return pl.concat([pairs, random.with_columns(direct_top1="top1_last").select(pairs.columns)])


def draw_crossing(figure: go.Figure, place: int, crossing: Crossing, colours: dict[str, str]) -> None:
    """Draw into subplot `place` (from 1)."""
    values = [*crossing.printed["top1_last"], *crossing.printed["direct_top1"]]
    for arm in crossing.random:
        top1 = arm.runs["top1_last"].to_list()
        values += top1
        _add(
            figure,
            place,
            dots(arm.runs, top1, top1, NEUTRAL, symbol="x-thin", line={"width": 1.5, "color": NEUTRAL}),
        )
    for transfer, direct in crossing.pairs:
        colour, x, y = colours[transfer.method], direct.summary.mean, transfer.summary.mean
        up, along = transfer.runs["top1_last"].to_list(), direct.runs["top1_last"].to_list()
        values += [*up, *along]
        hollow = {"symbol": "circle-open", "size": 8, "color": darker(colour), "line": {"width": 1.5}}
        _add(figure, place, dots(direct.runs, along, [y] * len(along), colour, **hollow))
        _add(figure, place, dots(transfer.runs, [x] * len(up), up, colour, size=8))
        _add(figure, place, _means(transfer, direct, colour))
    for (method,), rows in crossing.printed.group_by("method", maintain_order=True):
        places = rows["direct_top1"].to_list(), rows["top1_last"].to_list()
        _add(figure, place, published_marks(rows, *places, colours[str(method)]))
    low, high = axis_range(values)
    line = {"color": NEUTRAL, "width": 1.5, "dash": "dash"}
    figure.add_shape(
        type="line", x0=low, y0=low, x1=high, y1=high, line=line, layer="below", row=place, col=1
    )
    for axis, name, origin in (("x", "direct", crossing.direct), ("y", "transfer", crossing.transfer)):
        title = wrapped(f"{name}: from {origin}, top-1, %", 32)
        figure.update_layout({f"{axis}axis{place}": {"title_text": title, "range": [low, high]}})
    corner = {"showarrow": False, "xref": "x domain", "yref": "y domain", "row": place, "col": 1}
    figure.add_annotation(text="transfer better", x=0.02, y=0.98, xanchor="left", yanchor="top", **corner)
    figure.add_annotation(text="direct better", x=0.98, y=0.02, xanchor="right", yanchor="bottom", **corner)


def _means(transfer: Arm, direct: Arm, colour: str) -> dict[str, Any]:
    said = [f"<b>{html.escape(method_name(transfer.method))}</b>"]
    for name, arm in (("transfer", transfer), ("direct", direct)):
        ends = arm.summary.mean_interval()
        interval = "no interval" if ends is None else f"95% interval {ends[0]:.2f} to {ends[1]:.2f}"
        said.append(f"{name}: mean {arm.summary.mean:.2f}%, n = {arm.summary.n}, {interval}")
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [direct.summary.mean],
        "y": [transfer.summary.mean],
        "marker": {
            "symbol": "diamond",
            "size": 12,
            "color": colour,
            "line": {"width": 1, "color": darker(colour)},
        },
        "text": ["<br>".join(said)],
        "hovertemplate": "%{text}<extra></extra>",
        **error_bars("x", direct.summary, darker(colour)),
        **error_bars("y", transfer.summary, darker(colour)),
    }


def _add(figure: go.Figure, place: int, trace: dict[str, Any]) -> None:
    figure.add_trace({**trace, "showlegend": False}, row=place, col=1)
