"""ImageNet in class folders: train and val, val as published with the development kit, and one folder a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from nastransfer.data.datasets import open_dataset
from tests.publishers import jpeg, write_devkit, write_files

WNIDS = ["n01440764", "n01443537", "n02084071", "n09835506"]
TINY = jpeg(np.full((4, 5, 3), 90, np.uint8))
TRAIN = [f"train/{wnid}/{wnid}_{n}.JPEG" for wnid in WNIDS for n in range(3)]
VAL = [f"ILSVRC2012_val_{n + 1:08d}.JPEG" for n in range(8)]
# The kit numbers classes in an order of its own; image n + 1 is of class TRUTH[n].
KIT = ["n02084071", "n09835506", "n01440764", "n01443537"]
TRUTH = [1, 2, 3, 4, 4, 1, 2, 3]
CLASS = [KIT[number - 1] for number in TRUTH]


def parts_of(root: Path) -> dict[str, tuple[str, str]]:
    """File name -> (class, part) of every image."""
    data = open_dataset("imagenet1k", root=root)
    rows = data.manifest.rows.iter_rows(named=True)
    return {row["name"]: (data.classes[row["label"]], row["part"]) for row in rows}


def test_val_in_class_folders_is_the_test_part(tmp_path: Path) -> None:
    vals = [f"val/{wnid}/{name}" for wnid, name in zip(CLASS, VAL, strict=True)]
    write_files(tmp_path / "imagenet1k", ((path, TINY) for path in (*TRAIN, *vals)))
    data = open_dataset("imagenet1k", root=tmp_path)
    assert data.classes == tuple(sorted(WNIDS)) and data.form == "class folders in train and val"
    assert data.manifest.counts()["train"].to_list() == [3] * 4
    assert data.manifest.counts()["test"].to_list() == [2] * 4
    assert data.notes == (
        "12 images in train, published are 1,281,167",
        "8 images in test, published are 50,000",
    )
    assert (data.pixels, data.stem, "research" in data.terms) == (224, "imagenet", True)
    images, labels = data.read_images(data.manifest.part("test"), resolution=8)
    assert images.shape == (8, 3, 8, 8) and np.abs(images.astype(int) - 90).max() <= 2
    assert np.bincount(labels).tolist() == [2, 2, 2, 2]
    assert data.manifest.rows["key"].is_unique().all()


def test_val_as_published_with_the_development_kit(tmp_path: Path) -> None:
    write_files(tmp_path, ((path, TINY) for path in (*TRAIN, *(f"val/{name}" for name in VAL))))
    with pytest.raises(
        ValueError, match=r"val holds images without class folders, and .*devkit_t12/data has no ILSVRC"
    ):
        open_dataset("imagenet1k", root=tmp_path)
    write_devkit(tmp_path, KIT, TRUTH)
    write_files(tmp_path, {"val/ILSVRC2012_val_00000009.JPEG": TINY, "val/notes.txt": b"hello"})
    found = parts_of(tmp_path)
    assert {name: found[name] for name in VAL} == {n: (c, "test") for n, c in zip(VAL, CLASS, strict=True)}
    assert len(found) == len(TRAIN) + len(VAL)
    rejects = open_dataset("imagenet1k", root=tmp_path).rejects
    assert rejects["name"].to_list() == ["ILSVRC2012_val_00000009.JPEG", "notes.txt"]
    assert rejects["reason"][0] == "not one of ILSVRC2012_val_00000001.JPEG to 00000008"


def test_both_forms_of_val_are_the_same_set(tmp_path: Path) -> None:
    vals = [f"val/{wnid}/{name}" for wnid, name in zip(CLASS, VAL, strict=True)]
    write_files(tmp_path / "sorted", ((path, TINY) for path in (*TRAIN, *vals)))
    write_files(tmp_path / "flat", ((path, TINY) for path in (*TRAIN, *(f"val/{name}" for name in VAL))))
    write_devkit(tmp_path / "flat", KIT, TRUTH)
    assert parts_of(tmp_path / "sorted") == parts_of(tmp_path / "flat")


def test_a_broken_kit(tmp_path: Path) -> None:
    write_files(tmp_path, ((path, TINY) for path in (*TRAIN, *(f"val/{name}" for name in VAL))))
    write_devkit(tmp_path, KIT, [*TRUTH, 5])
    with pytest.raises(ValueError, match=r"ground_truth\.txt: .*meta\.mat has no class 5, it has 4 classes"):
        open_dataset("imagenet1k", root=tmp_path)
    (tmp_path / "ILSVRC2012_devkit_t12" / "data" / "meta.mat").write_bytes(b"no matrix")
    with pytest.raises(ValueError, match=r"meta\.mat is no MATLAB file with 'synsets'"):
        open_dataset("imagenet1k", root=tmp_path)
    savemat(tmp_path / "ILSVRC2012_devkit_t12" / "data" / "meta.mat", {"synsets": np.arange(3)})
    with pytest.raises(ValueError, match=r"'synsets' must have the fields \['ILSVRC2012_ID', .*got None"):
        open_dataset("imagenet1k", root=tmp_path)


def test_without_val_the_missing_part_is_said(tmp_path: Path) -> None:
    write_files(tmp_path, ((path, TINY) for path in TRAIN))
    assert open_dataset("imagenet1k", root=tmp_path).notes[1] == "0 images in test, published are 50,000"
    (tmp_path / "val").mkdir()
    with pytest.raises(ValueError, match="val has no image in class folders"):
        open_dataset("imagenet1k", root=tmp_path)


def test_imagenet22k_is_cut_class_by_class(tmp_path: Path) -> None:
    sizes = {"n00004475": 1, "n00005787": 2, "n00006024": 29, "n00006484": 58, "n00007846": 145}
    for wnid, size in sizes.items():
        write_files(tmp_path / "fall11_whole", ((f"{wnid}/{wnid}_{n}.JPEG", TINY) for n in range(size)))
    data = open_dataset("imagenet22k", root=tmp_path)
    assert data.classes == tuple(sizes) and data.form == "class folders"
    counts = data.manifest.counts()
    # 7.5 : 7.0 of 1, 2, 29, 58 and 145 images.
    assert counts["test"].to_list() == [0, 1, 14, 28, 70]
    assert counts["train"].to_list() == [1, 1, 15, 30, 75]
    # An image keeps its place in the order of keys, so one more image moves at most one other to another part.
    before = dict(data.manifest.rows.select("name", "part").iter_rows())
    write_files(tmp_path / "fall11_whole", {"n00007846/one_more.JPEG": TINY})
    after = dict(open_dataset("imagenet22k", root=tmp_path).manifest.rows.select("name", "part").iter_rows())
    assert sum(after[name] != part for name, part in before.items()) <= 1
