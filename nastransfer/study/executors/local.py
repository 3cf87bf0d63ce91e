"""Run a plan on this machine: ready tasks in processes of their own, several at a time, one live line of progress."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import IO

from tqdm import tqdm

from nastransfer.search.watched import clock
from nastransfer.study.executors.notebook import BUSY
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.machine import cores
from nastransfer.study.plan import Task

POLL_SECONDS = 0.25
BUSY_PAUSE_SECONDS = 5.0
MOST_SLOTS = 8


@dataclass
class Summary:
    """What a call of `run` did: task ids by outcome, and wall seconds of its processes by kind, summed over slots."""

    records: StudyRecords
    done: list[str] = field(default_factory=list)
    found_done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass
class _Running:
    task: Task
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    started: float


def default_slots() -> int:
    """Tasks side by side: one a core, at most 8."""
    return min(MOST_SLOTS, cores())


def run(records: StudyRecords, tasks: list[Task], slots: int | None = None) -> Summary:
    """Run what is not done yet, parents first. A failed task blocks only what needs it; Ctrl-C stops all, loses none.

    Args:
        slots: tasks side by side; each computes with cores / slots threads. Default: one a core, at most 8.
    """
    slots = default_slots() if slots is None else slots
    if slots < 1:
        raise ValueError(f"slots must be at least 1, found {slots}")
    complete = records.complete()
    summary = Summary(records, found_done=[task.id for task in tasks if task.id in complete])
    waiting = [task for task in tasks if task.id not in complete]
    not_before: dict[str, float] = {}
    running: list[_Running] = []
    # A bar where somebody watches; in a log, a line for each task that ends.
    with tqdm(
        total=len(tasks), initial=len(summary.found_done), desc=records.name, unit="task", disable=None
    ) as bar:
        try:
            while waiting or running:
                for slot in [slot for slot in running if slot.process.poll() is not None]:
                    running.remove(slot)
                    line = _end(slot, summary, waiting, not_before)
                    if bar.disable and line:
                        print(
                            f"{len(summary.found_done) + len(summary.done)}/{len(tasks)} {line}", flush=True
                        )
                _block(waiting, summary)
                while len(running) < slots and (task := _ready(waiting, summary, not_before)) is not None:
                    waiting.remove(task)
                    running.append(_start(records, task, slots))
                if not bar.disable:
                    bar.n = len(summary.found_done) + len(summary.done)
                    bar.set_postfix_str(_line(records, running, summary))
                time.sleep(POLL_SECONDS)
        finally:
            _stop(running)
    return summary


def _ready(waiting: list[Task], summary: Summary, not_before: dict[str, float]) -> Task | None:
    done = {*summary.done, *summary.found_done}
    now = time.monotonic()
    return next((t for t in waiting if done.issuperset(t.parents) and not_before.get(t.id, 0) <= now), None)


def _block(waiting: list[Task], summary: Summary) -> None:
    for task in list(waiting):
        if {*summary.failed, *summary.blocked}.intersection(task.parents):
            waiting.remove(task)
            summary.blocked.append(task.id)


def _start(records: StudyRecords, task: Task, slots: int) -> _Running:
    threads = str(max(1, cores() // slots))
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"), threads)
    folder = records.task_folder(task)
    folder.mkdir(parents=True, exist_ok=True)
    log = (folder / "log.txt").open("ab")
    module = "nastransfer.study.executors.notebook"
    command = [sys.executable, "-m", module, str(records.folder.parent.resolve()), records.name, task.id]
    # A session of its own, so that Ctrl-C in the terminal reaches the runner alone, which then stops its tasks.
    process = subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **limits}, start_new_session=True
    )
    return _Running(task, process, log, time.monotonic())


def _end(slot: _Running, summary: Summary, waiting: list[Task], not_before: dict[str, float]) -> str:
    """Take account of a process that ended; what a log should say of it."""
    slot.log.close()
    status, task = slot.process.returncode, slot.task
    if status == BUSY:
        not_before[task.id] = time.monotonic() + BUSY_PAUSE_SECONDS
        waiting.append(task)
        return ""
    seconds = time.monotonic() - slot.started
    (summary.done if status == 0 else summary.failed).append(task.id)
    summary.seconds[task.kind] = summary.seconds.get(task.kind, 0.0) + seconds
    return f"{'done' if status == 0 else 'FAILED'} {task.kind} {task.slug} in {seconds:.0f} s"


def _stop(running: list[_Running]) -> None:
    for slot in running:
        slot.process.terminate()
    for slot in running:
        try:
            slot.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            slot.process.kill()
            slot.process.wait()
        slot.log.close()


def _line(records: StudyRecords, running: list[_Running], summary: Summary) -> str:
    shown = [_progress(records, slot.task) for slot in running]
    failed = [f"{len(summary.failed)} failed"] if summary.failed else []
    return ", ".join([*failed, *shown])


def _progress(records: StudyRecords, task: Task) -> str:
    events = [event for attempt in records.attempts(task.id) for event in attempt.events()[-1:]]
    if not events:
        return task.slug
    last = events[-1]
    words = [f"{100 * last['step'] // last['steps']}%"]
    if last.get("seconds_left"):
        words.append(f"{clock(last['seconds_left'])} left")
    if last.get("collapsed"):
        words.append("COLLAPSED")
    return f"{task.slug} {' '.join(words)}"
