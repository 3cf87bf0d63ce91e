"""Settings of the final training: which one a target's results are of, and what was trained under several."""

from __future__ import annotations

import re

import polars as pl

from nastransfer.report.arms import ABLATIONS, RANK_AGREEMENT

# What has to be equal for accuracies to be comparable at all; the number of cells and the tricks may be what is varied.
_COMMON = ("channels", "bn_group", "precision", "preset_version", "n_train", "n_test")
_SETTING = ("protocol", "cells", *_COMMON)
# How a protocol's label says that a setting differs from the named protocol's.
_CELLS = re.compile(r"\+L\d+")
_TRICK = re.compile(r"\+((?:drop_path|auxiliary|cutout)[\d.]+)")
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


def main_setting(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame without own trainings that are not of their target's main setting: the one that has most runs.

    Rows that only feed an ablation or rank agreement stay; `arms` knows what to do with them.
    """
    numbered = frame.with_row_index("place")
    trained = numbered.filter(_own(), ~_only_feeds([RANK_AGREEMENT, *ABLATIONS]))
    counted = trained.group_by("target", *_SETTING, maintain_order=True).agg(pl.len().alias("runs"))
    main = counted.sort("runs", descending=True, maintain_order=True).unique(
        "target", keep="first", maintain_order=True
    )
    other = trained.join(main, on=["target", *_SETTING], how="anti", nulls_equal=True)
    return numbered.join(other.select("place"), on="place", how="anti").drop("place")


def varied(frame: pl.DataFrame) -> pl.DataFrame:
    """Own trainings, a row a genotype and setting: `VARIED`.

    `common`: all settings but the number of cells and the tricks, as text. `tricks`: drop path, auxiliary head and
    cutout as the protocol's label says them, empty without. top1: percent, the mean over augment seeds.
    """
    rows = frame.filter(_own(), ~_only_feeds([RANK_AGREEMENT]))
    labels = pl.col("protocol").fill_null("")
    bare = labels.str.replace_all(_CELLS.pattern, "").str.replace_all(_TRICK.pattern, "")
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


def _own() -> pl.Expr:
    finished = pl.col("top1_last").is_not_null() & (pl.col("kind") == "augment")
    return finished & pl.col("origin").is_in(["own", "linked"])


def _only_feeds(uses: list[str]) -> pl.Expr:
    """Whether a row says what it is for, and it is nothing but these."""
    return pl.col("feeds").str.split(",").list.set_difference(uses).list.len().fill_null(1) == 0
