"""What the sources of a study are, in numbers, a row a source: for a figure against rank agreement and for a file."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from nastransfer.data.descriptors import DESCRIPTORS, describe
from nastransfer.data.manifest import Manifest
from nastransfer.report.every_table import Table, laid_out
from nastransfer.report.names import source_name
from nastransfer.report.text_table import TextTable

CAPTION = "Descriptors of the sources"
EMPTY = "No source is known yet: the first proxy built, or the first search finished, brings one."
SHOWN = ("images", "classes", "smallest", "median", "largest", "evenness", "gini", "imbalance")
"""Descriptors on the page and in LaTeX; the CSV file has all."""


def described_sources(frame: pl.DataFrame, proxies: Iterable[Manifest]) -> pl.DataFrame:
    """A row for each source of the frame's own runs; columns are those of `nt.describe`.

    Proxies whose manifest is at hand are described by it; of other sources the results say images and classes only.
    """
    rows = {(proxy.dataset, proxy.selection): describe(proxy) for proxy in proxies}
    own = frame.filter(
        pl.col("source").is_not_null(), pl.col("kind") != "proxy", pl.col("origin") != "published"
    )
    known = own.select(
        dataset="source",
        selection=pl.col("selection").fill_null("all"),
        images="proxy_images",
        classes="proxy_classes",
    )
    for row in known.unique(maintain_order=True).iter_rows(named=True):
        if row["images"] is not None:
            rows.setdefault((row["dataset"], row["selection"]), dict.fromkeys(DESCRIPTORS) | row)
    ordered = [rows[key] for key in sorted(rows)]
    return pl.DataFrame(ordered, list(DESCRIPTORS), infer_schema_length=None)


def sources_table(described: pl.DataFrame) -> Table:
    """The table that shows `described` (of `described_sources`), whatever frame it is made of."""

    def make(_: pl.DataFrame) -> pl.DataFrame:
        return described

    return laid_out("sources", CAPTION, make, sources_layout)


def sources_layout(described: pl.DataFrame) -> TextTable:
    """The table in words: a line a source, with those of the descriptors `SHOWN` that any has."""
    if described.is_empty():
        return TextTable(CAPTION, (), (), (EMPTY,))
    names = [name for name in SHOWN if described[name].count()]
    lines = [
        [source_name(row["dataset"], row["selection"]), *(_shown(row[name]) for name in names)]
        for row in described.iter_rows(named=True)
    ]
    legend = ". ".join(f"{name.capitalize()}: {DESCRIPTORS[name]}" for name in names)
    return TextTable(CAPTION, ["source", *names], lines, (f"{legend}.",))


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"
