"""The only owner of paths under runs/: attempts, their records, the state of a study, and all results as one frame.

runs/<study>/plan.jsonl                                    the tasks, as planned
runs/<study>/index.jsonl                                   what is finished, to be read at once (study/index.py)
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
import socket
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from nastransfer.disk import write_atomic, writing
from nastransfer.search.plugins import Plugin
from nastransfer.study.attempt import Attempt
from nastransfer.study.frame import results_frame
from nastransfer.study.index import Found, ResultIndex, attempt_paths, result_index
from nastransfer.study.plan import KINDS, Task
from nastransfer.study.plan_file import find_planned, plan_bytes, read_plan
from nastransfer.study.published import published as published_rows
from nastransfer.study.records import CorruptRecord
from nastransfer.study.spec import NAME
from nastransfer.study.status import STATES, StudyStatus, count, task_states

__all__ = ["STATES", "Ledger", "StudyRecords", "StudyStatus", "locate", "results"]


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
        content, path = plan_bytes(tasks), self.folder / "plan.jsonl"
        if not path.exists() or path.read_bytes() != content:
            write_atomic(path, content)

    def plan(self) -> list[Task]:
        """The tasks as they were planned; `CorruptRecord` where that file is damaged."""
        return read_plan(self.folder / "plan.jsonl")

    def planned(self, task_id: str) -> Task | None:
        """The task of this id in the plan, without reading all others; None where it has none."""
        return find_planned(self.folder / "plan.jsonl", task_id)

    def task_folder(self, task: Task) -> Path:
        return self.folder / task.kind / f"{task.slug}-{task.id}"

    def attempts(self, task_id: str | None = None) -> Iterator[Attempt]:
        """Attempts on disk, oldest name first; of one task where its id is given."""
        return (Attempt(self.folder / path) for path in attempt_paths(self.folder, KINDS, task_id))

    def last_event(self, task: Task) -> dict[str, Any] | None:
        """The newest event of a task's attempts."""
        events = [event for one in self._own(task) if (event := one.last_event()) is not None]
        return max(events, key=lambda event: event["at"], default=None)

    def logs(self, task: Task) -> list[Path]:
        """What the task's processes printed, one file each that may hold several tries, the newest last."""
        return sorted(self.task_folder(task).glob("log*.txt"), key=lambda path: path.stat().st_mtime_ns)

    def _own(self, task: Task) -> Iterator[Attempt]:
        """Attempts in the folder that a task has in this plan."""
        folder = self.task_folder(task)
        return (Attempt(path) for path in sorted(folder.glob("*")) if path.is_dir())

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
        with writing(folder):
            folder.mkdir(parents=True)
        return Attempt(folder)

    def finished(self, task_id: str) -> Attempt | None:
        """The first finished attempt of a task; one whose record cannot be read does not count."""
        found = min(self._results(task_id), key=_order, default=None)
        return None if found is None else Attempt(self.folder / found.path)

    def complete(self) -> set[str]:
        """Ids of the tasks that are done and whose notebook was not cut short after the result."""
        first: dict[str, Found] = {}
        for found in sorted(self._results(), key=_order):
            first.setdefault(found.task_id, found)
        attempts = {task_id: Attempt(self.folder / found.path) for task_id, found in first.items()}
        return {task_id for task_id, one in attempts.items() if not one.notebook_in_progress.exists()}

    def finished_with_key(self, kind: str, result_key: str) -> Attempt | None:
        """A finished attempt of any task of a kind whose numbers depend on the very same things."""
        for found in self._index.found((kind,)):
            result = found.result
            if result is not None and result["result_key"] == result_key and not result["linked_to"]:
                return Attempt(self.folder / found.path)
        return None

    def save_index(self, attempt: Attempt | None = None) -> None:
        """Write down what is finished (of one attempt where given), so that the next process need not read it all."""
        if attempt is None:
            self._index.save(KINDS)
        else:
            self._index.add(attempt.folder.relative_to(self.folder).as_posix())

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
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder / key

    def write_report(self, name: str, text: str) -> Path:
        """Write a derived file (a figure, a table) of the study and return its path."""
        path = self.folder / "report" / name
        write_atomic(path, text.encode())
        return path

    @property
    def _index(self) -> ResultIndex:
        return result_index(self.folder)

    def _results(self, task_id: str | None = None) -> Iterator[Found]:
        return (found for found in self._index.found(KINDS, task_id) if found.result is not None)

    def stamp(self) -> str:
        """Changes when the plan, an attempt or a result does: what is derived of these can be kept until then."""
        path = self.folder / "plan.jsonl"
        plan = (path.stat().st_size, path.stat().st_mtime_ns) if path.exists() else None
        return f"{plan} {self._index.stamp(KINDS)}"

    def states(self) -> dict[str, str]:
        """The state of every task of the plan by its id: pending, running, done or failed."""
        return task_states(self.plan(), self.folder, self._index.found(KINDS))

    def status(self) -> StudyStatus:
        """Where the study stands, task by task of its plan, and what could not be read."""
        status = StudyStatus()
        try:
            tasks = self.plan()
        except CorruptRecord as error:
            status.unreadable.append((f"{self.name}/plan.jsonl", str(error)))
            tasks = []
        count(status, tasks, self.folder, self._index.found(KINDS))
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
        for found in sorted(self._results(), key=_order):
            result = found.result
            if result is None or (planned and result["task_id"] not in planned):
                continue
            origin = "repeat" if result["task_id"] in seen else "linked" if result["linked_to"] else "own"
            seen.add(result["task_id"])
            row = result["labels"] | result["numbers"]
            rows.append({**row, "run": f"{self.name}/{found.path}", "study": self.name, "origin": origin})
        return results_frame(rows)


def _order(found: Found) -> tuple[float, str]:
    """Finished attempts by the time that their machines gave; among equals by name."""
    return (found.result["finished_at"] if found.result is not None else 0.0, found.path)


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
