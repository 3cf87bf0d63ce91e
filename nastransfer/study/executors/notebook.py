"""One task in a process of its own: its notebook, executed by papermill, kept beside its record.

`python -m nastransfer.study.executors.notebook RUNS STUDY TASK_ID [TOGETHER]`; TOGETHER is JSON, such as
`{"devices": 2}`: how a training is shared. Exit status: see `Exit`. With `--ahead` the process gets ready for such a
task and waits for a line of JSON, `{"task_id": ..., "together": {...}, "environment": {...}}`, or for the end of its
input, which sends it home.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nastransfer.disk import CannotWrite
from nastransfer.imports import skip_address_grammar
from nastransfer.processes import Busy, end_with_parent, lock
from nastransfer.study.attempt import Attempt
from nastransfer.study.executors.kernel import Kernel
from nastransfer.study.executors.output import ATOMIC, AtomicNotebook
from nastransfer.study.executors.process import Exit
from nastransfer.study.executors.warm import SHIPPED, needs
from nastransfer.study.failures import Cause, cause_named
from nastransfer.study.interrupted import release_elsewhere
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.machine import machine
from nastransfer.study.plan import Task
from nastransfer.study.task import ATTEMPT_VARIABLE


def notebooks_folder() -> Path:
    """Where the task notebooks are: beside the package, or in the folder that NASTRANSFER_NOTEBOOKS names."""
    folder = Path(os.environ.get("NASTRANSFER_NOTEBOOKS") or SHIPPED)
    if not (folder / "search.ipynb").exists():
        raise ValueError(
            f"no task notebooks in {folder}; set NASTRANSFER_NOTEBOOKS to the checkout's notebooks/"
        )
    return folder


def task_notebook(task: Task) -> Path:
    """The notebook of a task's kind."""
    return notebooks_folder() / f"{task.kind}.ipynb"


def execute(
    runs: Path,
    study: str,
    task_id: str,
    together: Mapping[str, Any] | None = None,
    kernel: Kernel | None = None,
) -> Exit:
    """Run one task of a study's plan, in a kernel that was started ahead where there is one.

    `together`: parameters of an augmentation that say on how many devices it trains, and on which machines.
    """
    records = Ledger(runs).study(study)
    task = _planned(records, task_id)
    try:
        with lock(records.lock_path(task.id)):
            return _execute(records, task, together or {}, kernel)
    except Busy:
        return Exit.BUSY
    except CannotWrite as error:
        sys.stderr.write(f"{error}\n")
        return Exit.CANNOT_WRITE


def wait_and_execute(runs: Path, study: str, task_id: str) -> Exit:
    """Get ready for a task like this one, wait for the word which one it is, run it."""
    _papermill()
    kernel = Kernel()
    try:
        task = _planned(Ledger(runs).study(study), task_id)
        kernel.warm(needs(task_notebook(task), task))
        line = sys.stdin.readline()
        if not line:
            return Exit.DONE
        told = json.loads(line)
        kernel.set_environment(told["environment"])
        return execute(runs, study, told["task_id"], told["together"], kernel)
    finally:
        kernel.end()


def _planned(records: StudyRecords, task_id: str) -> Task:
    task = records.planned(task_id)
    if task is None:
        raise ValueError(
            f"task {task_id} is no longer in the plan of {records.name!r}: another study file replaced it"
        )
    return task


def _execute(records: StudyRecords, task: Task, together: Mapping[str, Any], kernel: Kernel | None) -> Exit:
    before = records.finished(task.id)
    if before is not None:
        before.clear_checkpoints()
        if not before.notebook_in_progress.exists():
            return Exit.DONE
    if before is None:
        release_elsewhere(records, task)
    attempt = before if before is not None else records.open_attempt(task)
    if before is None:
        attempt.start(task, machine())  # the kernel takes over when it is up
    parameters = {**task.parameters, "study": records.name, "runs": str(records.folder.parent.resolve())}
    if task.kind == "augment":
        parameters |= together
    error = _run(task_notebook(task), attempt, parameters, kernel)
    if error is not None and attempt.result() is None and attempt.failure() is None:
        cause, said = error
        attempt.fail(said.strip().splitlines()[-1], said, cause=cause)
    if attempt.notebook_in_progress.exists() and (error is None or attempt.result() is None):
        attempt.notebook_in_progress.replace(attempt.notebook)
    return Exit.DONE if attempt.result() is not None else Exit.FAILED


def _papermill() -> Any:
    skip_address_grammar()
    import papermill

    return papermill


def _run(
    notebook: Path, attempt: Attempt, parameters: dict[str, Any], kernel: Kernel | None
) -> tuple[Cause, str] | None:
    """Execute a notebook into the attempt's folder; cause and text of the error, or None."""
    papermill = _papermill()
    from papermill.exceptions import PapermillExecutionError

    try:
        _execute_notebook(papermill, notebook, attempt, parameters, kernel)
    except PapermillExecutionError as error:
        cause = cause_named([error.ename], error.evalue)
        if cause == Cause.CANNOT_WRITE:
            raise CannotWrite(0, error.evalue) from None
        return cause, "\n".join([*error.traceback, f"{error.ename}: {error.evalue}"])
    except CannotWrite:
        raise
    except Exception as error:  # noqa: BLE001 (a kernel that died: whatever it was, the task needs a record of it)
        return Cause.DIED, f"{type(error).__name__}: {error}"
    return None


def _execute_notebook(
    papermill: Any, notebook: Path, attempt: Attempt, parameters: dict[str, Any], kernel: Kernel | None
) -> None:
    output = AtomicNotebook()
    papermill.iorw.papermill_io.register(ATOMIC, output)
    own = kernel or Kernel()
    try:
        own.set_environment({ATTEMPT_VARIABLE: str(attempt.folder)})
        papermill.execute_notebook(
            str(notebook),
            ATOMIC + str(attempt.notebook_in_progress),
            parameters=parameters,
            kernel_name="python3",
            progress_bar=False,
            log_output=False,
            km=own.manager,
        )
    finally:
        own.end()
        output.finish()


def _leave(*_: object) -> None:
    """On SIGTERM leave by exception, so that the kernel is ended."""
    sys.exit(128 + signal.SIGTERM)


def main(words: list[str]) -> int:
    """The command line of this module."""
    end_with_parent()
    signal.signal(signal.SIGTERM, _leave)
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = (
        "1"  # the kernel's debugger warns of frozen modules otherwise
    )
    ahead = "--ahead" in words
    runs, study, task_id, *together = [word for word in words if word != "--ahead"]
    if ahead:
        return wait_and_execute(Path(runs), study, task_id)
    return execute(Path(runs), study, task_id, json.loads(together[0]) if together else None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
