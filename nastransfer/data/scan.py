"""Which images lie in a folder of class folders: names and classes only, no file is opened."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
from tqdm.auto import tqdm

from nastransfer.data import pieces
from nastransfer.data.ahead import map_ahead
from nastransfer.data.walk import Found, find_classes, utf8, walk

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
SKIPPED_SCHEMA = {"container": pl.String(), "name": pl.String(), "reason": pl.String()}
# One row an entry; `modified` only in a row of its own for each folder, without name and reason.
_ENTRIES = {
    "top": pl.Categorical(),
    "container": pl.Categorical(),
    "modified": pl.Int64(),
    "name": pl.String(),
    "reason": pl.String(),
}
_FOLDERS = {
    "top": pl.Categorical(),
    "container": pl.Categorical(),
    "modified": pl.Int64(),
    "count": pl.Int64(),
}
# Threads that wait for a file system at the same time. One that answers from memory is read by one thread: several
# would stand in each other's way in Python's lock.
_WORKERS = 8
# Names are moved out of Python's lists when so many have come together.
_BATCH = 100_000


@dataclass(frozen=True)
class Listing:
    """Images found in class folders, one value an image in `label` (uint32), `container` and `name`.

    classes: names of the folders that hold an image, in alphabetical order. container: folder relative to the root.
    skipped: columns container, name, reason: every other entry, and (name null) every folder that was not entered and
    every class folder without an image. seen: number of entries that are no folder: the images and the skipped names.
    """

    classes: tuple[str, ...]
    label: np.ndarray
    container: pl.Series
    name: pl.Series
    skipped: pl.DataFrame
    seen: int

    def __len__(self) -> int:
        return len(self.label)


def list_class_folders(
    root: str | Path, *, extensions: Iterable[str] = IMAGE_EXTENSIONS, progress: bool = True
) -> Listing:
    """The images in `root`/<class>/ and in the folders below, by their names' endings (in any case), in no order.

    A link to a file of the root counts as an image; a link to a folder is not followed, nor one that leaves the root,
    leads to itself or to nothing: all are in `skipped`, as are hidden entries and files of other kinds. A scan of more
    than a few seconds keeps what it reads in the user's cache folder: the next one, or one after an interruption, reads
    only folders that have changed.
    `ValueError` where root is no folder, or where two classes differ in nothing but case or the composition of accents.
    """
    base = os.path.realpath(root)
    if not Path(base).is_dir():
        raise ValueError(f"{root} is no folder; wanted is a folder of class folders")
    endings = tuple(sorted({ending.lower() for ending in extensions}))
    tops, beside = find_classes(base)
    images = _Images(tops)
    images.add(_entries([beside], endings))
    store = pieces.Pieces("listings", base, *endings)
    with tqdm(total=len(tops), desc=f"listing {root}", unit=" folders", delay=1, disable=not progress) as bar:
        todo = set(tops)
        for path, table in store.load():
            kept = _unchanged(base, table, todo)
            if not len(kept):
                path.unlink(missing_ok=True)
            images.add(kept)
            todo -= set(kept["top"].unique())
            bar.update(len(tops) - len(todo) - bar.n)
        with store, closing(_walked(base, sorted(todo))) as walked:
            for batch in _batches(walked):
                table = _entries(batch, endings)
                images.add(table)
                settled = [found.top for found in batch if found.settled]
                store.keep(table.filter(pl.col("top").is_in(settled)))
                bar.update(len(batch))
    return images.listing()


def _walked(base: str, tops: list[str]) -> Generator[Found, None, None]:
    """What each class folder holds: one after the other, or by several threads where the file system is waited for."""
    began, busy = time.monotonic(), time.thread_time()
    for place, top in enumerate(tops):
        yield walk(base, top)
        if (place + 1) % 20 == 0 and time.thread_time() - busy < (time.monotonic() - began) / 2:
            yield from map_ahead(partial(walk, base), tops[place + 1 :], _WORKERS)
            return


def _batches(walked: Iterable[Found]) -> Iterable[list[Found]]:
    """Class folders by the handful: so many names, or as many as come in the time between two pieces."""
    batch: list[Found] = []
    names, began = 0, time.monotonic()
    for found in walked:
        batch.append(found)
        names += len(found.names)
        if names >= _BATCH or time.monotonic() - began >= pieces.KEEP_SECONDS:
            yield batch
            batch, names, began = [], 0, time.monotonic()
    if batch:
        yield batch


def _entries(batch: list[Found], endings: tuple[str, ...]) -> pl.DataFrame:
    """What class folders hold as a table of `_ENTRIES`; name and reason are null for folders, reason for images."""
    rows = [(found.top, *folder) for found in batch for folder in found.folders]
    folders = pl.DataFrame(rows, schema=_FOLDERS, orient="row")
    place = np.repeat(np.arange(len(folders)), folders["count"].to_numpy())
    names, reasons = _judge(list(chain.from_iterable(found.names for found in batch)), endings)
    files = folders.select("top", "container")[place].with_columns(modified=None, name=names, reason=reasons)
    skipped = [(found.top, *entry) for found in batch for entry in found.skipped]
    schema = {column: _ENTRIES[column] for column in ("top", "container", "name", "reason")}
    return pl.concat(
        [
            table.select(pl.col(column).cast(kind) for column, kind in _ENTRIES.items())
            for table in (
                folders.with_columns(name=None, reason=None),
                files,
                pl.DataFrame(skipped, schema=schema, orient="row").with_columns(modified=None),
            )
        ]
    )


def _judge(names: list[str], endings: tuple[str, ...]) -> tuple[pl.Series, pl.Series]:
    """File names as a column, and for each the reason why it is not taken, or null."""
    try:
        texts = pl.Series(names, dtype=pl.String)
        plain = pl.repeat(True, len(names), eager=True)
    except UnicodeEncodeError:
        texts = pl.Series([utf8(name) for name in names], dtype=pl.String)
        plain = texts == pl.Series(
            [name.encode("utf-8", "replace").decode() for name in names], dtype=pl.String
        )
    # The few different endings are looked at, not every name.
    tails = texts.str.tail(max(map(len, endings), default=0))
    hidden = texts.str.starts_with(".")
    wrong = [tail for tail in tails.unique() if not tail.lower().endswith(endings)]
    if not wrong and not hidden.any() and plain.all():
        return texts, pl.Series("reason", [None], pl.String).new_from_index(0, len(texts))
    reasons = (
        pl.select(
            pl.when(~plain)
            .then(pl.lit("its name is not UTF-8"))
            .when(hidden)
            .then(pl.lit("hidden"))
            .when(tails.is_in(wrong))
            .then(pl.lit("not an image by its name's ending"))
        )
        .to_series()
        .alias("reason")
    )
    return texts, reasons


def _unchanged(base: str, table: pl.DataFrame, wanted: set[str]) -> pl.DataFrame:
    """The entries kept of class folders in which no folder has changed since."""
    folders = table.filter(pl.col("modified").is_not_null(), pl.col("top").cast(pl.String).is_in(wanted))
    changed = {
        top
        for top, container, modified in folders.select("top", "container", "modified").iter_rows()
        if _time_of(f"{base}/{container}") != modified
    }
    still = wanted.intersection(folders["top"].cast(pl.String)) - changed
    return table.filter(pl.col("top").cast(pl.String).is_in(still))


def _time_of(folder: str) -> int | None:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116
    except OSError:
        return None


class _Images:
    """Entries of one class folder after the other, put together as a listing."""

    def __init__(self, tops: list[str]) -> None:
        self._tops = tops
        self._images: list[pl.DataFrame] = []
        self._skipped: list[pl.DataFrame] = []

    def add(self, entries: pl.DataFrame) -> None:
        """Takes the entries of some class folders."""
        image = pl.col("name").is_not_null() & pl.col("reason").is_null()
        self._images.append(entries.filter(image).select("top", "container", "name"))
        self._skipped.append(entries.filter(pl.col("reason").is_not_null()).select(list(SKIPPED_SCHEMA)))

    def listing(self) -> Listing:
        """All that was added; classes in alphabetical order."""
        images = pl.concat(self._images)
        skipped = pl.concat(self._skipped).cast(pl.Schema(SKIPPED_SCHEMA))
        present = set(images["top"].unique().cast(pl.String))
        classes = tuple(top for top in self._tops if top in present)
        told = {*present, *skipped.filter(pl.col("name").is_null())["container"]}
        empty = [(top, None, "no image in it") for top in self._tops if top not in told]
        label = images["top"].cast(pl.Enum(classes)).to_physical().cast(pl.UInt32)
        return Listing(
            classes=classes,
            label=label.to_numpy(),
            container=images["container"],
            name=images["name"],
            skipped=pl.concat([skipped, pl.DataFrame(empty, schema=SKIPPED_SCHEMA, orient="row")]),
            seen=len(images) + len(skipped) - skipped["name"].null_count(),
        )
