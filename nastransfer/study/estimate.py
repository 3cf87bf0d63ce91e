"""What a study will take before it starts: hours, memory, disk, how sure that is, and what its runs can resolve.

Times come from records of equal tasks on this machine where there are any, else from short probes of the real methods
and trainings (`nastransfer.study.pricing.probe`), as many side by side as the study has slots. The estimate made before
the first task is kept beside the plan, so that the report can hold it against what came out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nastransfer.space import cost
from nastransfer.space.genotype import Genotype
from nastransfer.study.executors.run import default_slots
from nastransfer.study.ledger import Ledger
from nastransfer.study.plan import KNOWN, Task, random_genotypes
from nastransfer.study.pricing.asks import Ask, Measured, Point, group_of, search_ask, shape_of, training_ask
from nastransfer.study.pricing.comparison import earlier_errors, keep_estimate
from nastransfer.study.pricing.devices import device_names, room_for
from nastransfer.study.pricing.evidence import Evidence, done_tasks, gather, no_results
from nastransfer.study.pricing.measuring import Setting, measure_all, overhead_of
from nastransfer.study.pricing.overhead import Overhead
from nastransfer.study.pricing.prices import from_records, price_tasks
from nastransfer.study.pricing.resolvable import Resolution, resolution
from nastransfer.study.pricing.schedule import wall_seconds
from nastransfer.study.sources import open_source
from nastransfer.study.spec import StudySpec
from nastransfer.train.protocol import protocol

MODEL_ERROR = 0.2
"""Assumed to be off by that besides what probes show (tests/study/test_estimate_slow.py has what was measured)."""
_NETWORKS = 3
_HOUR = 3600.0


@dataclass(frozen=True)
class Estimate:
    """The price of what is left of a study. `tasks` has a row a task (`nastransfer.study.pricing.prices.TASK_COLUMNS`).

    Hours: `work_hours` of all tasks' work together, `overhead_hours` of their starts and notebooks, `wall_hours` of the
    whole on `slots` slots; each may be off by `relative_error` either way, of which `error_from` says where it is from.
    `peak_bytes`: as many of the largest tasks as there are slots, at once. `disk_bytes` stay when all is done.
    `unknown`: (tasks, reason) of those left out of the totals. `cpu_hours`: of the
    processor, and `alone_hours`: wall time on a machine that nobody else uses.
    """

    study: str
    tasks: pl.DataFrame
    slots: int
    threads: int
    device: str
    wall_hours: float
    work_hours: float
    overhead_hours: float
    relative_error: float
    error_from: str
    peak_bytes: int | None
    memory_bytes: int
    disk_bytes: int
    unknown: tuple[tuple[int, str], ...]
    cpu_hours: float
    alone_hours: float
    resolution: Resolution

    @property
    def left(self) -> pl.DataFrame:
        """The tasks that are not done."""
        return self.tasks.filter(pl.col("how") != "done")

    @property
    def counts(self) -> dict[str, int]:
        """Tasks by where their price is from."""
        return dict(self.tasks["how"].value_counts().sort("how").iter_rows())


def estimate_study(spec: StudySpec, tasks: Sequence[Task], runs: str | Path, slots: int | None) -> Estimate:
    """The price of a study's tasks, parents first, from what lies below `runs` and from probes.

    `ValueError` where there is no slot, and where a task, or as many as there are slots, cannot fit into memory.
    """
    setting = Setting(default_slots() if slots is None else slots)
    if setting.slots < 1:
        raise ValueError(f"slots must be at least 1, found {slots}")
    ledger = Ledger(runs)
    records = ledger.study(spec.name)
    evidence = gather(ledger, spec.name, setting.threads)
    rows = evidence.frames.get(spec.name, no_results())
    wanted = {task.id for task in tasks}
    done = {name: value for name, value in done_tasks(rows, records.folder).items() if name in wanted}
    left = [task for task in tasks if task.id not in done]
    measured = _answers(spec, tasks, left, evidence, setting)
    check_memory(left, measured, setting.slots)
    overhead = overhead_of(setting) if left else None
    opens = {group: answer.open_seconds for group, answer in measured.items()}
    priced = price_tasks(
        tasks,
        done,
        measured,
        overhead_seconds=overhead.seconds if overhead else 0.0,
        disk_bytes=overhead.disk_bytes if overhead else 0,
        found=evidence.found,
    ).with_columns(pl.col("overhead_seconds") + pl.col("group").replace_strict(opens, default=0.0))
    model_error, said = earlier_errors(ledger, MODEL_ERROR)
    estimate = _total(spec, tasks, priced, overhead, setting, (model_error, said), evidence)
    keep_estimate(records, estimate.tasks, _kept(estimate), bool(done))
    return estimate


def _answers(
    spec: StudySpec, tasks: Sequence[Task], left: Sequence[Task], evidence: Evidence, setting: Setting
) -> dict[str, Measured]:
    """Group -> answer: from records where there are any, else from a probe."""
    groups = {group_of(task): task for task in left if task.kind != "proxy"}
    answers = {
        group: _recorded(task, evidence.points[group])
        for group, task in groups.items()
        if group in evidence.points
    }
    networks = _networks(tasks)
    asks: dict[str, Ask] = {
        group: search_ask(task, spec.plugins) if task.kind == "search" else training_ask(task, networks)
        for group, task in groups.items()
        if group not in answers
    }
    return answers | measure_all(asks, setting, spec.name)


def _recorded(task: Task, points: Sequence[Point]) -> Measured:
    """Finished tasks as the answer; of trainings of cells, with the shape that tells how large those to come are."""
    answer = from_records(points)
    if task.kind == "search" or KNOWN in task.parameters:
        return answer
    ask = training_ask(task, ())
    return replace(answer, shape=shape_of(open_source(ask.target), protocol(ask.protocol, **ask.settings)))


def _networks(tasks: Sequence[Task]) -> list[str]:
    """Random genotypes of the plan, of small, middle and large ones; others where it has none."""
    drawn = {task.parameters["genotype"] for task in tasks if task.parameters.get("genotype")}
    drawn = drawn or {str(genotype) for genotype in random_genotypes(2, 2 * _NETWORKS)}
    ordered = sorted(drawn, key=lambda text: (cost.macs(Genotype.parse(text)), text))
    places = np.linspace(0, len(ordered) - 1, 2 * _NETWORKS + 1)[1::2].round().astype(int)
    return [ordered[place] for place in dict.fromkeys(places.tolist())]


def check_memory(left: Sequence[Task], measured: Mapping[str, Measured], slots: int) -> None:
    """`ValueError` where a task alone, or as many of the largest as there are slots, need more than there is."""
    alone, together = room_for(slots)
    needs: list[tuple[int, Task]] = []
    for task in left:
        answer = measured.get(group_of(task)) if task.kind != "proxy" else None
        if answer is not None:
            peaks = [point.peak_bytes or 0 for point in answer.points]
            needs.append((max([*peaks, answer.needed_bytes or 0]), task))
    for need, task in needs:
        if need > alone:
            raise ValueError(_too_large(task, need, alone))
    sizes = sorted((need for need, _ in needs), reverse=True)
    if together is None or sum(sizes[:slots]) <= together:
        return
    fitting = next(count for count in range(slots, 0, -1) if sum(sizes[:count]) <= together)
    raise ValueError(
        f"{slots} tasks side by side may need {sum(sizes[:slots]) / 1e9:.1f} GB of memory, this machine has "
        f"{together / 1e9:.1f}: run with slots={fitting}"
    )


def _too_large(task: Task, needed: int, capacity: int) -> str:
    advice = "a smaller batch or a lower resolution"
    if task.kind == "augment":
        advice = (
            "protocol_settings: {bn_group: ...} trains a batch in groups one after the other, in less memory; "
            "or choose fewer channels or a lower resolution"
        )
    return (
        f"{task.kind} {task.slug} needs about {needed / 1e9:.1f} GB of memory, "
        f"this machine has {capacity / 1e9:.1f}: {advice}"
    )


def _total(
    spec: StudySpec,
    tasks: Sequence[Task],
    priced: pl.DataFrame,
    overhead: Overhead | None,
    setting: Setting,
    model_error: tuple[float, str],
    evidence: Evidence,
) -> Estimate:
    left = priced.filter(pl.col("how") != "done")
    known = left.filter(pl.col("seconds").is_not_null())
    held = dict(known.select("id", pl.col("seconds") + pl.col("overhead_seconds")).iter_rows())
    wall_hours = wall_seconds(tasks, held, setting.slots) / _HOUR
    cpu_hours, alone_hours = _alone(tasks, known, overhead, setting.slots)
    unknown = left.filter(pl.col("seconds").is_null())["reason"].value_counts().sort("reason")
    return Estimate(
        study=spec.name,
        tasks=priced,
        slots=setting.slots,
        threads=setting.threads,
        device=", ".join(device_names()),
        wall_hours=wall_hours,
        work_hours=float(known["seconds"].sum()) / _HOUR,
        overhead_hours=float(known["overhead_seconds"].sum()) / _HOUR,
        relative_error=float(np.hypot(model_error[0], _measured_error(known))),
        error_from=model_error[1],
        peak_bytes=_together(left, setting.slots),
        memory_bytes=room_for(setting.slots)[0],
        disk_bytes=int(priced["disk_bytes"].sum()),
        unknown=tuple((count, reason) for reason, count in unknown.iter_rows()),
        cpu_hours=cpu_hours,
        alone_hours=alone_hours,
        resolution=resolution(tasks, priced, evidence.frames, spec.name),
    )


def _measured_error(known: pl.DataFrame) -> float:
    """Of the total: a group's tasks share their error, groups do not."""
    total = float(known["seconds"].sum())
    if not total:
        return 0.0
    off = known.group_by("group").agg((pl.col("seconds") * pl.col("relative_error")).sum())["seconds"]
    return float(np.sqrt((off.to_numpy() ** 2).sum())) / total


def _together(left: pl.DataFrame, slots: int) -> int | None:
    peaks = left["peak_bytes"].drop_nulls().sort(descending=True).head(slots)
    return int(peaks.sum()) if len(peaks) else None


def _alone(
    tasks: Sequence[Task], known: pl.DataFrame, overhead: Overhead | None, slots: int
) -> tuple[float, float]:
    """Processor hours of what is left, and its wall hours on a machine that nobody else uses."""
    besides = overhead.cpu_seconds if overhead is not None else 0.0
    each = pl.col("seconds") * pl.col("cpu_share").fill_null(1.0) + besides
    seconds = dict(known.select("id", each).iter_rows())
    return sum(seconds.values()) / _HOUR, wall_seconds(tasks, seconds, slots) / _HOUR


def _kept(estimate: Estimate) -> dict[str, Any]:
    hours = ("wall_hours", "work_hours", "overhead_hours", "cpu_hours")
    names = ("slots", "threads", "device", *hours, "relative_error")
    return {name: getattr(estimate, name) for name in names}
