"""Stands in for the process of a task: acts as the task's parameters say, in a tenth of a second and without a kernel.

`die: n`          kills itself in the first n tries
`raises: name`    fails with an exception of that class; a list: the next one each try, on a clock that goes backwards
`full: true`      says that nothing can be written
`seconds: s`      works so long
`stubborn: true`  does not end when it is asked to
The column `device` of a result says whether the process was started ahead of its task, `threads` the threads it got.
"""

from __future__ import annotations

import builtins
import json
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from nastransfer.disk import CannotWrite
from nastransfer.processes import Busy, lock
from nastransfer.study.executors.process import Exit
from nastransfer.study.failures import cause_of
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.plan import Task


def act(records: StudyRecords, task: Task, device: str) -> Exit:
    given = task.parameters
    if records.finished(task.id) is not None:
        return Exit.DONE
    attempt = records.open_attempt(task)
    attempt.start(task, {})
    with (attempt.folder.parent / "tries").open("a") as file:
        file.write(f"{time.monotonic()}\n")
    tries = len((attempt.folder.parent / "tries").read_text().splitlines())
    attempt.event({"step": 1, "steps": 2})
    if tries <= given.get("die", 0):
        os.kill(os.getpid(), signal.SIGKILL)
    if given.get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "raises" in given:
        raised = given["raises"]
        if isinstance(raised, list):
            raised, time.time = raised[tries - 1], partial(float, 1e9 - 1000 * tries)
        attempt.fail(f"{raised}: so it is", "", cause=cause_of(getattr(builtins, raised)("so it is")))
        return Exit.FAILED
    if given.get("full"):
        raise CannotWrite(0, "the disk is full: make room")
    time.sleep(given.get("seconds", 0.1))
    values = {"task_id": task.id, "result_key": task.id, "linked_to": None, "labels": {"kind": task.kind}}
    attempt.publish({**values, "numbers": {"device": device, "threads": int(os.environ["OMP_NUM_THREADS"])}})
    return Exit.DONE


def main(words: list[str]) -> int:
    ahead = words[0] == "--ahead"
    runs, study, task_id, *_ = words[ahead:]
    if ahead:
        line = sys.stdin.readline()
        if not line:
            return Exit.DONE
        task_id = json.loads(line)["task_id"]
    records = Ledger(Path(runs)).study(study)
    task = records.planned(task_id)
    assert task is not None
    try:
        with lock(records.lock_path(task.id)):
            return act(records, task, "ahead" if ahead else "direct")
    except Busy:
        return Exit.BUSY
    except CannotWrite as error:
        sys.stderr.write(f"{error}\n")
        return Exit.CANNOT_WRITE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
