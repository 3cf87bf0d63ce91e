"""Names and kinds of what folders hold, for millions of files without an object for each.

On Linux the system's own records are parsed by numpy, those of many folders together. Elsewhere `os.scandir` says the
same, in twice the time.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Kinds of entries as the system numbers them, in records as in st_mode >> 12. Some file systems leave it open.
UNKNOWN, FOLDER, FILE, LINK = 0, 4, 8, 10
# Bytes asked for at once, and of a usual record.
_BUFFER, _RECORD = 1 << 15, 40
# Of a record's third word the bytes of the name; and a "/" in the byte before them.
_NAME, _SLASH = (np.frombuffer(word, np.uint64) for word in (b"\0\0\0" + 5 * b"\xff", b"\0\0/" + 5 * b"\0"))


def _system_call() -> Callable[[int, ctypes.Array[ctypes.c_char], int], int] | None:
    """The C library's getdents64: folder, buffer and its size -> bytes written, 0 at the end, -1 for an error."""
    if os.name != "posix":
        return None
    call = getattr(ctypes.CDLL(None, use_errno=True), "getdents64", None)
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
        call.restype = ctypes.c_ssize_t
    return call


_getdents64 = _system_call()


@dataclass(frozen=True)
class Entries:
    """What some folders hold.

    files: of each folder, the names of its plain files with "/" between them. others: for every other entry its
    folder's place, its name and its kind (`UNKNOWN`, `FOLDER`, `LINK`, ...).
    """

    files: list[bytes]
    others: list[tuple[int, str, int]]


@dataclass(frozen=True)
class Way:
    """A way to list folders: `read` is what waits for the file system, `together` what is then made of all of it.

    read: a folder's path -> its content in a form of the way's own, and about how many entries that has; `OSError`.
    together: such contents -> `Entries`. threads: how many may read at the same time before they stand in each other's
    way.
    """

    read: Callable[[str], tuple[Any, int]]
    together: Callable[[Sequence[Any]], Entries]
    threads: int


_Scan = tuple[list[str], list[tuple[str, int]]]


def _scan(path: str) -> tuple[_Scan, int]:
    files, others = [], []
    with os.scandir(path) as found:
        for entry in found:
            if entry.is_file(follow_symlinks=False):
                files.append(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                others.append((entry.name, FOLDER))
            else:
                others.append((entry.name, LINK if entry.is_symlink() else UNKNOWN))
    return (files, others), len(files) + len(others)


def _from_scans(scans: Sequence[_Scan]) -> Entries:
    return Entries(
        files=[os.fsencode("/".join(files)) for files, _ in scans],
        others=[(place, *entry) for place, (_, others) in enumerate(scans) for entry in others],
    )


def _records(path: str) -> tuple[list[bytes], int]:
    """What getdents64 gives for a folder: a record an entry, a multiple of 8 bytes long.

    Inode and offset (8 bytes each), length of the record (2), kind (1), name and zeros.
    """
    assert _getdents64 is not None, "not this system's way"
    parts: list[bytes] = []
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        while True:
            # New, hence full of zeros: the system leaves what lies between a name and the next record.
            buffer = ctypes.create_string_buffer(_BUFFER)
            size = _getdents64(folder, buffer, _BUFFER)
            if size < 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
            if not size:
                return parts, sum(map(len, parts)) // _RECORD
            parts.append(ctypes.string_at(buffer, size))
    finally:
        os.close(folder)


def _from_records(folders: Sequence[list[bytes]]) -> Entries:
    parts = [part for folder in folders for part in folder]
    words = np.frombuffer(bytearray().join(parts), np.uint64)
    octets = words.view(np.uint8).reshape(-1, 8)
    starts = _starts(words, np.array([len(part) // 8 for part in parts], np.int64))
    kinds = octets[starts + 2, 2]
    is_file = kinds == FILE
    # Records, and files among them, up to the end of each folder.
    last = np.searchsorted(starts, np.cumsum([sum(map(len, folder)) // 8 for folder in folders]))
    files = np.append(0, is_file.cumsum())[last]
    others = []
    following = np.append(starts[1:], len(words))
    odd = np.flatnonzero(~is_file)
    for record, place in zip(odd.tolist(), np.searchsorted(last, odd, side="right").tolist(), strict=True):
        whole = octets[starts[record] : following[record]]
        name = whole.tobytes()[19:].rstrip(b"\0")
        if name not in {b".", b".."}:
            others.append((place, os.fsdecode(name), int(kinds[record])))
        whole[:] = 0
    # Of a file's record the name is left, with a "/" before it, among zeros.
    starts = starts[is_file]
    words[starts] = words[starts + 1] = 0
    words[starts + 2] = words[starts + 2] & _NAME | _SLASH
    names = octets.ravel()
    names = names[names != 0]
    ends = np.append(np.flatnonzero(names == ord("/")), len(names))[files].tolist()
    text = names.tobytes()
    return Entries([text[one + 1 : end] for one, end in zip([0, *ends], ends, strict=False)], others)


def _starts(words: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Where records begin, in order; sizes: words of each part. A record tells where the next one is.

    All parts are gone through at the same time, a record of each in a step.
    """
    length = words.view(np.uint16).reshape(-1, 4)[2:, 0] >> 3
    begins = np.zeros(len(words), bool)
    ends = sizes.cumsum()
    place = ends - sizes
    while len(place):
        begins[place] = True
        place = place + length[place]
        inside = place < ends
        if not inside.all():
            place, ends = place[inside], ends[inside]
    return np.flatnonzero(begins)


PLAIN = Way(_scan, _from_scans, threads=2)
BEST = PLAIN if _getdents64 is None else Way(_records, _from_records, threads=8)
