"""Predicted against actual: the estimate that was made before a study, held against its records (no torch)."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping
from typing import Any

import numpy as np
import polars as pl

from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.pricing.evidence import TASK_ID
from nastransfer.study.records import CorruptRecord, read_record, write_record

KEPT = "estimate.json"
# name -> (type, meaning)
COMPARED_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "kind": (
        pl.String(),
        "proxy, search or augment; total: all of them; wall: from the first start to the last end",
    ),
    "tasks": (pl.Int64(), "tasks that were predicted and are finished"),
    "predicted_hours": (pl.Float64(), "of their work, as the estimate before the start had it"),
    "actual_hours": (pl.Float64(), "as recorded; wall: pauses between two calls of the runner left out"),
    "error_percent": (pl.Float64(), "predicted over actual, less 1; null: nothing was predicted"),
}
_SCHEMA = {name: dtype for name, (dtype, _) in COMPARED_COLUMNS.items()}
_HOUR = 3600.0
# Longer than it takes to start a task: nothing ran in between.
_PAUSE_SECONDS = 120.0


def keep_estimate(records: StudyRecords, tasks: pl.DataFrame, totals: Mapping[str, Any], begun: bool) -> None:
    """Keep an estimate in the study's folder; one that was made before the first task stays once tasks are done.

    One that prices nothing (all is done, or nobody knows) is not kept: there would be nothing to hold records against.
    """
    path = records.folder / KEPT
    priced = tasks.filter(pl.col("how") != "done", pl.col("seconds").is_not_null())
    each = {name: round(seconds, 1) for name, seconds in priced.select("id", "seconds").iter_rows()}
    if not each or (begun and path.exists()):
        return
    try:
        write_record(path, {**totals, "made_at": time.time(), "seconds": each})
    except OSError:
        return  # a folder that can only be read: the price is told all the same


def kept_estimate(records: StudyRecords) -> dict[str, Any] | None:
    """The estimate that was kept: totals, `made_at` and `seconds` (task id -> predicted); None without one."""
    path = records.folder / KEPT
    try:
        return read_record(path) if path.exists() else None
    except CorruptRecord:
        return None


def expected_seconds(records: StudyRecords) -> dict[str, float] | None:
    """Task id -> how long it will hold a slot, from the estimate that was kept; None without one."""
    kept = kept_estimate(records)
    if kept is None or not kept["seconds"]:
        return None
    besides = kept["overhead_hours"] * _HOUR / len(kept["seconds"])
    return {name: seconds + besides for name, seconds in kept["seconds"].items()}


def predicted_against_actual(records: StudyRecords) -> pl.DataFrame:
    """A row a kind, one for the total and one for wall time (`COMPARED_COLUMNS`); empty without a kept estimate.

    The row of wall time is there once all that was predicted is finished.
    """
    kept = kept_estimate(records)
    finished = records.results().with_columns(task=pl.col("run").str.extract(TASK_ID))
    rows = finished.filter(pl.col("origin") == "own")
    if kept is None or rows.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    predicted = pl.DataFrame({"task": list(kept["seconds"]), "predicted": list(kept["seconds"].values())})
    both = rows.join(predicted.cast({"task": pl.String, "predicted": pl.Float64}), on="task", how="inner")
    sums = (
        both.group_by("kind")
        .agg(pl.len(), pl.col("predicted", "seconds").sum())
        .sort("kind", descending=True)
    )
    compared = [_row(*values) for values in sums.iter_rows()]
    compared.append(_row("total", both.height, float(both["predicted"].sum()), float(both["seconds"].sum())))
    # A task that took another's result (linked) is finished, though no work of its own is recorded.
    if kept["seconds"].keys() <= set(finished["task"]):
        busy = _busy_seconds(records, kept["seconds"])
        compared.append(_row("wall", len(kept["seconds"]), kept["wall_hours"] * _HOUR, busy))
    return pl.DataFrame(compared, _SCHEMA)


def earlier_errors(ledger: Ledger, assumed: float) -> tuple[float, str]:
    """Root mean square of how far totals of earlier estimates in this folder were off, `assumed` taken for one of them.

    Only of studies of which at least half is finished. The second says in words where it is from.
    """
    seen = []
    for name in ledger.studies():
        records = ledger.study(name)
        kept = kept_estimate(records)
        found = predicted_against_actual(records).filter(kind="total") if kept is not None else None
        if kept is None or found is None or not found.height:
            continue
        off_percent = found["error_percent"][0]
        if off_percent is not None and 2 * found["tasks"][0] >= len(kept["seconds"]):
            seen.append(off_percent / 100.0)
    error = float(np.sqrt((assumed**2 + np.square(seen).sum()) / (1 + len(seen))))
    if not seen:
        return (
            assumed,
            "what such estimates were off by when they were tested, and the spread of this one's probes",
        )
    studies = "study" if len(seen) == 1 else "studies"
    return error, f"{len(seen)} earlier {studies} here, and the spread of this one's probes"


def _row(kind: str, tasks: int, predicted: float, actual: float) -> dict[str, Any]:
    return {
        "kind": kind,
        "tasks": tasks,
        "predicted_hours": predicted / _HOUR,
        "actual_hours": actual / _HOUR,
        "error_percent": 100.0 * (predicted / actual - 1.0) if predicted and actual else None,
    }


def _busy_seconds(records: StudyRecords, tasks: Container[str]) -> float:
    """From the first start to the last end of these tasks (ids), long pauses left out."""
    spans = []
    for attempt in records.attempts():
        try:
            asked, result = attempt.asked(), attempt.result()
        except CorruptRecord:
            continue
        if asked is not None and result is not None and asked["task"]["id"] in tasks:
            spans.append((asked["started_at"], result["finished_at"]))
    busy, until = 0.0, None
    for start, end in sorted(spans):
        since = start if until is None or start - until > _PAUSE_SECONDS else until
        busy += max(0.0, end - since)
        until = end if until is None else max(until, end)
    return busy
