"""Opens the public sets: in their publisher's layout, else from a pack."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from nastransfer.data import packs
from nastransfer.data.catalogue import PUBLIC
from nastransfer.data.dataset import Dataset
from nastransfer.data.layouts.flowers import FlowersOptions
from nastransfer.data.layouts.layout import Index, Layout
from nastransfer.data.manifest import Manifest
from nastransfer.data.options import SplitOptions


def find_public(name: str, root: str | Path | None) -> tuple[Layout | None, Path] | None:
    """The set's layout and folder, or None and the path of its pack; None where neither is there.

    `root`: as of `open_dataset`. A publisher's layout is taken before a pack.
    """
    public = PUBLIC[name]
    if public.layout is not None:
        found = public.layout.find(packs.folders(root))
        if found is not None:
            return public.layout, found
    path = find_pack(name, root)
    return (None, path) if path is not None else None


def find_pack(name: str, root: str | Path | None) -> Path | None:
    """The path of the set's pack, where there is one; `root` may be the pack itself."""
    pack = PUBLIC[name].pack
    if pack is None or root is None or not Path(root).is_file():
        return packs.find_pack(pack, root) if pack is not None else None
    return Path(root).expanduser().absolute()


def looked_in(name: str, root: str | Path | None) -> list[str]:
    """The folders and files where the set is looked for."""
    public, places = PUBLIC[name], packs.folders(root)
    layouts = public.layout.candidates(places) if public.layout is not None else []
    files = [place / public.pack.file for place in places] if public.pack is not None else []
    return [str(path) for path in (*layouts, *files)]


def open_public(name: str, root: str | Path | None, options: SplitOptions) -> Dataset:
    """Open a public set; `ValueError` with the places looked in where it is not there."""
    found = find_public(name, root)
    if found is None:
        looked = " or ".join(looked_in(name, root))
        raise ValueError(f"data set {name!r} is not here: no {looked}. To get it: {PUBLIC[name].how_to_get}")
    layout, path = found
    if layout is None:
        return _open_pack(name, path, options)
    index = layout.index(name, path, options)
    return _opened(name, path, layout.form, index, options, PUBLIC[name].pixels)


@cache
def _open_pack(name: str, path: Path, options: SplitOptions) -> Dataset:
    pack = PUBLIC[name].pack
    assert pack is not None
    if isinstance(options, FlowersOptions) and options.split == "official":
        pack = replace(pack, split="given")
    index = Index(packs.pack_manifest(name, pack, path), read=partial(_read_pack, path, pack.pixels))
    return _opened(name, path.parent, "pack", index, options, pack.pixels)


def _read_pack(path: Path, pixels: int, manifest: Manifest) -> np.ndarray:
    return packs.reader(path, pixels).read(manifest.rows["offset"].to_numpy())


def _opened(name: str, root: Path, form: str, index: Index, options: SplitOptions, pixels: int) -> Dataset:
    """What a layout or a pack gave, with what the catalogue knows of the set."""
    public = PUBLIC[name]
    return index.opened(
        root,
        form=form,
        pixels=pixels,
        flip=public.flip,
        mean=public.mean,
        std=public.std,
        domain=public.domain,
        terms=public.terms,
        notes=public.size_notes(index.manifest, getattr(options, "split", None)),
    )


def downloads() -> list[str]:
    """Names of the sets that torchvision can fetch."""
    return [
        name
        for name, public in PUBLIC.items()
        if public.layout is not None and public.layout.download is not None
    ]


def download(name: str, root: str | Path | None) -> None:
    """Fetch a set into `root`, or into the folder that `NASTRANSFER_DATA` names, unless it is there."""
    layout = PUBLIC[name].layout
    if layout is None or layout.download is None:
        raise ValueError(
            f"data set {name!r} cannot be downloaded, only {downloads()} can. To get it: {PUBLIC[name].how_to_get}"
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
