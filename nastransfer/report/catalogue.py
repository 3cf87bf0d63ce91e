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
        remarks += [_looked_in(row["looked_in"].split(", ")), f"to get it: {row['how_to_get']}"]
    return (name, row["domain"] or "-", here, _images(row), "; ".join(remarks) or "-", row["terms"] or "-")


def _looked_in(paths: list[str]) -> str:
    """The folders that were searched, and the names that were looked for in them, each once."""
    folders = [path for path in paths if not any(path.startswith(f"{other}/") for other in paths)]
    names = dict.fromkeys(
        path[len(folder) + 1 :] for path in paths for folder in folders if path.startswith(f"{folder}/")
    )
    return f"looked in {', '.join(folders)}" + (f", and there for {', '.join(names)}" if names else "")


def _images(row: dict[str, Any]) -> str:
    counted, published = row["images"], row["published"]
    if counted is None:
        return "-" if published is None else f"{published:,} published"
    return f"{counted:,}" if published in (None, counted) else f"{counted:,} of {published:,}"
