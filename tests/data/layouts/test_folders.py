"""Any folder of class folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nastransfer as nt
from nastransfer.data.datasets import label_of, open_dataset
from tests.publishers import jpeg, write_files

TINY = jpeg(np.full((12, 9, 3), 70, np.uint8))


def write(root: Path, *paths: str) -> None:
    write_files(root, ((path, TINY) for path in paths))


def test_class_folders_alone_are_cut_80_to_20(tmp_path: Path) -> None:
    root = tmp_path / "My Photos"
    write(
        root,
        *(f"{name}/{n}.jpg" for name, size in (("cat", 10), ("dog", 5), ("ünïcode", 1)) for n in range(size)),
    )
    write(root, ".cache/left.jpg")
    data = nt.folder(root)
    assert data.classes == ("cat", "dog", "ünïcode") and data.name == "folder-my-photos"
    assert data.manifest.count_matrix().tolist() == [[8, 0, 2], [4, 0, 1], [0, 0, 1]]
    images, _ = data.read_images(resolution=4)
    assert images.shape == (16, 3, 4, 4) and np.abs(images.astype(int) - 70).max() <= 2
    assert (data.pixels, data.stem, data.root, data.form) == (224, "imagenet", root, "folder of own images")
    again = open_dataset("folder", root=str(root))
    assert again.manifest.hash == data.manifest.hash


@pytest.mark.parametrize(
    ("folders", "parts"),
    [
        (("train", "val", "test"), [2, 2, 2]),
        (("train", "test"), [2, 0, 2]),
        (("Train", "validation", "TEST"), [2, 2, 2]),
        (("train", "val"), [2, 0, 2]),
    ],
)
def test_folders_of_parts(tmp_path: Path, folders: tuple[str, ...], parts: list[int]) -> None:
    write(tmp_path, *(f"{top}/{name}/{n}.png" for top in folders for name in ("a", "b") for n in range(2)))
    data = nt.folder(tmp_path, name="mine", pixels=8, flip=False, domain="squares")
    assert data.manifest.count_matrix().tolist() == [parts, parts]
    assert (data.name, data.stem, data.flip, data.domain) == ("folder-mine", "cifar", False, "squares")
    assert data.notes == (
        ("there is no test folder: the val folder is the test part",)
        if parts[1:] == [0, 2] and "val" in folders
        else ()
    )
    for row in data.manifest.rows.iter_rows(named=True):
        assert (tmp_path / row["container"] / row["name"]).is_file()


def test_classes_of_all_parts_are_one_list(tmp_path: Path) -> None:
    write(tmp_path, "train/b/1.jpg", "train/c/1.jpg", "test/a/1.jpg", "test/c/1.jpg")
    data = nt.folder(tmp_path)
    assert data.manifest.counts().select("class", "train", "test").rows() == [
        ("a", 0, 1),
        ("b", 1, 0),
        ("c", 1, 1),
    ]


def test_a_class_called_train_is_a_class(tmp_path: Path) -> None:
    write(tmp_path, "train/1.jpg", "bus/1.jpg")
    assert nt.folder(tmp_path).classes == ("bus", "train")


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ((), "has no folder in it; wanted is one folder a class, or train, val and test above them"),
        (("1.jpg", "2.jpg"), "has no folder in it"),
        (("train/a/1.jpg",), "has 'train' only: put the images to test on into 'test' beside it"),
        (("a/readme.txt",), "has no image in class folders: wanted is .*/<class>/<image>"),
        (("train/a/1.jpg", "test/readme.txt"), "test has no image in class folders"),
        (("train/Cat/1.jpg", "test/cat/1.jpg"), "differ in more than case.*: 'Cat' and 'cat'"),
    ],
)
def test_folders_that_are_no_set(tmp_path: Path, paths: tuple[str, ...], message: str) -> None:
    write(tmp_path, *paths)
    with pytest.raises(ValueError, match=message):
        nt.folder(tmp_path)


def test_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "sets" / "birds", "wren/1.jpg", "wren/2.jpg")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("NASTRANSFER_DATA", str(tmp_path / "sets"))
    assert nt.folder("birds").root == tmp_path / "sets" / "birds"
    with pytest.raises(ValueError, match=r"'fish' is not here: no .*/here/fish or .*/sets/fish"):
        nt.folder("fish")
    (tmp_path / "here" / "file").touch()
    with pytest.raises(ValueError, match="file is no folder; wanted is a folder of class folders"):
        nt.folder("file")


def test_options(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"root\n.*Field required"):
        open_dataset("folder")
    with pytest.raises(ValueError, match=r"colour\n.*not permitted"):
        nt.folder(tmp_path, colour=True)
    with pytest.raises(ValueError, match="a name has lower-case letters, digits"):
        nt.folder(tmp_path, name="My Set")
    with pytest.raises(
        ValueError, match=r"'folder' cannot be downloaded, only .*'cifar10', 'cifar100', 'flowers102'"
    ):
        open_dataset("folder", root=tmp_path, download=True)
    assert label_of("folder", {"root": "/data/My Photos"}) == "folder-my-photos"
    assert (
        label_of("folder", {"root": "/data/x", "name": "mine", "pixels": 32, "terms": "CC0"})
        == "folder-mine-pixels32"
    )
