"""ImageNet1K (ILSVRC 2012) and ImageNet22K (fall 2011), as class folders or in the tars they are published in.

https://image-net.org; tars are read in place. ImageNet1K is `train` and `val`, or `ILSVRC2012_img_train.tar` and
`ILSVRC2012_img_val.tar`; the class of the 50,000 validation images is their folder or, where they lie in `val` as
published, or in their tar, in the development kit beside (`ILSVRC2012_devkit_t12`, or its .tar.gz).
"""

from __future__ import annotations

import os
import re
import tarfile
import zlib
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from nastransfer.data.dataset import REJECT_SCHEMA
from nastransfer.data.layouts.archives import list_class_tars, list_one_tar, list_tar_of_tars
from nastransfer.data.layouts.layout import Index, Layout, need
from nastransfer.data.layouts.listing import Found, list_folders, merged
from nastransfer.data.layouts.matlab import read_matlab
from nastransfer.data.manifest import PART, PARTS
from nastransfer.data.options import StandardOptions
from nastransfer.data.splits import rank_within

# Table 1 of the NASTransfer paper: 7.5 million training and 7 million test images; methods.md AMB-20.
TEST_SHARE = 7.0 / 14.5
_CLASS, _CLASS_TAR = re.compile(r"n\d{8}(\.tar)?"), re.compile(r"n\d{8}\.tar")
_TRAIN_TAR, _VAL_TAR = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
_FLAT = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")
_KIT, _KIT_TAR, _META = "ILSVRC2012_devkit_t12/data", "ILSVRC2012_devkit_t12.tar.gz", "meta.mat"
_TRUTH = "ILSVRC2012_validation_ground_truth.txt"


def _index_1k(dataset: str, root: Path, _options: StandardOptions) -> Index:
    """The val folder is the test part: it is what ImageNet's accuracies are reported on."""
    need(root, {"train": "class folders"} if not (root / _TRAIN_TAR).is_file() else {})
    if _has_wnids(root / "train"):
        found, forms = [list_classes(root, "train")], ["train"]
    else:
        found, forms = [list_tar_of_tars(root, _TRAIN_TAR, "train", part=0)], [_TRAIN_TAR]
    if (root / "val").is_dir():
        found.append(_flat_val(root) if _is_flat(root / "val") else list_classes(root, "val", part=2))
        forms.append("val")
    elif (root / _VAL_TAR).is_file():
        found.append(_val_tar(root))
        forms.append(_VAL_TAR)
    notes = tuple(
        f"{file} is here too and not used: {folder} is"
        for file, folder in ((_TRAIN_TAR, "train"), (_VAL_TAR, "val"))
        if folder in forms and (root / file).is_file()
    )
    index = merged(found).index(dataset, notes=notes)
    return index if index.manifest.rows["offset"].null_count() else replace(index, form="tars")


