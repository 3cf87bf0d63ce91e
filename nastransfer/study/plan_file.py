"""plan.jsonl: a line a task, each with a check of its own and the number of lines there should be."""

from __future__ import annotations

from pathlib import Path

from nastransfer.study.plan import Task
from nastransfer.study.records import CorruptRecord, checked, self_checking


def plan_bytes(tasks: list[Task]) -> bytes:
    """What the file of these tasks holds."""
    return b"".join(self_checking({**task.to_json(), "of": len(tasks)}) for task in tasks)


def read_plan(path: Path) -> list[Task]:
    """The tasks; none where there is no file. `CorruptRecord` where it is not what was written.

    Plans of earlier versions check neither their lines nor their number.
    """
    if not path.exists():
        return []
    tasks, counts = [], set()
    for line in path.read_bytes().splitlines():
        task, count = _task(path, line)
        tasks.append(task)
        counts.add(count)
    if not counts <= {None} and counts != {len(tasks)}:
        raise _corrupt(path, f"it has {len(tasks)} lines, not the number that they tell of")
    return tasks


def find_planned(path: Path, task_id: str) -> Task | None:
    """The task of this id, without reading all others; None where there is none."""
    if not path.exists():
        return None
    with path.open("rb") as lines:
        for line in lines:
            if task_id.encode() in line:
                task, _ = _task(path, line)
                if task.id == task_id:
                    return task
    return None


def _task(path: Path, line: bytes) -> tuple[Task, int | None]:
    try:
        values = checked(line)
        return Task.from_json(values), values.get("of")
    except (ValueError, KeyError, TypeError) as error:
        raise _corrupt(path, str(error)) from None


def _corrupt(path: Path, reason: str) -> CorruptRecord:
    return CorruptRecord(f"{path}: not a plan ({reason}); run the study again to write it anew")
