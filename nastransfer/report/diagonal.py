"""Panels with equal axes and a diagonal, two side by side: what lies above it did better along y than along x."""

from __future__ import annotations

from collections.abc import Sequence

from nastransfer.report.grid import Properties, Sheet, Words
from nastransfer.report.style import wrapped

_HEIGHT = {1: 300, 2: 230}
_AXIS_LETTERS = {1: 46, 2: 22}


def diagonal_sheet(words: Words, titles: Sequence[str], keys: Sequence[Properties]) -> Sheet:
    """Empty panels, one or two a row."""
    columns = 2 if len(titles) > 1 else 1
    rows = -(-len(titles) // columns)
    return Sheet(words, titles, [_HEIGHT[columns]] * rows, keys, columns=columns, between=60)


def finish_panel(sheet: Sheet, number: int, reach: Sequence[float], names: tuple[str, str]) -> None:
    """Equal axes over `reach` and the diagonal, in panel `number` (from 1).

    `names` say what the top-1 accuracies along x and y are of.
    """
    low, high = reach
    sheet.line(number, (low, low), (high, high), dash="dash")
    for axis, name in zip("xy", names, strict=True):
        told = axis == "x" or number % sheet.columns == 1 % sheet.columns
        text = wrapped(f"{name}, top-1, %", _AXIS_LETTERS[sheet.columns]) if told else ""
        sheet.axis(axis, number, title={"text": text, "standoff": 4}, range=[low, high], nticks=6)
    sheet.note(number, f"{names[1]} better", 0.02, 0.98, "top", font={"size": 11})
    sheet.note(number, f"{names[0]} better", 0.98, 0.02, "bottom", font={"size": 11})
