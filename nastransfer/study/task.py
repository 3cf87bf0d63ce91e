"""begin / step / finish: what a task notebook calls. It works under the runner, under plain papermill and by hand."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from tqdm.auto import tqdm

from nastransfer.data.manifest import Manifest
from nastransfer.disk import CannotWrite
from nastransfer.processes import Busy, end_with_parent, lock
from nastransfer.search.watched import COLLAPSE_WARNING, in_words
from nastransfer.study.attempt import Attempt
from nastransfer.study.failures import cause_of
from nastransfer.study.interrupted import release_elsewhere
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.machine import machine
from nastransfer.study.outcome import TABLES, Outcome, Work
from nastransfer.study.parameters import SearchParameters, check, parameters
from nastransfer.study.plan import Task
from nastransfer.study.records import CorruptRecord
from nastransfer.study.work import prepare

if TYPE_CHECKING:
    from nastransfer.train.preflight import Preflight

__all__ = ["RunningTask", "begin", "parameters"]

# Set by the runner, which opened the attempt, holds its lock and shows progress itself.
ATTEMPT_VARIABLE = "NASTRANSFER_ATTEMPT"


class RunningTask:
    """A task in progress: iterate over its steps, `show` each, then `finish`.

    Attributes: `task` (what is asked), `result` (labels and numbers, once finished), `history`, `classes`, `confusion`
    and `rejects` (frames), `manifest` (of a proxy).
    """

    def __init__(self, task: Task, records: StudyRecords, attempt: Attempt, work: Work | None) -> None:
        self.task = task
        self._records = records
        self.attempt = attempt
        self._work = work
        self._outcome: Outcome | None = None
        self._last_event = 0.0
        self._shown = 0
        self._collapsed = False
        self._bar: Any = None

    @property
    def done(self) -> bool:
        """Whether the result is on disk."""
        return self.attempt.result() is not None

    def __iter__(self) -> Iterator[Any]:
        """The steps of the work, as they are done; none where the task was finished before."""
        if self._work is None:
            print(
                f"{self.task.kind} {self.task.slug} was finished before: showing its record {self.attempt.folder}"
            )
            return
        self.attempt.start(self.task, machine())
        self._shown = 0
        key = self._records.lock_path(f"key-{self._work.result_key}")
        with lock(key, waiting_for="a task that computes the same numbers"):
            self._outcome = self._twin()
            if self._outcome is not None:
                return
            started = time.perf_counter()
            try:
                self._outcome = yield from self._work.steps(self.attempt.folder)
            except (CannotWrite, KeyboardInterrupt, GeneratorExit):
                # A full disk, Ctrl-C, or a loop left early: the next try goes on in the same place.
                self.attempt.release()
                raise
            except Exception as error:
                _fail(self.attempt, error)
                raise
            # Work that went on from an earlier part of itself has counted that part's time as well.
            seconds = max(time.perf_counter() - started, self._outcome.numbers.get("seconds") or 0.0)
            self._outcome.numbers["seconds"] = round(seconds, 3)
            self._publish()

    @property
    def by_hand(self) -> bool:
        """Whether nobody else shows progress, as a study's runner does."""
        return ATTEMPT_VARIABLE not in os.environ

    def show(self, step: Any, *, bar: bool = True) -> None:
        """Tell the world about a step: an event at most once a second, and a progress bar when run by hand.

        A search whose cells collapse into skip connections says so, once.
        """
        event = step.to_event()
        if not self._shown:
            self.attempt.rewind(event["step"])
        self._shown += 1
        if event.get("collapsed") and not self._collapsed:
            self._collapsed = True
            print(f"warning: step {event['step']} of {event['steps']}: {COLLAPSE_WARNING}", flush=True)
        if event["step"] == event["steps"] or time.monotonic() - self._last_event >= 1.0:
            self._last_event = time.monotonic()
            self.attempt.event(event)
        if not bar or not self.by_hand:
            return
        if self._bar is None:
            self._bar = tqdm(total=event["steps"], desc=self.task.slug)
        self._bar.update(event["step"] - self._bar.n)
        self._bar.set_postfix_str(in_words(event))

    def preflight(self) -> Preflight | None:
        """What the training of an augment task will take; None where it was finished before, or for other tasks."""
        ask = self._work.preflight if self._work is not None else None
        return None if ask is None else ask()

    def profile(self) -> pl.DataFrame | None:
        """Where the time of an augment task's steps goes, measured on some more of them; None as `preflight`."""
        ask = self._work.profile if self._work is not None else None
        return None if ask is None else ask()

    def finish(self) -> dict[str, Any]:
        """The result as recorded: labels and numbers in one mapping. `RuntimeError` before the last step was run."""
        if self._bar is not None:
            self._bar.close()
        if self._outcome is not None and not self.done:
            self._publish()
        result = self.attempt.result()
        if result is None:
            raise RuntimeError("finish() before the last step: iterate over the whole task first")
        return {**result["labels"], **result["numbers"]}

    def _twin(self) -> Outcome | None:
        """The outcome of a finished task whose numbers depend on the very same things, if its tables can be read."""
        assert self._work is not None
        twin = self._records.finished_with_key(self.task.kind, self._work.result_key)
        result = twin.result() if twin is not None else None
        if twin is None or result is None:
            return None
        try:
            tables = {name: twin.read_frame(name) for name in TABLES}
        except CorruptRecord:
            return None
        return Outcome(
            result["numbers"], **tables, manifest=twin.read_manifest(), linked_to=result["task_id"]
        )

    @property
    def history(self) -> pl.DataFrame | None:
        """One row a step of the work."""
        return self.attempt.read_frame("history")

    @property
    def classes(self) -> pl.DataFrame | None:
        """One row a class: images and correct answers (augment), or images a part (proxy)."""
        return self.attempt.read_frame("classes")

    @property
    def confusion(self) -> pl.DataFrame | None:
        """One row a pair of classes: images of `class` that were taken for `guess` (augment, up to 100 classes)."""
        return self.attempt.read_frame("confusion")

    @property
    def rejects(self) -> pl.DataFrame | None:
        """Images and other entries of the set that were not used, with the reason; `chosen`: they had been chosen.

        Columns class, part, container, name, reason, chosen. None where nothing was left out.
        """
        return self.attempt.read_frame("rejects")

    @property
    def manifest(self) -> Manifest | None:
        """The images that a proxy holds, as recorded."""
        return self.attempt.read_manifest()

    def _publish(self) -> None:
        outcome, work = self._outcome, self._work
        assert outcome is not None and work is not None
        for name in TABLES:
            rows: pl.DataFrame | None = getattr(outcome, name)
            if rows is not None and not rows.is_empty():
                self.attempt.write_frame(name, rows)
        if outcome.manifest is not None:
            self.attempt.write_manifest(outcome.manifest)
        labels = {"kind": self.task.kind, "feeds": ",".join(self.task.feeds) or None, **work.labels}
        self.attempt.publish(
            {
                "task_id": self.task.id,
                "result_key": work.result_key,
                "linked_to": outcome.linked_to,
                "labels": labels,
                "numbers": outcome.numbers,
            }
        )
        self.attempt.clear_checkpoints()
        _let_go(self._records.lock_path(self.task.id))


