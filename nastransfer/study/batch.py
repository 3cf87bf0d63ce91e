"""Tasks as shell commands: plain papermill, recorded in the same ledger, for clusters that have their own runner."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from nastransfer.disk import writing
from nastransfer.study.executors.notebook import task_notebook
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.plan import Task

FOLDER = "notebooks"
AGAIN = "again"
"""Folder of studies that a finished task is computed anew into."""


def ready(tasks: list[Task], states: Mapping[str, str]) -> tuple[list[Task], list[Task]]:
    """Tasks that can run now, and those that wait for others; what is done or runs is in neither."""
    open_tasks = [task for task in tasks if states[task.id] in ("pending", "failed")]
    waits = [any(states.get(parent) != "done" for parent in task.parents) for task in open_tasks]
    pairs = list(zip(open_tasks, waits, strict=True))
    return [task for task, wait in pairs if not wait], [task for task, wait in pairs if wait]


def command_line(records: StudyRecords, task: Task) -> str:
    """One line for a shell: papermill executes the task's notebook with its parameters, from any working folder.

    The executed notebook goes to a folder `notebooks` of the study, which is made here; the record to where the runner
    puts it.
    """
    folder = records.folder.resolve()
    output = folder / FOLDER / f"{task.slug}-{task.id}.ipynb"
    with writing(output):
        output.parent.mkdir(parents=True, exist_ok=True)
    return _line(task, output, _in_study(records, task))


def retry_line(records: StudyRecords, task: Task) -> str:
    """The same for a reader, who makes no folder: the executed notebook goes to the working folder."""
    return _line(task, _beside(task), _in_study(records, task))


def again_line(records: StudyRecords, task: Task, genotype: str | None = None) -> str:
    """One line that computes a finished task anew, recorded below `again` in the working folder.

    In the study itself nothing would be computed: what is finished is shown. A training of what a search found is given
    the `genotype` itself, since that search has no record in the other folder.
    """
    given = {**task.parameters, "study": records.name, "runs": AGAIN}
    if given.get("search"):
        given |= {"search": "", "genotype": genotype}
    if plugin := given.get("plugin"):
        kept = records.folder.resolve() / plugin
        given["plugin"] = str(kept if kept.exists() else plugin)
    return _line(task, _beside(task), given)


def _in_study(records: StudyRecords, task: Task) -> dict[str, Any]:
    return {**task.parameters, "study": records.name, "runs": str(records.folder.resolve().parent)}


def _beside(task: Task) -> Path:
    return Path(f"{task.slug}-{task.id}.ipynb")


def _line(task: Task, output: Path, given: Mapping[str, Any]) -> str:
    # As YAML in one line: numbers such as 1e-05 would be words in JSON's spelling of them.
    text = yaml.safe_dump(dict(given), default_flow_style=True, width=1_000_000_000, sort_keys=False).strip()
    words = [_papermill(), task_notebook(task), output, "-k", "python3", "--no-progress-bar", "-y", text]
    return shlex.join(map(str, words))


def _papermill() -> str:
    """The papermill of this environment."""
    return shutil.which("papermill", path=str(Path(sys.executable).parent)) or "papermill"
