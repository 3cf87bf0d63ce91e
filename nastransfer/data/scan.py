"""Which images lie in a folder of class folders: names and classes only, no file is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from tqdm.auto import tqdm

from nastransfer.data import pieces
from nastransfer.data.walk import Found, find_classes, walk

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
SKIPPED_SCHEMA = {"container": pl.String(), "name": pl.String(), "reason": pl.String()}
# One row a folder, with the names of its files and "/" between them; and one row, with a reason, for what is skipped.
_ENTRIES = {
    "top": pl.String(),
    "container": pl.String(),
    "modified": pl.Int64(),
    "files": pl.String(),
    "name": pl.String(),
    "reason": pl.String(),
}


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
    Of two class folders that differ in nothing but case or the composition of accents, the second one is in `skipped`,
    too. `ValueError` where root is no folder.
    """
    base = os.path.realpath(root)
    if not Path(base).is_dir():
        raise ValueError(f"{root} is no folder; wanted is a folder of class folders")
    endings = tuple(sorted({ending.lower() for ending in extensions}))
    tops, beside = find_classes(base)
    images = _Images(tops, endings)
    images.add(_entries([beside]))
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
        with store, closing(walk(base, [(top, top) for top in sorted(todo)])) as walked:
            for number, parts in walked:
                table = _entries(parts)
                images.add(table)
                unsettled = set().union(*(found.unsettled for found in parts))
                store.keep(table.filter(~pl.col("top").is_in(unsettled)) if unsettled else table)
                bar.update(number)
    return images.listing()


def _entries(parts: Iterable[Found]) -> pl.DataFrame:
    """What was found as a table of `_ENTRIES`."""
    rows: list[tuple[object, ...]] = []
    for found in parts:
        rows += ((*folder, None, None) for folder in found.folders)
        rows += ((top, container, None, None, *why) for top, container, *why in found.skipped)
    return pl.DataFrame(rows, schema=_ENTRIES, orient="row")


def _unchanged(base: str, table: pl.DataFrame, wanted: set[str]) -> pl.DataFrame:
    """The entries kept of class folders in which no folder has changed since."""
    folders = table.filter(pl.col("modified").is_not_null(), pl.col("top").is_in(wanted))
    changed = {
        top
        for top, container, modified in folders.select("top", "container", "modified").iter_rows()
        if _time_of(f"{base}/{container}") != modified
    }
    still = wanted.intersection(folders["top"]) - changed
    return table.filter(pl.col("top").is_in(still))


def _time_of(folder: str) -> int | None:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116
    except OSError:
        return None


class _Images:
    """Entries of one class folder after the other, put together as a listing."""

    def __init__(self, tops: list[str], endings: tuple[str, ...]) -> None:
        self._tops, self._endings = tops, endings
        self._place = {top: place for place, top in enumerate(tops)}
        # Of the images of each table: the places of their classes, and folder and name.
        self._labels = [np.empty(0, np.uint32)]
        self._images = [pl.DataFrame(schema={"container": pl.Categorical, "name": pl.String})]
        self._skipped: list[pl.DataFrame] = []

    def add(self, entries: pl.DataFrame) -> None:
        """Takes the entries of some class folders."""
        self._skipped.append(entries.filter(pl.col("reason").is_not_null()).select(list(SKIPPED_SCHEMA)))
        folders = entries.filter(pl.col("files") != "")
        if not len(folders):
            return
        names = folders["files"].str.split("/")
        place = np.repeat(np.arange(len(folders)), names.list.len().to_numpy())
        label = np.array([self._place[top] for top in folders["top"]], np.uint32)[place]
        images = pl.DataFrame(
            {"container": folders["container"].cast(pl.Categorical)[place], "name": names.explode()}
        )
        reasons = name_reasons(images["name"], self._endings)
        if reasons is not None:
            taken = reasons.is_null()
            wrong = images.with_columns(pl.col("container").cast(pl.String), reason=reasons)
            self._skipped.append(wrong.filter(~taken))
            images, label = images.filter(taken), label[taken.to_numpy()]
        self._labels.append(label)
        self._images.append(images)

    def listing(self) -> Listing:
        """All that was added; classes in alphabetical order."""
        images, label = pl.concat(self._images), np.concatenate(self._labels)
        present = np.bincount(label, minlength=len(self._tops)) > 0
        skipped = pl.concat(self._skipped)
        told = set(skipped.filter(pl.col("name").is_null())["container"])
        empty = [
            (top, None, "no image in it")
            for top, some in zip(self._tops, present, strict=True)
            if not some and top not in told
        ]
        return Listing(
            classes=tuple(top for top, some in zip(self._tops, present, strict=True) if some),
            label=(np.cumsum(present) - 1).astype(np.uint32)[label],
            container=images["container"],
            name=images["name"],
            skipped=pl.concat([skipped, pl.DataFrame(empty, schema=SKIPPED_SCHEMA, orient="row")]),
            seen=len(images) + len(skipped) - skipped["name"].null_count(),
        )


def name_reasons(names: pl.Series, endings: tuple[str, ...]) -> pl.Series | None:
    """For each file name the reason why it is not taken, or null; None where all are."""
    # The few different endings are looked at, not every name.
    tails = names.str.tail(max(map(len, endings), default=0))
    wrong = [tail for tail in tails.unique() if not tail.lower().endswith(endings)]
    hidden = names.str.starts_with(".")
    if not wrong and not hidden.any():
        return None
    reason = (
        pl.when(hidden).then(pl.lit("hidden"))
        .when(tails.is_in(wrong)).then(pl.lit("not an image by its name's ending"))
    )  # fmt: skip
    return pl.select(reason).to_series()
