"""Open a data set by name, folder or table, and see which ones are present on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import BaseModel

from nastransfer.data import embedded, packs
from nastransfer.data.catalogue import IMAGENET_MEAN, IMAGENET_STD, PUBLIC, PublicSet
from nastransfer.data.dataset import Dataset, file_reader
from nastransfer.data.glyph_options import GlyphOptions
from nastransfer.data.layouts.flowers import FlowersOptions
from nastransfer.data.layouts.folders import FolderOptions, index_folder
from nastransfer.data.layouts.layout import Index, Layout
from nastransfer.data.layouts.own import OwnOptions, place_of, slug
from nastransfer.data.layouts.tables import TableOptions, index_table
from nastransfer.data.manifest import Manifest

_OWN: dict[str, type[OwnOptions]] = {"folder": FolderOptions, "table": TableOptions}
_EMBEDDED = ("digits", "glyphs")


def names() -> tuple[str, ...]:
    """Names that `open_dataset` knows."""
    return (*_EMBEDDED, *PUBLIC, *_OWN)


def options_of(name: str) -> type[BaseModel] | None:
    """The settings model of a data set's options; None where it has none."""
    if name == "glyphs":
        return GlyphOptions
    if name in _OWN:
        return _OWN[name]
    model = PUBLIC[name].options if name in PUBLIC else None
    return model if model is not None and model.model_fields else None


def label_of(name: str, options: Mapping[str, Any]) -> str:
    """Short name of a set and its options, for folders and tables: `glyphs-classes300`, `folder-my-photos`."""
    given = dict(options)
    if name in _OWN:
        path = given.get("root" if name == "folder" else "table", "")
        name = f"{name}-{_own_name(given.get('name'), path)}"
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
        raise ValueError(f"data set {name!r} cannot be downloaded, only {_downloads()} can")
    if name in _OWN:
        given = options | ({"root": str(root)} if root is not None else {})
        return (
            _open_folder(FolderOptions(**given)) if name == "folder" else _open_table(TableOptions(**given))
        )
    model = options_of(name)
    if model is None and options:
        raise ValueError(f"data set {name!r} has no options, got {options}")
    if name == "digits":
        return embedded.digits()
    if name == "glyphs":
        return embedded.glyphs(GlyphOptions(**options))
    if download:
        _download(name, root)
    return _open_public(name, root, model(**options) if model is not None else None)


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


def _find(public: PublicSet, root: str | Path | None) -> tuple[Layout | None, Path] | None:
    """The set's layout and folder, or None and the path of its pack; None where neither is there."""
    if public.layout is not None:
        found = public.layout.find(packs.folders(root))
        if found is not None:
            return public.layout, found
    path = packs.find_pack(public.pack, root) if public.pack is not None else None
    return (None, path) if path is not None else None


def _looked_in(public: PublicSet, root: str | Path | None) -> list[str]:
    places = packs.folders(root)
    layouts = public.layout.candidates(places) if public.layout is not None else []
    files = [place / public.pack.file for place in places] if public.pack is not None else []
    return [str(path) for path in (*layouts, *files)]


def _open_public(name: str, root: str | Path | None, options: BaseModel | None) -> Dataset:
    public = PUBLIC[name]
    found = _find(public, root)
    if found is None:
        looked = " or ".join(_looked_in(public, root))
        raise ValueError(f"data set {name!r} is not here: no {looked}. To get it: {public.how_to_get}")
    layout, path = found
    if layout is None:
        return _open_pack(name, path, options)
    return _described(name, path, layout.form, layout.index(name, path, options), options)


@cache
def _open_pack(name: str, path: Path, options: BaseModel | None) -> Dataset:
    pack = PUBLIC[name].pack
    assert pack is not None
    if isinstance(options, FlowersOptions) and options.split == "official":
        pack = replace(pack, split="given")
    index = Index(packs.pack_manifest(name, pack, path), read=partial(_read_pack, path, pack.pixels))
    opened = _described(name, path.parent, "pack", index, options)
    return replace(opened, pixels=pack.pixels, stem=_stem(pack.pixels))


def _read_pack(path: Path, pixels: int, manifest: Manifest) -> np.ndarray:
    return packs.reader(path, pixels).read(manifest.rows["offset"].to_numpy())


