"""Table 2 of the paper as a heat map: RI of each method and source (rows) on each target (columns), with intervals.

Own cells are filled, orange below random sampling and blue above it; published ones are outlines, since they have
neither n nor interval.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.colors import sample_colorscale

from nastransfer.report.baselines_table import CHOICES, SAME_SEED, ri_by_baseline
from nastransfer.report.grid import Properties, Sheet, Words, axis_name
from nastransfer.report.marks import between, key
from nastransfer.report.names import method_with, set_name, source_name
from nastransfer.report.style import NEUTRAL, empty_figure, wrapped

TITLE = "RI by method, source and target"
NOTE = "Rows: source. RI over random sampling in percent, its 95% interval, searches behind it (n)."
NOTE_PRINTED = "Rows: source. RI over random sampling in percent, as printed: without n or interval."
DEPENDS = "! : with other random runs to compare with, its sign would be another."
NOTHING = "No RI yet: it takes finished trainings of random genotypes and of what a search found, on the same target."
SCALE = ((0.0, "#B35806"), (0.25, "#F1A340"), (0.5, "#F7F7F7"), (0.75, "#67A9CF"), (1.0, "#2166AC"))
"""Orange below 0, blue above: told apart with any colour vision, and by the signs in print."""

# Targets up to which a phone has room for all figures in two lines of a cell, for an interval in one, and for one at
# all.
_MOST_IN_LINE, _MOST_LEVEL, _MOST_WITH_INTERVALS = 2, 4, 5
_LINE_PIXELS, _ROW_AIR, _LABEL_LETTERS, _LEAST_REACH = 14, 8, 17, 1.0
_BELOW, _BELOW_UPRIGHT = 58, 96
_INK, _PAPER = "#000000", "#FFFFFF"


@dataclass(frozen=True)
class Square:
    """RI of a method and source on a target: the study's own with its interval, printed ones, or both."""

    method: str
    source: str
    target: str
    n: int | None
    ri: float | None
    ends: tuple[float, float] | None
    printed: tuple[float, ...]
    sign_depends: bool = False

    @property
    def level(self) -> float:
        """What its colour says: the own RI, else the mean of those in print."""
        return self.ri if self.ri is not None else sum(self.printed) / len(self.printed)


Rows = dict[str, list[Square]]
"""A panel: the name of each row to its cells."""


def ri_map(frame: pl.DataFrame, baseline: str = SAME_SEED) -> go.Figure:
    """The heat map, a panel for each method, or one where each has a single source or there is a single target.

    `baseline`: one of `baselines_table.CHOICES`.

    `ValueError` for another one, and as `arms.trainings` says.
    """
    if baseline not in CHOICES:
        raise ValueError(f"a baseline of RI is one of {sorted(CHOICES)}, not {baseline!r}")
    found = squares(frame, baseline)
    if not found:
        return empty_figure(NOTHING, TITLE)
    targets = sorted({one.target for one in found})
    panels = _panels(found, targets)
    heights = [_pixels(panel, len(targets)) for panel in panels.values()]
    note = f"{NOTE} Random runs: {CHOICES[baseline]}." if any(one.n for one in found) else NOTE_PRINTED
    note += f" {DEPENDS}" if any(one.sign_depends for one in found) else ""
    keys = [_printed_key()] if any(one.printed for one in found) else []
    sheet = Sheet(
        Words(TITLE, note, _in_words(found)), list(panels), heights, keys, between=_between(targets)
    )
    reach = max(_LEAST_REACH, *(abs(one.level) for one in found))
    for number, panel in enumerate(panels.values(), 1):
        _draw(sheet, number, panel, targets, reach)
    return _with_outlines(sheet.figure(), list(panels.values()), targets, reach)


