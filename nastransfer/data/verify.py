"""The verifying scan: every image file, and every image in an archive, is looked at once; bad ones get a reason."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tqdm.auto import tqdm

from nastransfer.data.ahead import map_ahead
from nastransfer.data.files import BadImage, unreadable
from nastransfer.data.headers import HEAD_BYTES, inspect
from nastransfer.data.manifest import PART, Manifest, path_keys
from nastransfer.data.members import Archive, open_archive
from nastransfer.data.pieces import Pieces

LISTED_SCHEMA = {"class": pl.String(), "part": PART, "container": pl.String(), "name": pl.String()}
_FOUND = {"length": pl.Int64(), "modified": pl.Int64(), "reason": pl.String(), "note": pl.String()}
# Size, time of change, reason and note of one file.
_Seen = tuple[int | None, int | None, str | None, str | None]
# A file is believed to be unchanged later on only if it had been at rest for so long when it was looked at.
_REST_NS = 2_000_000_000
# Files that one thread looks at in one go, and those whose paths' keys are made in one go.
_TASK, _BLOCK = 512, 1 << 16


@dataclass(frozen=True)
class Verified:
    """What a verifying scan found.

    manifest: the usable images, with sizes and times of change. rejects: columns class, part, container, name, reason:
    the others. notes: columns class, part, container, name, note: usable images that are unusual. Rejects and images of
    the manifest together are the images that were to be verified.
    """

    manifest: Manifest
    rejects: pl.DataFrame
    notes: pl.DataFrame


def verify(
    manifest: Manifest,
    root: str | Path,
    *,
    workers: int | None = None,
    cache: bool = True,
    progress: bool = True,
) -> Verified:
    """Look at every image file of a manifest: size, time of change, header, end; `root` is what containers lie in.

    A file is rejected that is gone, empty, truncated, no image or unreadable, that leaves the root by a link, or whose
    size or time is not the one the manifest states (where it states one). So is an image in an archive, whose time is
    the archive's. CMYK, grey and turned images are usable and noted. `workers` threads look at files (default: twice
    the processors, for they wait for the file system). With `cache`, what a scan of more than a few seconds finds is
    kept in the user's cache folder: a later scan, also after an interruption, looks only at files that are new or
    changed. `ValueError` where images are no files.
    """
    rows = manifest.rows
    if rows["name"].null_count():
        raise ValueError(
            f"{manifest.dataset!r} has {rows['name'].null_count()} images that are not files of their own"
        )
    base = os.path.realpath(root)
    store = Pieces("verified", base)
    tasks = _tasks(rows, _Known.load(store) if cache else _Known.load(None))
    look = partial(_look, base, {})
    found = [pl.DataFrame(schema=_FOUND)]
    with (
        tqdm(total=len(rows), desc=f"verifying {root}", unit=" images", delay=1, disable=not progress) as bar,
        store if cache else nullcontext(),
        closing(map_ahead(look, tasks, workers or 2 * (os.cpu_count() or 1))) as results,
    ):
        for some in results:
            found.append(some.select(list(_FOUND)))
            if cache:
                store.keep(some.filter("fresh").drop("fresh"))
            bar.update(len(some))
    return _verified(manifest, pl.concat(found))


def _verified(manifest: Manifest, found: pl.DataFrame) -> Verified:
    rows = manifest.rows.with_columns(found["length"], found["modified"])
    rejects, notes = (
        pl.DataFrame(
            {
                "class": pl.Series(manifest.classes, dtype=pl.String).gather(some["label"]),
                "part": some["part"],
                "container": some["container"],
                "name": some["name"],
            },
            schema_overrides=LISTED_SCHEMA,
        ).with_columns(found[column].drop_nulls())
        for column in ("reason", "note")
        for some in [rows.filter(found[column].is_not_null())]
    )
    return Verified(replace(manifest, rows=rows.filter(found["reason"].is_null())), rejects, notes)


@dataclass(frozen=True)
class _Task:
    """Files that one thread looks at: container, name, offset in an archive, length, time of change.

    `known` has for each what an earlier scan found, or None.
    """

    keys: np.ndarray
    files: list[tuple[str, str, int | None, int | None, int | None]]
    known: list[dict[str, Any] | None]


def _tasks(rows: pl.DataFrame, known: _Known) -> Iterator[_Task]:
    columns = rows.select(pl.col("container").cast(pl.String), "name", "offset", "length", "modified")
    for block in columns.iter_slices(_BLOCK):
        keys = path_keys("", block.select(pl.concat_str("container", "name", separator="/")).to_series())
        files, hits = block.rows(), known.find(keys)
        for start in range(0, len(files), _TASK):
            some = slice(start, start + _TASK)
            yield _Task(keys[some], files[some], hits[some])


class _Known:
    """What earlier scans found, by the key of the path."""

    def __init__(self, table: pl.DataFrame) -> None:
        self._table = table.unique("key", keep="last").sort("key")
        self._keys = self._table["key"].to_numpy()

    @classmethod
    def load(cls, store: Pieces | None) -> _Known:
        """All that is kept; nothing without a store."""
        tables = [table for _, table in store.load()] if store else []
        return cls(pl.concat([pl.DataFrame(schema={"key": pl.UInt64(), **_FOUND}), *tables]))

    def find(self, keys: np.ndarray) -> list[dict[str, Any] | None]:
        """What is known of files, one value each; None where nothing is."""
        if not len(self._keys):
            return [None] * len(keys)
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        same = self._keys[place] == keys
        return [
            hit if is_it else None for hit, is_it in zip(self._table[place].to_dicts(), same, strict=True)
        ]


def _look(base: str, outside: dict[str, str | None], task: _Task) -> pl.DataFrame:
    """Columns key, length, modified, reason, note and fresh: looked at now, and at rest for long enough to be kept.

    `outside` remembers of each container whether it lies outside the root.
    """
    found = []
    rest = time.time_ns() - _REST_NS
    times: dict[str, int | None] = {}
    for (container, name, offset, length, modified), known in zip(task.files, task.known, strict=True):
        if container not in outside:
            outside[container] = _leaves(base, container)
        if outside[container] is not None:
            found.append((None, None, outside[container], None, False))
            continue
        file = f"{base}/{container}" if offset is not None else f"{base}/{container}/{name}"
        same = _unchanged(file, known) if offset is None else _unmoved(file, length, known, times)
        if known is not None and same:
            size, changed, reason, note = (known[column] for column in _FOUND)
            fresh = False
        else:
            seen = _look_at(base, file) if offset is None else _look_into(file, offset, length)
            size, changed, reason, note = seen
            fresh = changed is not None and changed < rest
        if reason is None and (length not in (None, size) or modified not in (None, changed)):
            # Of this manifest, not of the file: nothing to be kept.
            reason, fresh = "changed after it was indexed", False
        found.append((size, changed, reason, note, fresh))
    table = pl.DataFrame(found, schema=_FOUND | {"fresh": pl.Boolean()}, orient="row")
    return table.insert_column(0, pl.Series("key", task.keys))


def _unchanged(path: str, known: dict[str, Any] | None) -> bool:
    if known is None:
        return False
    try:
        now = os.lstat(path)
    except OSError:
        return False
    return now.st_size == known["length"] and now.st_mtime_ns == known["modified"]


def _unmoved(
    archive: str, length: int | None, known: dict[str, Any] | None, times: dict[str, int | None]
) -> bool:
    """Whether a member of an archive is as it was; `times` remembers of each archive its time of change."""
    if known is None:
        return False
    if archive not in times:
        try:
            times[archive] = os.stat(archive).st_mtime_ns  # noqa: PTH116
        except OSError:
            times[archive] = None
    return times[archive] == known["modified"] and length == known["length"]


def _look_at(base: str, path: str) -> _Seen:
    """Size, time of change, reason and note of one file."""
    size = modified = None
    try:
        file = _open(base, path)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise BadImage("not a file")
            size, modified = status.st_size, status.st_mtime_ns
            notes = inspect(
                lambda start, count: os.pread(file, count, start), size, os.pread(file, HEAD_BYTES, 0)
            )
        finally:
            os.close(file)
    except BadImage as error:
        return size, modified, error.reason, None
    except FileNotFoundError:
        return size, modified, "no such file", None
    except OSError as error:
        return size, modified, unreadable(error), None
    return size, modified, None, ", ".join(notes) or None


def _look_into(archive: str, offset: int, length: int | None) -> _Seen:
    """The same of a member of an archive, whose time of change is the archive's."""
    modified = None
    try:
        if length is None:
            raise BadImage("its length is not known")
        opened, modified = open_archive(archive)
        head = opened.member(offset, length, min(length, HEAD_BYTES))
        if head is None:
            raise BadImage("changed after it was indexed")
        notes = inspect(partial(_part_of, opened, offset, length), length, head)
    except BadImage as error:
        return length, modified, error.reason, None
    except FileNotFoundError:
        return length, modified, "no such file", None
    except OSError as error:
        return length, modified, unreadable(error), None
    return length, modified, None, ", ".join(notes) or None


def _part_of(archive: Archive, offset: int, length: int, start: int, count: int) -> bytes:
    """Bytes of a member, none beyond its end."""
    return archive.read(offset + start, max(0, min(count, length - start)))


def _open(base: str, path: str) -> int:
    """A descriptor; a link is followed only inside the root. A pipe of that name is not waited for."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        return os.open(path, flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    target = os.path.realpath(path, strict=True)
    if os.path.commonpath([base, target]) != base:
        raise BadImage(f"leaves the root: a link to {target}")
    return os.open(path, flags)


def _leaves(base: str, container: str) -> str | None:
    target = os.path.realpath(f"{base}/{container}")
    return None if os.path.commonpath([base, target]) == base else f"leaves the root: it lies in {target}"
