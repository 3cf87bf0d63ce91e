"""Open a data set by name, folder or table, and see which ones are present on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel

from nastransfer.data import embedded
from nastransfer.data.catalogue import PUBLIC
from nastransfer.data.dataset import Dataset
from nastransfer.data.glyph_options import GlyphOptions
from nastransfer.data.own import OWN, open_own, own_name
from nastransfer.data.public import download as download_public
from nastransfer.data.public import downloads, find_pack, find_public, looked_in, open_public

_EMBEDDED = ("digits", "glyphs")


def names() -> tuple[str, ...]:
    """Names that `open_dataset` knows."""
    return (*_EMBEDDED, *PUBLIC, *OWN)


def options_of(name: str) -> type[BaseModel] | None:
    """The settings model of a data set's options; None where it has none."""
    if name == "glyphs":
        return GlyphOptions
    if name in OWN:
        return OWN[name]
    model = PUBLIC[name].options if name in PUBLIC else None
    return model if model is not None and model.model_fields else None


def label_of(name: str, options: Mapping[str, Any]) -> str:
    """Short name of a set and its options, for folders and tables: `glyphs-classes300`, `folder-my-photos`."""
    given = dict(options)
    if name in OWN:
        name = own_name(name, given)
        given = {key: value for key, value in given.items() if key in ("pixels", "flip")}
    return "-".join([name, *(f"{option}{value}" for option, value in sorted(given.items()))])


def open_dataset(
    name: str, /, root: str | Path | None = None, *, download: bool = False, **options: Any
) -> Dataset:
    """Open a data set; no image is decoded yet.

    `root` is the folder of a public set in its publisher's layout, or a folder that holds it or its pack; by default
    the folders that `NASTRANSFER_DATA` names. Where both forms are present, the publisher's is opened. `download`
    fetches CIFAR and Flowers into `root` first, by torchvision. `folder` and `table` are own images: see `folder`,
    `table`. `options_of(name)` lists the options.
    `ValueError` for an unknown name or option, and for a set that is not present, with the folders looked in.
    """
    if name not in names():
        raise ValueError(f"unknown data set {name!r}; known are {list(names())}")
    if download and name not in PUBLIC:
        raise ValueError(f"data set {name!r} cannot be downloaded, only {downloads()} can")
    if name in OWN:
        return open_own(name, options | ({"root": str(root)} if root is not None else {}))
    model = options_of(name)
    if model is None and options:
        raise ValueError(f"data set {name!r} has no options, got {options}")
    if name == "digits":
        return embedded.digits()
    if name == "glyphs":
        return embedded.glyphs(GlyphOptions(**options))
    if download:
        download_public(name, root)
    return open_public(name, root, model(**options) if model is not None else None)


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
        _embedded_row("digits", "scikit-learn", embedded.DIGITS_TERMS, "scans of handwritten digits"),
        _embedded_row("glyphs", "matplotlib", embedded.GLYPHS_TERMS, "characters drawn from fonts"),
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


def _embedded_row(name: str, where: str, terms: str, domain: str) -> dict[str, Any]:
    row = {"name": name, "present": True, "form": "embedded", "synthetic": name == "glyphs", "domain": domain}
    return row | {"looked_in": where, "terms": terms, "how_to_get": "comes with the installation"}


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
    return row | {"images": opened.manifest.count(), "note": "; ".join(notes) or None}


def _own_row(name: str, call: str, form: str) -> dict[str, Any]:
    return {"name": name, "form": form, "synthetic": False, "domain": "own images", "how_to_get": call}
