"""The only owner of paths under runs/: attempts, their records, the state of a study, and all results as one frame.

runs/<study>/plan.jsonl                                    the tasks, as planned
runs/<study>/plugins/<hash>/<file>                         own methods, as they were when they were planned or begun
runs/<study>/<kind>/<slug>-<task id>/<attempt>/task.json   what is asked, by which process, on what machine
                                               events.jsonl, log.txt, notebook.ipynb, *.parquet, weights.safetensors
                                               checkpoint-*.pt  the state of a search that goes on from there
                                               failure.json  why it ended without a result
                                               result.json   appears last, by rename: present means done
Everything but the plan is derived from the attempts, so two people's folders of one study merge by copying.
"""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from nastransfer.disk import write_atomic
from nastransfer.search.plugins import Plugin
from nastransfer.study.attempt import Attempt
from nastransfer.study.frame import results_frame
from nastransfer.study.plan import KINDS, Task
from nastransfer.study.published import published as published_rows
from nastransfer.study.records import CorruptRecord
from nastransfer.study.spec import NAME

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


def locate(folder: str | Path) -> Path:
    """A folder given relative to where somebody works; inside the project's notebooks/ that is the project itself.

    JupyterLab starts every kernel in its notebook's folder, and their records belong beside all others.
    """
    here = Path.cwd()
    inside = here.name == "notebooks" and (here.parent / "nastransfer").is_dir()
    return (here.parent if inside else here) / folder


class Ledger:
    """All studies under one folder."""

    def __init__(self, root: str | Path = "runs") -> None:
        self.root = locate(root)

    def studies(self) -> list[str]:
        """Names of the studies that have records, sorted."""
        if not self.root.is_dir():
            return []
        return sorted(entry.name for entry in self.root.iterdir() if entry.is_dir() and _is_study(entry))

    def study(self, name: str) -> StudyRecords:
        """The records of one study; a name that could leave the root raises `ValueError`."""
        if not NAME.fullmatch(name):
            raise ValueError(f"study name {name!r} must match {NAME.pattern}")
        return StudyRecords(self.root / name)


