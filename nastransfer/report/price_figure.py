"""The price of a study as a picture: hours by kind and method; once it has run, predicted against actual."""

from __future__ import annotations

import html

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.grid import Sheet, Words
from nastransfer.report.marks import key
from nastransfer.report.names import method_name
from nastransfer.report.price import WALL, actual_over_predicted, price_table
from nastransfer.report.style import NEUTRAL, Look, empty_figure, method_looks
from nastransfer.report.times import duration

TITLE = "The price of the study"
NOTE = "Hours that tasks hold a slot, added up. Hatched: what each takes besides its work, to start and to show it."
NOTHING = "Nothing is left to pay for, or nothing of it is known."
COMPARED_TITLE = "Predicted against actual"
COMPARED_NOTE = (
    "Hours of work of the tasks that are finished, as the estimate before the start had them and as recorded."
)
NOT_COMPARED = "Nothing to compare yet: it takes an estimate made before the start, and finished tasks."
_ROW_PIXELS, _HOUR = 30, 3600.0
_BUILT = Look(NEUTRAL, "square")
_PREDICTED, _ACTUAL = Look(NEUTRAL, "square"), Look("#0072B2", "square")


def price_figure(tasks: pl.DataFrame) -> go.Figure:
    """Bars of hours left, a row a kind and method; `tasks`: an estimate's, a row a task."""
    table = price_table(tasks).drop_nulls("hours").filter(pl.col("hours") > 0)
    if table.is_empty():
        return empty_figure(NOTHING, TITLE)
    extra = _overheads(tasks)
    looks = method_looks(method for method in table["method"] if method is not None)
    rows = list(table.iter_rows(named=True))
    names = [" ".join(filter(None, [row["kind"], _named(row["method"])])) for row in rows]
    colours = [looks.get(row["method"], _BUILT).colour for row in rows]
    starts = [extra.get((row["kind"], row["method"]), 0.0) for row in rows]
    works = [max(row["hours"] - start, 0.0) for row, start in zip(rows, starts, strict=True)]
    said = [
        f"{html.escape(name)}<br>{row['tasks'] - row['done']} tasks left, {duration(_HOUR * row['hours'])}"
        for name, row in zip(names, rows, strict=True)
    ]
    total = duration(_HOUR * float(table["hours"].sum()))
    alternative = (
        f"{TITLE}: {total} of slots in all. "
        + "; ".join(f"{name} {duration(_HOUR * row['hours'])}" for name, row in zip(names, rows, strict=True))
        + "."
    )
    sheet = Sheet(
        Words(TITLE, NOTE, alternative), [f"{total} of slots in all"], [_ROW_PIXELS * len(rows) + 10]
    )
    places = list(range(len(rows)))
    sheet.add(1, _bars(places, works, colours, said))
    sheet.add(1, _bars(places, starts, colours, said, pattern="/"))
    sheet.axis("x", 1, title={"text": "hours"}, rangemode="tozero")
    sheet.rows(1, [html.escape(name) for name in names])
    return sheet.figure().update_layout(barmode="stack")


def compared_figure(compared: pl.DataFrame) -> go.Figure:
    """Bars of predicted and actual hours, a row a kind; from `predicted_against_actual` of a study's records."""
    if compared.is_empty():
        return empty_figure(NOT_COMPARED, COMPARED_TITLE)
    rows = list(compared.iter_rows(named=True))
    names = ["wall time" if row["kind"] == WALL else row["kind"] for row in rows]
    said = [
        f"{name}: predicted {duration(_HOUR * row['predicted_hours'])}, actual {duration(_HOUR * row['actual_hours'])}"
        + ("" if (ratio := actual_over_predicted(row)) is None else f" ({ratio:.2f} times)")
        for name, row in zip(names, rows, strict=True)
    ]
    keys = [key("predicted", _PREDICTED), key("actual", _ACTUAL)]
    words = Words(COMPARED_TITLE, COMPARED_NOTE, f"{COMPARED_TITLE}. {'; '.join(said)}.")
    sheet = Sheet(
        words,
        [f"{rows[0]['tasks']} tasks" if len(rows) == 1 else "by kind of task"],
        [2 * _ROW_PIXELS * len(rows) + 10],
        keys,
    )
    for look, column, shift in ((_PREDICTED, "predicted_hours", -0.2), (_ACTUAL, "actual_hours", 0.2)):
        places = [place + shift for place in range(len(rows))]
        bars = _bars(places, [row[column] for row in rows], [look.colour] * len(rows), said)
        sheet.add(1, {**bars, "width": 0.36})
    sheet.axis("x", 1, title={"text": "hours"}, rangemode="tozero")
    sheet.rows(1, names)
    return sheet.figure().update_layout(barmode="overlay")


def _overheads(tasks: pl.DataFrame) -> dict[tuple[str, str | None], float]:
    """Hours besides the work, by kind and method."""
    known = tasks.filter(pl.col("how") != "done", pl.col("seconds").is_not_null())
    summed = known.group_by("kind", "method").agg(pl.col("overhead_seconds").sum() / _HOUR)
    return {(kind, method): hours for kind, method, hours in summed.iter_rows()}


def _named(method: str | None) -> str:
    return "" if method is None else method_name(method)


def _bars(
    places: list[float] | list[int],
    hours: list[float],
    colours: list[str],
    said: list[str],
    pattern: str = "",
) -> dict[str, object]:
    marker: dict[str, object] = {"color": colours, "line": {"width": 0}}
    if pattern:
        marker["pattern"] = {"shape": pattern, "fgopacity": 0.6, "size": 6}
    return {
        "type": "bar",
        "orientation": "h",
        "x": hours,
        "y": places,
        "marker": marker,
        "hovertext": said,
        "hoverinfo": "text",
        "showlegend": False,
    }
