"""What folders of class folders hold, entry by entry: files, folders, links and what is none of them.

Paths are text here, not path objects: an object for each of millions of entries takes longer than reading them.
"""

from __future__ import annotations

import errno
import os
import time
import unicodedata
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from nastransfer.data import pieces
from nastransfer.data.ahead import map_ahead
from nastransfer.data.entries import BEST, FILE, FOLDER, LINK, UNKNOWN
from nastransfer.data.files import unreadable

# What was read of a folder is believed later on only if the folder had been at rest for so long by then: times of
# change are coarse on some file systems.
_REST_NS = 2_000_000_000
# Folders read before it is known how much they hold; entries that a task should have.
_FIRST, _TASK = 16, 8_000
# So many entries are looked at together, or as many as are read in the time between two pieces.
_BATCH = 100_000


@dataclass(frozen=True)
class Folder:
    """A folder as it was read; top: its class; container: its path relative to the root; modified: its time (ns).

    settled: whether its time will tell of every change from now on. content: its about `size` entries in the form of
    the way it was read, or why it could not be read.
    """

    top: str
    container: str
    modified: int
    settled: bool
    content: Any
    size: int


@dataclass
class Found:
    """What some folders hold.

    folders: class, path relative to the root, time of change (ns) and the names of the files with "/" between them.
    skipped: class, folder, name (None for a whole folder), reason. below: class and path of the folders in them.
    unsettled: classes of which more may change than the times of their folders tell.
    """

    folders: list[tuple[str, str, int, str]] = field(default_factory=list)
    skipped: list[tuple[str, str, str | None, str]] = field(default_factory=list)
    below: list[tuple[str, str]] = field(default_factory=list)
    unsettled: set[str] = field(default_factory=set)


def find_classes(base: str) -> tuple[list[str], Found]:
    """Names of the folders in `base`, in alphabetical order, and what else is there, all of it skipped.

    Of folders that differ in nothing but case or in how their accents are composed, the first one is a class: on some
    file systems, and in some tables, they are one.
    """
    found = look(base, [read_folder(base, ".", ".")])
    names = sorted(name for _, name in found.below)
    files = (name for *_, names in found.folders for name in names.split("/") if name)
    found.skipped += [(".", ".", name, "no class folder holds it") for name in files]
    found.folders.clear()
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(_folded(name), name)
        if other != name:
            reason = f"equal to the class {other!r} but for case or accents' composition: rename or merge one"
            found.skipped.append((".", name, None, reason))
    return sorted(first.values()), found


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def refuse_alike(classes: Iterable[str]) -> None:
    """`ValueError` naming two classes that are equal but for case or the composition of their accents."""
    seen: dict[str, str] = {}
    for name in classes:
        other = seen.setdefault(_folded(name), name)
        if other != name:
            raise ValueError(
                f"class names must differ in more than case and accents' composition: {other!r} and {name!r}"
            )


def read_folder(base: str, top: str, container: str) -> Folder:
    """A folder's entries, not looked at yet; `base` is a real path."""
    path = f"{base}/{container}"
    try:
        modified = os.stat(path).st_mtime_ns  # noqa: PTH116
        content, size = BEST.read(path)
    except OSError as error:
        return Folder(top, container, 0, False, error, 0)
    return Folder(top, container, modified, modified < time.time_ns() - _REST_NS, content, size)


def walk(base: str, folders: Sequence[tuple[str, str]]) -> Generator[tuple[int, list[Found]], None, None]:
    """Some of `folders` (class and path of each) after the others: how many, and all that they and those below hold."""
    with closing(_read(base, folders)) as reading:
        for batch in _batches(reading):
            found = look(base, batch)
            yield len(batch), [found, *(part for _, parts in walk(base, found.below) for part in parts)]


