"""All runs of a study as a list to filter and to choose from. Opens no file."""

from __future__ import annotations

import polars as pl

from nastransfer.report.names import method_name, set_name

LIST_COLUMNS = (
    "kind",
    "method",
    "source",
    "selection",
    "search_seed",
    "target",
    "top1_last",
    "params",
    "protocol",
    "augment_seed",
    "preset",
    "seconds",
    "origin",
    "run",
)
"""Columns of the results frame that the list shows; all others are in its CSV file."""

FILTERS = ("kind", "method", "source", "target")
"""Columns by whose values the list is cut down."""

NONE = "none"
"""The option for runs without a value: a proxy has no method, a search no target."""

_SEARCHED = (
    "run",
    "kind",
    "method",
    "preset",
    "source",
    "selection",
    "target",
    "protocol",
    "origin",
    "genotype",
    "device",
    "commit",
    "feeds",
)


def options(frame: pl.DataFrame, column: str) -> list[str]:
    """What a column can be cut down to: its values, sorted, and `NONE` where some run has none."""
    values = frame[column].drop_nulls().unique().sort().to_list()
    return [*values, NONE] if frame[column].null_count() else values


def option_name(column: str, value: str) -> str:
    """How people call such a value."""
    if value == NONE:
        return NONE
    names = {"method": method_name, "source": set_name, "target": set_name}
    return names[column](value) if column in names else value


def filtered(frame: pl.DataFrame, chosen: dict[str, str | None], text: str = "") -> pl.DataFrame:
    """The runs whose columns have the chosen values (None: any) and that hold every word of `text`, in either case.

    `chosen`: column of `FILTERS` -> a value of `options`. Words are looked for in names, genotype, device and commit.
    """
    keep = [
        pl.col(column).is_null() if value == NONE else pl.col(column) == value
        for column, value in chosen.items()
        if value is not None
    ]
    words = text.lower().split()
    if words:
        whole = pl.concat_str(pl.col(_SEARCHED), separator=" ", ignore_nulls=True).str.to_lowercase()
        keep.append(pl.all_horizontal(whole.str.contains(word, literal=True) for word in words))
    return frame.filter(keep) if keep else frame


def run_list(frame: pl.DataFrame) -> pl.DataFrame:
    """`LIST_COLUMNS` of the runs, the newest first, methods by the names that papers give them.

    Columns in which no run has a value are left out.
    """
    names = {method: method_name(method) for method in frame["method"].drop_nulls().unique()}
    listed = frame.select(name for name in LIST_COLUMNS if frame[name].null_count() < frame.height).reverse()
    if "method" not in listed.columns:
        return listed
    return listed.with_columns(pl.col("method").replace_strict(names, default=None, return_dtype=pl.String))
