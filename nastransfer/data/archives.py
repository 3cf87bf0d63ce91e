"""What tars hold, read in place: image after image, where its bytes lie; kept between runs, read by several threads.

A tar is a region of a file: the whole file, or a member of it (ILSVRC2012's training images are a tar of tars).
"""

from __future__ import annotations

import math
import os
import resource
import stat
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import polars as pl
from tqdm.auto import tqdm

from nastransfer.data.ahead import map_ahead
from nastransfer.data.files import unreadable
from nastransfer.data.manifest import name_key
from nastransfer.data.pieces import Pieces
from nastransfer.data.scan import IMAGE_EXTENSIONS, name_reasons
from nastransfer.data.tar_index import Members, read_members

# Of every member (name null: of the tar itself): its tar, place and size, and why it is no image (null for one).
MEMBER_SCHEMA = {
    "tar": pl.UInt64(),
    "name": pl.String(),
    "offset": pl.Int64(),
    "length": pl.Int64(),
    "reason": pl.String(),
}
# What was read of an archive is believed later on only if it had been at rest for so long by then.
_REST_NS = 2_000_000_000
# Threads that wait for the file system; tars that one of them reads in one go.
_THREADS, _TASK = 16, 16
# Tasks until it is looked at again whether reads wait; how many waits a member are few: it all comes from memory.
_ROUND, _FEW_WAITS = 64, 0.05
_ODD = r"(^|/)\.{0,2}(/|$)"


@dataclass(frozen=True)
class Tar:
    """A tar at bytes `start` to `end` of the file `container` (its path below a root), which may be within another one.

    inner: its name in the other one, else empty. size (bytes) and modified (ns since 1970) are the file's.
    """

    container: str
    inner: str
    start: int
    end: int
    size: int
    modified: int

    @property
    def name(self) -> str:
        """The name of the tar itself, without folders and ending: a class, in sets that have one tar a class."""
        return PurePosixPath(self.inner or self.container).stem

    @property
    def key(self) -> int:
        """64 bits that name these bytes: another size or time of the file is another key."""
        return name_key(self.container, self.inner, self.start, self.end, self.size, self.modified)


def whole_tar(base: str, container: str) -> Tar | str:
    """A file of the folder `base` (a real path) as a tar, or why it is not read."""
    path = f"{base}/{container}"
    try:
        target = os.path.realpath(path, strict=True)
        found = os.stat(target)  # noqa: PTH116
    except OSError as error:
        return unreadable(error)
    if os.path.commonpath([base, target]) != base:
        return f"leaves the root: a link to {target}"
    if not stat.S_ISREG(found.st_mode):
        return "not a regular file"
    return Tar(container, "", 0, found.st_size, found.st_size, found.st_mtime_ns)


def inner_tars(base: str, outer: Tar) -> tuple[list[Tar], pl.DataFrame]:
    """The tars that are members of another one, and its other members, as rows of `MEMBER_SCHEMA`."""
    members = _members(base, [outer], (".tar",))
    inside = members.filter(pl.col("reason").is_null())
    tars = [
        Tar(outer.container, name, offset, offset + length, outer.size, outer.modified)
        for name, offset, length in inside.select("name", "offset", "length").iter_rows()
    ]
    return tars, members.filter(pl.col("reason").is_not_null())


def list_members(base: str, tars: Sequence[Tar], *, progress: bool = True) -> pl.DataFrame:
    """Every member of the tars as rows of `MEMBER_SCHEMA`: images by their names' endings, all others with a reason.

    What leaves the root by its name, is hidden, stands again later in the same tar (the last one counts, as when a tar
    is unpacked) or is no regular file is no image. Of a tar that is cut or damaged, what can be found is listed, and
    one row without a name says so. Work of more than a few seconds is kept in the user's cache folder: later on, also
    after an interruption, only tars in files of another size or time of change are read.
    """
    todo = {tar.key: tar for tar in tars}
    store = Pieces("archives", base)
    tables = [pl.DataFrame(schema=MEMBER_SCHEMA)]
    with tqdm(total=len(tars), desc=f"listing {base}", unit=" tars", delay=1, disable=not progress) as bar:
        for path, table in store.load():
            kept = table.filter(_of(todo))
            if not len(kept):
                path.unlink(missing_ok=True)
            tables.append(kept)
            for key in kept["tar"].unique():
                del todo[key]
        bar.update(len(tars) - len(todo))
        tasks = _tasks(list(todo.values()))
        rest = time.time_ns() - _REST_NS
        with store, closing(_read_all(base, tasks)) as read:
            for task, table in zip(tasks, read, strict=True):
                tables.append(table)
                store.keep(table.filter(_of(tar.key for tar in task if tar.modified < rest)))
                bar.update(len(task))
    return pl.concat(tables)


def _of(keys: Iterable[int]) -> pl.Expr:
    """Rows of these tars."""
    return pl.col("tar").is_in(pl.Series(list(keys), dtype=pl.UInt64).implode())


