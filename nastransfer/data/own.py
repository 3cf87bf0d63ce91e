"""Opens folders and tables of own images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nastransfer.data import packs
from nastransfer.data.catalogue import IMAGENET_MEAN, IMAGENET_STD
from nastransfer.data.dataset import Dataset
from nastransfer.data.layouts.folders import FolderOptions, index_folder
from nastransfer.data.layouts.layout import Index
from nastransfer.data.layouts.own import OwnOptions, place_of, slug
from nastransfer.data.layouts.tables import TableOptions, index_table

# Kinds of own sets, and the option that says where their images or table are.
OWN: dict[str, type[OwnOptions]] = {"folder": FolderOptions, "table": TableOptions}
_PLACE = {"folder": "root", "table": "table"}


def open_own(kind: str, values: Mapping[str, Any]) -> Dataset:
    """Open a folder or table from the values of its options; `ValueError` where it is not there or no set."""
    name = own_name(kind, values)
    if kind == "folder":
        options = FolderOptions(**values)
        root = place_of(options.root, packs.folders())
        return _opened(kind, root, index_folder(name, root), options)
    given = TableOptions(**values)
    path = place_of(given.table, packs.folders())
    root = place_of(given.root, packs.folders()) if given.root is not None else path.parent
    return _opened(kind, root, index_table(name, path, root, given), given)


def own_name(kind: str, values: Mapping[str, Any]) -> str:
    """`folder-` or `table-` and the name given, or else the folder's or table's own, as a short name."""
    place = Path(str(values.get(_PLACE[kind], ""))).expanduser().absolute()
    return f"{kind}-{values.get('name') or slug(place.stem) or 'images'}"


def _opened(kind: str, root: Path, index: Index, options: OwnOptions) -> Dataset:
    opened = index.opened(
        root,
        form=f"{kind} of own images",
        pixels=options.pixels,
        flip=options.flip,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        domain=options.domain,
        terms=options.terms,
    )
    return replace(opened, own=True)
