"""Search times: measured by a study's cost records, projected from them to the paper's searches, and published.

The projection is one rule: measured seconds, divided by the multiply-adds that the search recorded, times the
multiply-adds of the paper's search in closed form (`nastransfer.report.search_work`). It holds as far as the same
machine computes large networks as fast as small ones; on a CPU they run faster, so that it is rather too long.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from nastransfer.report.audit.derived import NASTRANSFER
from nastransfer.report.audit.findings import printed_images
from nastransfer.report.names import RANDOM, method_name, set_name
from nastransfer.report.search_work import SearchedSet, SearchWork, search_work
from nastransfer.report.text_table import TextTable
from nastransfer.study import published

# Training images as NASTransfer's Table 1 prints them, at the sizes that networks of either kind are made for.
SEARCHED = (
    SearchedSet("cifar10", 50_000, 10, 32, "cifar"),
    SearchedSet("imagenet1k", 1_200_000, 1_000, 224, "imagenet"),
    SearchedSet("imagenet22k", 7_500_000, 21_841, 224, "imagenet"),
)
RULE = "measured seconds / recorded multiply-adds x multiply-adds of the paper's search"
DAY = 86_400.0
YEAR = 365.25 * DAY

# name -> (type, meaning)
TIME_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "method": (pl.String(), "search method; null: a statement of which it is not recorded what it is about"),
    "source": (pl.String(), "whole data set searched on, as in the paper; null likewise"),
    "study": (pl.String(), "own study measured"),
    "preset": (pl.String(), "settings of the measured searches"),
    "device": (pl.String(), "what they ran on"),
    "n": (pl.Int64(), "measured searches"),
    "measured_seconds": (pl.Float64(), "their mean wall time, on their own source"),
    "measured_std": (pl.Float64(), "its standard deviation (ddof 1)"),
    "measured_macs": (pl.Float64(), "their mean recorded multiply-adds"),
    "measured_images": (pl.Float64(), "their mean image presentations"),
    "paper_macs": (pl.Float64(), "multiply-adds of one search at the paper's preset on the source"),
    "paper_images": (pl.Float64(), "its image presentations"),
    "projected_seconds": (pl.Float64(), RULE),
    "relation": (pl.String(), "the true time is, is about, is below or is above the published one"),
    "published_seconds": (pl.Float64(), "the published time"),
    "published_by": (pl.String(), "paper, and its words where they are rounder than the number"),
    "note": (pl.String(), "why a projection is missing, and what a statement may be about"),
}
SCHEMA = {name: dtype for name, (dtype, _) in TIME_COLUMNS.items()}

CAPTION = "Time of one search: measured, projected to the paper's setting, published"
HEADERS = ("method", "on", "measured", "projected", "published", "published by")
LEGEND = (
    f"Measured: mean ± standard deviation (ddof 1) of the study's own searches on its own sources. Projected: {RULE}, "
    "on half of the set's training images and half to judge by; networks that a method draws count as random ones. "
    "Published times are of one GPU."
)
# name, seconds, and the time from which the next one is used
_UNITS = (
    ("s", 1.0, 120.0),
    ("min", 60.0, 7200.0),
    ("h", 3600.0, 2 * DAY),
    ("days", DAY, YEAR),
    ("years", YEAR, float("inf")),
)
_MEASURED = ("study", "method", "preset", "device")
_FACTOR_SAID, _FACTOR_METHOD, _FACTOR_SOURCE = "approximately 19 years", "nsganet", "imagenet22k"
# By how much a value may lie within "almost" and "over", and around "about", to fit.
_SLACK = {"below": (0.75, 1.0), "above": (1.0, 4 / 3), "about": (0.95, 1.05)}


def search_times(frame: pl.DataFrame) -> pl.DataFrame:
    """A row for each measured method and each set of `SEARCHED`, and for each published time; columns `TIME_COLUMNS`.

    Searches of one study, method, preset and device are pooled over their sources. What was not measured, cannot be
    projected or was not published is null.
    """
    searches = frame.filter(kind="search")
    own = searches.filter(pl.col("method").ne_missing(RANDOM), origin="own")
    own = own.filter(pl.col("seconds").is_finite(), pl.col("seconds") > 0)
    measured = [_measured(key, runs) for key, runs in own.group_by(_MEASURED, maintain_order=True)]
    rows = [_projected(row, seen) for row in measured for seen in SEARCHED]
    printed = [_printed(row) for row in searches.filter(origin="published").iter_rows(named=True)]
    if not frame.filter(origin="published", study=NASTRANSFER).is_empty():
        printed += _of_unknown_subject()
    return _joined(rows, printed)


def times_layout(table: pl.DataFrame) -> TextTable:
    """The times in units that can be read."""
    lines = [_line(row) for row in table.iter_rows(named=True)]
    notes = [f"{note[0].upper()}{note[1:]}." for note in dict.fromkeys(table["note"].drop_nulls())]
    if not table.filter(pl.col("method").is_null()).is_empty():
        notes.append(_how_read())
    return TextTable(CAPTION, HEADERS, lines, (LEGEND, *notes))


def times_html(table: pl.DataFrame) -> str:
    """The same as an HTML fragment."""
    return times_layout(table).html()


def duration(seconds: float, std: float | None = None) -> str:
    """`95 s`, `3.2 min`, `5.0 ± 0.3 h`, `2.3 days`, `1.5 years`."""
    unit, size = next((unit, size) for unit, size, most in _UNITS if seconds < most)
    spread = "" if std is None else f" ± {std / size:.1f}"
    return f"{seconds / size:.1f}{spread} {unit}"


def _measured(key: Iterable[Any], runs: pl.DataFrame) -> dict[str, Any]:
    counted = runs.filter(pl.col("search_macs") > 0)
    return {
        **dict(zip(_MEASURED, key, strict=True)),
        "n": runs.height,
        "measured_seconds": runs["seconds"].mean(),
        "measured_std": runs["seconds"].std() if runs.height > 1 else None,
        "measured_macs": counted["search_macs"].mean(),
        "measured_images": runs["images_seen"].mean(),
        "note": None if counted.height == runs.height else "not all searches recorded their multiply-adds",
    }


def _projected(row: dict[str, Any], seen: SearchedSet) -> dict[str, Any]:
    work = search_work(row["method"], seen)
    if work is None:
        note = (
            f"{method_name(row['method'])} is an own method: what it would cost elsewhere only a run can tell"
        )
        return {**row, "source": seen.name, "note": note}
    seconds = None
    if row["note"] is None:
        seconds = row["measured_seconds"] / row["measured_macs"] * work.macs
    return {**row, "source": seen.name, **_of_paper(work), "projected_seconds": seconds}


def _of_paper(work: SearchWork) -> dict[str, Any]:
    return {"paper_macs": work.macs, "paper_images": work.images}


def _printed(row: dict[str, Any]) -> dict[str, Any]:
    said = published.statements().filter(
        method=row["method"], source=row["source"], study=row["study"], unit="days"
    )
    words = f", {said['said'].item()}" if said.height else ""
    about = {"method": row["method"], "source": row["source"], "published_seconds": row["seconds"]}
    return {**about, "relation": "is", "published_by": f"{row['study']}{words}"}


def _of_unknown_subject() -> list[dict[str, Any]]:
    """Statements of search times of which it is not recorded what they are about, each with what it would fit."""
    rows = []
    for row in published.statements().filter(pl.col("method").is_null(), unit="days").iter_rows(named=True):
        time = {"published_seconds": row["value"] * DAY, "relation": row["relation"]}
        rows.append({**time, "published_by": f"{row['study']}, {row['said']}", "note": _reading(row)})
    return rows


def _reading(row: dict[str, Any]) -> str:
    """What a statement would fit if time grew with the number of images, by the printed times on CIFAR10."""
    _, times = _by_images()
    low, high = _SLACK[row["relation"]]
    fitting = [
        f"{method_name(method)} on {source} ({days:.0f} days)"
        for (method, source), days in times.items()
        if low * row["value"] <= days <= high * row["value"]
    ]
    said = f"'{row['said']}': of which method and set is not recorded here"
    return (
        f"{said}; it would fit {' or '.join(fitting)}" if fitting else f"{said}; it fits none of the readings"
    )


def _how_read() -> str:
    factor, _ = _by_images()
    return (
        "Readings of what is not recorded, none of them a fact: the printed times on CIFAR10 grow with the number of "
        f"images (Table 1, both parts), and an image of these sets costs {factor:.1f} times one of CIFAR10, the factor "
        f"at which {method_name(_FACTOR_METHOD)} on {_FACTOR_SOURCE} takes 19 years."
    )


def _by_images() -> tuple[float, dict[tuple[str, str], float]]:
    """The cost of an image that 19 years imply, and with it the days of each printed method on each large set."""
    said = published.statements().filter(unit="days")
    images = {row["name"]: printed_images(row) for row in published.published_sets().iter_rows(named=True)}
    cifar, *large = (seen.name for seen in SEARCHED)
    printed = {row["method"]: row["value"] for row in said.filter(source=cifar).iter_rows(named=True)}
    ratio = {name: images[name] / images[cifar] for name in large}
    years = said.filter(said=_FACTOR_SAID)["value"].item()
    factor = years / (printed[_FACTOR_METHOD] * ratio[_FACTOR_SOURCE])
    times = {(m, name): days * ratio[name] * factor for m, days in printed.items() for name in ratio}
    return factor, times


def _joined(rows: list[dict[str, Any]], printed: list[dict[str, Any]]) -> pl.DataFrame:
    """Measured rows with each published time of the same method and set; what has no counterpart stands alone."""
    theirs = ("relation", "published_seconds", "published_by")
    mine = pl.DataFrame(rows, SCHEMA).drop(theirs)
    known = [row for row in printed if "method" in row]
    named = pl.DataFrame(known, SCHEMA).select("method", "source", *theirs)
    both = mine.join(named, on=["method", "source"], how="full", coalesce=True).select(*SCHEMA)
    unknown = pl.DataFrame([row for row in printed if "method" not in row], SCHEMA)
    return pl.concat([both.sort("method", "source", "study", "published_by", nulls_last=True), unknown])


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    measured = "none"
    if row["measured_seconds"] is not None:
        on = row["device"] or "device not recorded"
        time = duration(row["measured_seconds"], row["measured_std"])
        measured = f"{time}\nn = {row['n']}, {row['preset'] or 'no preset'}, {on}"
    projected = "none" if row["projected_seconds"] is None else duration(row["projected_seconds"])
    published = "none"
    if row["published_seconds"] is not None:
        mark = "" if row["relation"] == "is" else f"{row['relation']} "
        published = mark + duration(row["published_seconds"])
    known = row["method"] is not None
    return (
        method_name(row["method"]) if known else "not recorded",
        set_name(row["source"]) if known else "not recorded",
        measured,
        projected,
        published,
        row["published_by"] or "none",
    )
