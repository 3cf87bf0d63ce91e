"""MIT67 indoor scenes as published: `Images/<class>/`, `TrainImages.txt`, `TestImages.txt` (Quattoni, Torralba 2009).

https://web.mit.edu/torralba/www/indoor.html
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field

from nastransfer.data.layouts.layout import Index, Layout, missing_note, need, per_class_80
from nastransfer.data.layouts.listing import list_folders
from nastransfer.data.options import OTHER_SPLIT_SAYS, SplitOptions

_LISTS = {"TrainImages.txt": 0, "TestImages.txt": 2}


class Mit67Options(SplitOptions):
    """Options of `mit67`."""

    split: Literal["official", "nas_benchmark", "40-40-20"] = Field(
        default="official",
        description="official: the publisher's lists, 80 training and about 20 test images a class (5,360 and 1,340); "
        "nas_benchmark: all 15,620 images, of every class 80% by key for training, the rest for testing; "
        f"{OTHER_SPLIT_SAYS}: of the images of the official lists",
    )


def _index(dataset: str, root: Path, options: Mit67Options) -> Index:
    official = options.split != "nas_benchmark"
    need(
        root,
        {"Images": "folders of images"} | (dict.fromkeys(_LISTS, "a list of images") if official else {}),
    )
    found = list_folders(root, "Images", part=0)
    key = found.keys(dataset)
    if not official:
        part = per_class_80(found.rows["label"].to_numpy().astype(np.int64), key)
        return found.index(dataset, part=part, key=key)
    wanted = _lists(root)
    rows = found.rows.drop("part").with_columns(path=found.paths, key=pl.Series(key))
    lost = wanted.join(rows, on="path", how="anti")["path"].to_list()
    rows = rows.join(wanted, on="path", how="inner", maintain_order="left")
    chosen = replace(found, rows=rows.select("label", "part", "container", "name"))
    notes = missing_note(lost, len(wanted), "images of the lists")
    return chosen.index(dataset, key=rows["key"].to_numpy(), notes=notes)


def _lists(root: Path) -> pl.DataFrame:
    """Columns path (`Images/<class>/<file>`) and part (its code), from both lists."""
    tables = []
    for name, code in _LISTS.items():
        lines = [
            line.strip() for line in (root / name).read_text(encoding="utf-8").splitlines() if line.strip()
        ]
        bad = [line for line in lines if len(line.split("/")) != 2 or line.startswith("../")]
        if bad:
            raise ValueError(f"{root / name}: a line must be <class>/<file>, got {bad[0]!r}")
        tables.append(
            pl.DataFrame({"path": [f"Images/{line}" for line in lines], "part": [code] * len(lines)})
        )
    both = pl.concat(tables)
    twice = both.filter(pl.col("path").is_duplicated())["path"]
    if len(twice):
        raise ValueError(
            f"{root}: an image must stand once in {' and '.join(_LISTS)}, {twice[0]!r} stands twice"
        )
    return both


def _found(root: Path) -> bool:
    return (root / "Images").is_dir() and (
        any((root / name).is_file() for name in _LISTS) or (root / "Images" / "airport_inside").is_dir()
    )


LAYOUT = Layout(
    form="Images/<class>, TrainImages.txt, TestImages.txt",
    folders=("mit67", "MIT67", "indoorCVPR_09", "mit_indoor"),
    found=_found,
    index=_index,
)
