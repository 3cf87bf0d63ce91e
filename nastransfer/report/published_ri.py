"""RI as papers print it: one number an arm, without runs and without an interval, so in a table of its own."""

from __future__ import annotations

import polars as pl

from nastransfer.report.arms import RANK_AGREEMENT, feeding_more_than
from nastransfer.report.names import method_name, set_name, source_name
from nastransfer.report.text_table import TextTable

# name -> (type, meaning)
PUBLISHED_RI_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "target": (pl.String(), "data set trained and tested on"),
    "method": (pl.String(), "search method"),
    "source": (pl.String(), "data set searched on"),
    "selection": (pl.String(), "how it was cut down; all: not at all"),
    "ri_percent": (pl.Float64(), "relative improvement over random sampling, as printed"),
    "paper": (pl.String(), "paper that prints it"),
    "place": (pl.String(), "where in the paper"),
}
CAPTION = "Published RI on the same targets"
HEADERS = ("target", "method", "searched on", "RI, %", "printed in")
LEGEND = "As printed: by other trainings than this study's, and without the runs that an interval would take."
EMPTY = "No paper recorded here prints an RI on these targets."


def published_ri(frame: pl.DataFrame) -> pl.DataFrame:
    """RI that published rows print of targets that the frame's own trainings are on; columns `PUBLISHED_RI_COLUMNS`.

    Trainings that rank genotypes on a source make it no target.
    """
    trained = feeding_more_than(frame.filter(pl.col("origin") != "published", kind="augment"), RANK_AGREEMENT)
    printed = frame.filter(
        pl.col("ri_percent").is_not_null(), pl.col("target").is_in(set(trained["target"])), origin="published"
    )
    return printed.sort("target", maintain_order=True).select(
        "target", "method", "source", "selection", "ri_percent", paper="study", place="feeds"
    )


def published_ri_layout(table: pl.DataFrame) -> TextTable:
    """The table in words."""
    if table.is_empty():
        return TextTable(CAPTION, (), (), (EMPTY,))
    lines = [
        (
            set_name(row["target"]),
            method_name(row["method"]),
            source_name(row["source"], row["selection"]),
            f"{row['ri_percent']:+.2f}",
            f"{row['paper']}, {row['place']}",
        )
        for row in table.iter_rows(named=True)
    ]
    return TextTable(CAPTION, HEADERS, lines, (LEGEND,))


def published_ri_html(table: pl.DataFrame) -> str:
    """The table as an HTML fragment."""
    return published_ri_layout(table).html()


def published_ri_text(table: pl.DataFrame) -> str:
    """The table for a terminal, below its caption; empty where nothing is printed."""
    return "" if table.is_empty() else f"{CAPTION}\n\n{published_ri_layout(table).terminal()}"