def _described(name: str, root: Path, form: str, index: Index, options: BaseModel | None) -> Dataset:
    """What a layout or a pack gave, with what the catalogue knows of the set."""
    public = PUBLIC[name]
    return Dataset(
        name=name,
        manifest=index.manifest,
        mean=public.mean,
        std=public.std,
        terms=public.terms,
        synthetic=False,
        domain=public.domain,
        flip=public.flip,
        stem=_stem(public.pixels),
        pixels=public.pixels,
        read=index.read if index.read is not None else file_reader(root, public.pixels),
        root=root,
        form=form,
        rejects=index.rejects,
        notes=index.notes + public.size_notes(index.manifest, getattr(options, "split", None)),
    )


def _stem(pixels: int) -> Literal["cifar", "imagenet"]:
    return "cifar" if pixels <= 64 else "imagenet"


def _own(kind: str, root: Path, index: Index, options: OwnOptions) -> Dataset:
    return Dataset(
        name=index.manifest.dataset,
        manifest=index.manifest,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        terms=options.terms,
        synthetic=False,
        domain=options.domain,
        flip=options.flip,
        stem=_stem(options.pixels),
        pixels=options.pixels,
        read=file_reader(root, options.pixels),
        root=root,
        form=f"{kind} of own images",
        rejects=index.rejects,
        notes=index.notes,
    )


def _open_folder(options: FolderOptions) -> Dataset:
    root = place_of(options.root, packs.folders())
    return _own(
        "folder", root, index_folder(f"folder-{_own_name(options.name, options.root)}", root), options
    )


def _open_table(options: TableOptions) -> Dataset:
    path = place_of(options.table, packs.folders())
    root = place_of(options.root, packs.folders()) if options.root is not None else path.parent
    name = f"table-{_own_name(options.name, options.table)}"
    return _own("table", root, index_table(name, path, root, options), options)


def _own_name(name: str | None, path: str) -> str:
    return name if name is not None else slug(Path(path).expanduser().absolute().stem) or "images"


def _downloads() -> list[str]:
    """Names of the sets that torchvision can fetch."""
    return [
        name
        for name, public in PUBLIC.items()
        if public.layout is not None and public.layout.download is not None
    ]


def _download(name: str, root: str | Path | None) -> None:
    """Fetch a set into `root`, or into the folder that `NASTRANSFER_DATA` names, unless it is there."""
    layout = PUBLIC[name].layout
    if layout is None or layout.download is None:
        raise ValueError(
            f"data set {name!r} cannot be downloaded, only {_downloads()} can. To get it: {PUBLIC[name].how_to_get}"
        )
    places = packs.folders(root)
    if layout.find(places) is None:
        try:
            places[0].mkdir(parents=True, exist_ok=True)
            layout.download(places[0])
        except (OSError, RuntimeError) as error:
            raise ValueError(
                f"data set {name!r} could not be downloaded into {places[0]}: {error}. Else: {PUBLIC[name].how_to_get}"
            ) from error


def _embedded_row(name: str, where: str, terms: str, domain: str) -> dict[str, Any]:
    row = {"name": name, "present": True, "form": "embedded", "synthetic": name == "glyphs", "domain": domain}
    return row | {"looked_in": where, "terms": terms, "how_to_get": "comes with the installation"}


def _public_row(name: str, root: str | Path | None, count: bool) -> dict[str, Any]:
    public = PUBLIC[name]
    found = _find(public, root)
    row = {
        "name": name,
        "present": found is not None,
        "form": None if found is None else found[0].form if found[0] is not None else "pack",
        "published": sum(public.published.values()),
        "synthetic": False,
        "domain": public.domain,
        "looked_in": ", ".join(_looked_in(public, root)),
        "terms": public.terms,
        "how_to_get": public.how_to_get,
    }
    if found is None or not count:
        return row
    try:
        opened = open_dataset(name, root)
    except ValueError as error:
        return row | {"note": str(error)}
    return row | {"images": opened.manifest.count(), "note": "; ".join(opened.notes) or None}


def _own_row(name: str, call: str, form: str) -> dict[str, Any]:
    return {"name": name, "form": form, "synthetic": False, "domain": "own images", "how_to_get": call}
