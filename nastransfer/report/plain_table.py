"""Any small frame and any record as a table for a notebook: rounded, without types and quotes, cut at some rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from nastransfer.report.text_table import TextTable
from nastransfer.study.frame import COLUMNS

MOST_ROWS = 20
_LONG = 100  # letters
_MISSING = "-"  # the table draws it paler
# Below, four digits are shown; from here on two places; of thousands none.
_TWO_PLACES, _NO_PLACES = 10.0, 1000.0
_KEYS = 10**15  # whole numbers from here on are names of things, not amounts


def frame_table(frame: pl.DataFrame, caption: str = "") -> TextTable:
    """The first `MOST_ROWS` rows of a frame; below them how many there are, where that is not all."""
    lines = [tuple(map(shown, row)) for row in frame.head(MOST_ROWS).iter_rows()]
    more = (f"the first {MOST_ROWS} of {frame.height:,} rows",) if frame.height > MOST_ROWS else ()
    return TextTable(caption, [name.replace("_", " ") for name in frame.columns], lines, more)


def record_table(record: Mapping[str, Any], caption: str = "The record") -> TextTable:
    """What a finished task recorded, a row a value that is there, with the meaning it has in every results frame.

    Long ones, such as a genotype's text, stand below: they would take the others' room.
    """
    kept = {name: shown(value) for name, value in record.items() if value is not None}
    if "versions" in kept:  # one word, which no column can break
        kept["versions"] = kept["versions"].replace(",", ", ")
    lines = [
        (name, text, COLUMNS[name][1] if name in COLUMNS else "")
        for name, text in kept.items()
        if len(text) < _LONG
    ]
    below = [f"{name}: {text}" for name, text in kept.items() if len(text) >= _LONG]
    return TextTable(caption, ("name", "value", "meaning"), lines, below)


def shown(value: Any) -> str:
    """A value in a cell: thousands apart, few places, lists in words."""
    if value is None:
        return _MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < _KEYS else str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, (list, tuple, pl.Series)):
        return ", ".join(map(shown, value))
    return str(value)


def _number(value: float) -> str:
    if abs(value) >= _NO_PLACES:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= _TWO_PLACES else f"{value:.4g}"
