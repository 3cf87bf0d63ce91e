"""Published numbers of one table that belong together: those of searches beside those of random sampling."""

from __future__ import annotations

import polars as pl

from nastransfer.report.names import RANDOM, source_name

FROM = "from"
"""Column of what was searched on, in words."""


def with_origin(rows: pl.DataFrame) -> pl.DataFrame:
    """Published rows with the column `FROM`; null for random sampling."""
    words = pl.struct("source", "selection").map_elements(
        lambda row: source_name(**row), return_dtype=pl.String
    )
    return rows.with_columns(pl.when(pl.col("source").is_not_null()).then(words).alias(FROM))


def beside_every_origin(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows, those of random sampling once for each origin that their table has on their target."""
    random = rows.filter(method=RANDOM).drop(FROM)
    searched = rows.filter(pl.col(FROM).is_not_null())
    places = searched.select("run", "target", FROM).unique(maintain_order=True)
    return pl.concat([searched, random.join(places, on=["run", "target"]).select(searched.columns)])
