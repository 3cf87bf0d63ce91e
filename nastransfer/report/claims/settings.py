"""Settings of the final training: which one a target's results are of, and what was trained under several."""

from __future__ import annotations

import re

import polars as pl

from nastransfer.report.arms import (
    ABLATIONS,
    KNOWN,
    OTHER_CELLS,
    RANK_AGREEMENT,
    SETTING,
    feeding_more_than,
    finished,
)
from nastransfer.report.names import set_name

# What has to be equal for accuracies to be comparable at all; the number of cells and the tricks may be what is varied.
_COMMON = tuple(name for name in SETTING if name not in ("protocol", "cells"))
# How a protocol's label says that a trick is on.
_TRICK = re.compile(r"\+((?:drop_path|auxiliary|cutout)[\d.]+)")
_WHERE = ("study", "target")
_GENOTYPE = ("method", "preset", "source", "selection", "search_seed", "genotype")

# name -> type of what `varied` gives
VARIED: dict[str, pl.DataType] = {
    "study": pl.String(),
    "target": pl.String(),
    "common": pl.String(),
    "cells": pl.Int64(),
    "tricks": pl.String(),
    "method": pl.String(),
    "preset": pl.String(),
    "source": pl.String(),
    "selection": pl.String(),
    "search_seed": pl.Int64(),
    "genotype": pl.String(),
    "n_train": pl.Int64(),
    "top1": pl.Float64(),
    "runs": pl.List(pl.String()),
}


def main_setting(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The frame without own trainings that are not of their target's main setting, and those left out in words.

    The main setting of a target is the one that has most runs of a study. Rows that only feed an ablation or rank
    agreement stay; `arms` knows what to do with them.
    """
    numbered = frame.with_row_index("place")
    trained = feeding_more_than(finished(numbered), RANK_AGREEMENT, KNOWN, *ABLATIONS)
    counted = trained.group_by(*_WHERE, *SETTING, maintain_order=True).agg(pl.len().alias("runs"))
    main = counted.sort("runs", descending=True, maintain_order=True).unique(
        _WHERE, keep="first", maintain_order=True
    )
    other = trained.join(main, on=[*_WHERE, *SETTING], how="anti", nulls_equal=True)
    kept = numbered.join(other.select("place"), on="place", how="anti").drop("place")
    return kept, [_left_out(runs, main) for _, runs in other.group_by(_WHERE, maintain_order=True)]


def _left_out(runs: pl.DataFrame, main: pl.DataFrame) -> str:
    """How many trainings on a target are left out, and under what they and those that stay were made."""
    stays = main.join(runs, on=_WHERE, how="semi")
    columns = [name for name in SETTING if pl.concat([stays, runs], how="diagonal")[name].n_unique() > 1]
    said = [
        " or ".join(
            " ".join(f"{name} {value}" for name, value in setting.items())
            for setting in rows.select(columns).unique(maintain_order=True).to_dicts()
        )
        for rows in (runs, stays)
    ]
    number = "1 training" if runs.height == 1 else f"{runs.height} trainings"
    return f"{number} on {set_name(runs['target'][0])} ({said[0]}; those compared: {said[1]})"


def varied(frame: pl.DataFrame) -> pl.DataFrame:
    """Own trainings, a row a genotype and setting: `VARIED`.

    `common`: all settings but the number of cells and the tricks, as text. `tricks`: drop path, auxiliary head and
    cutout as the protocol's label says them, empty without. top1: percent, the mean over augment seeds. `ValueError`
    for accuracies that are none.
    """
    rows = feeding_more_than(finished(frame), RANK_AGREEMENT, KNOWN)
    labels = pl.col("protocol").fill_null("")
    bare = labels.str.replace_all(OTHER_CELLS, "").str.replace_all(_TRICK.pattern, "")
    others = [pl.col(name).cast(pl.String).fill_null("") for name in _COMMON]
    rows = rows.with_columns(
        common=pl.concat_str([bare, *others], separator="|"),
        tricks=labels.str.extract_all(_TRICK.pattern).list.join("").str.strip_chars("+"),
    )
    key = ["study", "target", "common", "cells", "tricks", *_GENOTYPE]
    found = rows.group_by(key, maintain_order=True).agg(
        pl.col("n_train").first(), pl.col("top1_last").mean().alias("top1"), pl.col("run").alias("runs")
    )
    return found.select(list(VARIED))
