"""What a task takes besides its work: starting its process and notebook, showing and writing what came out.

Measured by the runner itself on the smallest searches and trainings, in a folder that is then removed.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from nastransfer.study.executors.run import run
from nastransfer.study.ledger import Ledger
from nastransfer.study.plan import Task, augment_task, random_genotypes, search_task
from nastransfer.study.source import Source

# As many a slot, so that what the runner starts ahead is seen.
_A_SLOT = 2
_SMALLEST = {"cells": 3, "channels": 4, "resolution": 8}


@dataclass(frozen=True)
class Overhead:
    """Of one task: seconds of its slot besides the work, bytes left on disk, peak memory of a smallest one.

    `cpu_seconds`: of the processor, in these `seconds`.
    """

    seconds: float
    cpu_seconds: float
    disk_bytes: int
    peak_bytes: int | None

    def to_json(self) -> dict[str, float | int | None]:
        return dict(vars(self))


def measure_overhead(slots: int) -> Overhead:
    """Run two tasks a slot that hardly compute, in a process that shows nothing.

    `RuntimeError` where they fail, which no study would survive either.
    """
    command = [sys.executable, "-m", __name__, str(slots)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        said = (ran.stderr or ran.stdout).strip().splitlines()[-1:]
        raise RuntimeError(f"the smallest tasks fail on this machine: {''.join(said)}")
    return Overhead(**json.loads(ran.stdout.splitlines()[-1]))


def _measure(slots: int) -> Overhead:
    tasks = _tasks(_A_SLOT * slots)
    with tempfile.TemporaryDirectory(prefix="nastransfer-overhead-") as folder:
        records = Ledger(folder).study("overhead")
        records.write_plan(tasks)
        started = time.perf_counter()
        summary = run(records, tasks, slots)
        wall = time.perf_counter() - started
        if summary.failed or summary.blocked:
            raise RuntimeError("; ".join(str(task["error"]) for task in records.status().failed))
        rows = records.results()
        left = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    peaks = rows["peak_bytes"].drop_nulls().to_list()
    seconds = (wall * slots - float(rows["seconds"].sum())) / len(tasks)
    spent = processor_seconds() / len(tasks)
    return Overhead(max(0.0, seconds), spent, left // len(tasks), max(peaks) if peaks else None)


def processor_seconds() -> float:
    """Processor time of all ended children of this process and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tasks(number: int) -> list[Task]:
    """Searches and trainings in turn, on images that come with a library."""
    digits = Source(dataset="digits")
    search = {**_SMALLEST, "steps": 2, "batch": 8, "search_images": 16, "reports": 1}
    training = {**_SMALLEST, "epochs": 1, "epoch_images": 8, "batch": 8}
    genotypes = random_genotypes(2, number)
    return [
        search_task("darts1", digits, seed, "tiny", search)
        if seed % 2
        else augment_task(
            digits, seed, "tiny", training, genotype=str(genotypes[seed]), method="random", draw=seed
        )
        for seed in range(number)
    ]


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(_measure(int(sys.argv[1])).to_json())}\n")
