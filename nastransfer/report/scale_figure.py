"""Hours of a study against devices: searches end where one of them cannot be cut, trainings go on getting shorter."""

from __future__ import annotations

import html

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.grid import Properties, Sheet, Words
from nastransfer.report.marks import key, line_key, log_axis
from nastransfer.report.names import set_name
from nastransfer.report.scale_table import hours_text
from nastransfer.report.style import COLOURS, Look, empty_figure, target_looks

TITLE = "Hours against devices"
NOTE = (
    "Solid: final trainings, spread over all devices. Dashed: searches, one device each. A colour a data set."
)
NOTHING = "No hours to draw: no rate is known, neither measured here nor stated."
FIGURE_DEVICES = (1, 2, 4, 8, 16, 32, 64, 96)
_PANEL_PIXELS = 320
_DASHES = {"augment": "solid", "search": "dash"}
_SAID = {"augment": "trainings", "search": "searches"}


def scale_figure(timed: pl.DataFrame) -> go.Figure:
    """A panel a rate, a line a kind and data set, both axes logarithmic; `timed`: from `scale.hours` by data set."""
    known = timed.drop_nulls(["kind", "on", "hours"]).filter(pl.col("hours") > 0)
    if known.is_empty():
        return empty_figure(NOTHING, TITLE)
    looks = _looks(known["on"].unique().sort().to_list())
    rates = known["rate"].unique(maintain_order=True).to_list()
    sheet = Sheet(
        Words(TITLE, NOTE, _in_words(timed, rates)),
        rates,
        [_PANEL_PIXELS] * len(rates),
        _keys(known, looks),
    )
    for number, rate in enumerate(rates, 1):
        panel = known.filter(rate=rate)
        for (kind, on), line in panel.group_by("kind", "on", maintain_order=True):
            sheet.add(number, _line(line.sort("devices"), str(kind), str(on), looks[str(on)]))
        sheet.axis("x", number, title={"text": "devices"}, **_devices(panel))
        sheet.axis("y", number, title={"text": "hours"}, **log_axis(panel["hours"]))
    return sheet.figure()


def _looks(names: list[str]) -> dict[str, Look]:
    """Targets' symbols in colours that hold on white and on dark pages, as lines must; no method is drawn beside."""
    symbols = target_looks(names).values()
    return {
        name: Look(COLOURS[place % len(COLOURS)], look.symbol)
        for place, (name, look) in enumerate(zip(names, symbols, strict=True))
    }


def _devices(panel: pl.DataFrame) -> Properties:
    """The axis of devices, marked at the numbers that there are hours of."""
    marks = panel["devices"].unique().sort().to_list()
    return {**log_axis(marks), "tickvals": marks, "ticktext": [str(mark) for mark in marks]}


def _keys(known: pl.DataFrame, looks: dict[str, Look]) -> list[Properties]:
    kinds = [kind for kind in _DASHES if kind in known["kind"]]
    lines = [line_key(_SAID[kind], dash=_DASHES[kind]) for kind in kinds]
    return [*(key(set_name(name), look) for name, look in looks.items()), *lines]


def _line(line: pl.DataFrame, kind: str, on: str, look: Look) -> Properties:
    said = [
        f"<b>{html.escape(set_name(on))}</b><br>{row['tasks']:,} {_SAID[kind]}, devices: {row['devices']}, hours: "
        f"{hours_text(row['hours'])}"
        for row in line.iter_rows(named=True)
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": line["devices"].to_list(),
        "y": line["hours"].to_list(),
        "line": {"color": look.colour, "width": 2, "dash": _DASHES[kind]},
        "marker": {"color": look.colour, "symbol": look.symbol, "size": 8},
        "text": said,
        "hovertemplate": "%{text}<extra></extra>",
    }


def _in_words(timed: pl.DataFrame, rates: list[str]) -> str:
    """What each kind takes in all, at the fewest and the most devices."""
    said = []
    for rate in rates:
        for kind, name in _SAID.items():
            whole = (
                timed.filter(pl.col("on").is_null(), rate=rate, kind=kind).drop_nulls("hours").sort("devices")
            )
            if not whole.is_empty():
                first, last = whole.row(0, named=True), whole.row(-1, named=True)
                ends = (f"{hours_text(row['hours'])} on {row['devices']}" for row in (first, last))
                said.append(f"{rate}: {name} in hours {', '.join(ends)}")
    return f"{TITLE}. {'; '.join(said)}."