def squares(frame: pl.DataFrame, baseline: str = SAME_SEED) -> list[Square]:
    """Cells of the map by method, source and target, the study's own methods first.

    Published RI is of the targets that the study has RI on (of all where it has none); it joins the first study's cell.
    """
    own = ri_by_baseline(frame)
    numbers = frame.filter(pl.col("ri_percent").is_not_null(), origin="published")
    if not own.is_empty():  # trainings that rank genotypes on a source make it no target
        numbers = numbers.filter(pl.col("target").is_in(own["target"].unique().to_list()))
    printed: dict[tuple[str, str, str], list[float]] = {}
    for row in numbers.iter_rows(named=True):
        printed.setdefault(_place(row), []).append(row["ri_percent"])
    several = own["study"].n_unique() > 1
    found = []
    for row in own.iter_rows(named=True):
        ri, low, high = (row.get(f"{baseline}_{end}") for end in ("ri", "low", "high"))
        beside = tuple(printed.pop(_place(row), ()))
        if ri is not None or beside:
            ends = None if low is None or high is None else (low, high)
            _, source, target = _place(row)
            method = method_with(row["method"], row["preset"], row["study"] if several else None)
            found.append(
                Square(method, source, target, row["n_method"], ri, ends, beside, row["sign_depends"])
            )
    found += [Square(*place, None, None, None, tuple(numbers)) for place, numbers in printed.items()]
    tried = {one.method for one in found if one.ri is not None}
    return sorted(found, key=lambda one: (one.method not in tried, one.method, one.source, one.target))


def _place(row: dict[str, Any]) -> tuple[str, str, str]:
    """Method, source and target in words, as an own and a published number share them."""
    return method_with(row["method"]), source_name(row["source"], row["selection"]), set_name(row["target"])


def _panels(found: list[Square], targets: list[str]) -> dict[str, Rows]:
    """Title of each panel to its rows."""
    routes = {(one.method, one.source) for one in found}
    together = len(targets) == 1 or len(routes) == len({method for method, _ in routes})
    panels: dict[str, Rows] = {}
    for one in found:
        title, row = (
            ("method and source", f"{one.method}\n{one.source}") if together else (one.method, one.source)
        )
        panels.setdefault(title, {}).setdefault(row, []).append(one)
    return panels


def _pixels(panel: Rows, targets: int) -> int:
    """Height of a panel: rows with room for the fullest of its cells and the longest of their names."""
    lines = [_figures(one, targets).count("<br>") + 1 for row in panel.values() for one in row]
    lines += [_label(name).count("<br>") + 1 for name in panel]
    return (max(2, *lines) * _LINE_PIXELS + _ROW_AIR) * len(panel)


def _label(name: str) -> str:
    return "<br>".join(wrapped(line, _LABEL_LETTERS) for line in name.splitlines())


def _between(targets: list[str]) -> int:
    """Room below a panel for the names of targets, which a phone has upright where they are many."""
    return _BELOW if len(targets) <= _MOST_LEVEL else _BELOW_UPRIGHT


def _figures(one: Square, targets: int) -> str:
    """What a cell says, as far as a phone has room for it."""
    said = []
    if one.ri is not None:
        said.append(f"<b>{one.ri:+.1f}</b>{' !' if one.sign_depends else ''}")
        if targets <= _MOST_WITH_INTERVALS:
            ends = between(one.ends, 1, "+")
            ends = ends if targets <= _MOST_LEVEL else ends.replace(" to ", " to<br>")
            said.append(f"{ends}{', ' if targets <= _MOST_IN_LINE else '<br>'}n = {one.n}")
    said += [f"publ. {number:+.1f}" for number in one.printed]
    return "<br>".join(said)


