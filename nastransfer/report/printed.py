"""Published numbers in figures: those of one table together, and beside the study's of the same method and source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import polars as pl

from nastransfer.report.arms import Arm
from nastransfer.report.names import RANDOM, source_name

FROM = "from"
"""Column of what was searched on, in words."""

_SAME = ("method", "source", "selection")
_Own = TypeVar("_Own")


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


def by_arm(
    own: Sequence[Arm], printed: pl.DataFrame
) -> Iterator[tuple[Arm | None, str, str | None, pl.DataFrame]]:
    """Arm, method, what was searched on (in words) and the published rows of these: first each arm of the study.

    Of several arms that share method and source the first has the rows. Rows without an arm come after, with None.
    """
    for arm in own:
        same = pl.all_horizontal(pl.col(name).eq_missing(getattr(arm, name)) for name in _SAME)
        yield arm, arm.method, arm.origin if arm.source else None, printed.filter(same)
        printed = printed.filter(~same)
    for (method, source, selection), rows in printed.group_by(_SAME, maintain_order=True):
        yield None, str(method), source_name(source, selection) if source else None, rows


def by_origin(
    own: Mapping[tuple[str, str, str], list[_Own]], printed: pl.DataFrame
) -> Iterator[tuple[str, str, str | None, list[_Own], pl.DataFrame]]:
    """Target, origin, study, own and published entries of each panel: of a study first, then those of papers alone.

    `own`: (target, origin, study) -> what the study has of it; `printed` has the column `FROM`. Published rows join the
    first study's panel of the same target and origin. The origin names the study too where several are shown.
    """
    several = len({study for *_, study in own}) > 1
    for (target, origin, study), group in sorted(own.items()):
        here = (pl.col("target") == target) & (pl.col(FROM) == origin)
        yield target, f"{origin} ({study})" if several else origin, study, group, printed.filter(here)
        printed = printed.filter(~here)
    for (target, origin), rows in printed.group_by("target", FROM, maintain_order=True):
        yield str(target), str(origin), None, [], rows
