"""The finished results of a study, read once: kept in the process and in one derived file, both checked against stat.

runs/<study>/index.jsonl holds one self-checking line a result: where it lies, its file's size, time and inode, and what
it says. A line counts only while the file still has exactly these, so a changed, replaced or merged record is read
anew. Deleting the file loses nothing but time.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from nastransfer.disk import write_atomic, writing
from nastransfer.study.attempt import Attempt
from nastransfer.study.frame import SCHEMA
from nastransfer.study.records import CorruptRecord, event_line, read_lines

NAME = "index.jsonl"
# A file that was changed so recently can be changed again without a new time: systems count in steps of up to 10 ms.
SETTLED_NS = 100_000_000
STUDIES_KEPT = 16

# Size in bytes, time of change in ns, inode.
Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """An attempt on disk: its path below the study's folder, and its result; or why that cannot be read; or neither."""

    path: str
    result: dict[str, Any] | None = None
    problem: str | None = None

    @property
    def task_id(self) -> str:
        return self.path.split("/")[1].rpartition("-")[2]


class ResultIndex:
    """What is finished below one study's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, tuple[Stamp, dict[str, Any]]] = {}
        self._loaded = False
        self._written: set[str] = set()

    def found(self, kinds: Iterable[str], task_id: str | None = None) -> Iterator[Found]:
        """Attempts of these kinds with their results, in order of their names; of one task where its id is given."""
        if task_id is None:
            self._load()
        for path in attempt_paths(self.folder, kinds, task_id):
            yield self._look(path)

    def stamp(self, kinds: Iterable[str]) -> str:
        """16 hex digits that change when an attempt appears or goes, or a result does: nothing but stat is asked."""
        digest = hashlib.blake2b(digest_size=8)
        for path in attempt_paths(self.folder, kinds):
            digest.update(f"{path} {_stamp(f'{self.folder}/{path}/result.json')}\n".encode())
        return digest.hexdigest()

    def save(self, kinds: Iterable[str]) -> None:
        """Bring the file up to date: new results are appended; one that is mostly out of date is written anew."""
        self._load()
        current = {one.path for one in self.found(kinds) if one.result is not None}
        current &= self._known.keys()
        path = self.folder / NAME
        if not path.exists():
            self._written.clear()
        if len(self._written) > 2 * len(current):
            write_atomic(path, b"".join(map(self._line, sorted(current))))
        elif current - self._written:
            with writing(path), path.open("ab") as file:
                file.write(b"".join(map(self._line, sorted(current - self._written))))
        self._written = current

    def add(self, path: str) -> None:
        """Append one attempt's result, if it has one."""
        self._look(path)
        if path in self._known and path not in self._written:
            with writing(self.folder / NAME), (self.folder / NAME).open("ab") as file:
                file.write(self._line(path))
            self._written.add(path)

    def _line(self, path: str) -> bytes:
        stamp, result = self._known[path]
        return event_line({"path": path, "stamp": stamp, "result": result})

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        for line in read_lines(self.folder / NAME):
            path, result = line["path"], line["result"]
            self._written.add(path)
            # Columns of another version: its own file says which, when it is read.
            if SCHEMA.keys() >= result["labels"].keys() | result["numbers"].keys():
                self._known[path] = (tuple(line["stamp"]), result)

    def _look(self, path: str) -> Found:
        stamp = _stamp(f"{self.folder}/{path}/result.json")
        if stamp is None:
            return Found(path)
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return Found(path, known[1])
        self._written.discard(path)
        self._known.pop(path, None)
        try:
            result = Attempt(self.folder / path).result()
        except CorruptRecord as error:
            return Found(path, problem=str(error))
        if result is not None and time.time_ns() - stamp[1] - SETTLED_NS >= 0:
            self._known[path] = (stamp, result)
        return Found(path, result)


@lru_cache(maxsize=STUDIES_KEPT)
def result_index(folder: Path) -> ResultIndex:
    """The index of a study's folder, one a process."""
    return ResultIndex(folder)


def attempt_paths(folder: Path, kinds: Iterable[str], task_id: str | None = None) -> Iterator[str]:
    """Paths of attempts below a study's folder, sorted by kind, task and attempt; of one task where its id is given."""
    for kind in kinds:
        for task in _folders(f"{folder}/{kind}"):
            if task_id is None or task.endswith(f"-{task_id}"):
                for attempt in _folders(f"{folder}/{kind}/{task}"):
                    yield f"{kind}/{task}/{attempt}"


def _stamp(place: str) -> Stamp | None:
    """Of a file; None where there is none."""
    try:
        status = os.stat(place)  # noqa: PTH116 (ten thousand of them: a Path each would double the time)
    except FileNotFoundError:
        return None
    return (status.st_size, status.st_mtime_ns, status.st_ino)


def _folders(place: str) -> list[str]:
    """Names of the folders in a folder, sorted, hidden ones apart; none where it does not exist."""
    try:
        with os.scandir(place) as entries:
            return sorted(entry.name for entry in entries if entry.name[0] != "." and entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
