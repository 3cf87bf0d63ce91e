"""ImageNet as unpacked into class folders: ImageNet1K (ILSVRC 2012) with `train` and `val`, ImageNet22K (fall 2011).

https://image-net.org; the class of the 50,000 validation images is their folder or, where they lie in `val` as
published, in the development kit (`ILSVRC2012_devkit_t12/data/`) that lies beside `val`.
"""

from __future__ import annotations

import os
import re
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from nastransfer.data.dataset import REJECT_SCHEMA
from nastransfer.data.layouts.layout import Index, Layout, need
from nastransfer.data.layouts.listing import Found, list_folders, merged
from nastransfer.data.layouts.matlab import read_matlab
from nastransfer.data.options import StandardOptions
from nastransfer.data.splits import rank_within

# Table 1 of the NASTransfer paper: 7.5 million training and 7 million test images; methods.md AMB-20.
TEST_SHARE = 7.0 / 14.5
_WNID = re.compile(r"n\d{8}")
_FLAT = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")
_KIT = "ILSVRC2012_devkit_t12/data"
_TRUTH = "ILSVRC2012_validation_ground_truth.txt"


def _index_1k(dataset: str, root: Path, _options: StandardOptions) -> Index:
    """The val folder is the test part: it is what ImageNet's accuracies are reported on."""
    need(root, {"train": "class folders"})
    found = [list_folders(root, "train", part=0)]
    if (root / "val").is_dir():
        flat = _is_flat(root / "val")
        found.append(_flat_val(root) if flat else list_folders(root, "val", part=2))
    return merged(found).index(dataset)


def _is_flat(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(_FLAT.fullmatch(entry.name) for entry in islice(entries, 100))


def _flat_val(root: Path) -> Found:
    kit = root / _KIT
    if not (kit / _TRUTH).is_file() or not (kit / "meta.mat").is_file():
        raise ValueError(
            f"{root / 'val'} holds images without class folders, and {kit} has no {_TRUTH} and meta.mat that say their "
            "classes: unpack ILSVRC2012_devkit_t12.tar.gz there, or sort the images into class folders"
        )
    wnids = _wnids(kit / "meta.mat")
    truth = [int(line) for line in (kit / _TRUTH).read_text(encoding="ascii").split()]
    unknown = sorted({number for number in truth if number not in wnids})
    if unknown:
        raise ValueError(
            f"{kit / _TRUTH}: {kit / 'meta.mat'} has no class {unknown[0]}, it has {len(wnids)} classes"
        )
    names, numbers, others = [], [], []
    for name in sorted(path.name for path in (root / "val").iterdir()):
        match = _FLAT.fullmatch(name)
        if match is not None and 1 <= int(match[1]) <= len(truth):
            names.append(name)
            numbers.append(int(match[1]))
        else:
            others.append(name)
    reason = f"not one of ILSVRC2012_val_00000001.JPEG to {len(truth):08d}"
    rejects = pl.DataFrame(
        [{"part": "test", "container": "val", "name": name, "reason": reason} for name in others],
        schema=REJECT_SCHEMA,
    )
    classes = sorted({wnids[number] for number in truth})
    place = {wnid: index for index, wnid in enumerate(classes)}
    label = np.array([place[wnids[truth[number - 1]]] for number in numbers], np.uint32)
    return Found.of(tuple(classes), label, 2, "val", pl.Series(names, dtype=pl.String), rejects)


def _wnids(path: Path) -> dict[int, str]:
    """The development kit's number of each of the 1,000 classes -> its WordNet id."""
    synsets = read_matlab(path, "synsets")
    fields = ("ILSVRC2012_ID", "WNID", "num_children")
    if not set(fields) <= set(synsets.dtype.names or ()):
        raise ValueError(f"{path}: 'synsets' must have the fields {list(fields)}, got {synsets.dtype.names}")
    rows = zip(*(np.atleast_1d(synsets)[field].tolist() for field in fields), strict=True)
    return {int(number): str(wnid) for number, wnid, children in rows if children == 0}


def _index_22k(dataset: str, root: Path, _options: StandardOptions) -> Index:
    """Of every class round(7.0 / 14.5 n) images by key are the test part (half to even), the rest the train part."""
    found = list_folders(root, None, part=0)
    key = found.keys(dataset)
    label = found.rows["label"].to_numpy().astype(np.int64)
    sizes = np.bincount(label, minlength=len(found.classes))
    tests = np.rint(sizes * TEST_SHARE).astype(np.int64)
    part = np.where(rank_within(label, key) < (sizes - tests)[label], np.uint8(0), np.uint8(2))
    return found.index(dataset, part=part, key=key)


def _has_wnids(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(_WNID.fullmatch(entry.name) for entry in islice(entries, 1_000))


IMAGENET1K = Layout(
    form="class folders in train and val",
    folders=("imagenet1k", "imagenet", "ILSVRC2012", "ILSVRC/Data/CLS-LOC"),
    found=lambda root: _has_wnids(root / "train"),
    index=_index_1k,
)
IMAGENET22K = Layout(
    form="class folders",
    folders=("imagenet22k", "imagenet21k", "fall11_whole"),
    found=_has_wnids,
    index=_index_22k,
)
