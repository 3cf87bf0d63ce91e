"""From what was measured to the price of every task: the pure part, without probes and files (no torch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl

from nastransfer.space import cost
from nastransfer.space.genotype import Genotype
from nastransfer.study.plan import KNOWN, Task, random_genotypes
from nastransfer.study.pricing.asks import Measured, Point, group_of
from nastransfer.study.source import Source
from nastransfer.train.protocol import protocol

# name -> (type, meaning)
TASK_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "id": (pl.String(), "the task's id"),
    "kind": (pl.String(), "proxy, search or augment"),
    "slug": (pl.String(), "its readable name"),
    "method": (pl.String(), "search method, random, or a known network's name; null for proxies"),
    "on": (pl.String(), "the set that is searched or trained on"),
    "seconds": (pl.Float64(), "of its work, as records have it; null: not known"),
    "overhead_seconds": (pl.Float64(), "of its slot besides: start, opening the set, notebook"),
    "relative_error": (pl.Float64(), "standard error of the seconds, as a share of them"),
    "cpu_share": (
        pl.Float64(),
        "of the seconds, what its probe computed; others had the processor for the rest",
    ),
    "peak_bytes": (pl.Int64(), "peak memory; null: not known"),
    "disk_bytes": (pl.Int64(), "bytes that stay on disk"),
    "how": (pl.String(), "done (costs nothing more), records (of equal tasks), probe, or unknown"),
    "group": (pl.String(), "tasks of one group are priced alike"),
    "reason": (pl.String(), "why something is not known"),
}
SCHEMA = {name: dtype for name, (dtype, _) in TASK_COLUMNS.items()}
# A proxy is rows of a table, built in less than what a task takes to start.
PROXY_SECONDS = 0.0
# Standard error of a single record: two runs of a task differ by so much.
OF_ONE_RECORD = 0.15
_DRAWS = 64
_WEIGHT_BYTES = 4


@dataclass(frozen=True)
class Done:
    """What the record of a finished task says."""

    seconds: float
    peak_bytes: int | None
    disk_bytes: int
    genotype: str | None


def from_records(rows: Sequence[Point]) -> Measured:
    """Finished tasks of a group as the answer to its ask; at least one."""
    spread = float(np.std([row.seconds for row in rows], ddof=1)) if len(rows) > 2 else 0.0
    mean = float(np.mean([row.seconds for row in rows]))
    error = max(spread / mean if mean else 0.0, OF_ONE_RECORD) / len(rows) ** 0.5
    points = tuple(Point(row.seconds, error, row.peak_bytes, row.macs) for row in rows)
    return Measured(points, how="records")


def seconds_at(points: Sequence[Point], macs: float | None) -> float:
    """Seconds of a network of so many multiply-adds: by a line where the points rise with them, else their mean.

    Within a third around the points: seconds depend on the operations too, and a line through few points may be steep.
    """
    seconds = np.array([point.seconds for point in points])
    counted = [point.macs for point in points]
    if macs is None or len(points) < 3 or None in counted or len(set(counted)) < 3:
        return float(seconds.mean())
    x = np.array(counted, float)
    slope = float(np.polyfit(x, seconds, 1)[0])
    steepest = float(seconds.mean() / x.mean())
    found = seconds.mean() + min(max(slope, 0.0), steepest) * (macs - x.mean())
    return float(np.clip(found, 2 / 3 * seconds.min(), 4 / 3 * seconds.max()))


def group_error(points: Sequence[Point]) -> float:
    """Relative standard error of the mean of a group: of the measured units, and of the networks that were taken."""
    within = float(np.sqrt(np.mean([point.relative_error**2 for point in points])))
    if len(points) < 2:
        return within
    seconds = np.array([point.seconds for point in points])
    among = float(seconds.std(ddof=1) / seconds.mean() / len(points) ** 0.5)
    return max(within / len(points) ** 0.5, among)


def price_tasks(
    tasks: Sequence[Task],
    done: Mapping[str, Done],
    measured: Mapping[str, Measured],
    *,
    overhead_seconds: float,
    disk_bytes: int,
    found: Mapping[str, Sequence[str]],
) -> pl.DataFrame:
    """A row a task (`TASK_COLUMNS`), in the plan's order.

    `measured`: group -> answer. `found`: method -> genotypes that its searches have found anywhere, by which the size
    of those to come is told; without any they are taken for random ones.
    """
    searches = {task.id: task for task in tasks if task.kind == "search"}
    rows = []
    for task in tasks:
        origin = searches.get(task.parameters.get("search", ""))
        row: dict[str, Any] = {"id": task.id, "kind": task.kind, "slug": task.slug, **_about(task, origin)}
        if task.id in done:
            known = done[task.id]
            row |= {"seconds": known.seconds, "overhead_seconds": 0.0, "relative_error": 0.0, "how": "done"}
            rows.append({**row, "peak_bytes": known.peak_bytes, "disk_bytes": known.disk_bytes})
            continue
        row |= {"overhead_seconds": overhead_seconds, "disk_bytes": disk_bytes}
        if task.kind == "proxy":
            rows.append({**row, "seconds": PROXY_SECONDS, "relative_error": 0.0, "how": "probe"})
            continue
        row["group"] = group = group_of(task)
        rows.append({**row, **_priced(task, origin, measured[group], done, found)})
    return pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in rows], SCHEMA)


def _priced(
    task: Task,
    origin: Task | None,
    answer: Measured,
    done: Mapping[str, Done],
    found: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    if not answer.points:
        return {"how": "unknown", "reason": answer.reason}
    macs = None
    if task.kind == "augment" and KNOWN not in task.parameters:
        genotypes = _genotypes(task, origin, done, found)
        macs = _mean_macs(tuple(genotypes), _shape(task, answer)) if answer.shape is not None else None
    peaks = [point.peak_bytes for point in answer.points if point.peak_bytes is not None]
    priced: dict[str, Any] = {
        "seconds": seconds_at(answer.points, macs),
        "relative_error": group_error(answer.points),
        "cpu_share": answer.cpu_share,
        "peak_bytes": max(peaks) if peaks else None,
        "how": answer.how,
    }
    return priced


def _genotypes(
    task: Task, origin: Task | None, done: Mapping[str, Done], found: Mapping[str, Sequence[str]]
) -> Sequence[str]:
    """What is trained; of a search to come, what its method has found before, or random genotypes."""
    if task.parameters.get("genotype"):
        return [task.parameters["genotype"]]
    record = done.get(origin.id) if origin is not None else None
    if record is not None and record.genotype:
        return [record.genotype]
    before = found.get(origin.parameters["method"], ()) if origin is not None else ()
    return before or [str(genotype) for genotype in random_genotypes(2, _DRAWS)]


def _shape(task: Task, answer: Measured) -> tuple[Any, ...]:
    """Arguments of `nastransfer.space.cost.macs` besides the genotype."""
    assert answer.shape is not None
    training = protocol(task.parameters["protocol"], **task.parameters["settings"])
    shape = answer.shape
    return shape["classes"], training.channels, training.cells, shape["stem"], shape["side"]


@lru_cache(maxsize=1024)
def _mean_macs(genotypes: tuple[str, ...], shape: tuple[Any, ...]) -> float:
    classes, channels, cells, stem, side = shape
    counted = [
        cost.macs(Genotype.parse(text), classes, channels, cells, stem, resolution=side) for text in genotypes
    ]
    return float(np.mean(counted))


def _about(task: Task, origin: Task | None) -> dict[str, Any]:
    given = task.parameters
    method = given.get(KNOWN) or given.get("method") or None
    if origin is not None:
        method = origin.parameters["method"]
    seen = given.get("target") or given.get("source")
    return {"method": method, "on": Source.model_validate(seen).label if seen else None}
