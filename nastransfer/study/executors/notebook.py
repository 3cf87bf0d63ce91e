"""One task in a process of its own: its notebook, executed by papermill, kept beside its record.

`python -m nastransfer.study.executors.notebook RUNS STUDY TASK_ID`. Exit status 0: done; 1: failed (its record says
why); 75: another process works on this task.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from nastransfer.disk import write_atomic
from nastransfer.processes import Busy, end_with_parent, lock
from nastransfer.study.attempt import Attempt
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.machine import machine
from nastransfer.study.plan import Task
from nastransfer.study.task import ATTEMPT_VARIABLE

BUSY = 75
ATOMIC = "atomic://"


def notebooks_folder() -> Path:
    """Where the task notebooks are: beside the package, or in the folder that NASTRANSFER_NOTEBOOKS names."""
    folder = Path(os.environ.get("NASTRANSFER_NOTEBOOKS") or Path(__file__).parents[3] / "notebooks")
    if not (folder / "search.ipynb").exists():
        raise ValueError(
            f"no task notebooks in {folder}; set NASTRANSFER_NOTEBOOKS to the checkout's notebooks/"
        )
    return folder


def execute(runs: Path, study: str, task_id: str) -> int:
    """Run one task of a study's plan; returns the exit status."""
    records = Ledger(runs).study(study)
    task = records.planned(task_id)
    if task is None:
        raise ValueError(
            f"task {task_id} is no longer in the plan of {study!r}: another study file replaced it"
        )
    try:
        with lock(records.lock_path(task.id)):
            return _execute(records, task)
    except Busy:
        return BUSY


def _execute(records: StudyRecords, task: Task) -> int:
    before = records.finished(task.id)
    if before is not None:
        before.clear_checkpoints()
        if not before.notebook_in_progress.exists():
            return 0
    attempt = before if before is not None else records.open_attempt(task)
    if before is None:
        attempt.start(task, machine())  # the kernel takes over when it is up
    parameters = {**task.parameters, "study": records.name, "runs": str(records.folder.parent.resolve())}
    error = _papermill(notebooks_folder() / f"{task.kind}.ipynb", attempt, parameters)
    if error is not None and attempt.result() is None and attempt.failure() is None:
        attempt.fail(error.strip().splitlines()[-1], error, died=True)
    if attempt.notebook_in_progress.exists() and (error is None or attempt.result() is None):
        attempt.notebook_in_progress.replace(attempt.notebook)
    return 0 if attempt.result() is not None else 1


def _papermill(notebook: Path, attempt: Attempt, parameters: dict[str, Any]) -> str | None:
    """Execute a notebook into the attempt's folder; the text of the error, or None."""
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from papermill.iorw import papermill_io

    papermill_io.register(ATOMIC, _AtomicNotebook())
    os.environ[ATTEMPT_VARIABLE] = str(attempt.folder)
    # The kernel's debugger warns about frozen modules otherwise.
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    try:
        papermill.execute_notebook(
            str(notebook),
            ATOMIC + str(attempt.notebook_in_progress),
            parameters=parameters,
            kernel_name="python3",
            progress_bar=False,
            log_output=False,
        )
    except PapermillExecutionError as error:
        return "\n".join([*error.traceback, f"{error.ename}: {error.evalue}"])
    except Exception as error:  # noqa: BLE001 (a kernel that died: whatever it was, the task needs a record of it)
        return f"{type(error).__name__}: {error}"
    return None


class _AtomicNotebook:
    """papermill writes with a plain open-and-write, which a kill can tear; this writes aside and renames."""

    def write(self, content: str, path: str) -> None:
        write_atomic(Path(path.removeprefix(ATOMIC)), content.encode())

    def pretty_path(self, path: str) -> str:
        return path.removeprefix(ATOMIC)


def _leave(*_: object) -> None:
    """On SIGTERM leave by exception, so that papermill shuts the kernel down."""
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    end_with_parent()
    signal.signal(signal.SIGTERM, _leave)
    sys.exit(execute(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
