"""Folders as somebody in the working folder would write them, so that a page does not show a machine's whole tree."""

from __future__ import annotations

from pathlib import Path

import polars as pl


def near(text: str, here: Path, home: Path) -> str:
    """`text` with every path in or beside `here`, or in `home`, as it is written from `here`: `../data`, `~/data`.

    Both are absolute. Other paths stay whole: whoever looks for a set needs them.
    """
    for folder, written in ((here, "."), (here.parent, ".."), (home, "~")):
        if folder != Path(folder.anchor):
            text = text.replace(f"{folder}/", "" if written == "." else f"{written}/")
    return text


def near_in(table: pl.DataFrame, here: Path, home: Path) -> pl.DataFrame:
    """The same in every text of a table."""
    return table.with_columns(
        pl.selectors.string().map_elements(lambda text: near(text, here, home), return_dtype=pl.String)
    )
