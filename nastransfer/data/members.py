"""Images inside archives: read by their places from files that stay open, refused where they are not what was indexed.

Each process has its own open files. Reads state their place, so that threads share a file and forked processes too.
"""

from __future__ import annotations

import os
import stat
import threading
from collections import OrderedDict

from nastransfer.data.tar_headers import BLOCK, FILES, KIND, SIZE, number

# Open files of one process; systems allow few: 256 on some.
_MOST_OPEN = 96


class Archive:
    """An open file. It is closed when nobody holds it any more: a thread may still read what another one has dropped.

    `OSError` where there is none.
    """

    def __init__(self, path: str) -> None:
        self._file: int | None = None
        # Without blocking: a pipe of that name would wait for a writer.
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise OSError(0, "not a regular file")
        if hasattr(os, "posix_fadvise"):
            # Images come in random order: the system would read ahead what nobody asks for.
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_RANDOM)

    def __del__(self) -> None:
        if self._file is not None:
            os.close(self._file)

    @property
    def modified(self) -> int | None:
        """Time of the file's last change, ns since 1970; None where it was removed or another took its place."""
        assert self._file is not None
        found = os.fstat(self._file)
        return found.st_mtime_ns if found.st_nlink else None

    def read(self, place: int, count: int) -> bytes:
        """`count` bytes from byte `place` on, fewer at the end of the file."""
        assert self._file is not None
        return os.pread(self._file, count, place)

    def member(self, offset: int, length: int, count: int) -> bytes | None:
        """The first `count` bytes of a member; None where no file of `length` bytes begins at byte `offset`.

        The block before a member is its header: a place in a file that has changed is found out by it.
        """
        if offset < BLOCK:
            return None
        header = self.read(offset - BLOCK, BLOCK)
        try:
            if len(header) < BLOCK or header[KIND] not in FILES or number(header[SIZE]) != length:
                return None
        except ValueError:
            return None
        found = self.read(offset, count)
        return found if len(found) == count else None


class _Open:
    """The archives opened last, by path."""

    def __init__(self) -> None:
        self._archives: OrderedDict[str, Archive] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: str) -> tuple[Archive, int]:
        """The archive at a path and its time of change, opened anew where another file has taken its place."""
        with self._lock:
            known = self._archives.get(path)
            if known is not None:
                self._archives.move_to_end(path)
        modified = None if known is None else known.modified
        if known is not None and modified is not None:
            return known, modified
        with self._lock:
            self._archives.pop(path, None)
        opened = Archive(path)
        modified = opened.modified
        if modified is None:
            raise FileNotFoundError(f"{path} was removed while it was opened")
        with self._lock:
            self._archives[path] = opened
            while len(self._archives) > _MOST_OPEN:
                self._archives.popitem(last=False)
        return opened, modified


_OPEN = _Open()


def open_archive(path: str) -> tuple[Archive, int]:
    """This process's open file of a path, and its time of last change, ns since 1970; `OSError` where there is none."""
    return _OPEN.get(path)
