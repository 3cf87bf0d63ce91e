"""Files that are there whole or not at all: written aside, synced, renamed. What no write survives is said plainly."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Faults of the place, not of what was to be written: every other write there would meet them too.
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "files of that size are not allowed here",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "writing there is not allowed",
    errno.EPERM: "writing there is not allowed",
    errno.ENOTDIR: "a file is where a folder should be",
    errno.EEXIST: "a file is where a folder should be",
}


class CannotWrite(OSError):
    """Nothing can be written at a place: a full or read-only disk, missing rights. What was there is intact."""

    def __str__(self) -> str:
        return str(self.strerror)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Over a block that writes at `path`: a fault of the place becomes `CannotWrite`, which says what to do.

    Other errors of the system, which may pass, say at least where they happened.
    """
    try:
        yield
    except CannotWrite:
        raise
    except Exception as error:
        number = getattr(error, "errno", None) or _system_error(error)
        if number is None:
            raise
        if number not in _REASONS:
            raise OSError(number, os.strerror(number), str(path)) from error
        raise CannotWrite(
            number,
            f"{_REASONS[number]}: {path} could not be written. Nothing that was finished before is lost; make "
            "room or give the right to write there, then run the same command again",
        ) from error


def _system_error(error: Exception) -> int | None:
    """The system's error number in an error of a package written in Rust (polars, safetensors): `(os error 28)`."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return None if found is None else int(found[1])


def write_atomic(path: Path, content: bytes) -> None:
    """Put `content` at `path`, whole or not at all, also over a crash of the machine. `CannotWrite`: see there."""
    save_atomic(path, lambda aside: aside.write_bytes(content))


def save_atomic(path: Path, save: Callable[[Path], object]) -> None:
    """Let `save` write a file aside, sync it and rename it to `path`: there whole, or not at all."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}.aside")
        try:
            save(aside)
            with aside.open("rb") as file:
                os.fsync(file.fileno())
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    with writing(path):
        path.unlink(missing_ok=True)
