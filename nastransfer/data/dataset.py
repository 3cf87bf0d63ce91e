"""An open data set: which images it has (its manifest), how they are read, what is to be known of it."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from nastransfer.cache import cache_folder
from nastransfer.data.files import BadImage, decode_rgb, image_path, read_bytes
from nastransfer.data.manifest import ROW_SCHEMA, Manifest
from nastransfer.data.resize import resize, square
from nastransfer.data.undecodable import remember, remembered
from nastransfer.data.verify import LISTED_SCHEMA, verify
from nastransfer.disk import save_atomic

# Given a manifest, its images at the native side, uint8 [n, 3, pixels, pixels], in the order of its rows.
Reader = Callable[[Manifest], np.ndarray]

SMALL_SIDE = 64
"""The largest side of images that are fed as CIFAR's are; larger ones are treated as ImageNet's."""

REJECT_SCHEMA: dict[str, Any] = {**LISTED_SCHEMA, "reason": pl.String()}
# Kinds of unusual images (grey, CMYK, turned) that are named in a set's notes.
_KINDS = 10


def no_rejects() -> pl.DataFrame:
    """An empty list of rejects: columns class, part, container, name, reason."""
    return pl.DataFrame(schema=REJECT_SCHEMA)


@dataclass(frozen=True)
class Dataset:
    """A data set, or a proxy of one: which images (manifest), how to read them and how to feed them to a network.

    mean, std: of each colour channel, for values in 0..1. flip: whether a mirror image shows the same class.
    stem: the network's first layers ("cifar" up to 64 px). pixels: native side; of a set of image files, which have
    any size, the side that `read` brings them to. synthetic: neither photos nor scans.
    root: the folder that containers are relative to; None for sets that ship with a Python package.
    form: how the set lies on disk. rejects: what was found and is not used, with the reason. notes: how the set
    differs from what was published. own: a folder or table of somebody's own, which may be opened in several ways.
    """

    name: str
    manifest: Manifest
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    terms: str
    synthetic: bool
    domain: str
    flip: bool
    stem: Literal["cifar", "imagenet"]
    pixels: int
    read: Reader
    root: Path | None = None
    form: str = "in memory"
    rejects: pl.DataFrame = field(default_factory=no_rejects, repr=False)
    notes: tuple[str, ...] = ()
    own: bool = False

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; a label is a position in it."""
        return self.manifest.classes

    def side_at(self, resolution: int | None) -> int:
        """Pixels a side of a network's input: as asked for, else the proxy's, else the set's own."""
        return resolution or self.manifest.resolution or self.pixels

    def stem_at(self, side: int) -> Literal["cifar", "imagenet"]:
        """The first layers for inputs of this side: a set of large photographs is fed small ones as CIFAR's are."""
        return "cifar" if self.stem == "cifar" else stem_of(side)

    def identity(self, resolution: int | None) -> dict[str, Any]:
        """What results on this set depend on, for keys and checkpoints: images, of an own set also how it is opened.

        A public set is opened in one way for each manifest, so its hash says it all.
        """
        images: dict[str, Any] = {"images": self.manifest.hash}
        if self.own:
            images["opened"] = [self.side_at(resolution), self.pixels, self.flip, self.stem]
        return images

    @property
    def has_files(self) -> bool:
        """Whether every image is an image file: one of its own, or a member of an archive."""
        names = self.manifest.rows["name"]
        return self.root is not None and len(names) > 0 and names.null_count() == 0

    def read_images(
        self, manifest: Manifest | None = None, resolution: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The images of a manifest of this set (default: all), uint8 [n, 3, side, side], and labels int64 [n].

        In the order of the keys, whatever the order of the rows. A manifest with a `resolution` of its own (a proxy of
        small images) is brought to that side first: detail that it took away does not come back with a larger
        `resolution`. `ValueError` for another set's manifest.
        """
        manifest = self.manifest if manifest is None else manifest
        if manifest.dataset != self.manifest.dataset:
            raise ValueError(f"{self.name!r} cannot read a manifest of {manifest.dataset!r}")
        manifest = replace(manifest, rows=manifest.rows.sort("key"))
        images = self.read(manifest)
        for side in (manifest.resolution, resolution):
            images = resize(images, side) if side is not None else images
        return images, manifest.rows["label"].to_numpy().astype(np.int64)

    def image(self, row: Mapping[str, Any]) -> np.ndarray:
        """One image at its own size, uint8 [height, width, 3]; `row` is a row of this set's manifest, by column.

        Of an image file: `ChangedImage` where its size or time is not what the manifest says, `BadImage` with the
        reason where it cannot be decoded.
        """
        if row["name"] is not None and self.root is not None:
            return _file_image(self.root, row)
        one = replace(self.manifest, rows=pl.DataFrame([dict(row)], schema=ROW_SCHEMA))
        return np.ascontiguousarray(self.read(one)[0].transpose(1, 2, 0))

    def paths(self, rows: pl.DataFrame) -> pl.Series:
        """The absolute path of every image file among rows of this set's manifest, as text.

        Of a member of an archive: the archive's path, and the member's name below it.
        """
        folder = pl.col("container").cast(pl.String)
        inside = pl.when(folder == ".").then(pl.lit("")).otherwise(folder + "/")
        return rows.select(path=pl.lit(f"{self.root}/") + inside + pl.col("name"))["path"]

    def verified(self, *, workers: int | None = None, cache: bool = True, progress: bool = True) -> Dataset:
        """The set without the image files that cannot be used; these are in its `rejects`, with their reasons.

        Sizes and times of the others are in its manifest, and are compared when a file is opened later on. A set
        whose images are no image files is returned as it is: its manifest names the bytes of its packs. Of one
        that was verified before only those are left out that could not be decoded since (see `undecodable`).
        """
        if not self.has_files or self.root is None:
            return self
        if not self.manifest.rows["modified"].null_count():
            return self._without_undecodable(self.root) if cache else self
        checked = verify(self.manifest, self.root, workers=workers, cache=cache, progress=progress)
        rejects = pl.concat([self.rejects, checked.rejects.select(list(REJECT_SCHEMA))])
        kinds = checked.notes["note"].value_counts(sort=True).head(_KINDS)
        unusual = tuple(
            f"{row['count']:,} images are used as they are: {row['note']}"
            for row in kinds.iter_rows(named=True)
        )
        found = replace(self, manifest=checked.manifest, rejects=rejects, notes=self.notes + unusual)
        return found._without_undecodable(self.root) if cache else found

    def _without_undecodable(self, root: Path) -> Dataset:
        known = remembered(root)
        if known.is_empty():
            return self
        same = ["container", "name", "length", "modified"]
        rows = self.manifest.rows.with_columns(pl.col("container").cast(pl.String))
        rows = rows.join(known, on=same, how="left", maintain_order="left")
        bad = rows.filter(pl.col("reason").is_not_null())
        if bad.is_empty():
            return self
        classes = pl.Series(self.classes, dtype=pl.String).gather(bad["label"])
        rejects = bad.with_columns(classes.alias("class")).select(
            pl.col(name).cast(kind) for name, kind in REJECT_SCHEMA.items()
        )
        manifest = self.manifest.take(rows["reason"].is_null())
        return replace(self, manifest=manifest, rejects=pl.concat([self.rejects, rejects]))

    def with_manifest(self, manifest: Manifest) -> Dataset:
        """The same set with fewer images, such as a proxy of it; `ValueError` for another set's manifest."""
        if manifest.dataset != self.manifest.dataset:
            raise ValueError(f"{self.name!r} cannot take a manifest of {manifest.dataset!r}")
        return replace(self, manifest=manifest)


def usable(dataset: Dataset) -> Dataset:
    """The set as training takes it: verified; a warning says how many of its images cannot be used, and names one.

    The list of all that is not used is written to the user's cache folder; the warning says where.
    """
    checked = dataset.verified()
    found = unusable(dataset, checked).filter("chosen")
    if len(found):
        first = found.row(0, named=True)
        warnings.warn(
            f"{len(found)} of {len(dataset.manifest)} images of {dataset.name!r} cannot be used, such as "
            f"{first['container']}/{first['name']} ({first['reason']}): {_write_list(dataset, checked)} lists them all",
            stacklevel=3,
        )
    return checked


def unusable(dataset: Dataset, checked: Dataset) -> pl.DataFrame:
    """What of a set is not used: the rejects of `checked`, which is `dataset` verified, and a column `chosen`.

    chosen: an image of `dataset` (a proxy, say) that is missing from `checked`; else an entry that never was one.
    """
    known = len(dataset.rejects)
    return checked.rejects.with_columns(chosen=pl.int_range(pl.len()) >= known)


def _write_list(dataset: Dataset, checked: Dataset) -> str:
    """Writes what is not used as CSV; where the folder takes no file, names the list in memory."""
    place = json.dumps([str(dataset.root), dataset.manifest.selection])
    digest = hashlib.blake2b(place.encode("ascii"), digest_size=4).hexdigest()
    path = cache_folder() / "rejects" / f"{dataset.name}-{digest}.csv"
    try:
        save_atomic(path, unusable(dataset, checked).write_csv)
    except OSError:
        return "`verified().rejects`"
    return str(path)


def stem_of(pixels: int) -> Literal["cifar", "imagenet"]:
    """The first layers that fit images of this side."""
    return "cifar" if pixels <= SMALL_SIDE else "imagenet"


def file_reader(root: Path, pixels: int) -> Reader:
    """A reader of image files: shorter side scaled to `pixels`, then the middle cut out."""
    return partial(_read_files, root, pixels)


def _file_image(root: Path, row: Mapping[str, Any]) -> np.ndarray:
    content = read_bytes(root, row["container"], row["name"], row["offset"], row["length"], row["modified"])
    try:
        return decode_rgb(content)
    except BadImage as error:
        # Too little memory is no fault of the file.
        if isinstance(error.__cause__, MemoryError) or not remember(root, row, error.reason):
            raise
        raise BadImage(f"{error.reason}; a new start leaves it out and lists it among the rejects") from error


def _read_files(root: Path, pixels: int, manifest: Manifest) -> np.ndarray:
    images = np.empty((len(manifest), 3, pixels, pixels), np.uint8)

    def read_into(place: int, row: Mapping[str, Any]) -> None:
        try:
            images[place] = square(_file_image(root, row), pixels).transpose(2, 0, 1)
        except BadImage as error:
            raise BadImage(f"{image_path(root, row['container'], row['name'])}: {error.reason}") from error

    # Decoding runs outside Python's lock; as many threads as the runner left to this process.
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        for _ in pool.map(read_into, range(len(manifest)), manifest.rows.iter_rows(named=True)):
            pass
    return images
