"""What drop path, the auxiliary head and cutout add to the plain final training (the paper's supplement), genotype by
genotype: each was trained both ways, so it is compared with itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from nastransfer.report.cell_text import interval_text, number_text
from nastransfer.report.claims.settings import varied
from nastransfer.report.names import RANDOM, method_with, set_name, source_name
from nastransfer.report.text_table import TextTable, noted
from nastransfer.stats.contrast import Contrast, log_gain

# name -> (type, meaning)
TRICK_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study": (pl.String(), "study"),
    "target": (pl.String(), "data set trained and tested on"),
    "cells": (pl.Int64(), "cells of the networks"),
    "tricks": (pl.String(), "what was switched on, with its strength, as the protocol's label has it"),
    "method": (pl.String(), "search method, or random; null: all genotypes of the rows below together"),
    "preset": (pl.String(), "settings of the search"),
    "source": (pl.String(), "data set searched on; null for random sampling"),
    "selection": (pl.String(), "how it was cut down; all: not at all"),
    "n": (pl.Int64(), "genotypes trained both ways"),
    "plain_mean": (pl.Float64(), "their mean top-1 without any trick, percent"),
    "trick_mean": (pl.Float64(), "their mean top-1 with it"),
    "gain_percent": (pl.Float64(), "mean relative gain of a genotype, percent"),
    "gain_low": (pl.Float64(), "lower end of its 95% interval (Student's t of the log gains)"),
    "gain_high": (pl.Float64(), "upper end"),
    "note": (pl.String(), "why there is no interval"),
}
CAPTION = "Tricks of the final training: what they add to the plain one"
HEADERS = ("target", "with", "genotypes of", "n", "plain, %", "with it, %", "gain, %", "95% interval, %")
LEGEND = (
    "Mean top-1 of the same n genotypes trained plainly and with drop path, an auxiliary head or cutout. Gain: mean of "
    "each genotype's relative change (as logarithms); interval: Student's t over genotypes."
)
EMPTY = (
    "Nothing to compare yet: it takes genotypes that were trained both plainly and with drop path, an auxiliary head "
    "or cutout. A study file asks for them under also, with feeds: tricks; the study ablations has all of them."
)
_EVERY = "all of them"
_ALIKE = "every genotype changed by as much, which shows no noise"
_ARM = ("method", "preset", "source", "selection")
_GENOTYPE = (*_ARM, "search_seed", "genotype")
_TAIL = 0.025
_STRENGTH = re.compile(r"(?<=[a-z])(?=[\d.])")


def tricks(frame: pl.DataFrame) -> pl.DataFrame:
    """A row for each target, trick and arm that was trained both ways, all arms together first; `TRICK_COLUMNS`.

    A genotype counts by its mean over augment seeds. `ValueError` for accuracies that are none.
    """
    groups = varied(frame).partition_by("study", "target", "common", "cells", maintain_order=True)
    rows = [row for group in groups for row in _of_setting(group)]
    return pl.DataFrame(rows, {name: dtype for name, (dtype, _) in TRICK_COLUMNS.items()})


def tricks_layout(table: pl.DataFrame) -> TextTable:
    """The table in words."""
    if table.is_empty():
        return TextTable(CAPTION, (), (), (EMPTY,))
    return noted(CAPTION, HEADERS, table, _line, LEGEND)


def tricks_name(label: str) -> str:
    """`drop_path0.2+cutout8` as people say it: `drop path 0.2, cutout 8`."""
    return ", ".join(_STRENGTH.sub(" ", part).replace("_", " ") for part in label.split("+"))


def _of_setting(rows: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Rows of one study, target and protocol, the tricks apart."""
    plain = rows.filter(tricks="")
    for label in sorted(set(rows["tricks"]) - {""}):
        changed = rows.filter(tricks=label).select(*_GENOTYPE, "top1")
        both = plain.join(changed, on=_GENOTYPE, suffix="_with", nulls_equal=True, maintain_order="left")
        arms = both.partition_by(_ARM, maintain_order=True)
        about = {"tricks": label} | {name: rows[name][0] for name in ("study", "target", "cells")}
        if len(arms) > 1:
            yield about | _gain(both)
        for arm in arms:
            yield about | {name: arm[name][0] for name in _ARM} | _gain(arm)


def _gain(both: pl.DataFrame) -> dict[str, Any]:
    before, after = both["top1"].to_list(), both["top1_with"].to_list()
    row = {"n": both.height, "plain_mean": both["top1"].mean(), "trick_mean": both["top1_with"].mean()}
    side = log_gain(before, after)
    if side is None:
        return {**row, "note": "no genotype got an image right both ways"}
    found = Contrast(((1.0, side),))
    ends = found.limits(_TAIL)
    low, high = (None, None) if ends is None else map(found.percent, ends)
    gain = {"gain_percent": found.percent(found.estimate), "gain_low": low, "gain_high": high}
    return {**row, **gain, "note": _ALIKE if side.spread == 0.0 else found.reason}


def _line(row: dict[str, Any], mark: str, several: bool) -> tuple[str, ...]:
    return (
        f"{set_name(row['target'])}, {row['study']}" if several else set_name(row["target"]),
        tricks_name(row["tricks"]),
        _who(row),
        str(row["n"]),
        f"{row['plain_mean']:.2f}",
        f"{row['trick_mean']:.2f}",
        number_text(row["gain_percent"], "+"),
        f"{interval_text(row['gain_low'], row['gain_high'], '+')}{mark}",
    )


def _who(row: dict[str, Any]) -> str:
    if row["method"] is None:
        return _EVERY
    if row["method"] == RANDOM:
        return method_with(RANDOM)
    return f"{method_with(row['method'])}, {source_name(row['source'], row['selection'])}"
