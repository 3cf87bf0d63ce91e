"""Manifests from published class counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from nastransfer.data.packs import folders
from nastransfer.data.planned import FILES, planned_manifest


def write(folder: Path, name: str, *lines: str) -> Path:
    (folder / FILES[name]).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_imagenet1k_has_50_test_images_a_class(tmp_path: Path) -> None:
    manifest = planned_manifest(
        "imagenet1k", write(tmp_path, "imagenet1k", "wnid,count", "n1,732", "n2,1300")
    )
    assert manifest is not None and manifest.classes == ("n1", "n2") and manifest.dataset == "imagenet1k"
    assert manifest.count_matrix().tolist() == [[732, 0, 50], [1300, 0, 50]]
    assert manifest.rows["key"].n_unique() == len(manifest) == 2132


def test_imagenet22k_is_cut_at_seven_and_a_half_to_seven(tmp_path: Path) -> None:
    manifest = planned_manifest("imagenet22k", write(tmp_path, "imagenet22k", "wnid,count", "n1,145", "n2,1"))
    assert manifest is not None and manifest.count_matrix().tolist() == [[75, 0, 70], [1, 0, 0]]


def test_mit67_is_counted_in_its_lists(tmp_path: Path) -> None:
    lines = ("path,class,split", "bar/a.jpg,bar,train", "attic/b.jpg,attic,test", "bar/c.jpg,bar,train")
    manifest = planned_manifest("mit67", write(tmp_path, "mit67", *lines))
    assert manifest is not None and manifest.classes == ("attic", "bar")
    assert manifest.count_matrix().tolist() == [[0, 0, 1], [2, 0, 0]]


def test_what_is_not_there(tmp_path: Path) -> None:
    assert planned_manifest("imagenet1k", tmp_path) is None
    assert planned_manifest("cifar10", tmp_path) is None


@pytest.mark.parametrize(
    ("name", "classes", "train", "test"), [("imagenet1k", 1000, 1_281_167, 50_000), ("mit67", 67, 5360, 1340)]
)
def test_real_counts(name: str, classes: int, train: int, test: int) -> None:
    manifest = planned_manifest(name)
    if manifest is None:
        pytest.skip(f"no {FILES[name]} in {[str(folder) for folder in folders()]}")
    assert (len(manifest.classes), manifest.count("train"), manifest.count("test")) == (classes, train, test)
