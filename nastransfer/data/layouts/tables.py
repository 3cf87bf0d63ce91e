"""Any CSV or Parquet table of (path, label) or (path, label, part), a row an image file."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import Field

from nastransfer.data.layouts.layout import Index, per_class_80
from nastransfer.data.layouts.own import PART_CODES, OwnOptions
from nastransfer.data.manifest import Manifest, path_keys
from nastransfer.data.walk import refuse_alike

# What a path may not contain if it is to be taken as it is: a step up or to itself, an empty step, a start at "/".
_ODD = r"(^|/)\.{0,2}(/|$)"


class TableOptions(OwnOptions):
    """What `open_dataset("table", ...)` accepts."""

    table: str = Field(
        description="CSV or Parquet file; a relative one is looked for here, then in the folders of data sets"
    )
    root: str | None = Field(
        default=None, description="folder that paths are relative to; null: the table's own"
    )
    path_column: str = Field(default="path", description="column of the images' paths, with '/'")
    label_column: str = Field(default="label", description="column of the classes: names or numbers")
    part_column: str = Field(
        default="part",
        description="column of the parts: train, val, test; without it floor(0.8 n) images of every class, by key, "
        "are for training and the rest for testing",
    )


def index_table(dataset: str, table: Path, root: Path, options: TableOptions) -> Index:
    """No image is looked at: `Dataset.verified` tells which ones are not there or cannot be read.

    `ValueError` for a missing column or value, an unknown part, a path that leaves `root` or stands twice.
    """
    frame = _read(table, options)
    paths = _inside(frame["path"], root, table)
    twice = paths.filter(paths.is_duplicated())
    if len(twice):
        raise ValueError(
            f"{table}: an image must stand in one row, {twice[0]!r} stands in {(paths == twice[0]).sum()}"
        )
    classes = _classes(frame["label"])
    label = frame["label"].cast(pl.Enum(classes)).to_physical().to_numpy().astype(np.int64)
    key = path_keys(dataset, paths)
    part = _parts(frame["part"], table) if "part" in frame.columns else per_class_80(label, key)
    steps = paths.to_frame("path").select(
        container=pl.col("path").str.extract(r"^(.*)/[^/]*$").fill_null("."),
        name=pl.col("path").str.extract(r"([^/]*)$"),
    )
    manifest = Manifest.build(
        dataset, classes, label=label, part=part, key=key, container=steps["container"], name=steps["name"]
    )
    return Index(manifest)


def _read(table: Path, options: TableOptions) -> pl.DataFrame:
    """Columns path, label and, where the table has it, part, as texts."""
    ending = table.suffix.lower()
    if ending not in (".csv", ".tsv", ".parquet"):
        raise ValueError(f"a table of images must end in .csv, .tsv or .parquet, got {str(table)!r}")
    try:
        if ending == ".parquet":
            frame = pl.read_parquet(table)
        else:
            # As text: a class 007 keeps its zeros.
            frame = pl.read_csv(table, separator="," if ending == ".csv" else "\t", infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ValueError(f"{table} cannot be read as a table: {error}") from error
    columns = {"path": options.path_column, "label": options.label_column, "part": options.part_column}
    missing = [columns[name] for name in ("path", "label") if columns[name] not in frame.columns]
    default = TableOptions.model_fields["part_column"].default
    if columns["part"] not in frame.columns:
        missing += [columns["part"]] if columns["part"] != default else []
        del columns["part"]
    if missing:
        raise ValueError(
            f"{table} has no column {missing[0]!r}; it has {frame.columns}: name its columns with path_column, "
            "label_column and part_column"
        )
    frame = frame.select(pl.col(column).cast(pl.String).alias(name) for name, column in columns.items())
    empty = frame.select(row=pl.any_horizontal(pl.all().is_null() | (pl.all() == "")).arg_true())["row"]
    if len(empty):
        row = frame.row(empty[0], named=True)
        raise ValueError(
            f"{table}: every row needs a value in {list(columns.values())}, row {empty[0]} has {row}"
        )
    if not len(frame):
        raise ValueError(f"{table} has no row")
    return frame


def _inside(paths: pl.Series, root: Path, table: Path) -> pl.Series:
    """The paths relative to `root`, without steps up or to themselves; `ValueError` for one that leaves it."""
    odd = paths.filter(paths.str.contains(_ODD))
    base = os.path.normpath(root)
    plain = {}
    for path in odd:
        # By the text alone: whether a link leaves the root is seen when the file is opened.
        full = os.path.normpath(posixpath.join(base, path))
        if not full.startswith(base + os.sep):
            raise ValueError(f"{table}: a path must stay below the root {base}, got {path!r}")
        plain[path] = full[len(base) + 1 :]
    return paths.replace(plain) if plain else paths


def _classes(labels: pl.Series) -> list[str]:
    names = labels.unique().to_list()
    refuse_alike(sorted(names))
    # Numbers in the order of numbers: 2 before 10.
    return sorted(names, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name))


def _parts(values: pl.Series, table: Path) -> np.ndarray:
    unknown = [value for value in values.unique().to_list() if value.lower() not in PART_CODES]
    if unknown:
        raise ValueError(f"{table}: a part must be one of {list(PART_CODES)}, got {unknown[0]!r}")
    return values.str.to_lowercase().replace_strict(PART_CODES, return_dtype=pl.UInt8).to_numpy()
