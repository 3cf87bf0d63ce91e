"""Any folder of class folders, with or without `train`, `val` and `test` above them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from pydantic import Field

from nastransfer.data.layouts.layout import Index, per_class_80
from nastransfer.data.layouts.listing import list_folders, merged
from nastransfer.data.layouts.own import PART_CODES, OwnOptions


class FolderOptions(OwnOptions):
    """What `open_dataset("folder", ...)` accepts."""

    root: str = Field(
        description="folder of class folders; a relative one is looked for here, then in the folders of data sets"
    )


def index_folder(dataset: str, root: Path) -> Index:
    """Parts as the folders say; without such folders floor(0.8 n) images of every class by key are for training.

    The folders are parts where all of them have names of parts and one is `train`. A set with `train` and `val` only
    is tested on `val`. `ValueError` where there is no folder, no image, or nothing to test on.
    """
    if not root.is_dir():
        raise ValueError(f"{root} is no folder; wanted is a folder of class folders")
    with os.scandir(root) as entries:
        tops = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    if not tops:
        raise ValueError(
            f"{root} has no folder in it; wanted is one folder a class, or train, val and test above them"
        )
    codes = {name: PART_CODES[name.lower()] for name in tops if name.lower() in PART_CODES}
    if len(codes) < len(tops) or 0 not in codes.values():
        found = list_folders(root, None, part=0)
        key = found.keys(dataset)
        part = per_class_80(found.rows["label"].to_numpy().astype(np.int64), key)
        return found.index(dataset, part=part, key=key)
    notes: tuple[str, ...] = ()
    if 2 not in codes.values():
        if 1 not in codes.values():
            raise ValueError(f"{root} has {tops[0]!r} only: put the images to test on into 'test' beside it")
        codes = {name: 2 if code == 1 else code for name, code in codes.items()}
        notes = ("there is no test folder: the val folder is the test part",)
    found = merged([list_folders(root, name, part=code) for name, code in codes.items()])
    return found.index(dataset, notes=notes)
