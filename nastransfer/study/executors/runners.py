"""The runners that work on a study right now, and how they are asked to stop: by a file, from any machine."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nastransfer.processes import runs_here, this_process
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.records import CorruptRecord, read_record, write_record

PREFIX = "runner-"
STOP = ".stop"


@contextmanager
def registered(records: StudyRecords) -> Iterator[Path]:
    """Be known as a runner over a block; gives the file whose presence asks this runner to stop."""
    path = records.lock_path(f"{PREFIX}{uuid.uuid4().hex[:12]}.json")
    write_record(path, this_process())
    try:
        yield path.with_suffix(STOP)
    finally:
        path.unlink(missing_ok=True)
        path.with_suffix(STOP).unlink(missing_ok=True)


def runners(folder: Path) -> dict[Path, dict[str, Any]]:
    """The runners of a study's folder by their files: host, pid. Those that died on this machine are left out."""
    found = {}
    for path in sorted((folder / "locks").glob(f"{PREFIX}*.json")):
        try:
            about = read_record(path)
        except (CorruptRecord, FileNotFoundError):
            continue
        if about["host"] != socket.gethostname() or runs_here(about):
            found[path] = about
    return found


def ask_to_stop(folder: Path) -> list[str]:
    """Ask all runners of a study to stop as after Ctrl-C; says which were asked."""
    asked = runners(folder)
    for path in asked:
        path.with_suffix(STOP).touch()
    return [f"process {about['pid']} on {about['host']}" for about in asked.values()]
