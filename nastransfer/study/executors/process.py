"""The process of one task, for the runner: started for the task, or ahead of it and then told which one it is."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from nastransfer.disk import writing
from nastransfer.study.executors.executor import Running
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.plan import Task

MODULE = "nastransfer.study.executors.notebook"
STOP_SECONDS = 10.0


class Exit(IntEnum):
    """How such a process ends."""

    DONE = 0
    FAILED = 1  # the attempt's record says why
    CANNOT_WRITE = 74  # a full disk or the like: no task can succeed
    BUSY = 75  # another process works on this task


def limited(threads: int) -> dict[str, str]:
    """Variables that let a process compute with so many threads."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"), str(threads))


@dataclass(frozen=True)
class Place:
    """Where a task runs: how many slots it fills, with how many threads each, on which GPUs (none: the CPU)."""

    slots: int
    threads: int
    gpus: tuple[str, ...] = ()
    peak_bytes: int | None = None

    def environment(self) -> dict[str, str]:
        """Variables that its process is given."""
        seen = {"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)} if self.gpus else {}
        return {**limited(self.threads), **seen}

    def together(self) -> dict[str, int]:
        """Parameters of a training on several devices."""
        return {"devices": self.slots} if self.slots > 1 else {}


@dataclass
class Process(Running):
    """A task that runs in a process of this machine."""

    place: Place
    process: subprocess.Popen[str]


@dataclass
class Ahead:
    """A process that waits for the word which task it is; `log` is where its output goes until then."""

    process: subprocess.Popen[str]
    kind: str
    log: Path


def start(records: StudyRecords, task: Task, place: Place) -> Process:
    """Start a task; its process and all that it starts write to the task's log."""
    folder = records.task_folder(task)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        process = _spawn(records, [], [task.id, json.dumps(place.together())], folder / "log.txt", place)
    return Process(task, place, process)


def start_ahead(records: StudyRecords, like: Task, threads: int) -> Ahead:
    """Start a process that gets ready for a task like this one."""
    log = records.lock_path(f"ahead-{uuid.uuid4().hex[:12]}.log")
    with writing(log):
        process = _spawn(records, ["--ahead"], [like.id], log, Place(1, threads))
    return Ahead(process, like.kind, log)


def tell(ahead: Ahead, records: StudyRecords, task: Task, place: Place) -> Process | None:
    """Let a waiting process run a task; None where it is gone or does not listen: then nothing has started."""
    assert ahead.process.stdin is not None
    told = {"task_id": task.id, "together": place.together(), "environment": place.environment()}
    try:
        ahead.process.stdin.write(json.dumps(told) + "\n")
        ahead.process.stdin.close()
    except OSError:
        return None
    folder = records.task_folder(task)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        ahead.log.replace(free_log(folder))
    return Process(task, place, ahead.process)


def free_log(folder: Path) -> Path:
    """A name for one more log of a task: log.txt, else log-2.txt and so on."""
    names = (f"log-{number}.txt" if number > 1 else "log.txt" for number in range(1, 1_000_000))
    return next(folder / name for name in names if not (folder / name).exists())


def stop(processes: Sequence[subprocess.Popen[str]], seconds: float | None = None) -> None:
    """End processes: asked first, killed after some seconds, or at once when Ctrl-C is pressed again meanwhile."""
    try:
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + (STOP_SECONDS if seconds is None else seconds)
        for process in processes:
            process.wait(timeout=max(0.0, deadline - time.monotonic()))
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        pass
    finally:
        with _uninterrupted():
            for process in processes:
                process.kill()
            for process in processes:
                process.wait()
                if process.stdin is not None:
                    with contextlib.suppress(OSError):
                        process.stdin.close()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """A block that Ctrl-C does not break off, where this is the thread that hears of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _spawn(
    records: StudyRecords, options: list[str], task_words: list[str], log: Path, place: Place
) -> subprocess.Popen[str]:
    runs = str(records.folder.parent.resolve())
    command = [sys.executable, "-m", MODULE, *options, runs, records.name, *task_words]
    with log.open("ab") as file:
        # A session of its own, so that Ctrl-C in the terminal reaches the runner alone, which then stops its tasks.
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE if options else subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **place.environment()},
            start_new_session=True,
        )
