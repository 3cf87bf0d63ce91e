"""One run of a plan: what waits, what is started next, and what is made of a process that ended."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from nastransfer.disk import CannotWrite
from nastransfer.processes import held
from nastransfer.study.attempt import Attempt
from nastransfer.study.executors.executor import Ended, Executor, Running
from nastransfer.study.executors.options import Options, Summary
from nastransfer.study.executors.process import Exit
from nastransfer.study.executors.queue import Queue
from nastransfer.study.executors.view import SECONDS_BETWEEN_VIEWS, Pace, Row, Screen, View
from nastransfer.study.failures import Cause, wait_before_next
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.plan import Task
from nastransfer.study.records import CorruptRecord

BUSY_PAUSE_SECONDS = 5.0
# The executor is told of the next task when one that runs has about so long to go.
AHEAD_SECONDS = 30.0


class Runner:
    """One call of `run`: the queue, the account of what ended, the view; processes are the executor's."""

    def __init__(
        self, summary: Summary, tasks: list[Task], options: Options, executor: Executor, shown: Screen
    ) -> None:
        self.summary, self.records, self.options, self.screen = summary, summary.records, options, shown
        self.executor = executor
        self.tasks = tasks
        done = {*summary.found_done}
        self.queue = Queue(tasks, done)
        self.causes: dict[str, list[Cause]] = {}
        self.accounted: dict[Path, float] = {}
        self.failures: list[str] = []
        left = [task for task in tasks if task.id not in done]
        self.pace = Pace(Counter(task.kind for task in left), self._expected(left))
        self.shown = float("-inf")

    def step(self) -> None:
        """One turn: account for what ended, start what can start, show it."""
        for one in self.executor.ended():
            self._ended(one)
        while not self.executor.full() and self._start_next():
            pass
        now = time.monotonic()
        if now - self.shown >= SECONDS_BETWEEN_VIEWS:
            self.shown = now
            rows = [self._row(one) for one in self.executor.running]
            ends = sum(map(self._ends_soon, self.executor.running, rows))
            self.executor.get_ready(self.queue.soon({one.task.id for one in self.executor.running}, ends))
            self.screen.show(self._view(rows))

    def close(self) -> None:
        """Stop everything; what is not finished goes on when the study is run again."""
        self.executor.close()
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
        self._last_failed(task)  # failures of earlier runs are none of this one's
        started = self.executor.start(task)
        if not started:
            self.queue.again(task, now)
        return started

    def _ends_soon(self, one: Running, row: Row) -> bool:
        if row.event is not None and row.event.get("seconds_left") is not None:
            return row.event["seconds_left"] <= AHEAD_SECONDS
        mean = self.pace.mean(one.task.kind)
        return mean is not None and mean - row.seconds <= AHEAD_SECONDS

    # Accounting

    def _ended(self, one: Ended) -> None:
        status, task, seconds = one.status, one.task, one.seconds
        if status == Exit.BUSY:
            self.queue.again(task, time.monotonic() + BUSY_PAUSE_SECONDS)
            return
        self.summary.seconds[task.kind] = self.summary.seconds.get(task.kind, 0.0) + seconds
        if status == Exit.CANNOT_WRITE:
            raise CannotWrite(0, _last_line(self.records, task))
        finished = self.records.finished(task.id) if status == Exit.DONE else None
        if finished is None:
            self._failed(one)
            return
        self.records.save_index(finished)
        self.executor.learn(task, finished)
        self.queue.done(task)
        self.summary.done.append(task.id)
        self.pace.ended(task.kind, seconds, (self.options.expected or {}).get(task.id))
        self._say(f"done {task.kind} {task.slug} in {seconds:.0f} s")

    def _failed(self, one: Ended) -> None:
        task = one.task
        attempt = self._last_failed(task) if one.status == Exit.FAILED else None
        failure = attempt.failure() if attempt is not None else None
        cause = (attempt.cause() if attempt is not None else None) or one.cause
        error = failure["error"] if failure is not None else one.why
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
        self._say(f"FAILED {task.kind} {task.slug} in {one.seconds:.0f} s: {error}")

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
        left = self.pace.seconds_left(self.executor.side_by_side)
        return View(self.records.name, *counts, now - self.pace.started, left, rows, self.failures)

    def _expected(self, tasks: list[Task]) -> float | None:
        """Seconds that tasks are expected to take together; None unless that was said of each of them."""
        expected = self.options.expected
        if expected is None or any(task.id not in expected for task in tasks):
            return None
        return sum(expected[task.id] for task in tasks)


def _last_line(records: StudyRecords, task: Task) -> str:
    """What the task's process said last."""
    log = records.logs(task)[-1:]
    lines = [line for path in log for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else "records cannot be written"
