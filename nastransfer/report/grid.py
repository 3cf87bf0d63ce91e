"""A figure's panels: one below the other or two side by side, titles above, a legend below.

A `Sheet` gathers plain data and makes the figure once: adding to a plotly figure piece by piece is many times slower.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from nastransfer.report.style import NEUTRAL, TEMPLATE, wrapped

_LEGEND_LINE = 20
_TITLE, _NOTE_LINE, _PANEL_LINE, _BELOW = 36, 20, 17, 58
_PANEL_LETTERS = {1: 32, 2: 21}
_NOTE_LETTERS = 50  # a line of a phone
_TWO_APART = 0.13

Properties = dict[str, Any]


@dataclass(frozen=True)
class Words:
    """A figure's title, the line below it that says how to read it, and its text alternative. Plain text.

    `missing` says of an unfinished study how much is missing: it follows on both.
    """

    title: str
    note: str
    alternative: str
    missing: str = ""


@dataclass
class Sheet:
    """Panels, filled row by row and counted from 1, each with a title: plain text, its first line bold.

    `heights` are those of the rows in pixels; `between` is the room below a row for an axis with its title; `raised`
    lifts each panel's title above what lies on top of it, such as a second axis. `keys` are the legend's entries.
    """

    words: Words
    titles: Sequence[str]
    heights: Sequence[int]
    keys: Sequence[Properties] = ()
    columns: int = 1
    between: int = 62
    raised: Sequence[int] = ()
    _data: list[Properties] = field(default_factory=list, init=False)
    _layout: Properties = field(default_factory=lambda: {"annotations": [], "shapes": []}, init=False)

    def __post_init__(self) -> None:
        lifts = self.raised or [0] * len(self.titles)
        said = [_panel_title(title, _PANEL_LETTERS[self.columns]) for title in self.titles]
        lines = max(text.count("<br>") + 1 for text in said)
        room = self.between + max(lifts) + _PANEL_LINE * lines
        plot = sum(self.heights) + room * (len(self.heights) - 1)
        note = wrapped(f"{self.words.note} {self.words.missing}", _NOTE_LETTERS)
        above = (
            _TITLE + max(lifts) + _PANEL_LINE * lines + (_NOTE_LINE * (note.count("<br>") + 1) if note else 0)
        )
        self._layout |= {
            "template": TEMPLATE,
            "height": above + plot + _BELOW + _LEGEND_LINE * len(self.keys),
            "margin": {"t": above},
            "meta": {"alt": f"{self.words.alternative} {self.words.missing}".strip()},
            "title": _title(html.escape(self.words.title), note),
            "showlegend": bool(self.keys),
        }
        tops = [1 - (sum(self.heights[:row]) + room * row) / plot for row in range(len(self.heights))]
        for number, (text, lift) in enumerate(zip(said, lifts, strict=True), 1):
            row, column = divmod(number - 1, self.columns)
            width = 1 if self.columns == 1 else (1 - _TWO_APART) / 2
            left = column * (width + _TWO_APART)
            bottom = max(tops[row] - self.heights[row] / plot, 0.0)
            self.axis("x", number, domain=[left, left + width], anchor=axis_name("y", number))
            self.axis("y", number, domain=[bottom, tops[row]], anchor=axis_name("x", number))
            self.note(number, text, 0, 1, "bottom", yshift=3 + lift, font={"size": 12})

    def add(self, number: int, trace: Properties) -> None:
        """A trace into a panel; entries of the legend are apart."""
        axes = {f"{axis}axis": axis_name(axis, number) for axis in "xy"}
        self._data.append({**axes, **trace, "showlegend": False})

    def axis(self, axis: str, number: int, **properties: Any) -> None:
        """Properties of the axis `axis` (x or y) of a panel."""
        name = f"{axis}axis{'' if number == 1 else number}"
        self._layout[name] = self._layout.get(name, {}) | properties

    def rows(self, number: int, labels: Sequence[str]) -> None:
        """A panel's y axis as rows from 0 on, the first one at the top, with labels (escaped, in lines)."""
        ticks = {"tickvals": list(range(len(labels))), "ticktext": list(labels)}
        self.axis("y", number, **ticks, range=[len(labels) - 0.5, -0.5], showgrid=False, ticklabelstandoff=4)

    def line(self, number: int, start: tuple[Any, Any], end: tuple[Any, Any], **look: Any) -> None:
        """A line below a panel's traces; None as a coordinate is the panel's edge."""
        shape: Properties = {
            "type": "line",
            "layer": "below",
            "line": {"color": NEUTRAL, "width": 1.5, **look},
        }
        for place, axis in enumerate("xy"):
            edge = start[place] is None
            shape[f"{axis}ref"] = axis_name(axis, number) + (" domain" if edge else "")
            shape |= {f"{axis}0": 0 if edge else start[place], f"{axis}1": 1 if edge else end[place]}
        self._layout["shapes"].append(shape)

    def note(self, number: int, text: str, x: float, y: float, yanchor: str, **look: Any) -> None:
        """Words (escaped) at a place of a panel, in shares of its width and height."""
        where = {f"{axis}ref": f"{axis_name(axis, number)} domain" for axis in "xy"}
        xanchor = "left" if x < 0.5 else "right"
        place = {"x": x, "y": y, "xanchor": xanchor, "yanchor": yanchor, "align": xanchor, "showarrow": False}
        self._layout["annotations"].append({"text": text, **where, **place, **look})

    def figure(self) -> go.Figure:
        """The figure of all that was added."""
        return go.Figure(data=[*self.keys, *self._data], layout=self._layout)


def axis_name(axis: str, number: int) -> str:
    """How plotly calls the axis `axis` (x or y) of panel `number` (from 1) in traces."""
    return axis if number == 1 else f"{axis}{number}"


def _panel_title(title: str, letters: int) -> str:
    first, *others = (wrapped(line, letters) for line in title.splitlines())
    return "<br>".join([f"<b>{first}</b>", *others])


def _title(title: str, note: str) -> Properties:
    below = f"<br><span style='font-size:12px'>{note}</span>" if note else ""
    return {"text": f"{title}{below}", "yref": "container", "y": 1, "yanchor": "top", "pad": {"t": 24}}