def _is_flat(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(_FLAT.fullmatch(entry.name) for entry in islice(entries, 100))


def _flat_val(root: Path) -> Found:
    names = sorted(path.name for path in (root / "val").iterdir())
    rows = pl.DataFrame({"name": names}, schema={"name": pl.String})
    return _labelled_val(root, "val", rows.with_columns(reason=pl.lit(None, pl.String)))


def _val_tar(root: Path) -> Found:
    return _labelled_val(root, _VAL_TAR, list_one_tar(root, _VAL_TAR))


def _labelled_val(root: Path, container: str, rows: pl.DataFrame) -> Found:
    """Images with numbers in their names, which the development kit has the classes of.

    rows: columns name and reason (null for what may be an image); of a tar's members also offset and length.
    """
    wnids = _classes_of_val(root, container)
    number = rows["name"].str.extract(r"(?:^|/)ILSVRC2012_val_(\d{8})\.JPEG$").cast(pl.Int64)
    known = number.is_between(1, len(wnids)).fill_null(value=False) & rows["reason"].is_null()
    reason = pl.lit(f"not one of ILSVRC2012_val_00000001.JPEG to {len(wnids):08d}")
    rejects = rows.filter(~known).select(
        pl.lit(None, pl.String).alias("class"),
        pl.lit("test", PART).alias("part"),
        pl.lit(container).alias("container"),
        "name",
        pl.coalesce("reason", reason).alias("reason"),
    )
    images, classes = rows.filter(known), sorted(set(wnids))
    names = pl.Series(wnids).gather(number.filter(known) - 1)
    label = names.cast(pl.Enum(classes)).to_physical().to_numpy().astype(np.uint32)
    found = Found.of(tuple(classes), label, 2, container, images["name"], rejects)
    file = images["name"].str.extract(r"([^/]*)$")
    more = [images[column] for column in ("offset", "length") if column in images.columns]
    # One key an image, whichever way the validation images lie.
    return replace(found, rows=found.rows.with_columns(("val/" + names + "/" + file).alias("path"), *more))


def _classes_of_val(root: Path, container: str) -> list[str]:
    """The WordNet id of each validation image, by number; `ValueError` where the development kit is not there."""
    kit, packed = root / _KIT, root / _KIT_TAR
    content: dict[str, bytes] = {}
    if (kit / _TRUTH).is_file() and (kit / _META).is_file():
        content = {name: (kit / name).read_bytes() for name in (_TRUTH, _META)}
    elif packed.is_file():
        kit, content = packed / _KIT, _unpacked_kit(packed)
    if len(content) < 2:
        raise ValueError(
            f"{root / container} holds images without class folders, and {kit} has no {_TRUTH} and {_META} that say "
            f"their classes: put {_KIT_TAR} there, or unpack it, or sort the images into class folders"
        )
    wnids = _wnids(kit / _META, content[_META])
    truth = [int(line) for line in content[_TRUTH].decode("ascii").split()]
    unknown = sorted({number for number in truth if number not in wnids})
    if unknown:
        raise ValueError(
            f"{kit / _TRUTH}: {kit / _META} has no class {unknown[0]}, it has {len(wnids)} classes"
        )
    return [wnids[number] for number in truth]


def _unpacked_kit(path: Path) -> dict[str, bytes]:
    """The two files of the development kit's own archive, by name; those that are not in it are missing."""
    found = {}
    try:
        with tarfile.open(path) as archive:
            for name in (_TRUTH, _META):
                member = archive.extractfile(f"{_KIT}/{name}")
                if member is not None:
                    found[name] = member.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as a tar: {error}: get it anew") from error
    except KeyError:
        return {}
    return found


def _wnids(path: Path, content: bytes) -> dict[int, str]:
    """The development kit's number of each of the 1,000 classes -> its WordNet id."""
    synsets = read_matlab(path, "synsets", content)
    fields = ("ILSVRC2012_ID", "WNID", "num_children")
    if not set(fields) <= set(synsets.dtype.names or ()):
        raise ValueError(f"{path}: 'synsets' must have the fields {list(fields)}, got {synsets.dtype.names}")
    rows = zip(*(np.atleast_1d(synsets)[field].tolist() for field in fields), strict=True)
    return {int(number): str(wnid) for number, wnid, children in rows if children == 0}


def _index_22k(dataset: str, root: Path, _options: StandardOptions) -> Index:
    """Of every class round(7.0 / 14.5 n) images by key are the test part (half to even), the rest the train part."""
    found = list_classes(root, None)
    key = found.keys(dataset)
    label = found.rows["label"].to_numpy().astype(np.int64)
    sizes = np.bincount(label, minlength=len(found.classes))
    tests = np.rint(sizes * TEST_SHARE).astype(np.int64)
    part = np.where(rank_within(label, key) < (sizes - tests)[label], np.uint8(0), np.uint8(2))
    index = found.index(dataset, part=part, key=key)
    return replace(index, form="one tar a class") if "path" in found.rows.columns else index


def list_classes(root: Path, folder: str | None, part: int = 0) -> Found:
    """The images in class folders, or in tars, one a class: in the form that more classes have, the other is a reject.

    `ValueError` where there is no image.
    """
    place = root if folder is None else root / folder
    with os.scandir(place) as entries:
        found = [(entry.name, entry.is_dir()) for entry in entries]
    tars = [name for name, is_folder in found if _CLASS_TAR.fullmatch(name) and not is_folder]
    folders = [name for name, is_folder in found if is_folder and not name.startswith(".")]
    if len(folders) >= len(tars):
        return list_folders(root, folder, part=part)
    taken = list_class_tars(root, folder, tars, part)
    reason = f"not a tar as {len(tars)} others here: have all classes in one form"
    others = [
        (None, PARTS[part], name if folder is None else f"{folder}/{name}", None, reason)
        for name in sorted({name for name, _ in found} - {*tars})
    ]
    rejects = pl.concat([taken.rejects, pl.DataFrame(others, schema=REJECT_SCHEMA, orient="row")])
    return replace(taken, rejects=rejects)


def _has_wnids(folder: Path) -> bool:
    """Whether there are class folders, or tars of classes."""
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(_CLASS.fullmatch(entry.name) for entry in islice(entries, 1_000))


IMAGENET1K = Layout(
    form="class folders in train and val",
    folders=("imagenet1k", "imagenet", "ILSVRC2012", "ILSVRC/Data/CLS-LOC"),
    found=lambda root: _has_wnids(root / "train") or (root / _TRAIN_TAR).is_file(),
    index=_index_1k,
)
IMAGENET22K = Layout(
    form="class folders",
    folders=("imagenet22k", "imagenet21k", "fall11_whole"),
    found=_has_wnids,
    index=_index_22k,
)
