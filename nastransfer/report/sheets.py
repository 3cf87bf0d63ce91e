"""Frames as CSV that a spreadsheet can open: names cannot become formulas, numbers stay numbers."""

from __future__ import annotations

import polars as pl

# What spreadsheets take for the start of a formula, the full-width forms included, or strip to get at one.
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"


def csv_text(frame: pl.DataFrame) -> str:
    """The frame with a header line; null is an empty cell.

    Text that starts like a formula gets an apostrophe before it, which spreadsheets show or hide but do not run.
    Columns of numbers are left alone, so that -0.5 stays a number. `ValueError` for columns that are neither.
    """
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    if nested:
        raise ValueError(
            f"columns {nested} hold lists, which no cell of a CSV file can: join them to text first"
        )
    text = pl.selectors.string()
    safe = frame.with_columns(text.str.replace(f"({_FORMULA})", "'$1"))
    names = pl.Series(frame.columns, dtype=pl.String).str.replace(f"({_FORMULA})", "'$1").to_list()
    return safe.rename(dict(zip(frame.columns, names, strict=True))).write_csv()
