"""This machine as executor: a process for each task, several at a time, the next one started ahead."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import final

import psutil

from nastransfer.study.executors.executor import Ended, Executor
from nastransfer.study.executors.gpus import Gpu, gpus, place
from nastransfer.study.executors.options import Options
from nastransfer.study.executors.process import (
    Ahead,
    Place,
    Process,
    start,
    start_ahead,
    stop,
    tell,
)
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.plan import Task

# A process is started ahead where there is so much memory to spare.
AHEAD_BYTES = 2_000_000_000


@final
class LocalExecutor(Executor):
    """Slots of this machine; where it has GPUs, a task gets one or, where its memory is known to fit, shares one."""

    def __init__(self, records: StudyRecords, options: Options) -> None:
        super().__init__()
        self._records = records
        self._slots = options.slots_here
        self._threads = options.threads_here
        self._devices = min(options.devices, self._slots)
        self._with_ahead = options.ahead
        self._running: list[Process] = []
        self._ahead: list[Ahead] = []
        self._gpus: list[Gpu] = gpus()

    @property
    def side_by_side(self) -> int:
        return self._slots

    @property
    def running(self) -> Sequence[Process]:
        return self._running

    def full(self) -> bool:
        return sum(one.place.slots for one in self._running) >= self._slots

    def start(self, task: Task) -> bool:
        where = self._place(task)
        if where is not None:
            self._running.append(self._told(task, where) or start(self._records, task, where))
        return where is not None

    def ended(self) -> list[Ended]:
        ended = [one for one in self._running if one.process.poll() is not None]
        self._running = [one for one in self._running if one not in ended]
        now = time.monotonic()
        return [Ended(one.task, now - one.started, one.process.returncode) for one in ended]

    def get_ready(self, coming: Sequence[Task]) -> None:
        if not self._with_ahead or psutil.virtual_memory().available < AHEAD_BYTES:
            return
        if len(self._ahead) < len(coming):
            self._ahead.append(start_ahead(self._records, coming[len(self._ahead)], self._threads))

    def close(self) -> None:
        stop([*(one.process for one in self._running), *(one.process for one in self._ahead)])
        for waiting in self._ahead:
            waiting.log.unlink(missing_ok=True)
        self._running, self._ahead = [], []

    def _told(self, task: Task, where: Place) -> Process | None:
        """The task in a process that was started ahead, where there is one."""
        while self._ahead:
            same = [one for one in self._ahead if one.kind == task.kind] or self._ahead
            one = same[0]
            self._ahead.remove(one)
            started = tell(one, self._records, task, where) if one.process.poll() is None else None
            if started is not None:
                return started
            stop([one.process])
            one.log.unlink(missing_ok=True)
        return None

    def _place(self, task: Task) -> Place | None:
        """Where a task can run now; None where it has to wait."""
        slots = self._devices if task.kind == "augment" else 1
        if sum(one.place.slots for one in self._running) + slots > self._slots:
            return None
        if not self._gpus:
            return Place(slots, self._threads)
        taken: dict[str, list[int | None]] = {}
        for one in self._running:
            for name in one.place.gpus:
                taken.setdefault(name, []).append(one.place.peak_bytes)
        peak = self.peak_bytes(task)
        chosen = place(self._gpus, taken, peak, min(slots, len(self._gpus)))
        return None if chosen is None else Place(slots, self._threads, chosen, peak)