def look(base: str, batch: Sequence[Folder]) -> Found:
    """What folders hold that were read."""
    found = Found(unsettled={folder.top for folder in batch if not folder.settled})
    read = []
    for folder in batch:
        if isinstance(folder.content, OSError):
            found.skipped.append((folder.top, folder.container, None, unreadable(folder.content)))
        else:
            read.append(folder)
    entries = BEST.together([folder.content for folder in read])
    files = [[names] if names else [] for names in entries.files]
    for place, name, kind in entries.others:
        if _is_file(base, read[place], name, kind, found):
            files[place].append(os.fsencode(name))
    found.folders = [
        (folder.top, folder.container, folder.modified, _text(folder, b"/".join(names), found))
        for folder, names in zip(read, files, strict=True)
    ]
    return found


def _text(folder: Folder, names: bytes, found: Found) -> str:
    """Names as text; those that are not UTF-8 go to `found`."""
    try:
        return names.decode()
    except UnicodeDecodeError:
        known = [os.fsdecode(name) for name in names.split(b"/")]
        odd = {name for name in known if utf8(name) != name}
        found.skipped += [(folder.top, folder.container, utf8(name), "its name is not UTF-8") for name in odd]
        return "/".join(name for name in known if name not in odd)


def _read(base: str, folders: Sequence[tuple[str, str]]) -> Generator[Folder, None, None]:
    """Each folder, read ahead by threads; how many are one thread's next task depends on how much the first ones hold.

    The system is waited for without Python's lock, so that threads gain something even where it answers from memory.
    """
    size = 0
    for folder in folders[:_FIRST]:
        read = read_folder(base, *folder)
        size += read.size
        yield read
    number = max(1, min(_FIRST, _FIRST * _TASK // (1 + size)))
    tasks = [folders[start : start + number] for start in range(_FIRST, len(folders), number)]
    for task in map_ahead(lambda some: [read_folder(base, *folder) for folder in some], tasks, BEST.threads):
        yield from task


def _batches(reading: Iterable[Folder]) -> Iterable[list[Folder]]:
    batch: list[Folder] = []
    size, began = 0, time.monotonic()
    for folder in reading:
        batch.append(folder)
        size += folder.size
        if size >= _BATCH or time.monotonic() - began >= pieces.KEEP_SECONDS:
            yield batch
            batch, size, began = [], 0, time.monotonic()
    if batch:
        yield batch


def _is_file(base: str, folder: Folder, name: str, kind: int, found: Found) -> bool:
    """Whether an entry that is not plainly a file counts as one; what else it is goes to `found`."""
    container, text = folder.container, utf8(name)
    path = base if container == "." else f"{base}/{container}"
    reason: str | None = "neither a file nor a folder"
    if kind == UNKNOWN:
        try:
            kind = os.lstat(f"{path}/{name}").st_mode >> 12
        except OSError as error:
            found.unsettled.add(folder.top)
            reason = unreadable(error)
    if kind == FOLDER:
        if name.startswith("."):
            found.skipped.append((folder.top, f"{container}/{text}", None, "hidden"))
        elif text != name:
            found.skipped.append((folder.top, f"{container}/{text}", None, "its name is not UTF-8"))
        else:
            below = name if container == "." else f"{container}/{name}"
            found.below.append((folder.top, below))
        return False
    if kind == LINK:
        # What a link leads to may change while its folder does not.
        found.unsettled.add(folder.top)
        reason = _odd_link(base, path, name)
    if kind == FILE or reason is None:
        return True
    found.skipped.append((folder.top, container, text, reason))
    return False


def utf8(name: str) -> str:
    """A name as text: bytes that are not UTF-8 are written as \\x.., since tables hold text only."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _odd_link(base: str, folder: str, name: str) -> str | None:
    """Why a link is not taken; None for one to a file of the root."""
    try:
        target = os.path.realpath(f"{folder}/{name}", strict=True)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "a link that leads to itself"
        return "a link to nothing" if error.errno == errno.ENOENT else unreadable(error)
    if os.path.commonpath([base, target]) != base:
        return f"leaves the root: a link to {utf8(target)}"
    if os.path.isfile(target):  # noqa: PTH113
        return None
    if os.path.commonpath([target, folder]) == target:
        return "a loop: a link to a folder it lies in"
    return f"a link to a folder of the same root, whose images are listed there: {utf8(target)}"
