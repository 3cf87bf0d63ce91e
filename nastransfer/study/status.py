"""Where a study stands: its tasks by state, what runs, what failed and what cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nastransfer.study.attempt import Attempt
from nastransfer.study.failures import cause_recorded
from nastransfer.study.index import Found
from nastransfer.study.plan import Task
from nastransfer.study.records import CorruptRecord

STATES = ("pending", "running", "done", "failed")


@dataclass
class StudyStatus:
    """Where a study stands. `counts` is kind -> state -> tasks; `unreadable` lists (path, reason)."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    running: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)

    def total(self, state: str) -> int:
        return sum(kind[state] for kind in self.counts.values())

    @property
    def tasks(self) -> int:
        return sum(self.total(state) for state in STATES)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to run: every task is done."""
        return self.tasks > 0 and self.total("done") == self.tasks


def task_states(tasks: list[Task], folder: Path, found: Iterable[Found]) -> dict[str, str]:
    """The state of each task by its id, whatever cannot be read."""
    states, _ = _attempt_states(folder, found)
    return {task.id: _state(states.get(task.id, {})) for task in tasks}


def count(status: StudyStatus, tasks: list[Task], folder: Path, found: Iterable[Found]) -> None:
    """Fill in a status from the tasks of a plan and the attempts found in the study's folder."""
    states, unreadable = _attempt_states(folder, found)
    status.unreadable += unreadable
    for task in tasks:
        attempts = states.get(task.id, {})
        state = _state(attempts)
        status.counts.setdefault(task.kind, dict.fromkeys(STATES, 0))[state] += 1
        about = {"id": task.id, "kind": task.kind, "slug": task.slug}
        if state == "running":
            status.running.append({**about, **(attempts[state].last_event() or {})})
        if state == "failed":
            failure = attempts[state].failure() or {}
            run = attempts[state].folder.relative_to(folder.parent).as_posix()
            said = {"run": run, "error": failure.get("error"), "cause": cause_recorded(failure).value}
            status.failed.append({**about, **said})


def _state(attempts: Mapping[str, Attempt]) -> str:
    return next((state for state in ("done", "running", "failed") if state in attempts), "pending")


def _attempt_states(
    folder: Path, found: Iterable[Found]
) -> tuple[dict[str, dict[str, Attempt]], list[tuple[str, str]]]:
    """Task id -> state -> an attempt in that state; and (path, reason) of attempts that cannot be read."""
    states: dict[str, dict[str, Attempt]] = {}
    unreadable = []
    for one in found:
        attempt = Attempt(folder / one.path)
        try:
            state = "done" if one.result is not None else _unfinished(attempt, one.problem)
        except CorruptRecord as error:
            unreadable.append((f"{folder.name}/{one.path}", str(error)))
            continue
        states.setdefault(one.task_id, {})[state] = attempt
    return states, unreadable


def _unfinished(attempt: Attempt, problem: str | None) -> str:
    """The state of an attempt without a result; `CorruptRecord` where one of its records is damaged."""
    if problem is not None:
        raise CorruptRecord(problem)
    return attempt.state()