def _tasks(tars: Sequence[Tar]) -> list[Sequence[Tar]]:
    number = max(1, min(_TASK, len(tars) // (4 * _THREADS)))
    return [tars[start : start + number] for start in range(0, len(tars), number)]


def _read_all(base: str, tasks: Sequence[Sequence[Tar]]) -> Generator[pl.DataFrame, None, None]:
    """The members of the tars of each task, in order, by several threads where the file system is waited for.

    Threads that do not wait hand Python's lock to each other at every read, which takes several times as long as one
    thread needs for all: so the first task of each round tells how often it waits.
    """
    for start in range(0, len(tasks), _ROUND):
        before = _waits()
        table = _members(base, tasks[start])
        threads = _THREADS if _waits() >= before + _FEW_WAITS * (1 + len(table)) else 1
        yield table
        rest = tasks[start + 1 : start + _ROUND]
        yield from map_ahead(lambda task: _members(base, task), rest, threads)


def _waits() -> float:
    """How often this thread has waited for the system so far; infinity where the system does not count it."""
    thread = getattr(resource, "RUSAGE_THREAD", None)
    return math.inf if thread is None else resource.getrusage(thread).ru_nvcsw


def _members(base: str, tars: Sequence[Tar], endings: tuple[str, ...] = IMAGE_EXTENSIONS) -> pl.DataFrame:
    """Members of some tars, put into a table together: columns are made faster of many values than of a few."""
    read = [_read(base, tar) for tar in tars]
    keys = np.array([tar.key for tar in tars], np.uint64)
    names, utf8 = _texts([name for members in read for name in members.names])
    found = pl.DataFrame(
        {
            "tar": np.repeat(keys, [len(members.names) for members in read]),
            "name": names,
            "offset": pl.Series([place for members in read for place in members.offset], dtype=pl.Int64),
            "length": pl.Series([length for members in read for length in members.length], dtype=pl.Int64),
        }
    )
    others = [
        (key, None if name is None else _shown(name), None, None, reason)
        for key, members in zip(keys.tolist(), read, strict=True)
        for name, reason in members.others
    ]
    return pl.concat(
        [_judged(found, utf8, endings), pl.DataFrame(others, schema=MEMBER_SCHEMA, orient="row")]
    )


def _read(base: str, tar: Tar) -> Members:
    """The members of a tar; an error of the system is one of `others`."""
    try:
        file = os.open(f"{base}/{tar.container}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        return Members(others=[(None, unreadable(error))])
    try:
        if hasattr(os, "posix_fadvise"):
            # The system would read ahead what is skipped.
            os.posix_fadvise(file, tar.start, tar.end - tar.start, os.POSIX_FADV_RANDOM)
        return read_members(file, tar.start, tar.end)
    except OSError as error:
        return Members(others=[(None, unreadable(error))])
    finally:
        os.close(file)


def _texts(names: list[bytes]) -> tuple[pl.Series, pl.Series]:
    """Names as text, and whether each one is UTF-8; bytes of one that is not are shown as \\x.. ."""
    stored = pl.Series(names, dtype=pl.Binary)
    try:
        return stored.cast(pl.String), pl.select(pl.repeat(True, len(names), dtype=pl.Boolean)).to_series()
    except pl.exceptions.ComputeError:
        shown = [_shown(name) for name in names]
        same = [text.encode() == name for text, name in zip(shown, names, strict=True)]
        return pl.Series(shown, dtype=pl.String), pl.Series(same, dtype=pl.Boolean)


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _judged(found: pl.DataFrame, utf8: pl.Series, endings: tuple[str, ...]) -> pl.DataFrame:
    """Names without steps that change nothing, and the reason why a member is not taken."""
    stored = found["name"]
    odd = stored.str.contains(_ODD)
    if odd.any():
        steps = pl.col("name").str.split("/").list.eval(pl.element().filter(~pl.element().is_in(["", "."])))
        found = found.with_columns(name=pl.when(odd).then(steps.list.join("/")).otherwise("name"))
    base = found["name"].str.extract(r"([^/]*)$")
    leaves = odd & (stored.str.starts_with("/") | stored.str.contains(r"(^|/)\.\.(/|$)"))
    again = found.select(~pl.struct("tar", "name").is_last_distinct()).to_series()
    ending = name_reasons(base, endings)
    reason = pl.coalesce(
        pl.when(~utf8).then(pl.lit("its name is not UTF-8")),
        pl.when(leaves).then(pl.lit("leaves the root: an absolute path, or one with '..'")),
        pl.when(stored.str.ends_with("/")).then(pl.lit("a folder")),
        pl.lit(None, pl.String) if ending is None else ending,
        pl.when(again).then(pl.lit("its name stands again later in the archive, where the last one counts")),
    )
    shown_name = pl.when(leaves).then(stored).otherwise("name")
    return found.with_columns(reason=reason, name=shown_name).select(list(MEMBER_SCHEMA))
