"""Descriptors of sets and proxies side by side, as text for a notebook, and distances of several sets to one target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from nastransfer.data.datasets import Dataset
from nastransfer.data.descriptors import DESCRIPTORS
from nastransfer.data.manifest import Manifest
from nastransfer.data.pixel_distance import own_distance, pixel_distance
from nastransfer.report.markup import html_table
from nastransfer.report.names import set_name

CAPTION = "What it is, in numbers"
_NAMES = {"three_quarters": "upper quartile", "quarter": "lower quartile", "kl_to_target": "KL to target"}


def descriptors_html(described: Mapping[str, Mapping[str, Any]]) -> str:
    """A row each descriptor, a column each set, and what each means. `described`: heading -> `nt.describe(...)`.

    Descriptors that no set has are left out.
    """
    headers = ("descriptor", *described, "meaning")
    lines = [
        (
            _NAMES.get(name, name.replace("_", " ")),
            *(_shown(values[name]) for values in described.values()),
            meaning,
        )
        for name, meaning in DESCRIPTORS.items()
        if any(values[name] is not None for values in described.values())
    ]
    return html_table(CAPTION, headers, lines)


def distances(target: Dataset, others: Iterable[Dataset]) -> pl.DataFrame:
    """A row each other set, nearest first: set, domain, target, distance (Frechet, of pixels) and own.

    own is the distance of two samples of the target without a common image: what chance alone gives.
    """
    own = own_distance(target)
    rows = [
        {
            "set": set_name(other.name),
            "domain": other.domain,
            "target": target.name,
            "distance": pixel_distance(other, target),
            "own": own,
        }
        for other in others
    ]
    schema = {
        "set": pl.String,
        "domain": pl.String,
        "target": pl.String,
        "distance": pl.Float64,
        "own": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema).sort("distance")


def usable_in_words(manifest: Manifest, rejects: pl.DataFrame | None) -> str:
    """How many images were chosen and how many of them can be used, as a proxy's task recorded it."""
    missing = rejects.filter("chosen") if rejects is not None else pl.DataFrame()
    chosen = f"{len(manifest) + len(missing):,} images were chosen"
    if missing.is_empty():
        return f"{chosen}, all of them can be used."
    shown = [
        f"{row['container']}/{row['name']} ({row['reason']})" for row in missing.head(3).iter_rows(named=True)
    ]
    more = ", ..." if len(missing) > len(shown) else ""
    return (
        f"{chosen}; {len(missing):,} of them cannot be used and {'is' if len(missing) == 1 else 'are'} missing: "
        f"{', '.join(shown)}{more}. `task.rejects` lists them with the reason."
    )


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) >= 10 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
