"""Run below the failing disk: publish a task with the N-th call failing, for every N and every fault. Prints JSON."""

from __future__ import annotations

import ctypes
import errno
import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from nastransfer.disk import CannotWrite
from nastransfer.study.index import result_index
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.plan import Task

# As the layer wants them; 0: a write that is cut short, and no space from then on.
FAULTS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EACCES": errno.EACCES, "short write": 0}
EARLIER = 2


def task(number: int) -> Task:
    return Task(f"{number:012x}", "augment", f"random-{number}-to-glyphs", {"seed": 2}, feeds=("random",))


def publish(records: StudyRecords, number: int) -> None:
    """All that a run writes down, from its start to its result and the study's index."""
    attempt = records.open_attempt(task(number))
    attempt.start(task(number), {"device": "a CPU", "threads": 1})
    attempt.event({"step": 1, "steps": 2})
    attempt.write_frame("history", pl.DataFrame({"epoch": [1, 2], "top1": [40.0, 50.0 + number]}))
    labels = {"kind": "augment", "method": "random", "target": "glyphs", "augment_seed": 2}
    values = {"task_id": task(number).id, "result_key": f"key{number}", "linked_to": None}
    attempt.publish({**values, "labels": labels, "numbers": {"top1_last": 50.0 + number}})
    records.save_index(attempt)


def before(root: Path) -> StudyRecords:
    """A study with a plan and two results."""
    shutil.rmtree(root, ignore_errors=True)
    records = Ledger(root).study("mine")
    records.write_plan([task(number) for number in range(EARLIER + 1)])
    for number in range(EARLIER):
        publish(records, number)
    return records


def accuracies(root: Path) -> dict[str, float]:
    """Task -> accuracy as a new process reads it, histories included; nothing may be unreadable."""
    result_index.cache_clear()
    records = Ledger(root).study("mine")
    assert not records.status().unreadable, records.status().unreadable
    for attempt in records.attempts():
        if attempt.result() is not None:
            assert attempt.read_frame("history") is not None
    frame = records.results()
    assert frame["run"].str.split("/").list.get(2).n_unique() == frame.height, "published twice"
    return dict(zip(frame["run"].str.split("/").list.get(2), frame["top1_last"], strict=True))


def struck(layer: Any, root: Path, at: int, fault: str) -> dict[str, Any] | None:
    """Publish with the `at`-th call failing; what failed and how that was said. None where there are fewer calls."""
    records = before(root)
    old = accuracies(root)
    layer.failing_disk(f"{root}/".encode(), at, FAULTS[fault])
    error = raised_by(records)
    failed = layer.failing_disk_failed().decode()
    counted = layer.failing_disk(b"", 0, 0)
    if not failed and counted < at:
        return None
    now = accuracies(root)
    assert old.items() <= now.items(), "what was published is intact"
    assert len(now) - len(old) <= 1
    publish_again(root)
    whole = accuracies(root)
    assert whole == {**old, f"random-{EARLIER}-to-glyphs-{task(EARLIER).id}": 50.0 + EARLIER}
    assert error is None or str(root) in str(error), "it says where"
    said = "nothing" if error is None else "CannotWrite" if isinstance(error, CannotWrite) else "OSError"
    return {"failed": failed or "nothing", "said": said, "there": len(now) - len(old)}


def raised_by(records: StudyRecords) -> OSError | None:
    """The error that a publish ends with."""
    try:
        publish(records, EARLIER)
    except OSError as error:
        return error
    return None


def publish_again(root: Path) -> None:
    """The same command once more, with a disk in order."""
    result_index.cache_clear()
    records = Ledger(root).study("mine")
    if task(EARLIER).id not in records.complete():
        publish(records, EARLIER)


def main(root: Path) -> None:
    """Every fault at every call."""
    layer = ctypes.CDLL(None)
    layer.failing_disk.argtypes = (ctypes.c_char_p, ctypes.c_long, ctypes.c_int)
    layer.failing_disk.restype = ctypes.c_long
    layer.failing_disk_failed.restype = ctypes.c_char_p
    told: dict[str, Any] = {}
    for fault in FAULTS:
        seen, at = [], 1
        while (one := struck(layer, root, at, fault)) is not None:
            seen.append(one)
            at += 1
        counts = Counter((one["failed"], one["said"]) for one in seen)
        told[fault] = {
            "calls": len(seen),
            "outcomes": {f"{failed}: {said}": count for (failed, said), count in sorted(counts.items())},
        }
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
