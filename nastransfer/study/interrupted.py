"""Tries that were cut off on another machine: whoever holds the task's lock may take them up at once."""

from __future__ import annotations

import socket

from nastransfer.study.ledger import StudyRecords
from nastransfer.study.plan import Task
from nastransfer.study.records import CorruptRecord


def release_elsewhere(records: StudyRecords, task: Task) -> None:
    """Release unfinished attempts that a process of another machine answered for.

    To be called with the task's lock held: then that process is gone, though its machine cannot be asked. Without this
    an attempt that was heard of within the last two minutes would be left alone, and its saved state with it.
    """
    for attempt in records.attempts(task.id):
        try:
            asked = attempt.asked()
            elsewhere = asked is not None and asked["owner"]["host"] != socket.gethostname()
            if elsewhere and attempt.state() == "running":
                attempt.release()
        except CorruptRecord:
            continue
