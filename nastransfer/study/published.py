"""The papers' numbers as rows of the results frame, so that tables and figures need no special cases for them.

They lie in `published.json` beside this file, in the shape of the papers' tables. A number that was not published is
no row; what a table does not say (its protocol's batch size, its number of runs) is null. `top1_last` holds printed
accuracies although NASTransfer does not say whether they are of the last or of the best epoch. What follows from
printed numbers by arithmetic is no published number: see `nastransfer.report.audit.derived`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import polars as pl

from nastransfer.study.frame import results_frame

RELATIONS = ("is", "about", "below", "above")


def published() -> pl.DataFrame:
    """What NASTransfer (Tables 2 to 4, text) and NAS-Benchmark (Table 1, search costs) print, as rows of the frame.

    `study` names the paper, `run` its table, `origin` is `published`. Each row holds one number: an RI, an accuracy, or
    (`kind` search) the seconds of a search. "DARTS" in print is `darts2`, second order.
    """
    return results_frame(row for table in _content("published")["tables"] for row in _rows(table))


def published_sets() -> pl.DataFrame:
    """Table 1 of NASTransfer, one row a set: columns name, selection, classes, train and val (as printed: `128K`).

    The printed val part is the test part of whole sets, the official validation images in ImageNet1K's proxies, and the
    second half of what a search sees in ImageNet22K's.
    """
    return pl.DataFrame(_content("published")["sets"]["rows"])


def statements() -> pl.DataFrame:
    """Numbers that a paper's text names: search times, numbers of runs, results of others.

    Columns: study; about (what the number is of); said (the words, where they are rounder than the number); relation
    (the true value is this, is about this, lies below or above it); value; unit; method and source (null: not of one,
    or not known of which).
    """
    content = _content("published")
    named = [{"study": content["papers"][row["paper"]]["name"], **row} for row in content["statements"]]
    return (
        pl.DataFrame(named, infer_schema_length=None)
        .drop("paper")
        .with_columns(pl.col("value").cast(pl.Float64))
    )


def published_summaries() -> pl.DataFrame:
    """Mean and spread of top-1 (percent) over runs whose accuracies NAS-Benchmark's authors published as files.

    The statistics are computed from those files; only the 214 networks' are printed in the paper. Columns: study,
    dataset, method, arm (`random` or `searched`), setting, n, mean, std (ddof 0, as in their notebook), lowest,
    highest.
    """
    content = _content("published_runs")
    rows = pl.DataFrame(content["rows"], schema=content["columns"], orient="row")
    return rows.select(
        pl.lit(_content("published")["papers"][content["paper"]]["name"]).alias("study"), pl.all()
    )


def citations() -> dict[str, str]:
    """Name of each paper, as in the column `study`, to its citation with the address."""
    papers = _content("published")["papers"].values()
    return {paper["name"]: f"{paper['citation']}, {paper['url']}" for paper in papers}


@cache
def _content(name: str) -> dict[str, Any]:
    text = (resources.files("nastransfer.study") / f"{name}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def _rows(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    about = {
        "run": f"{table['paper']}:{table['table'].replace(' ', '-')}",
        "study": _content("published")["papers"][table["paper"]]["name"],
        "kind": table.get("kind", "augment"),
        "origin": "published",
        "feeds": table["table"],
        **table["common"],
    }
    for method, numbers in table["rows"].items():
        for column, number in zip(table["columns"], numbers, strict=True):
            if number is not None:
                yield {**about, **column, "method": method, table["quantity"]: number}
