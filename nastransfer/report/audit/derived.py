"""What follows from the papers' printed numbers by arithmetic: never printed itself, and kept apart from what is.

A printed number stands for all that round to it (two decimals), so a derived one comes with the range of values that
it can have. This is no confidence interval: no paper prints what one would need.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import polars as pl

from nastransfer.report.names import RANDOM
from nastransfer.study import published

# Largest distance of a number from its two printed decimals.
ROUNDING = 0.005
NASTRANSFER = "NASTransfer (AAAI 2021)"
MAIN_SETTING = {"augment_seed": 2, "cells": 20}

# name -> (type, meaning)
DERIVED_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study": (pl.String(), "paper whose numbers were used"),
    "quantity": (pl.String(), "random_top1 (mean top-1 of random sampling), top1_last or ri_percent"),
    "method": (pl.String(), "search method; of random_top1: whose numbers were used, null: all"),
    "source": (pl.String(), "data set searched on; of random_top1 likewise"),
    "selection": (pl.String(), "how it was cut down"),
    "target": (pl.String(), "data set trained and tested on"),
    "augment_seed": (pl.Int64(), "seed of the final training"),
    "cells": (pl.Int64(), "cells of the trained network"),
    "baseline": (pl.String(), "where the accuracy of random sampling is from"),
    "value": (pl.Float64(), "percent"),
    "low": (pl.Float64(), "smallest value that fits the printed decimals"),
    "high": (pl.Float64(), "largest such value; null both: from numbers with more decimals"),
    "formula": (pl.String(), "the arithmetic"),
}
IMPLIED, BESIDE, FILES = "implied by Table 2", "printed in the same table", "the authors' files"
_ARM = ("method", "source", "selection", "target")


def derived() -> pl.DataFrame:
    """Every derived value; columns `DERIVED_COLUMNS`.

    Random sampling's accuracy from an RI and an accuracy of one arm, and what all of a target's arms allow; from it the
    accuracies that Table 2 implies, and RI of Table 3's accuracies; RI of Tables 3 and 4 against the random sampling
    that they print; RI of NAS-Benchmark from its authors' files.
    """
    return _derived().clone()


@cache
def _derived() -> pl.DataFrame:
    by_arm = _random_top1()
    common = _common(by_arm)
    return pl.concat(
        [by_arm, common, _implied_top1(common), _ri_implied(common), _ri_beside(), _ri_of_files()]
    )


def implied_random_top1(target: str) -> tuple[float, float, float]:
    """Top-1 of random sampling (percent) that NASTransfer's Table 2 implies on a target, and the ends of its range.

    `ValueError` for a target of which no arm has both an RI and an accuracy in print.
    """
    common = derived().filter(pl.col("source").is_null(), quantity="random_top1")
    found = common.filter(target=target)
    if found.is_empty():
        raise ValueError(
            f"no accuracy of random sampling follows for target {target!r}; known are {common['target'].to_list()}"
        )
    value, low, high = found.select("value", "low", "high").row(0)
    return value, low, high


def ri_range(top1: tuple[float, float], random: tuple[float, float]) -> tuple[float, float]:
    """Smallest and largest RI (percent) of accuracies within `top1` over random sampling within `random`."""
    return 100 * (top1[0] / random[1] - 1), 100 * (top1[1] / random[0] - 1)


def rounded(value: float) -> tuple[float, float]:
    """Ends of the range of numbers that print as `value`."""
    return value - ROUNDING, value + ROUNDING


def _random_top1() -> pl.DataFrame:
    """Acc_r = Acc_m / (1 + RI / 100) of every arm with both numbers in print, both with augment seed 2 and 20 cells."""
    printed = _printed().filter(pl.col("feeds") != "table 4", augment_seed=2)
    ri = printed.filter(pl.col("ri_percent").is_not_null()).select(*_ARM, "ri_percent")
    top1 = printed.filter(pl.col("top1_last").is_not_null()).select(*_ARM, "top1_last")
    rows = []
    for row in top1.join(ri, on=_ARM).iter_rows(named=True):
        top1_percent, ri_percent = row["top1_last"], row["ri_percent"]
        (low, high), (ri_low, ri_high) = rounded(top1_percent), rounded(ri_percent)
        ends = {"low": low / (1 + ri_high / 100), "high": high / (1 + ri_low / 100)}
        value, formula = top1_percent / (1 + ri_percent / 100), f"{top1_percent} / (1 + {ri_percent} / 100)"
        rows.append({**_about("random_top1", row, IMPLIED), "value": value, **ends, "formula": formula})
    return _frame(rows)


def _common(by_arm: pl.DataFrame) -> pl.DataFrame:
    """One row a target: where the ranges of its arms meet."""
    rows = []
    for (target,), found in by_arm.group_by("target", maintain_order=True):
        low, high = max(found["low"].to_list()), min(found["high"].to_list())
        assert low <= high, f"no accuracy of random sampling on {target} fits all printed numbers"
        formula = f"where the ranges of {found.height} meet" if found.height > 1 else "that of the only arm"
        about = _about("random_top1", {"target": target}, IMPLIED)
        rows.append(
            {**about, "value": round((low + high) / 2, 2), "low": low, "high": high, "formula": formula}
        )
    return _frame(rows)


def _implied_top1(common: pl.DataFrame) -> pl.DataFrame:
    """Acc_m = (1 + RI / 100) Acc_r of all of Table 2 whose target's Acc_r is known."""
    rows = []
    for row, random in _with_common(_printed().filter(feeds="table 2"), common):
        ri = row["ri_percent"]
        low, high = (1 + end / 100 for end in rounded(ri))
        value, formula = (1 + ri / 100) * random["value"], f"(1 + {ri} / 100) * {random['value']}"
        ends = {"low": low * random["low"], "high": high * random["high"]}
        rows.append({**_about("top1_last", row, IMPLIED), "value": value, **ends, "formula": formula})
    return _frame(rows)


