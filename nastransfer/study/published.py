"""The papers' numbers as rows of the results frame, so that tables and figures need no special cases for them.

They lie in `published.json` beside this file, in the shape of the papers' tables. A number that was not published is
no row; what a table does not say (its protocol's batch size, its number of runs) is null. `top1_last` holds printed
accuracies although NASTransfer does not say whether they are of the last or of the best epoch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import polars as pl

from nastransfer.study.frame import results_frame


def published() -> pl.DataFrame:
    """Tables 2, 3 and 4 of NASTransfer and Table 1 (RI) of NAS-Benchmark; columns: `nastransfer.study.frame`.

    `study` names the paper, `run` its table, `origin` is `published`. "DARTS" in print is `darts2`, second order.
    """
    return results_frame(row for table in _content()["tables"] for row in _rows(table))


def published_sets() -> pl.DataFrame:
    """Table 1 of NASTransfer, one row a set: columns name, selection, classes, train and val (as printed: `128K`).

    The printed val part is the test part of whole sets, the official validation images in ImageNet1K's proxies, and the
    second half of what a search sees in ImageNet22K's.
    """
    return pl.DataFrame(_content()["sets"]["rows"])


def citations() -> dict[str, str]:
    """Name of each paper, as in the column `study`, to its citation with the address."""
    return {paper["name"]: f"{paper['citation']}, {paper['url']}" for paper in _content()["papers"].values()}


@cache
def _content() -> dict[str, Any]:
    text = (resources.files("nastransfer.study") / "published.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def _rows(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    about = {
        "run": f"{table['paper']}:{table['table'].replace(' ', '-')}",
        "study": _content()["papers"][table["paper"]]["name"],
        "kind": "augment",
        "origin": "published",
        "feeds": table["table"],
        **table["common"],
    }
    for method, numbers in table["rows"].items():
        for column, number in zip(table["columns"], numbers, strict=True):
            if number is not None:
                yield {**about, **column, "method": method, table["quantity"]: number}
