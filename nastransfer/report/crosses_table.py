"""Transfer against the best direct search in numbers: the difference of both means with its interval, and in words."""

from __future__ import annotations

from typing import Any

import polars as pl

from nastransfer.report.cell_text import interval_text, number_text
from nastransfer.report.crosses import CAVEAT, NOTHING, Crossing, transfer_panels
from nastransfer.report.means_table import own_studies, printed_in, whose
from nastransfer.report.names import RANDOM, listed, method_with, set_name, source_name
from nastransfer.report.text_table import TextTable, footnotes
from nastransfer.stats.improvement import relative_improvement

# name -> (type, meaning)
CROSSING_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "origin": (pl.String(), "own, or published: numbers that a paper prints, without runs"),
    "study": (pl.String(), "study, or the paper with the place in it"),
    "target": (pl.String(), "data set trained and tested on"),
    "method": (pl.String(), "search method"),
    "preset": (pl.String(), "settings of the search, where a study has several of a method"),
    "source": (pl.String(), "data set of the transfer's searches"),
    "selection": (pl.String(), "how it was cut down; all: not at all"),
    "n_transfer": (pl.Int64(), "searches on it whose genotype was trained"),
    "transfer_mean": (pl.Float64(), "their mean top-1, percent"),
    "direct_selection": (
        pl.String(),
        "proxy of the target (or all of it) whose searches have the highest mean",
    ),
    "choices": (pl.Int64(), "direct sources of which that is the best"),
    "n_direct": (pl.Int64(), "searches on it"),
    "direct_mean": (pl.Float64(), "their mean top-1, percent"),
    "direct_honest": (
        pl.Float64(),
        "mean of the best where half of the runs choose it and the others score it",
    ),
    "difference_percent": (pl.Float64(), "transfer's mean against the direct one, relative, percent"),
    "low_percent": (pl.Float64(), "lower end of its 95% interval (Welch on the log ratio)"),
    "high_percent": (pl.Float64(), "upper end"),
    "note": (pl.String(), "why there is no interval"),
}
CAPTION = "Transfer against the best direct search, in numbers"
HEADERS = (
    "target",
    "method",
    "transfer from",
    "transfer, %",
    "best direct",
    "direct, %",
    "difference, %",
    "interval, %",
)
LEGEND = (
    "Mean top-1 with the number of searches. Difference: of transfer's mean against the direct one, relative; its 95% "
    "interval: Welch t on the log of their ratio."
)
_HONEST = (
    "Halved: the best direct search chosen on half of its runs and scored on the others. Where the best was picked of "
    "several, the difference is a little too low for transfer."
)


def crossings(frame: pl.DataFrame) -> pl.DataFrame:
    """A row for each transfer that has a direct partner; columns `CROSSING_COLUMNS`. `ValueError` as the figure's."""
    rows: list[dict[str, Any]] = []
    for panel in transfer_panels(frame):
        rows += [_own(one) for one in panel.crossings]
        printed = panel.printed.filter(pl.col("method") != RANDOM)
        rows += [_printed(row) for row in printed.iter_rows(named=True)]
    return pl.DataFrame(rows, {name: dtype for name, (dtype, _) in CROSSING_COLUMNS.items()})


def crossings_layout(table: pl.DataFrame) -> TextTable:
    """The table in words."""
    if table.is_empty():
        return TextTable(CAPTION, (), (), (NOTHING,))
    picked = table.filter(pl.col("choices") > 1).height
    legend = " ".join([LEGEND, *([CAVEAT, _HONEST] if picked else [])])
    marks, notes = footnotes(table["note"])
    several = own_studies(table)
    lines = [_line(row, marks[row["note"]], several=several) for row in table.iter_rows(named=True)]
    return TextTable(CAPTION, HEADERS, lines, (legend, *notes))


def crossings_in_words(table: pl.DataFrame) -> str:
    """What the comparisons show, own and published apart, in a few sentences; empty without any."""
    own, printed = table.filter(origin="own"), table.filter(origin="published")
    said = []
    if not own.is_empty():
        above, below = own.filter(pl.col("low_percent") > 0), own.filter(pl.col("high_percent") < 0)
        higher = own.filter(pl.col("difference_percent") > 0).height
        said.append(
            f"Of {_pairs(own.height)} of a method and a source, transfer has the higher mean in {higher}. "
            f"The 95% interval of the difference lies above 0 in {_named(above)}, below 0 in {_named(below)}, and "
            f"holds 0 or is not known in {own.height - above.height - below.height}."
        )
    if not printed.is_empty():
        higher = printed.filter(pl.col("difference_percent") > 0).height
        said.append(
            f"In the published numbers, which have no interval, transfer is higher in {higher} of "
            f"{_pairs(printed.height)}."
        )
    return " ".join(said)


def _pairs(number: int) -> str:
    return "1 pair" if number == 1 else f"{number} pairs"


def _named(rows: pl.DataFrame) -> str:
    """How many, and which where they are few."""
    if rows.is_empty() or rows.height > 3:
        return str(rows.height) if rows.height else "none"
    names = [
        f"{method_with(row['method'], row['preset'])} from {source_name(row['source'], row['selection'])} "
        f"to {set_name(row['target'])}"
        for row in rows.iter_rows(named=True)
    ]
    return f"{rows.height} ({listed(names)})"


def _own(one: Crossing) -> dict[str, Any]:
    transfer, direct = one.transfer, one.direct
    row = {
        name: getattr(transfer, name)
        for name in ("study", "target", "method", "preset", "source", "selection")
    }
    row |= {"origin": "own", "n_transfer": transfer.summary.n, "transfer_mean": transfer.summary.mean}
    row |= {"direct_selection": direct.selection, "choices": one.choices}
    row |= {"n_direct": direct.summary.n, "direct_mean": direct.summary.mean}
    row |= {"direct_honest": None if one.honest is None else one.honest.estimate}
    if not direct.summary.mean:
        return {**row, "note": "no direct run got an image right, so there is no relative difference"}
    found = relative_improvement(transfer.accuracies, direct.accuracies)
    ends = {"low_percent": found.low, "high_percent": found.high}
    return {**row, **ends, "difference_percent": found.estimate, "note": found.reason}


def _printed(row: dict[str, Any]) -> dict[str, Any]:
    direct = row["direct_top1"]
    kept = {name: row[name] for name in ("target", "method", "source", "selection")}
    return {
        **kept,
        "origin": "published",
        "study": printed_in(row),
        "transfer_mean": row["top1_last"],
        "direct_mean": direct,
        "difference_percent": 100 * (row["top1_last"] / direct - 1) if direct else None,
    }


def _line(row: dict[str, Any], mark: str, *, several: bool) -> tuple[str, ...]:
    own = row["origin"] == "own"
    return (
        set_name(row["target"]),
        whose(row, several=several),
        source_name(row["source"], row["selection"]),
        _mean(row["transfer_mean"], row["n_transfer"]),
        _best(row) if own else "best printed",
        _mean(row["direct_mean"], row["n_direct"]),
        number_text(row["difference_percent"], "+"),
        f"{interval_text(row['low_percent'], row['high_percent'], '+')}{mark}",
    )


def _mean(mean: float | None, n: int | None) -> str:
    return number_text(mean) if n is None else f"{number_text(mean)}, n = {n}"


def _best(row: dict[str, Any]) -> str:
    name = source_name(row["target"], row["direct_selection"])
    if row["choices"] < 2:
        return name
    honest = "" if row["direct_honest"] is None else f", halved {row['direct_honest']:.2f}"
    return f"{name}, best of {row['choices']}{honest}"