def _ri_implied(common: pl.DataFrame) -> pl.DataFrame:
    """RI of Table 3's accuracies (augment seed 2) against the random sampling that Table 2 implies."""
    accuracies = _printed().filter(pl.col("method") != RANDOM, feeds="table 3", augment_seed=2)
    pairs = _with_common(accuracies, common)
    return _frame(
        _ri(row, IMPLIED, random["value"], (random["low"], random["high"])) for row, random in pairs
    )


def _ri_beside() -> pl.DataFrame:
    """RI of the accuracies of Tables 3 and 4 against the random sampling printed there for the same seed and cells."""
    tables = _printed().filter(pl.col("feeds").is_in(["table 3", "table 4"]))
    random = {
        (row["feeds"], row["augment_seed"], row["cells"]): row["top1_last"] for row in _rows(tables, RANDOM)
    }
    rows = []
    for row in tables.filter(pl.col("method") != RANDOM).iter_rows(named=True):
        top1 = random[row["feeds"], row["augment_seed"], row["cells"]]
        rows.append(_ri(row, f"{BESIDE} ({row['feeds']})", top1, rounded(top1)))
    return _frame(rows)


def _ri(row: dict[str, Any], baseline: str, random: float, ends: tuple[float, float]) -> dict[str, Any]:
    top1 = row["top1_last"]
    low, high = ri_range(rounded(top1), ends)
    formula = f"100 ({top1} / {random} - 1)"
    about = _about("ri_percent", row, baseline)
    return {**about, "value": 100 * (top1 / random - 1), "low": low, "high": high, "formula": formula}


def _ri_of_files() -> pl.DataFrame:
    """RI of NAS-Benchmark's methods, from the means of its authors' files."""
    summaries = published.published_summaries().filter(setting="own protocol of the method")
    sides = [summaries.filter(arm=arm) for arm in ("searched", "random")]
    both = sides[0].join(sides[1], on=["dataset", "method"], suffix="_random")
    rows = []
    for row in both.iter_rows(named=True):
        about = {"study": row["study"], "quantity": "ri_percent", "method": row["method"], "baseline": FILES}
        where = {"source": row["dataset"], "selection": "all", "target": row["dataset"]}
        formula = f"100 ({row['mean']} / {row['mean_random']} - 1)"
        rows.append(
            {**about, **where, "value": 100 * (row["mean"] / row["mean_random"] - 1), "formula": formula}
        )
    return _frame(rows)


def _printed() -> pl.DataFrame:
    """NASTransfer's trainings in print."""
    return published.published().filter(study=NASTRANSFER, kind="augment")


def _rows(frame: pl.DataFrame, method: str) -> list[dict[str, Any]]:
    return frame.filter(method=method).to_dicts()


def _with_common(rows: pl.DataFrame, common: pl.DataFrame) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each row with the common accuracy of random sampling on its target; rows without one are left out."""
    known = {row["target"]: row for row in common.iter_rows(named=True)}
    return [(row, known[row["target"]]) for row in rows.iter_rows(named=True) if row["target"] in known]


def _about(quantity: str, row: dict[str, Any], baseline: str) -> dict[str, Any]:
    kept = {name: row.get(name) for name in _ARM}
    setting = {name: row.get(name, default) for name, default in MAIN_SETTING.items()}
    return {"study": NASTRANSFER, "quantity": quantity, **kept, **setting, "baseline": baseline}


def _frame(rows: Any) -> pl.DataFrame:
    return pl.DataFrame(list(rows), {name: dtype for name, (dtype, _) in DERIVED_COLUMNS.items()})
