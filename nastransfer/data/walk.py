"""What a folder of class folders holds, entry by entry: files, folders, links and what is none of them.

Paths are text here, not path objects: an object for each of millions of entries takes longer than reading them.
"""

from __future__ import annotations

import errno
import os
import time
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from nastransfer.data.files import unreadable

# What was read of a folder is believed later on only if the folder had been at rest for so long by then: times of
# change are coarse on some file systems.
_REST_NS = 2_000_000_000


@dataclass
class Found:
    """What the folder of a class holds, those below it included.

    folders: path relative to the root, time of change (ns), number of files; names: of the files, folder by folder.
    skipped: folder, name (None for a whole folder), reason. settled: as long as the folders' times stay, so does this.
    """

    top: str
    folders: list[tuple[str, int, int]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str | None, str]] = field(default_factory=list)
    settled: bool = True


def find_classes(base: str) -> tuple[list[str], Found]:
    """Names of the folders in `base`, in alphabetical order, and what else is there.

    `ValueError` for two that differ in nothing but case or in how their accents are composed: on some file systems,
    and in some tables, they are one.
    """
    found = Found(".")
    names = sorted(_read(base, ".", found))
    found.skipped += [(".", utf8(name), "no class folder holds it") for name in found.names]
    found.names.clear()
    found.folders.clear()
    refuse_alike(names)
    return names, found


def refuse_alike(classes: Iterable[str]) -> None:
    """`ValueError` naming two classes that are equal but for case or the composition of their accents."""
    seen: dict[str, str] = {}
    for name in classes:
        other = seen.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if other != name:
            raise ValueError(
                f"class names must differ in more than case and accents' composition: {other!r} and {name!r}"
            )


def walk(base: str, top: str) -> Found:
    """What the class folder `base`/`top` holds; `base` is a real path."""
    found = Found(top)
    waiting = [top]
    while waiting:
        container = waiting.pop()
        below = _read(f"{base}/{container}", container, found)
        waiting += [f"{container}/{name}" for name in sorted(below, reverse=True)]
    return found


def _read(path: str, container: str, found: Found) -> list[str]:
    """Adds a folder's entries to `found`; names of the folders in it."""
    names: list[str] = []
    others: list[os.DirEntry[str]] = []
    try:
        modified = os.stat(path).st_mtime_ns  # noqa: PTH116
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    names.append(entry.name)
                else:
                    others.append(entry)
    except OSError as error:
        found.skipped.append((container, None, unreadable(error)))
        found.settled = False
        return []
    below = []
    base = path if container == "." else path[: -len(container) - 1]
    for entry in others:
        text = utf8(entry.name)
        if entry.is_dir(follow_symlinks=False):
            if entry.name.startswith("."):
                found.skipped.append((f"{container}/{text}", None, "hidden"))
            elif text != entry.name:
                found.skipped.append((f"{container}/{text}", None, "its name is not UTF-8"))
            else:
                below.append(entry.name)
        elif entry.is_symlink():
            # What a link leads to may change while its folder does not.
            found.settled = False
            reason = _odd_link(base, path, entry)
            if reason is None:
                names.append(entry.name)
            else:
                found.skipped.append((container, text, reason))
        else:
            found.skipped.append((container, text, "neither a file nor a folder"))
    found.names += names
    found.folders.append((container, modified, len(names)))
    found.settled &= modified < time.time_ns() - _REST_NS
    return below


def utf8(name: str) -> str:
    """A name as text: bytes that are not UTF-8 are written as \\x.., since tables hold text only."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _odd_link(base: str, folder: str, entry: os.DirEntry[str]) -> str | None:
    """Why a link is not taken; None for one to a file of the root."""
    try:
        target = os.path.realpath(entry.path, strict=True)
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
