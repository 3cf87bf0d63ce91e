"""What finished runs say about runs to come: how long tasks of a group took, what methods found (no torch)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from nastransfer.study.frame import results_frame
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.machine import machine
from nastransfer.study.plan import Task
from nastransfer.study.pricing.asks import Point, group_of
from nastransfer.study.pricing.devices import device_names
from nastransfer.study.pricing.prices import Done
from nastransfer.study.records import CorruptRecord

TASK_ID = r"-([0-9a-f]{12})/[^/]*$"


@dataclass
class Evidence:
    """Of all studies below one folder.

    `points`: group -> finished tasks of it on this very machine with as many threads. `found`: method -> genotypes.
    `frames`: the results of each study.
    """

    points: dict[str, list[Point]] = field(default_factory=dict)
    found: dict[str, list[str]] = field(default_factory=dict)
    frames: dict[str, pl.DataFrame] = field(default_factory=dict)


def gather(ledger: Ledger, study: str, threads: int) -> Evidence:
    """All that is recorded; where the study itself has records of a group, those alone count for it.

    Other studies' times count where the same commit ran them: code that has changed since may be faster.
    """
    evidence = Evidence()
    here = machine()
    alike = {"versions": here["versions"], "threads": threads}
    for name in sorted(ledger.studies(), key=lambda name: name != study):
        records = ledger.study(name)
        rows = records.results().with_columns(task=pl.col("run").str.extract(TASK_ID))
        evidence.frames[name] = rows
        for method, genotype in (
            rows.filter(kind="search").select("method", "genotype").drop_nulls().iter_rows()
        ):
            evidence.found.setdefault(method, []).append(genotype)
        same = pl.col("device").is_in(device_names())
        if name != study:
            same &= pl.col("commit").eq_missing(pl.lit(here["commit"]))
        own = rows.filter(same, pl.col("origin") == "own", pl.col("seconds") > 0, **alike)
        _add(evidence.points, _by_group(records, own))
    return evidence


def _add(points: dict[str, list[Point]], more: Mapping[str, list[Point]]) -> None:
    """Groups that are not known yet: what comes first, the study itself, weighs most."""
    for group, some in more.items():
        points.setdefault(group, some)


def _by_group(records: StudyRecords, rows: pl.DataFrame) -> dict[str, list[Point]]:
    groups = {task.id: group_of(task) for task in planned(records) if task.kind != "proxy"}
    found: dict[str, list[Point]] = {}
    for row in rows.select("task", "seconds", "peak_bytes", "macs").iter_rows(named=True):
        if row["task"] in groups:
            point = Point(row["seconds"], 0.0, row["peak_bytes"], row["macs"])
            found.setdefault(groups[row["task"]], []).append(point)
    return found


def planned(records: StudyRecords) -> list[Task]:
    """The plan that lies in a study's folder; none where it cannot be read."""
    try:
        return records.plan()
    except CorruptRecord:
        return []


def done_tasks(rows: pl.DataFrame, folder: Path) -> dict[str, Done]:
    """Task id -> what its first finished run says, from the results of a study in `folder` (with the column task)."""
    found: dict[str, Done] = {}
    for row in rows.filter(pl.col("origin") != "repeat").iter_rows(named=True):
        disk = sum(_sizes(folder.parent / row["run"]))
        genotype = row["genotype"] if row["kind"] == "search" else None
        found.setdefault(row["task"], Done(row["seconds"] or 0.0, row["peak_bytes"], disk, genotype))
    return found


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.stat().st_size


def no_results() -> pl.DataFrame:
    """Of a study that has not begun."""
    return results_frame([]).with_columns(task=pl.lit(None, pl.String))
