"""What a task takes besides its work on a Ray cluster of this machine, against the executor of this machine itself.

One slot each, the same searches without torch; measured as in `bench_runner`. Ray starts no process ahead of its task,
so it is compared with the local executor without that (`plain`) and with it. The cluster, which is started once, is a
row of its own and taken off the tasks. Wall time only: a cluster's processes are not children that would be counted.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from nastransfer.study.executors.ray import RayExecutor
from nastransfer.study.executors.run import Options
from nastransfer.study.executors.run import run as run_study
from nastransfer.study.ledger import Ledger
from nastransfer.study.plan import Task
from tests.benchmarks.bench_runner import ROUNDS, Taken, cpu_seconds, row, searches

PLAIN, AHEAD, RAY, START = (
    "a task, plain",
    "a task",
    "a task on Ray",
    "a Ray cluster of this machine, start and end",
)


def run() -> dict[str, Any]:
    """Milliseconds."""
    tasks, taken = searches(), dict[str, list[Taken]]()
    with tempfile.TemporaryDirectory(prefix="nastransfer-bench-") as folder:
        for turn in range(1 + ROUNDS):
            start = a_start(Path(folder) / f"start-{turn}")
            measured = {
                PLAIN: a_task(Path(folder) / f"plain-{turn}", tasks, Options(1, ahead=False)),
                AHEAD: a_task(Path(folder) / f"ahead-{turn}", tasks, Options(1)),
                RAY: a_task(Path(folder) / f"ray-{turn}", tasks, Options(1, executor="ray"), start),
                START: start,
            }
            if turn:  # the first turn warms the disk's cache
                for name, value in measured.items():
                    taken.setdefault(name, []).append(value)
    rows = {name: row(values, PLAIN, taken[PLAIN]) for name, values in taken.items()}
    return {
        name: {key: value for key, value in measured.items() if not key.startswith("cpu_")}
        for name, measured in rows.items()
    }


def a_start(runs: Path) -> Taken:
    """A cluster that is given nothing."""
    started, used = time.perf_counter(), cpu_seconds()
    RayExecutor(Ledger(runs).study("none"), Options(1, executor="ray"), print).close()
    return time.perf_counter() - started, cpu_seconds() - used


def a_task(runs: Path, tasks: list[Task], options: Options, start: Taken = (0.0, 0.0)) -> Taken:
    """What a task takes of one slot besides its work, and besides what is started once."""
    records = Ledger(runs).study("small")
    records.write_plan(tasks)
    started, used = time.perf_counter(), cpu_seconds()
    with contextlib.redirect_stdout(io.StringIO()):
        summary = run_study(records, tasks, options=options)
    wall, cpu = time.perf_counter() - started - start[0], cpu_seconds() - used - start[1]
    assert len(summary.done) == len(tasks), records.status().failed
    work = float(records.results()["seconds"].sum())
    return (wall - work) / len(tasks), cpu / len(tasks)


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
