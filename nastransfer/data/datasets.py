"""Open a data set by name, folder or table, and see which ones are present on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from nastransfer.data import embedded
from nastransfer.data.catalogue import PUBLIC
from nastransfer.data.dataset import Dataset
from nastransfer.data.glyph_options import GlyphOptions
from nastransfer.data.options import OTHER_SPLIT, SplitOptions, StandardOptions
from nastransfer.data.own import OWN, open_own, own_name
from nastransfer.data.public import download as download_public
from nastransfer.data.public import downloads, find_pack, find_public, looked_in, open_public
from nastransfer.data.splits import split_parts

_EMBEDDED = {"digits": "scikit-learn", "glyphs": "matplotlib"}
# Options of own sets that change what is learnt: those that names of such sets show.
_SHOWN = ("pixels", "flip", "split", "split_seed")


def names() -> tuple[str, ...]:
    """Names that `open_dataset` knows."""
    return (*_EMBEDDED, *PUBLIC, *OWN)


def options_of(name: str) -> type[SplitOptions]:
    """The settings model of a data set's options."""
    if name == "glyphs":
        return GlyphOptions
    if name in OWN:
        return OWN[name]
    return PUBLIC[name].options if name in PUBLIC else StandardOptions


def label_of(name: str, options: Mapping[str, Any]) -> str:
    """Short name of a set and its options, for folders and tables: `glyphs-classes300`, `folder-my-photos`."""
    given = dict(options)
    if name in OWN:
        name = own_name(name, given)
        given = {key: value for key, value in given.items() if key in _SHOWN}
    return "-".join([name, *(f"{option}{value}" for option, value in sorted(given.items()))])


def open_dataset(
    name: str, /, root: str | Path | None = None, *, download: bool = False, **options: Any
) -> Dataset:
    """Open a data set; no image is decoded yet.

    `root` is the folder of a public set in its publisher's layout, or a folder that holds it or its pack; by default
    the folders that `NASTRANSFER_DATA` names. Where both forms are present, the publisher's is opened. `download`
    fetches CIFAR and Flowers into `root` first, by torchvision. `folder` and `table` are own images: see `folder`,
    `table`. `options_of(name)` lists the options. Every set takes `split="40-40-20"` and `split_seed`: new parts, drawn
    within each class, while every row's `parent_part` still says the set's own.
    `ValueError` for an unknown name or option, and for a set that is not present, with the folders looked in.
    """
    if name not in names():
        raise ValueError(f"unknown data set {name!r}; known are {list(names())}")
    if download and name not in PUBLIC:
        raise ValueError(f"data set {name!r} cannot be downloaded, only {downloads()} can")
    if name in OWN:
        values = options | ({"root": str(root)} if root is not None else {})
        return _cut_anew(open_own(name, values), OWN[name](**values))
    given = options_of(name)(**options)
    if isinstance(given, GlyphOptions):
        return _cut_anew(embedded.glyphs(given), given)
    if name == "digits":
        return _cut_anew(embedded.digits(), given)
    if download:
        download_public(name, root)
    return _cut_anew(open_public(name, root, given), given)


def _cut_anew(dataset: Dataset, options: SplitOptions) -> Dataset:
    """The set with the parts that its options ask for."""
    if getattr(options, "split", None) != OTHER_SPLIT:
        return dataset
    return replace(
        dataset,
        manifest=split_parts(dataset.manifest, options.split_seed),
        notes=(
            *dataset.notes,
            f"parts are {OTHER_SPLIT} of every class, drawn with split_seed {options.split_seed}",
        ),
    )


def folder(path: str | Path, **options: Any) -> Dataset:
    """A folder of class folders, with or without `train`, `val` and `test` above them, as a data set.

    The options are those of `FolderOptions`. `ValueError` where there is no folder or no image.
    """
    return open_dataset("folder", root=path, **options)


def table(path: str | Path, root: str | Path | None = None, **options: Any) -> Dataset:
    """A CSV or Parquet table of (path, label) or (path, label, part) as a data set; `root`: what paths are relative to.

    The options are those of `TableOptions`. `ValueError` for a path that leaves `root`, and for a bad table.
    """
    return open_dataset("table", root=root, table=str(path), **options)


def datasets(root: str | Path | None = None, *, count: bool = True) -> pl.DataFrame:
    """The catalogue, a row a set.

    Columns: name, present, form (pack, or the publisher's layout), images (found), published (images of the whole set),
    note (what is missing or unusual), synthetic, domain, looked_in, terms, how_to_get.
    `count=False` leaves images and note null: to count, class folders are listed, which takes a while for ImageNet.
    """
    rows = [
        *(_embedded_row(name, where, count) for name, where in _EMBEDDED.items()),
        *(_public_row(name, root, count) for name in PUBLIC),
        _own_row("folder", "nt.folder(path)", "folder of class folders"),
        _own_row("table", "nt.table(path, root=...)", "CSV or Parquet of (path, label[, part])"),
    ]
    return pl.DataFrame(rows, schema=_CATALOGUE_SCHEMA)


_CATALOGUE_SCHEMA: dict[str, Any] = {
    "name": pl.String,
    "present": pl.Boolean,
    "form": pl.String,
    "images": pl.Int64,
    "published": pl.Int64,
    "note": pl.String,
    "synthetic": pl.Boolean,
    "domain": pl.String,
    "looked_in": pl.String,
    "terms": pl.String,
    "how_to_get": pl.String,
}


def _embedded_row(name: str, where: str, count: bool) -> dict[str, Any]:
    opened = open_dataset(name)
    return {
        "name": name,
        "present": True,
        "form": opened.form,
        "images": opened.manifest.count() if count else None,
        "synthetic": opened.synthetic,
        "domain": opened.domain,
        "looked_in": where,
        "terms": opened.terms,
        "how_to_get": "comes with the installation",
    }


def _public_row(name: str, root: str | Path | None, count: bool) -> dict[str, Any]:
    public = PUBLIC[name]
    found = find_public(name, root)
    row = {
        "name": name,
        "present": found is not None,
        "form": None if found is None else found[0].form if found[0] is not None else "pack",
        "published": sum(public.published.values()),
        "synthetic": False,
        "domain": public.domain,
        "looked_in": ", ".join(looked_in(name, root)),
        "terms": public.terms,
        "how_to_get": public.how_to_get,
    }
    if found is None or not count:
        return row
    try:
        opened = open_dataset(name, root)
    except ValueError as error:
        return row | {"note": str(error)}
    notes = list(opened.notes)
    pack = find_pack(name, root) if found[0] is not None else None
    if pack is not None:
        notes.append(f"the pack {pack} is here too and not used: name it as root to open it")
    return row | {"form": opened.form, "images": opened.manifest.count(), "note": "; ".join(notes) or None}


def _own_row(name: str, call: str, form: str) -> dict[str, Any]:
    return {"name": name, "form": form, "synthetic": False, "domain": "own images", "how_to_get": call}
