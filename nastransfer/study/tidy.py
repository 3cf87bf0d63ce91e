"""Forgetting failures, and what a study's folder holds that nobody needs any more."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from nastransfer.disk import writing
from nastransfer.processes import Busy, held, lock
from nastransfer.study.attempt import Attempt
from nastransfer.study.executors.runners import runners
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.plan import KINDS, Task
from nastransfer.study.records import CorruptRecord

# Names of files that a write in progress uses: .<name>.<pid>.aside
_ASIDE = re.compile(r"\..+\.(\d+)\.aside")


@dataclass(frozen=True)
class Garbage:
    """A file or folder that can go, why, and its size in bytes."""

    path: Path
    why: str
    size: int


def forget_failures(records: StudyRecords, tasks: Iterable[Task]) -> list[Task]:
    """Remove the records of failures of these tasks, so that they count as pending; says whose were removed."""
    forgotten = []
    for task in tasks:
        failed = [one for one in records.attempts(task.id) if (one.folder / "failure.json").exists()]
        for attempt in failed:
            with writing(attempt.folder):
                (attempt.folder / "failure.json").unlink()
            attempt.release()
        if failed:
            forgotten.append(task)
    return forgotten


def garbage(records: StudyRecords, *, earlier: bool = False) -> list[Garbage]:
    """What can go: states, attempts and files that a result, or the end of a process, has made superfluous.

    `earlier`: also the runs of tasks that the present plan does not have. `ValueError` while a runner works.
    """
    working = runners(records.folder)
    if working:
        names = ", ".join(f"{path} (process {one['pid']} on {one['host']})" for path, one in working.items())
        raise ValueError(f"a runner works on {records.name!r}: {names}; stop it first")
    found = [*_of_finished(records), *_of_dead_processes(records)]
    if earlier:
        found += _of_earlier_plans(records)
    inside = {one.path for one in found}
    return [one for one in found if not inside.intersection(one.path.parents)]


def remove(found: Iterable[Garbage]) -> None:
    """Remove it."""
    for one in found:
        with writing(one.path):
            if one.path.is_dir():
                shutil.rmtree(one.path)
            elif one.path.parent.name == "locks":
                # While it is held here, nobody else can come to hold what is about to have no name.
                with contextlib.suppress(Busy), lock(one.path):
                    one.path.unlink(missing_ok=True)
            else:
                one.path.unlink(missing_ok=True)


def _of_finished(records: StudyRecords) -> Iterator[Garbage]:
    done = records.complete()
    for attempt in records.attempts():
        if attempt.folder.parent.name.rpartition("-")[2] not in done:
            continue
        try:
            state = attempt.state()
        except CorruptRecord:
            continue
        if state in ("failed", "pending"):
            yield _whole(attempt.folder, f"{state} attempt of a finished task")
        elif state == "done":
            yield from (_whole(path, "state of a finished task") for path in attempt.checkpoints())


def _of_dead_processes(records: StudyRecords) -> Iterator[Garbage]:
    for path in sorted((records.folder / "locks").glob("*")):
        if path.name.startswith("."):
            continue
        if not held(path):
            yield _whole(path, "lock that nobody holds")
    places = [records.folder, *(attempt.folder for attempt in records.attempts()), records.folder / "locks"]
    for place in places:
        for path in sorted(place.glob(".*.aside")):
            owner = _ASIDE.fullmatch(path.name)
            if owner is not None and not psutil.pid_exists(int(owner[1])):
                yield _whole(path, "write that was cut short")


def _of_earlier_plans(records: StudyRecords) -> Iterator[Garbage]:
    planned = {task.id for task in records.plan()}
    if not planned:
        raise ValueError(
            f"study {records.name!r} has no plan: it cannot be told which of its runs are of earlier ones"
        )
    for kind in KINDS:
        for folder in sorted((records.folder / kind).glob("*")):
            if folder.name.rpartition("-")[2] not in planned and not _running(folder):
                yield _whole(folder, "task of an earlier plan")


def _running(task_folder: Path) -> bool:
    try:
        return any(Attempt(one).state() == "running" for one in task_folder.iterdir() if one.is_dir())
    except CorruptRecord:
        return False


def _whole(path: Path, why: str) -> Garbage:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return Garbage(path, why, sum(one.stat().st_size for one in files))
