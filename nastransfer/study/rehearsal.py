"""A study grown to very many tasks: really planned, written, listed and resumed, with made-up results (no torch)."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any

import polars as pl

from nastransfer.study.attempt import Attempt
from nastransfer.study.executors.queue import Queue
from nastransfer.study.index import result_index
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.plan import KINDS, Task, plan_study
from nastransfer.study.spec import StudySpec

MADE_UP = "made-up"
"""Name of the attempts whose results nobody computed."""


def grown(spec: StudySpec, tasks: int) -> StudySpec:
    """The same study with as many more search seeds as it takes to have at least so many tasks.

    `ValueError` where more seeds make no more tasks: a study that searches nothing.
    """
    now = len(plan_study(spec))
    more = len(plan_study(_with_seeds(spec, 1))) - now
    if not more:
        raise ValueError(
            f"study {spec.name!r} has no more tasks with another search seed: it cannot be grown"
        )
    return _with_seeds(spec, max(0, ceil((tasks - now) / more)))


def rehearse(spec: StudySpec, done_share: float) -> pl.DataFrame:
    """Plan a study, write and list it, resume it where a share is done: a row a step, columns step, seconds, found.

    In a temporary folder that is gone afterwards; the first tasks of the plan get made-up results, each written and
    synced as a real one is. Nothing is run. `ValueError` for a share out of range.
    """
    if not 0 <= done_share <= 1:
        raise ValueError(f"done_share is between 0 and 1, found {done_share}")
    steps = _Steps()
    with tempfile.TemporaryDirectory() as folder:
        with steps.timed("plan"):
            tasks = plan_study(spec)
        kinds = Counter(task.kind for task in tasks)
        steps.found(f"{len(tasks):,} tasks: {', '.join(f'{kinds[kind]:,} {kind}' for kind in KINDS)}")
        records = Ledger(folder).study(spec.name)
        with steps.timed("write"):
            records.write_plan(tasks)
        written = (records.folder / "plan.jsonl").stat().st_size
        steps.found(f"{written / 1e6:.1f} MB, {written / len(tasks):,.0f} bytes a task")
        _list(records, steps)
        done = tasks[: round(done_share * len(tasks))]
        with steps.timed("make up results"):
            for task in done:
                _finish(records, task)
        steps.found(f"{len(done):,} results written and synced")
        _resume(records, steps, "resume, every result read")
        records.save_index()
        result_index.cache_clear()
        _resume(records, steps, "resume, from the index")
        _list(records, steps)
    return pl.DataFrame(steps.rows)


class _Steps:
    """What took how long."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.rows.append({"step": name, "seconds": time.perf_counter() - started})

    def found(self, said: str) -> None:
        """What the last step came to."""
        self.rows[-1]["found"] = said


def _with_seeds(spec: StudySpec, more: int) -> StudySpec:
    """More search seeds than the study has; parts that name their own keep these."""
    first = max(spec.search_seeds, default=1) + 1
    values = {name: getattr(spec, name) for name in StudySpec.model_fields}
    values["search_seeds"] = (*spec.search_seeds, *range(first, first + more))
    return StudySpec.model_construct(spec.model_fields_set, **values)


def _list(records: StudyRecords, steps: _Steps) -> None:
    with steps.timed("list"):
        status = records.status()
    states = {state: status.total(state) for state in ("done", "pending", "running", "failed")}
    steps.found(", ".join(f"{count:,} {state}" for state, count in states.items() if count))


def _resume(records: StudyRecords, steps: _Steps, name: str) -> None:
    """What a second call of `run` does before it starts anything: the plan, what is done, what can start."""
    with steps.timed(name):
        tasks = records.plan()
        done = records.complete()
        queue = Queue(tasks, done)
    steps.found(f"{len(done):,} found done, {queue.left:,} left, {len(queue):,} of them can start at once")


def _finish(records: StudyRecords, task: Task) -> None:
    about = {"task_id": task.id, "result_key": task.id, "linked_to": None}
    attempt = Attempt(records.task_folder(task) / MADE_UP)
    attempt.publish({**about, "labels": {"kind": task.kind}, "numbers": {}})
