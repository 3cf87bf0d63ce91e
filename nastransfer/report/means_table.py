"""The means behind the figures: of each method and source on each target, with intervals, beside what papers print."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import polars as pl

from nastransfer.report.arms import ABLATIONS, Arm, arms_of, baselines_of, trainings
from nastransfer.report.cell_text import interval_text, mean_text, number_text
from nastransfer.report.effect import improvement
from nastransfer.report.names import RANDOM, method_with, set_name, source_name
from nastransfer.report.text_table import NONE, TextTable, footnotes

DIRECT, TRANSFER = "direct", "transfer"
ROUTES = (DIRECT, TRANSFER, RANDOM)
PUBLISHED = "published"

# name -> (type, meaning)
MEANS_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "origin": (pl.String(), "own, or published: a number that a paper prints, without runs"),
    "study": (pl.String(), "study, or the paper with the place in it"),
    "target": (pl.String(), "data set trained and tested on"),
    "method": (pl.String(), "search method; random for random sampling"),
    "preset": (pl.String(), "settings of the search, where a study has several of a method"),
    "source": (pl.String(), "data set searched on; null for random sampling"),
    "selection": (pl.String(), "how it was cut down; all: not at all"),
    "route": (pl.String(), "direct (searched on the target or a proxy of it), transfer or random"),
    "n": (pl.Int64(), "searches, or random genotypes"),
    "top1_mean": (pl.Float64(), "mean top-1, percent"),
    "top1_std": (pl.Float64(), "its standard deviation over searches or genotypes (ddof 1)"),
    "top1_low": (pl.Float64(), "lower end of the mean's 95% interval (Student)"),
    "top1_high": (pl.Float64(), "upper end"),
    "n_random": (pl.Int64(), "random genotypes compared with"),
    "ri_percent": (pl.Float64(), "relative improvement over random sampling"),
    "ri_low": (pl.Float64(), "lower end of its 95% interval (Welch on the log ratio)"),
    "ri_high": (pl.Float64(), "upper end"),
    "note": (pl.String(), "what was left out, and why there is no interval"),
}
CAPTION = "Means behind the figures"
HEADERS = (
    "target",
    "method",
    "searched on",
    "n",
    "top-1, %",
    "95% interval, %",
    "RI, %",
    "95% interval of RI, %",
)
LEGEND = (
    "Mean top-1 after the last epoch; ±: standard deviation over searches or genotypes (ddof 1), interval: Student's t "
    "of the mean. RI: relative improvement over the random genotypes of the same augment seeds, interval: Welch t on "
    "log(Acc_m/Acc_r)."
)
PRINTED = "Published: as printed, by other trainings than this study's, without n or interval."
EMPTY = "Nothing to show yet: no network of this kind has been trained on a target."

_ARM = ("study", "target", "method", "preset", "source", "selection")


def means(frame: pl.DataFrame, routes: Collection[str] = ROUTES) -> pl.DataFrame:
    """A row for each arm and each published number of these `routes`; columns `MEANS_COLUMNS`.

    Published numbers are those on the study's own targets, on all where it has none; those of ablations are left out.
    `ValueError` as `arms.trainings` says.
    """
    trained = trainings(frame)
    own = [_own(arm) for arm in [*arms_of(trained), *baselines_of(trained)]]
    # Trainings that rank genotypes on a source make it no target.
    numbers = frame if trained.is_empty() else frame.filter(pl.col("target").is_in(set(trained["target"])))
    rows = [row for row in [*own, *_printed(numbers)] if row["route"] in routes]
    table = pl.DataFrame(rows, {name: dtype for name, (dtype, _) in MEANS_COLUMNS.items()})
    return table.sort(
        "target",
        pl.col("method") == RANDOM,
        "source",
        "selection",
        "method",
        "preset",
        pl.col("origin") == PUBLISHED,
        maintain_order=True,
    )


def means_layout(table: pl.DataFrame) -> TextTable:
    """The table in words."""
    if table.is_empty():
        return TextTable(CAPTION, (), (), (EMPTY,))
    printed = (PRINTED,) if PUBLISHED in table["origin"] else ()
    legend = (LEGEND, *printed) if "own" in table["origin"] else printed
    marks, notes = footnotes(table["note"])
    several = own_studies(table)
    lines = [_line(row, marks[row["note"]], several=several) for row in table.iter_rows(named=True)]
    return TextTable(CAPTION, HEADERS, lines, (" ".join(legend), *notes))


def _route(source: str | None, target: str | None, method: str | None) -> str:
    if method == RANDOM:
        return RANDOM
    return DIRECT if source == target else TRANSFER


def _own(arm: Arm) -> dict[str, Any]:
    summary, found = arm.summary, improvement(arm)
    low, high = summary.mean_interval() or (None, None)
    row = {name: getattr(arm, name) for name in _ARM}
    row |= {"origin": "own", "route": _route(arm.source, arm.target, arm.method)}
    row |= {
        "n": summary.n,
        "top1_mean": summary.mean,
        "top1_std": summary.std,
        "top1_low": low,
        "top1_high": high,
    }
    notes = list(arm.notes)
    if found is not None:
        row |= {"n_random": found.n_random, "ri_percent": found.estimate}
        row |= {"ri_low": found.low, "ri_high": found.high}
        notes += [found.reason] if found.reason else []
    return {**row, "note": "; ".join(notes) or None}


def _printed(frame: pl.DataFrame) -> list[dict[str, Any]]:
    printed = frame.filter(
        pl.col("target").is_not_null(),
        pl.col("top1_last").is_not_null() | pl.col("ri_percent").is_not_null(),
        ~pl.col("feeds").is_in(ABLATIONS).fill_null(False),
        origin=PUBLISHED,
    )
    return [
        {
            **{name: row[name] for name in ("target", "method", "source", "selection", "ri_percent")},
            "origin": PUBLISHED,
            "study": printed_in(row),
            "route": _route(row["source"], row["target"], row["method"]),
            "top1_mean": row["top1_last"],
        }
        for row in printed.iter_rows(named=True)
    ]


def printed_in(row: dict[str, Any]) -> str:
    """The paper and the place in it of a published row: `NASTransfer (AAAI 2021), table 3, seed 2`."""
    seed = None if row["augment_seed"] is None else f"seed {row['augment_seed']}"
    return ", ".join(filter(None, [row["study"], row["feeds"], seed]))


def whose(row: dict[str, Any], *, several: bool) -> str:
    """The method of a row with the columns origin and study; a number in print says so in a line of its own."""
    if row["origin"] == PUBLISHED:
        return f"{method_with(row['method'])}\npublished: {row['study']}"
    return method_with(row["method"], row["preset"], row["study"] if several else None)


def own_studies(table: pl.DataFrame) -> bool:
    """Whether rows are of several studies, papers apart, so that they must say of which."""
    return table.filter(origin="own")["study"].n_unique() > 1


def _line(row: dict[str, Any], mark: str, *, several: bool) -> tuple[str, ...]:
    return (
        set_name(row["target"]),
        whose(row, several=several),
        NONE if row["method"] == RANDOM else source_name(row["source"], row["selection"]),
        _counts(row) if row["origin"] == "own" else "not given",
        mean_text(row["top1_mean"], row["top1_std"]),
        interval_text(row["top1_low"], row["top1_high"]),
        number_text(row["ri_percent"], "+"),
        f"{interval_text(row['ri_low'], row['ri_high'], '+')}{mark}",
    )


def _counts(row: dict[str, Any]) -> str:
    return str(row["n"]) if row["n_random"] is None else f"{row['n']} against {row['n_random']}"
