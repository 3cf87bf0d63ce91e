"""Rank agreement in numbers: how well each source orders random genotypes for each target, and what that costs."""

from __future__ import annotations

from typing import Any

import polars as pl

from nastransfer.report.cell_text import interval_text, number_text
from nastransfer.report.names import set_name, source_name
from nastransfer.report.ranks import NOTHING, Agreement, agreements
from nastransfer.report.text_table import NONE, TextTable, noted

# name -> (type, meaning)
RANK_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study": (pl.String(), "study"),
    "target": (pl.String(), "data set whose order of genotypes is the true one"),
    "source": (pl.String(), "data set that they were scored on"),
    "selection": (pl.String(), "how it was cut down; all: not at all"),
    "n": (pl.Int64(), "genotypes on both sides"),
    "tau": (pl.Float64(), "Kendall's tau-b"),
    "tau_low": (pl.Float64(), "lower end of its 95% interval"),
    "tau_high": (pl.Float64(), "upper end"),
    "ceiling": (pl.Float64(), "tau-b of the target with itself: what its own noise leaves possible"),
    "ceiling_low": (pl.Float64(), "lower end of its 95% interval"),
    "ceiling_high": (pl.Float64(), "upper end"),
    "ceiling_n": (pl.Int64(), "genotypes trained with two augment seeds or more, which it is from"),
    "regret": (pl.Float64(), "points of top-1 that the source's first choice is below the best"),
    "note": (pl.String(), "why something is missing"),
}
CAPTION = "Rank agreement of source and target, in numbers"
HEADERS = ("target", "source", "n", "tau-b", "95% interval", "ceiling", "regret, points")
LEGEND = (
    "Kendall's tau-b over the same random genotypes: 1 where the source orders them as the target does, 0 where it has "
    "nothing to say. Ceiling: the target with itself, by the n genotypes that were trained twice, with its 95% "
    "interval from 8 of them on. Regret: points of top-1 that the source's first choice is below the best genotype on "
    "the target."
)


def rank_table(frame: pl.DataFrame) -> pl.DataFrame:
    """A row for each source and target; columns `RANK_COLUMNS`. `ValueError` as `arms.rank_pairs` says."""
    rows = [_row(one) for one in agreements(frame)]
    return pl.DataFrame(rows, {name: dtype for name, (dtype, _) in RANK_COLUMNS.items()})


def rank_layout(table: pl.DataFrame) -> TextTable:
    """The table in words, the source that ranks best for a target first."""
    if table.is_empty():
        return TextTable(CAPTION, (), (), (NOTHING,))
    ordered = table.sort("target", "tau", descending=[False, True], nulls_last=True, maintain_order=True)
    return noted(CAPTION, HEADERS, ordered, _line, LEGEND)


def _row(one: Agreement) -> dict[str, Any]:
    tau, found = one.found.kendall, one.found
    return {
        **{name: getattr(one.pair, name) for name in ("study", "target", "source", "selection")},
        "n": found.n,
        "tau": tau.estimate,
        "tau_low": tau.low,
        "tau_high": tau.high,
        "ceiling": found.ceiling.estimate,
        "ceiling_low": found.ceiling.low,
        "ceiling_high": found.ceiling.high,
        "ceiling_n": found.ceiling.n,
        "regret": found.regret.estimate,
        "note": tau.reason,
    }


def _line(row: dict[str, Any], mark: str, several: bool) -> tuple[str, ...]:
    target = set_name(row["target"])
    return (
        f"{target}, {row['study']}" if several else target,
        source_name(row["source"], row["selection"]),
        str(row["n"]),
        number_text(row["tau"]),
        f"{interval_text(row['tau_low'], row['tau_high'])}{mark}",
        _ceiling_text(row),
        number_text(row["regret"]),
    )


def _ceiling_text(row: dict[str, Any]) -> str:
    if row["ceiling"] is None:
        return NONE
    said = [f"n = {row['ceiling_n']}"]
    if row["ceiling_low"] is not None:
        said.insert(0, interval_text(row["ceiling_low"], row["ceiling_high"]))
    return f"{number_text(row['ceiling'])}\n{', '.join(said)}"
