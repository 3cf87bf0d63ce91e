"""The catalogue of data sets for people: what is here, where it was looked for, how to get what is missing."""

from __future__ import annotations

from typing import Any

import polars as pl

from nastransfer.report.markup import html_table

CAPTION = "Data sets"
HEADERS = ("set", "shows", "here", "images", "remarks", "terms")


def catalogue_html(datasets: pl.DataFrame) -> str:
    """`nt.datasets()` as an HTML fragment, sets that are here first; narrow screens get a card a row."""
    ordered = datasets.sort(pl.col("present").fill_null(False), descending=True, maintain_order=True)
    return html_table(CAPTION, HEADERS, map(_line, ordered.iter_rows(named=True)))


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    name = f"{row['name']} (synthetic)" if row["synthetic"] else row["name"]
    remarks = [row["note"]] if row["note"] else []
    if row["present"] is None:
        here, remarks = f"any {row['form']}", [f"open it by {row['how_to_get']}"]
    elif row["present"]:
        here = f"yes: {row['form']}"
    else:
        here = "no"
        remarks += [f"looked in {row['looked_in']}", f"to get it: {row['how_to_get']}"]
    return (name, row["domain"] or "-", here, _images(row), "; ".join(remarks) or "-", row["terms"] or "-")


def _images(row: dict[str, Any]) -> str:
    counted, published = row["images"], row["published"]
    if counted is None:
        return "-" if published is None else f"{published:,} published"
    return f"{counted:,}" if published in (None, counted) else f"{counted:,} of {published:,}"
