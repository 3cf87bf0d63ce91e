"""Random sampling on each target in numbers, and genotype by genotype: how far they differ, and what was drawn."""

from __future__ import annotations

from typing import Any

import polars as pl

from nastransfer.report.arms import Arm, baselines, trainings
from nastransfer.report.cell_text import interval_text, mean_text, number_text
from nastransfer.report.headroom import headroom
from nastransfer.report.names import RANDOM, set_name
from nastransfer.report.partial_sets import partial_set
from nastransfer.report.text_table import NONE, TextTable, noted
from nastransfer.stats.spread import brown_forsythe

# name -> (type, meaning)
SPREAD_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study": (pl.String(), "study"),
    "target": (pl.String(), "data set trained and tested on"),
    "n": (pl.Int64(), "random genotypes"),
    "lowest": (pl.Float64(), "lowest top-1 of a genotype (mean over augment seeds), percent"),
    "mean": (pl.Float64(), "mean top-1"),
    "mean_low": (pl.Float64(), "lower end of its 95% interval (Student)"),
    "mean_high": (pl.Float64(), "upper end"),
    "highest": (pl.Float64(), "highest top-1"),
    "std": (pl.Float64(), "standard deviation over genotypes, points (ddof 1)"),
    "spread_percent": (pl.Float64(), "the same over the mean, percent"),
    "headroom_percent": (pl.Float64(), "RI of the best genotype over the mean of all"),
    "chance_percent": (
        pl.Float64(),
        "what the best of as many equal genotypes has by the augment seed alone",
    ),
    "chance_low": (pl.Float64(), "lower end of its 95% interval (chi-squared)"),
    "chance_high": (pl.Float64(), "upper end"),
    "repeated": (pl.Int64(), "genotypes trained with two augment seeds or more, which it is from"),
    "note": (pl.String(), "why something is missing, and whether the target was here in part only"),
}
GENOTYPE_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study": (pl.String(), "study"),
    "target": (pl.String(), "data set trained and tested on"),
    "draw": (pl.Int64(), "seed of the draw"),
    "genotype": (pl.String(), "the architecture"),
    "rank": (pl.Int64(), "its place on the target, 1 for the most accurate"),
    "genotypes": (pl.Int64(), "random genotypes trained on the target"),
    "top1": (pl.Float64(), "top-1 after the last epoch, mean over augment seeds, percent"),
    "trainings": (pl.Int64(), "trainings behind it"),
    "params": (pl.Int64(), "parameters of the trained network"),
    "macs": (pl.Int64(), "multiply-adds for one image"),
    "runs": (pl.List(pl.String()), "its runs"),
}
CAPTION = "Random sampling by target"
HEADERS = (
    "target",
    "n",
    "lowest to highest, %",
    "mean, %",
    "95% interval, %",
    "std/mean, %",
    "headroom, %",
    "by chance, %",
)
LEGEND = (
    "Top-1 of random genotypes, each by its mean over augment seeds. Headroom: RI of the best one drawn over the mean "
    "of all; no limit, since a search may find better ones. By chance: what the best of as many equal genotypes would "
    "have by the augment seed alone, with its 95% interval, from the n that were trained with two seeds."
)
EMPTY = "No random genotype has been trained on a target yet."
_DRAW = ("study", "target", "search_seed", "genotype")


def random_spread(frame: pl.DataFrame) -> pl.DataFrame:
    """A row for each target and study with random runs; columns `SPREAD_COLUMNS`. `ValueError` as `arms.trainings`."""
    rows = [_spread(arm) for arm in baselines(frame)]
    return pl.DataFrame(rows, {name: dtype for name, (dtype, _) in SPREAD_COLUMNS.items()})


def random_spread_layout(table: pl.DataFrame) -> TextTable:
    """The table in words."""
    if table.is_empty():
        return TextTable(CAPTION, (), (), (EMPTY,))
    return noted(CAPTION, HEADERS, table, _line, LEGEND)


def spreads_in_words(frame: pl.DataFrame) -> str:
    """Whether the targets' relative spreads differ (Brown and Forsythe's test); empty with fewer than two targets."""
    groups = {f"{arm.study} {arm.target}": arm.accuracies for arm in baselines(frame)}
    if len(groups) < 2 or not all(value for values in groups.values() for value in values):
        return ""
    test = brown_forsythe(groups, relative=True)
    if test.p is None:
        return ""
    shown = "differ" if test.p < 0.05 else "are not shown to differ"
    return f"The relative spreads of the {len(groups)} targets {shown} (Brown-Forsythe, p = {test.p:.2g})."


def random_genotypes(frame: pl.DataFrame) -> pl.DataFrame:
    """A row for each random genotype and target, the most accurate first; columns `GENOTYPE_COLUMNS`.

    `ValueError` as `arms.trainings` says.
    """
    rows = trainings(frame).filter(method=RANDOM).drop_nulls("genotype")
    found = rows.group_by(_DRAW, maintain_order=True).agg(
        top1=pl.col("top1_last").mean(),
        trainings=pl.len(),
        params=pl.col("params").first(),
        macs=pl.col("macs").first(),
        runs=pl.col("run"),
    )
    place = ("study", "target")
    found = found.rename({"search_seed": "draw"}).with_columns(
        rank=pl.col("top1").rank("min", descending=True).over(place).cast(pl.Int64),
        genotypes=pl.len().over(place).cast(pl.Int64),
        trainings=pl.col("trainings").cast(pl.Int64),
    )
    ordered = found.sort("study", "target", "rank", "draw", nulls_last=True)
    return ordered.select(list(GENOTYPE_COLUMNS))


def _spread(arm: Arm) -> dict[str, Any]:
    summary, room, partial = arm.summary, headroom(arm.runs), partial_set(arm.runs, arm.target)
    low, high = summary.mean_interval() or (None, None)
    row = {"study": arm.study, "target": arm.target, "n": summary.n, "mean": summary.mean, "std": summary.std}
    row |= {"lowest": min(arm.accuracies), "highest": max(arm.accuracies), "mean_low": low, "mean_high": high}
    if summary.std is not None and summary.mean:
        row["spread_percent"] = 100 * summary.std / summary.mean
    if room is None:
        return {**row, "note": _joined("one genotype has neither spread nor headroom", partial)}
    row |= {
        "headroom_percent": room.best_percent,
        "chance_percent": room.noise_percent,
        "repeated": room.repeated,
    }
    if room.noise_ends is None:
        return {**row, "note": _joined("no genotype was trained with two augment seeds", partial)}
    return {**row, "chance_low": room.noise_ends[0], "chance_high": room.noise_ends[1], "note": partial}


def _joined(reason: str, partial: str | None) -> str:
    return reason if partial is None else f"{reason}; {partial[0].lower()}{partial[1:]}"


def _line(row: dict[str, Any], mark: str, several: bool) -> tuple[str, ...]:
    return (
        f"{set_name(row['target'])}, {row['study']}" if several else set_name(row["target"]),
        str(row["n"]),
        interval_text(row["lowest"], row["highest"]),
        mean_text(row["mean"], row["std"]),
        interval_text(row["mean_low"], row["mean_high"]),
        number_text(row["spread_percent"]),
        number_text(row["headroom_percent"], "+"),
        f"{_chance_text(row)}{mark}",
    )


def _chance_text(row: dict[str, Any]) -> str:
    if row["chance_percent"] is None:
        return NONE
    ends = interval_text(row["chance_low"], row["chance_high"])
    return f"{number_text(row['chance_percent'], '+')}\n{ends}, n = {row['repeated']}"
