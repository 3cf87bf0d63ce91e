"""The overhead of a task against plain papermill and the imports; a study of 10,000 finished tasks, read and resumed.

The overhead of a task is the wall time of a study run on one slot less the seconds of work that its results state, over
the number of tasks: processes, kernels, imports, opening the images, the notebook's figures, writing. It is compared
with the same machine's plain papermill on an empty notebook plus a fresh process that imports what such a task imports.
`plain` in a name: without processes started ahead. `cpu_ms` and `cpu_ratio` say the same of processor time, which other
work on the machine does not lengthen; there the tasks' own work counts as overhead. Records of the large study are made
up.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import numpy as np

from nastransfer.space.genotype import Genotype
from nastransfer.study.executors.run import Options
from nastransfer.study.executors.run import run as run_study
from nastransfer.study.executors.warm import needs
from nastransfer.study.ledger import Ledger, StudyRecords, results
from nastransfer.study.plan import Task, augment_task, random_genotypes, search_task
from nastransfer.study.records import record_bytes
from nastransfer.study.spec import Source
from tests.benchmarks.measure import take_turns

# Wall seconds and processor seconds.
Taken = tuple[float, float]

ROOT = Path(__file__).parents[2]
ROUNDS, TASKS = 3, 5
FINISHED = 10_000
SMALLEST = {"cells": 3, "channels": 4, "resolution": 8, "epochs": 1, "epoch_images": 8, "batch": 8}
RESUME = (
    "import sys; from nastransfer.study.ledger import Ledger; from nastransfer.study.executors import local, run;"
    "local.start = lambda *given: sys.exit(); records = Ledger(sys.argv[1]).study('many');"
    "run.run(records, records.plan(), 1, run.Options(1, ahead=False)); sys.exit('nothing was started')"
)
RESULTS = "import sys, nastransfer as nt; assert nt.results(sys.argv[1], published=False).height == int(sys.argv[2])"


def run() -> dict[str, Any]:
    """Milliseconds."""
    with tempfile.TemporaryDirectory(prefix="nastransfer-bench-") as folder:
        rows = {}
        for kind, tasks in {"search": searches(), "training": trainings()}.items():
            rows |= overhead(Path(folder), kind, tasks)
        return rows | large_study(Path(folder) / "runs")


def searches() -> list[Task]:
    """Searches that draw at random and import no torch."""
    return [search_task("random", Source(dataset="digits"), seed, "tiny", {}) for seed in range(TASKS)]


def trainings() -> list[Task]:
    """Trainings of one step."""
    digits, drawn = Source(dataset="digits"), random_genotypes(2, TASKS)
    return [
        augment_task(digits, 2, "tiny", SMALLEST, genotype=str(genotype), method="random", draw=draw)
        for draw, genotype in enumerate(drawn)
    ]


def overhead(folder: Path, kind: str, tasks: list[Task]) -> dict[str, Any]:
    """Rows of papermill and imports, and of the runner with and without processes started ahead, in turns."""
    base = f"{kind}: papermill on an empty notebook, and the imports"
    taken: dict[str, list[Taken]] = {}
    for turn in range(1 + ROUNDS):
        measured = {base: papermill_and_imports(folder, tasks[0])}
        for ahead, name in ((False, f"{kind}: a task, plain"), (True, f"{kind}: a task")):
            measured[name] = a_task(folder / f"{kind}-{turn}-{ahead}", tasks, ahead=ahead)
        if turn:  # the first turn warms the disk's cache and builds what is built once
            for name, value in measured.items():
                taken.setdefault(name, []).append(value)
    return {name: row(values, base, taken[base]) for name, values in taken.items()}


def row(values: list[Taken], base: str, compared: list[Taken]) -> dict[str, Any]:
    """A row as the other benchmarks have them, and the same of processor time."""
    wall, cpu = ([value[place] for value in values] for place in range(2))
    ratios, cpu_ratios = np.median(np.divide(values, compared), axis=0)
    return {
        "n": len(values),
        "median_ms": round(1e3 * statistics.median(wall), 1),
        "min_ms": round(1e3 * min(wall), 1),
        "max_ms": round(1e3 * max(wall), 1),
        "compared_with": base,
        "ratio": round(float(ratios), 3),
        "cpu_ms": round(1e3 * statistics.median(cpu), 1),
        "cpu_ratio": round(float(cpu_ratios), 3),
    }


def cpu_seconds() -> float:
    """Processor time of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def papermill_and_imports(folder: Path, task: Task) -> Taken:
    """Both, one after the other, in processes of their own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("")])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "empty.ipynb")
    modules = needs(ROOT / "notebooks" / f"{task.kind}.ipynb", task)
    text = f"from nastransfer.study.executors.warm import warm; warm({modules!r})"
    started, used = time.perf_counter(), cpu_seconds()
    papermill = [sys.executable, "-m", "papermill", "empty.ipynb", "out.ipynb", "--no-progress-bar"]
    subprocess.run(papermill, cwd=folder, check=True, capture_output=True)
    subprocess.run([sys.executable, "-c", text], cwd=ROOT, check=True)
    return time.perf_counter() - started, cpu_seconds() - used


def a_task(runs: Path, tasks: list[Task], *, ahead: bool) -> Taken:
    """What a task takes of one slot besides its work."""
    records = Ledger(runs).study("small")
    records.write_plan(tasks)
    started, used = time.perf_counter(), cpu_seconds()
    with contextlib.redirect_stdout(io.StringIO()):
        summary = run_study(records, tasks, options=Options(1, ahead=ahead))
    wall = time.perf_counter() - started
    assert len(summary.done) == len(tasks), records.status().failed
    work = float(records.results()["seconds"].sum())
    return (wall - work) / len(tasks), (cpu_seconds() - used) / len(tasks)


def large_study(runs: Path) -> dict[str, Any]:
    """Reading and resuming a study in which all tasks but one are finished."""
    records = make_large(runs)
    index = records.folder / "index.jsonl"
    python = partial(subprocess.run, check=True, cwd=ROOT)
    resume = [sys.executable, "-c", RESUME, str(runs)]
    read = [sys.executable, "-c", RESULTS, str(records.folder), str(FINISHED)]

    def cold(command: list[str]) -> None:
        index.unlink(missing_ok=True)
        python(command)

    records.save_index()
    warm = {
        "nt.results of 10,000 runs, again in a process": partial(results, records.folder),
        "nt.results of 10,000 runs, a new process": partial(python, read),
        "status of 10,000 tasks": records.status,
        "10,000 tasks finished: a new process up to its first task": partial(python, resume),
    }
    rows = take_turns(warm, ROUNDS)
    unread = {
        "nt.results of 10,000 runs, a new process, no index": partial(cold, read),
        "10,000 tasks finished: the same without the index": partial(cold, resume),
    }
    return rows | take_turns(unread, ROUNDS)


def make_large(runs: Path) -> StudyRecords:
    """Records as the runner leaves them, without waiting for the disk each time."""
    records = Ledger(runs).study("many")
    genotypes = [str(genotype) for genotype in random_genotypes(2, 50)]
    tasks = [made_task(number, genotypes[number % 50]) for number in range(FINISHED + 1)]
    records.write_plan(tasks)
    for number, task in enumerate(tasks[:FINISHED]):
        folder = records.task_folder(task) / f"{number:08x}"
        folder.mkdir(parents=True)
        (folder / "result.json").write_bytes(record_bytes(made_result(task, number)))
        for name in ("task.json", "events.jsonl", "notebook.ipynb"):
            (folder / name).touch()
    return records


def made_task(number: int, genotype: str) -> Task:
    """A training of a random genotype."""
    given = {
        "genotype": genotype,
        "method": "random",
        "draw": number,
        "seed": 2,
        "target": {"dataset": "glyphs"},
    }
    return Task(f"{number:012x}", "augment", f"random-{number}-to-glyphs-2", given, feeds=("random",))


def made_result(task: Task, number: int) -> dict[str, Any]:
    """A result with as many columns as a real one."""
    macs = Genotype.parse(task.parameters["genotype"]).digest
    labels = {
        "kind": "augment",
        "method": "random",
        "target": "glyphs",
        "search_seed": number,
        "augment_seed": 2,
        "genotype": task.parameters["genotype"],
        "protocol": "tiny",
        "feeds": "random",
    }
    numbers = {
        **dict.fromkeys(("top1_last", "top1_best", "top5_last", "seconds"), 50.0 + number % 17),
        **dict.fromkeys(("params", "macs", "n_train", "n_test", "images_seen", "peak_bytes"), number),
        "cells": 4,
        "channels": 8,
        "threads": 1,
        "precision": "fp32",
        "device": f"a CPU {macs[:4]}",
        "versions": "python=3.11.7,torch=2.14.0,torchvision=0.29.0,numpy=2.4.0,polars=1.36.0",
    }
    about = {"task_id": task.id, "result_key": task.id, "linked_to": None, "finished_at": 1e9 + number}
    return {**about, "labels": labels, "numbers": numbers}


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