def begin(kind: str, values: Mapping[str, Any]) -> RunningTask:
    """Check a task notebook's parameters, find or open its attempt, and get the work ready.

    `kind` is proxy, search or augment; `values` come from `nt.parameters(globals())`. Unknown or mistyped parameters
    raise one `ValueError` before anything is computed. A task that was finished before is not computed again.
    """
    given = check(kind, values)
    records = Ledger(given.runs).study(given.study)
    asked = given.task()
    task = records.planned(asked.id) or asked
    before = records.finished(task.id)
    if before is not None:
        before.clear_checkpoints()
        return RunningTask(task, records, before, None)
    folder = os.environ.get(ATTEMPT_VARIABLE)
    if folder:
        end_with_parent()
    else:
        _hold(records.lock_path(task.id))
        release_elsewhere(records, task)
    attempt = Attempt(Path(folder)) if folder else records.open_attempt(task)
    attempt.start(task, machine())
    if isinstance(given, SearchParameters) and given.own is not None:
        records.keep_plugin(given.own)
    try:
        work = prepare(given, records)
    except Exception as error:
        _fail(attempt, error)
        raise
    return RunningTask(task, records, attempt, work)


def _fail(attempt: Attempt, error: Exception) -> None:
    attempt.fail(f"{type(error).__name__}: {error}", traceback.format_exc(), cause=cause_of(error))


# Locks of tasks that were begun by hand in this process: beginning one again here goes on with it.
_held: dict[Path, ExitStack] = {}


def _hold(path: Path) -> None:
    if path in _held:
        return
    stack = ExitStack()
    try:
        stack.enter_context(lock(path))
    except Busy:
        raise RuntimeError(
            f"another process works on this task right now (it holds {path}): wait for it"
        ) from None
    _held[path] = stack


def _let_go(path: Path) -> None:
    if path in _held:
        _held.pop(path).close()