def _draw(sheet: Sheet, number: int, panel: Rows, targets: list[str], reach: float) -> None:
    values: list[list[float | None]] = [[None] * len(targets) for _ in panel]
    texts = [[""] * len(targets) for _ in panel]
    placed = _placed(panel, targets)
    for column, row, one in placed:
        values[row][column] = one.ri
        texts[row][column] = "<br>".join(map(html.escape, _said(one)))
    scale = {"colorscale": [list(stop) for stop in SCALE], "zmin": -reach, "zmax": reach, "showscale": False}
    look = {"xgap": 2, "ygap": 2, "hoverongaps": False, "hovertemplate": "%{text}<extra></extra>"}
    sheet.add(number, {"type": "heatmap", "z": values, "text": texts, **scale, **look})
    for filled in (True, False):
        shown = [(x, y, one) for x, y, one in placed if (one.ri is not None) == filled]
        if shown:
            sheet.add(number, _text(shown, len(targets), reach, filled=filled))
    sheet.rows(number, list(map(_label, panel)))
    sheet.axis("y", number, ticks="")
    labels = [wrapped(target, 12) for target in targets]
    plain: Properties = {"showgrid": False, "ticks": "", "range": [-0.5, len(targets) - 0.5]}
    plain |= {"autotickangles": [0, 90] if len(targets) > _MOST_LEVEL else [0], "tickfont": {"size": 11}}
    sheet.axis("x", number, tickvals=list(range(len(targets))), ticktext=labels, **plain)


def _placed(panel: Rows, targets: list[str]) -> list[tuple[int, int, Square]]:
    """Cells with their column and row."""
    return [
        (targets.index(one.target), row, one) for row, cells in enumerate(panel.values()) for one in cells
    ]


def _text(placed: list[tuple[int, int, Square]], targets: int, reach: float, *, filled: bool) -> Properties:
    """The figures of cells; on a fill in ink or paper, on the page itself in the page's own colour."""
    columns, rows, cells = zip(*placed, strict=True)
    font: dict[str, Any] = {"size": 11 if targets <= _MOST_IN_LINE else 10}
    if filled:
        font["color"] = [_PAPER if abs(one.level) > 0.75 * reach else _INK for one in cells]
    return {
        "type": "scatter",
        "mode": "text",
        "x": list(columns),
        "y": list(rows),
        "text": [_figures(one, targets) for one in cells],
        "textfont": font,
        "hovertemplate": "%{hovertext}<extra></extra>",
        "hovertext": ["<br>".join(map(html.escape, _said(one))) for one in cells],
    }


def _with_outlines(figure: go.Figure, panels: list[Rows], targets: list[str], reach: float) -> go.Figure:
    """Dashed outlines about cells that are in print only, in the colour that a filled one would have."""
    shapes = list(figure.layout.shapes)
    for number, panel in enumerate(panels, 1):
        axes = {"xref": axis_name("x", number), "yref": axis_name("y", number)}
        for x, y, one in _placed(panel, targets):
            if one.ri is None:
                box = {"x0": x - 0.47, "x1": x + 0.47, "y0": y - 0.45, "y1": y + 0.45}
                line = {"color": _colour(one.level, reach), "width": 2, "dash": "dash"}
                shapes.append({"type": "rect", **box, **axes, "line": line})
    return figure.update_layout(shapes=shapes)


def _colour(level: float, reach: float) -> str:
    """A line's colour: never so pale that the page swallows it."""
    share = level / reach
    strong = max(0.5, abs(share)) * (1 if share >= 0 else -1)
    return str(sample_colorscale([list(stop) for stop in SCALE], [(strong + 1) / 2])[0])


def _printed_key() -> Properties:
    return key("dashed, or publ.: published", symbol="square-open", line={"width": 2, "color": NEUTRAL})


def _said(one: Square) -> list[str]:
    """What is known of a cell, in lines of plain text."""
    lines = [f"{one.method} from {one.source} on {one.target}"]
    if one.ri is not None:
        lines += [f"RI {one.ri:+.2f}%, 95% interval {between(one.ends, 2, '+')}", f"n = {one.n} searches"]
    if one.sign_depends:
        lines.append("its sign depends on the random runs compared with")
    return [*lines, *(f"published {number:+.2f}%" for number in one.printed)]


def _in_words(found: list[Square]) -> str:
    return f"{TITLE}. {' '.join('; '.join(_said(one)) + '.' for one in found)}"
