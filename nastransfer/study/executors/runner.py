"""One run of a plan: what waits, what runs, what is started ahead, and what is made of a process that ended."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import psutil

from nastransfer.disk import CannotWrite
from nastransfer.processes import held
from nastransfer.study.attempt import Attempt
from nastransfer.study.executors.gpus import Gpu, alike, gpus, place
from nastransfer.study.executors.options import Options, Summary, default_slots
from nastransfer.study.executors.process import (
    Ahead,
    Exit,
    Place,
    Running,
    start,
    start_ahead,
    stop,
    tell,
)
from nastransfer.study.executors.queue import Queue
from nastransfer.study.executors.view import SECONDS_BETWEEN_VIEWS, Pace, Row, Screen, View
from nastransfer.study.failures import Cause, wait_before_next
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.machine import cores
from nastransfer.study.plan import Task
from nastransfer.study.records import CorruptRecord

BUSY_PAUSE_SECONDS = 5.0
# A process is started ahead for the next task when this one has about so long to go, and there is memory to spare.
AHEAD_SECONDS = 30.0
AHEAD_BYTES = 2_000_000_000


class Runner:
    """One call of `run`: what waits, what runs, what is started ahead."""

    def __init__(self, summary: Summary, tasks: list[Task], options: Options, shown: Screen) -> None:
        self.summary, self.records, self.options, self.screen = summary, summary.records, options, shown
        self.slots = options.slots or default_slots()
        self.threads = max(1, cores() // self.slots)
        self.devices = min(options.devices, self.slots)
        self.tasks = tasks
        self.queue = Queue(tasks, {*summary.found_done})
        self.running: list[Running] = []
        self.ahead: list[Ahead] = []
        self.causes: dict[str, list[Cause]] = {}
        self.accounted: dict[Path, float] = {}
        self.failures: list[str] = []
        self.gpus: list[Gpu] = gpus()
        self.peaks: dict[str, int] = {}
        done = {*summary.found_done}
        left = [task for task in tasks if task.id not in done]
        self.pace = Pace(Counter(task.kind for task in left), self._expected(left))
        self.shown = float("-inf")

    def step(self) -> None:
        """One turn: account for what ended, start what can start, show it."""
        for one in [one for one in self.running if one.process.poll() is not None]:
            self.running.remove(one)
            self._ended(one)
        while sum(one.place.slots for one in self.running) < self.slots and self._start_next():
            pass
        now = time.monotonic()
        if now - self.shown >= SECONDS_BETWEEN_VIEWS:
            self.shown = now
            rows = [self._row(one) for one in self.running]
            self._start_ahead(rows)
            self.screen.show(self._view(rows))

    def close(self) -> None:
        """Stop everything; what is not finished goes on when the study is run again."""
        stop([*(one.process for one in self.running), *(one.process for one in self.ahead)])
        for waiting in self.ahead:
            waiting.log.unlink(missing_ok=True)
        self.screen.show(self._view([]))
        self.screen.close()

    # Starting

    def _start_next(self) -> bool:
        now = time.monotonic()
        task = self.queue.next(now)
        if task is None:
            return False
        if held(self.records.lock_path(task.id)):
            self.queue.again(task, now + BUSY_PAUSE_SECONDS)
            return True
        where = self._place(task)
        if where is None:
            self.queue.again(task, now)
            return False
        self._last_failed(task)  # failures of earlier runs are none of this one's
        self.running.append(self._told(task, where) or start(self.records, task, where))
        return True

    def _told(self, task: Task, where: Place) -> Running | None:
        """The task in a process that was started ahead, where there is one."""
        while self.ahead:
            same = [one for one in self.ahead if one.kind == task.kind] or self.ahead
            one = same[0]
            self.ahead.remove(one)
            started = tell(one, self.records, task, where) if one.process.poll() is None else None
            if started is not None:
                return started
            stop([one.process])
            one.log.unlink(missing_ok=True)
        return None

    def _place(self, task: Task) -> Place | None:
        """Where a task can run now; None where it has to wait."""
        slots = self.devices if task.kind == "augment" else 1
        if sum(one.place.slots for one in self.running) + slots > self.slots:
            return None
        if not self.gpus:
            return Place(slots, self.threads)
        taken: dict[str, list[int | None]] = {}
        for one in self.running:
            for name in one.place.gpus:
                taken.setdefault(name, []).append(one.place.peak_bytes)
        peak = self.peaks.get(alike(task))
        chosen = place(self.gpus, taken, peak, min(slots, len(self.gpus)))
        return None if chosen is None else Place(slots, self.threads, chosen, peak)

    def _start_ahead(self, rows: list[Row]) -> None:
        """Start a process for the next task where one that runs will soon end."""
        if not self.options.ahead or psutil.virtual_memory().available < AHEAD_BYTES:
            return
        ends = sum(self._ends_soon(one, row) for one, row in zip(self.running, rows, strict=True))
        coming = self.queue.soon({one.task.id for one in self.running}, ends)
        if len(self.ahead) < len(coming):
            self.ahead.append(start_ahead(self.records, coming[len(self.ahead)], self.threads))

    def _ends_soon(self, one: Running, row: Row) -> bool:
        if row.event is not None and row.event.get("seconds_left") is not None:
            return row.event["seconds_left"] <= AHEAD_SECONDS
        mean = self.pace.mean(one.task.kind)
        return mean is not None and mean - row.seconds <= AHEAD_SECONDS

    # Accounting

    def _ended(self, one: Running) -> None:
        status, task = one.process.returncode, one.task
        seconds = time.monotonic() - one.started
        if status == Exit.BUSY:
            self.queue.again(task, time.monotonic() + BUSY_PAUSE_SECONDS)
            return
        self.summary.seconds[task.kind] = self.summary.seconds.get(task.kind, 0.0) + seconds
        if status == Exit.CANNOT_WRITE:
            raise CannotWrite(0, _last_line(self.records, task))
        finished = self.records.finished(task.id) if status == Exit.DONE else None
        if finished is None:
            self._failed(one, status)
            return
        self.records.save_index(finished)
        self._learn(task, finished)
        self.queue.done(task)
        self.summary.done.append(task.id)
        self.pace.ended(task.kind, seconds, (self.options.expected or {}).get(task.id))
        self._say(f"done {task.kind} {task.slug} in {seconds:.0f} s")

    def _failed(self, one: Running, status: int) -> None:
        task = one.task
        attempt = self._last_failed(task) if status == Exit.FAILED else None
        failure = attempt.failure() if attempt is not None else None
        cause = (attempt.cause() if attempt is not None else None) or Cause.DIED
        error = failure["error"] if failure is not None else f"its process ended with status {status}"
        causes = self.causes.setdefault(task.id, [])
        causes.append(cause)
        wait = wait_before_next(causes, self.options.retries)
        if wait is not None:
            self.summary.retried[task.id] += 1
            self.queue.again(task, time.monotonic() + wait)
            self._say(f"again in {wait:.0f} s: {task.kind} {task.slug} ({cause.value}: {error})")
            return
        if failure is None:
            self.records.open_attempt(task).fail(error, "", cause=cause)
        self.summary.failed.append(task.id)
        self.summary.blocked += self.queue.failed(task)
        self.failures.append(f"{task.slug}: {error}")
        self._say(f"FAILED {task.kind} {task.slug} in {time.monotonic() - one.started:.0f} s: {error}")

    def _last_failed(self, task: Task) -> Attempt | None:
        """The attempt whose failure is new; one whose record of that is damaged says nothing.

        Not the latest by its own account of the time: a clock may have been set back meanwhile.
        """
        new = None
        for attempt in self.records.attempts(task.id):
            try:
                failure = attempt.failure()
            except CorruptRecord:
                continue
            if failure is not None and self.accounted.get(attempt.folder) != failure["at"]:
                self.accounted[attempt.folder] = failure["at"]
                new = attempt
        return new

    def _learn(self, task: Task, attempt: Attempt) -> None:
        """Remember how much memory a task needed on its GPU, for others that do the same."""
        peak = (attempt.result() or {"numbers": {}})["numbers"].get("peak_bytes")
        if self.gpus and peak is not None:
            self.peaks[alike(task)] = max(peak, self.peaks.get(alike(task), 0))

    # Showing

    def _say(self, line: str) -> None:
        self.screen.said(f"{len(self.summary.found_done) + len(self.summary.done)}/{len(self.tasks)} {line}")

    def _row(self, one: Running) -> Row:
        event = self.records.last_event(one.task)
        return Row(one.task.slug, event, time.monotonic() - one.started)

    def _view(self, rows: list[Row]) -> View:
        summary, now = self.summary, time.monotonic()
        done = len(summary.found_done) + len(summary.done)
        counts = (len(self.tasks), done, len(summary.failed), len(summary.blocked))
        left = self.pace.seconds_left(self.slots)
        return View(self.records.name, *counts, now - self.pace.started, left, rows, self.failures)

    def _expected(self, tasks: list[Task]) -> float | None:
        """Seconds that tasks are expected to take together, where that was said."""
        expected = self.options.expected
        return None if expected is None else sum(expected.get(task.id, 0.0) for task in tasks)


def _last_line(records: StudyRecords, task: Task) -> str:
    """What the task's process said last."""
    log = records.logs(task)[-1:]
    lines = [line for path in log for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else "records cannot be written"