class StudyRecords:
    """The records of one study. Reading never writes, so a dashboard may look while a runner works."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name

    def write_plan(self, tasks: list[Task]) -> None:
        """Write the plan; tasks of an earlier plan that are no longer asked for keep their records."""
        lines = "".join(json.dumps(task.to_json(), separators=(",", ":")) + "\n" for task in tasks)
        path = self.folder / "plan.jsonl"
        if not path.exists() or path.read_text(encoding="utf-8") != lines:
            write_atomic(path, lines.encode())

    def plan(self) -> list[Task]:
        path = self.folder / "plan.jsonl"
        if not path.exists():
            return []
        try:
            return [
                Task.from_json(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptRecord(
                f"{path}: not a plan ({error}); run the study again to write it anew"
            ) from None

    def task_folder(self, task: Task) -> Path:
        return self.folder / task.kind / f"{task.slug}-{task.id}"

    def attempts(self, task_id: str | None = None) -> Iterator[Attempt]:
        """Attempts on disk, oldest name first; of one task where its id is given."""
        for kind in KINDS:
            pattern = f"*-{task_id}" if task_id else "*"
            for folder in sorted((self.folder / kind).glob(f"{pattern}/*")):
                if folder.is_dir() and not folder.name.startswith("."):
                    yield Attempt(folder)

    def open_attempt(self, task: Task) -> Attempt:
        """The attempt to work in: an interrupted one in its place, else a new folder."""
        for attempt in self.attempts(task.id):
            try:
                if attempt.resumable():
                    return attempt
            except CorruptRecord:
                continue
        stamp = f"{socket.gethostname()}-{time.time_ns()}"
        folder = self.task_folder(task) / hashlib.blake2b(stamp.encode(), digest_size=4).hexdigest()
        folder.mkdir(parents=True)
        return Attempt(folder)

    def finished(self, task_id: str) -> Attempt | None:
        """The first finished attempt of a task; one whose record cannot be read does not count."""
        found = [(result["finished_at"], attempt) for attempt, result in self._results(task_id)]
        return min(found, key=lambda pair: pair[0])[1] if found else None

    def complete(self, task_id: str) -> bool:
        """Whether a task is done and its notebook was not cut short after the result."""
        attempt = self.finished(task_id)
        return attempt is not None and not attempt.notebook_in_progress.exists()

    def finished_with_key(self, result_key: str) -> Attempt | None:
        """A finished attempt of any task whose numbers depend on the very same things."""
        own = (
            pair
            for pair in self._results()
            if pair[1]["result_key"] == result_key and not pair[1]["linked_to"]
        )
        found = next(own, None)
        return found[0] if found else None

    def keep_plugin(self, plugin: Plugin) -> None:
        """Keep a copy of an own method's file: runs go on with it, whatever becomes of the file itself."""
        path = self.folder / plugin.kept_as
        if not path.exists():
            write_atomic(path, plugin.text.encode())

    def plugin(self, reference: str) -> Plugin:
        """An own method's file: the study's copy (`Plugin.kept_as`), else a path relative to the working folder.

        `ValueError` where there is none, and for a copy that is not what was kept.
        """
        place = PurePosixPath(reference)
        if len(place.parts) != 3 or place.parts[0] != "plugins":
            return Plugin.read(reference)
        kept = Plugin.inside(self.folder, reference)
        if kept.hash != place.parts[1]:
            raise ValueError(
                f"{self.folder / reference} was changed after it was kept: its runs cannot go on. Change the plug-in's "
                "own file instead, and run the study again"
            )
        return kept

    def lock_path(self, key: str) -> Path:
        """A file to lock while the work named by a task id or result key is done."""
        folder = self.folder / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / key

    def write_report(self, name: str, text: str) -> Path:
        """Write a derived file (a figure, a table) of the study and return its path."""
        path = self.folder / "report" / name
        write_atomic(path, text.encode())
        return path

    def _results(self, task_id: str | None = None) -> Iterator[tuple[Attempt, dict[str, Any]]]:
        for attempt in self.attempts(task_id):
            try:
                result = attempt.result()
            except CorruptRecord:
                continue
            if result is not None:
                yield attempt, result

    def status(self) -> StudyStatus:
        """Where the study stands, task by task of its plan, and what could not be read."""
        status = StudyStatus()
        try:
            tasks = self.plan()
        except CorruptRecord as error:
            status.unreadable.append((f"{self.name}/plan.jsonl", str(error)))
            tasks = []
        found: dict[str, dict[str, Attempt]] = {}
        for attempt in self.attempts():
            try:
                state = attempt.state()
            except CorruptRecord as error:
                status.unreadable.append((self.run_name(attempt), str(error)))
                continue
            found.setdefault(attempt.folder.parent.name.rpartition("-")[2], {})[state] = attempt
        for task in tasks:
            attempts = found.get(task.id, {})
            state = next((state for state in ("done", "running", "failed") if state in attempts), "pending")
            status.counts.setdefault(task.kind, dict.fromkeys(STATES, 0))[state] += 1
            about = {"id": task.id, "kind": task.kind, "slug": task.slug}
            if state == "running":
                latest = attempts[state].events()[-1:]
                status.running.append({**about, **(latest[0] if latest else {})})
            if state == "failed":
                failure = attempts[state].failure() or {}
                status.failed.append(
                    {**about, "run": self.run_name(attempts[state]), "error": failure.get("error")}
                )
        return status

    def _planned(self) -> set[str]:
        try:
            return {task.id for task in self.plan()}
        except CorruptRecord:
            return set()

    def run_name(self, attempt: Attempt) -> str:
        return attempt.folder.relative_to(self.folder.parent).as_posix()

    def results(self, *, earlier: bool = False) -> pl.DataFrame:
        """The study's own rows of the results frame (`nastransfer.study.frame`), finished runs only.

        A study whose file was changed keeps the runs of its earlier plans, which must not be mixed with those of the
        present one: they come only with `earlier`. A folder without a plan (runs by hand) gives all it has.
        """
        rows: list[dict[str, Any]] = []
        seen: set[str] = set()
        planned = set() if earlier else self._planned()
        for attempt, result in sorted(self._results(), key=lambda pair: pair[1]["finished_at"]):
            if planned and result["task_id"] not in planned:
                continue
            origin = "repeat" if result["task_id"] in seen else "linked" if result["linked_to"] else "own"
            seen.add(result["task_id"])
            row = result["labels"] | result["numbers"]
            rows.append({**row, "run": self.run_name(attempt), "study": self.name, "origin": origin})
        return results_frame(rows)


def results(study: str | Path, *, published: bool = True, earlier: bool = False) -> pl.DataFrame:
    """The results of a study's folder as one frame, and (rows with `origin == "published"`) what papers printed.

    `study` is a folder such as `runs/quickstart`; `ValueError` if there is none. `earlier`: also what earlier versions
    of the study file ran. Columns: `nastransfer.study.frame`.
    """
    folder = locate(study)
    if not folder.is_dir():
        raise ValueError(
            f"there is no study folder {str(folder)!r}; studies here: {Ledger(folder.parent).studies()}"
        )
    own = Ledger(folder.parent).study(folder.name).results(earlier=earlier)
    return pl.concat([own, published_rows()]) if published else own


def _is_study(folder: Path) -> bool:
    return (folder / "plan.jsonl").exists() or any((folder / kind).is_dir() for kind in KINDS)
