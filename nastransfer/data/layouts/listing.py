"""Images found in class folders below a set's root, and manifests made of them; names only, no file is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from nastransfer.data.layouts.layout import Index
from nastransfer.data.manifest import PART, PARTS, Manifest, path_keys
from nastransfer.data.scan import list_class_folders
from nastransfer.data.walk import refuse_alike


@dataclass(frozen=True)
class Found:
    """Classes and images. rows: columns label, part (code), container (relative to the root), name.

    Of images in archives also path (as it would be unpacked into class folders), offset and length. rejects: what a
    folder or an archive holds and is not used, with the reason.
    """

    classes: tuple[str, ...]
    rows: pl.DataFrame
    rejects: pl.DataFrame

    @classmethod
    def of(
        cls,
        classes: tuple[str, ...],
        label: np.ndarray,
        part: int,
        container: str | pl.Series,
        name: pl.Series,
        rejects: pl.DataFrame,
    ) -> Found:
        """From columns of equal length; `container` may be one for all."""
        rows = pl.DataFrame({"label": pl.Series(label, dtype=pl.UInt32), "name": name}).with_columns(
            part=pl.lit(part, pl.UInt8), container=pl.lit(container).cast(pl.Categorical)
        )
        return cls(classes, rows, rejects)

    @property
    def paths(self) -> pl.Series:
        """Every image's path relative to the root; in an archive, where it would be in class folders."""
        here = (
            pl.when(pl.col("container") == ".")
            .then("name")
            .otherwise(pl.concat_str(pl.col("container").cast(pl.String), "name", separator="/"))
        )
        known = pl.coalesce("path", here) if "path" in self.rows.columns else here
        return self.rows.select(path=known)["path"]

    def keys(self, dataset: str) -> np.ndarray:
        """Every image's key, uint64."""
        return path_keys(dataset, self.paths)

    def index(
        self,
        dataset: str,
        *,
        part: np.ndarray | None = None,
        key: np.ndarray | None = None,
        notes: tuple[str, ...] = (),
    ) -> Index:
        """The manifest; parts (codes) and keys where they were made already."""
        manifest = Manifest.build(
            dataset,
            self.classes,
            label=self.rows["label"].to_numpy(),
            part=self.rows["part"].to_numpy() if part is None else part,
            key=self.keys(dataset) if key is None else key,
            container=self.rows["container"],
            name=self.rows["name"],
            offset=self._known("offset"),
            length=self._known("length"),
        )
        return Index(manifest, rejects=self.rejects, notes=notes)

    def _known(self, column: str) -> pl.Series | None:
        return self.rows[column] if column in self.rows.columns else None


def list_folders(root: Path, folder: str | None, part: int) -> Found:
    """The images in class folders in `root`, or in a folder of it; all of one part (its code).

    `ValueError` where there is none.
    """
    base = root if folder is None else root / folder
    listing = list_class_folders(base)
    if not len(listing):
        skipped = "".join(
            f"; {row['container']}/{row['name'] or ''}: {row['reason']}"
            for row in listing.skipped.head(3).iter_rows(named=True)
        )
        raise ValueError(f"{base} has no image in class folders: wanted is {base}/<class>/<image>{skipped}")
    container = listing.container
    rejects = listing.skipped.select(
        pl.col("container").str.split("/").list.first().replace(".", None).alias("class"),
        pl.lit(PARTS[part], PART).alias("part"),
        "container",
        "name",
        "reason",
    )
    if folder is not None:
        container = f"{folder}/" + container.cast(pl.String)
        above = pl.when(pl.col("container") == ".").then(pl.lit(folder))
        rejects = rejects.with_columns(container=above.otherwise(f"{folder}/" + pl.col("container")))
    return Found.of(listing.classes, listing.label, part, container, listing.name, rejects)


def merged(found: Sequence[Found]) -> Found:
    """Several folders of classes as one set: classes by name, in alphabetical order.

    `ValueError` where a class of one folder and one of another differ in nothing but case.
    """
    names = sorted({name for one in found for name in one.classes})
    refuse_alike(names)
    place = {name: index for index, name in enumerate(names)}
    tables = []
    for one in found:
        label = np.array([place[name] for name in one.classes], np.uint32)
        tables.append(one.rows.with_columns(label=pl.Series(label[one.rows["label"].to_numpy()])))
    return Found(tuple(names), pl.concat(tables, how="diagonal"), pl.concat([one.rejects for one in found]))
