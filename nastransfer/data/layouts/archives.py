"""Sets that lie in tars, read in place: one tar a class, as files of a folder or as members of another tar.

Classes, parts and keys are those of the same images unpacked into class folders.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl

from nastransfer.data.archives import Tar, inner_tars, list_members, whole_tar
from nastransfer.data.dataset import REJECT_SCHEMA
from nastransfer.data.layouts.listing import Found
from nastransfer.data.manifest import PART, PARTS


def list_class_tars(root: Path, folder: str | None, files: list[str], part: int) -> Found:
    """The images of tars `files`, one a class, in `root` or a folder of it; all of one part (its code).

    A class has the name of its tar without the ending. `ValueError` where there is no image.
    """
    base = os.path.realpath(root)
    tars: list[Tar] = []
    unread: list[tuple[str, str | None, str]] = []
    for file in sorted(files):
        container = file if folder is None else f"{folder}/{file}"
        tar = whole_tar(base, container)
        if isinstance(tar, Tar):
            tars.append(tar)
        else:
            unread.append((container, None, tar))
    return _found(root, folder, tars, unread, part)


def list_tar_of_tars(root: Path, file: str, folder: str, part: int) -> Found:
    """The images of a tar that has one tar a class as members; unpacked, they would be class folders in `folder`.

    `ValueError` where it cannot be read or has no image.
    """
    outer = open_tar(root, file)
    tars, others = inner_tars(os.path.realpath(root), outer)
    unread = [(file, name, reason) for name, reason in others.select("name", "reason").iter_rows()]
    return _found(root, folder, tars, unread, part)


def list_one_tar(root: Path, file: str) -> pl.DataFrame:
    """All members of a tar, as rows of `MEMBER_SCHEMA`; `ValueError` where it cannot be read."""
    return list_members(os.path.realpath(root), [open_tar(root, file)])


def open_tar(root: Path, file: str) -> Tar:
    """A file of `root` as a tar; `ValueError` with the reason where it cannot be read."""
    tar = whole_tar(os.path.realpath(root), file)
    if not isinstance(tar, Tar):
        raise ValueError(f"{root / file} cannot be read as a tar: {tar}")
    return tar


def _found(
    root: Path, folder: str | None, tars: list[Tar], unread: list[tuple[str, str | None, str]], part: int
) -> Found:
    """Images and rejects of tars that are a class each; `unread`: container, name and reason of what is no such tar."""
    members = list_members(os.path.realpath(root), tars)
    keys = np.array([tar.key for tar in tars], np.uint64)
    by_key = np.argsort(keys)
    place = by_key[np.searchsorted(keys[by_key], members["tar"].to_numpy())] if tars else np.empty(0, int)
    inner = pl.Series([f"{tar.inner}/" if tar.inner else "" for tar in tars], dtype=pl.String).gather(place)
    rows = members.with_columns(
        pl.Series("class", [tar.name for tar in tars], pl.String).gather(place),
        pl.Series("container", [tar.container for tar in tars], pl.String).cast(pl.Categorical).gather(place),
        # A row without a name is about the tar itself.
        stored=pl.when(pl.col("name").is_null() & (inner != "")).then(inner.str.strip_suffix("/"))
        .otherwise(inner + pl.col("name")),
    )  # fmt: skip
    rows = _once(rows.with_columns(path=_unpacked(folder)), tars)
    taken = rows["reason"].is_null()
    images = rows.filter(taken)
    rejects = pl.concat([_rejects(rows.filter(~taken), part), _unread(unread, part)])
    if not len(images):
        first = "".join(
            f"; {row['container']}/{row['name'] or ''}: {row['reason']}"
            for row in rejects.head(3).iter_rows(named=True)
        )
        raise ValueError(f"{root} has no image in {len(tars)} tars, one a class{first}")
    classes = sorted(images["class"].unique())
    label = images["class"].cast(pl.Enum(classes)).to_physical().to_numpy().astype(np.uint32)
    told = {*rows.filter(pl.col("name").is_null())["class"]}
    empty = sorted({tar.name for tar in tars} - {*classes} - told)
    none = [(name, PARTS[part], None, None, "no image in it") for name in empty]
    return Found(
        tuple(classes),
        images.select(
            pl.Series("label", label),
            pl.col("stored").alias("name"),
            pl.lit(part, pl.UInt8).alias("part"),
            "container",
            "path",
            "offset",
            "length",
        ),
        pl.concat([rejects, pl.DataFrame(none, schema=REJECT_SCHEMA, orient="row")]),
    )


def _once(rows: pl.DataFrame, tars: list[Tar]) -> pl.DataFrame:
    """With a reason for images that would be one file if the tars were unpacked, but for the last one."""
    if (
        len({tar.name for tar in tars}) == len(tars)
        and not rows["name"].str.contains("/", literal=True).any()
    ):
        return rows
    taken = pl.col("reason").is_null()
    again = taken & ~pl.when(taken).then("path").is_last_distinct()
    reason = pl.when(again).then(pl.lit("the same file of its class stands again later")).otherwise("reason")
    return rows.with_columns(reason=reason)


def _unpacked(folder: str | None) -> pl.Expr:
    """Where a member would lie: in its class's folder, whether or not that folder is in its name."""
    below = pl.col("class") + "/"
    path = pl.when(pl.col("name").str.starts_with(below)).then("name").otherwise(below + pl.col("name"))
    return path if folder is None else pl.lit(f"{folder}/") + path


def _rejects(rows: pl.DataFrame, part: int) -> pl.DataFrame:
    return rows.with_columns(part=pl.lit(PARTS[part], PART), name="stored").select(
        pl.col(name).cast(kind) for name, kind in REJECT_SCHEMA.items()
    )


def _unread(entries: list[tuple[str, str | None, str]], part: int) -> pl.DataFrame:
    rows = [(None, PARTS[part], *entry) for entry in entries]
    return pl.DataFrame(rows, schema=REJECT_SCHEMA, orient="row")
