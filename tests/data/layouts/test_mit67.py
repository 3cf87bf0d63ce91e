"""MIT67 as published: the official lists over a tree of tiny images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nastransfer.data.datasets import Dataset, open_dataset
from nastransfer.data.packs import folders
from tests.publishers import jpeg, write_files

TRAIN = [f"{name}/{name}_{n}.jpg" for name in ("bar", "Bedroom", "cloister") for n in range(4)]
TESTS = [f"{name}/test {n}.jpg" for name in ("bar", "Bedroom", "cloister") for n in range(2)]
SPARE = ["bar/unlisted.jpg", "cloister/unlisted.jpg"]


def write_mit67(root: Path, train: list[str], tests: list[str], spare: list[str]) -> None:
    tiny = jpeg(np.full((4, 5, 3), 90, np.uint8))
    write_files(root / "Images", ((path, tiny) for path in (*train, *tests, *spare)))
    for name, paths in (("TrainImages.txt", train), ("TestImages.txt", tests)):
        (root / name).write_text("\r\n".join(paths) + "\n", encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_mit67(tmp_path / "mit67", TRAIN, TESTS, SPARE)
    return tmp_path / "mit67"


def paths_of(data: Dataset, part: str) -> set[str]:
    rows = data.manifest.part(part).rows
    return {f"{row['container']}/{row['name']}".removeprefix("Images/") for row in rows.iter_rows(named=True)}


def test_the_official_lists_are_the_parts(root: Path) -> None:
    data = open_dataset("mit67", root=root.parent)
    assert (paths_of(data, "train"), paths_of(data, "test")) == (set(TRAIN), set(TESTS))
    assert sorted(data.classes) == ["Bedroom", "bar", "cloister"] and data.root == root
    for row in data.manifest.rows.iter_rows(named=True):
        assert data.classes[row["label"]] == row["container"].removeprefix("Images/")
    assert data.image(data.manifest.rows.row(0, named=True)).shape == (4, 5, 3)
    assert data.notes == ("12 images in train, published are 5,360", "6 images in test, published are 1,340")


def test_all_images_by_option(root: Path) -> None:
    data = open_dataset("mit67", root=root, split="nas_benchmark")
    assert data.manifest.count_matrix().tolist() == [
        [5, 0, 2] if "B" not in name else [4, 0, 2] for name in data.classes
    ]
    assert set(SPARE) <= paths_of(data, "train") | paths_of(data, "test")
    assert data.notes == ("20 images in all, published are 15,620",)


def test_images_of_the_lists_that_are_not_there_are_said(root: Path) -> None:
    (root / "Images" / "bar" / "bar_2.jpg").unlink()
    data = open_dataset("mit67", root=root)
    assert data.notes[0] == "1 of the 18 images of the lists are missing, such as Images/bar/bar_2.jpg"
    assert data.manifest.count("train") == 11


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "../../secret/a.jpg",
            r"TestImages\.txt: a line must be <class>/<file>, got '\.\./\.\./secret/a\.jpg'",
        ),
        ("../a.jpg", "a line must be <class>/<file>"),
        ("/etc/a.jpg", "a line must be <class>/<file>"),
        ("bar.jpg", "a line must be <class>/<file>, got 'bar.jpg'"),
        (
            "bar/bar_1.jpg",
            r"an image must stand once in TrainImages\.txt and TestImages\.txt, 'Images/bar/bar_1\.jpg'",
        ),
    ],
)
def test_wrong_lists(root: Path, line: str, message: str) -> None:
    with (root / "TestImages.txt").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=message):
        open_dataset("mit67", root=root)


def test_a_missing_list(root: Path) -> None:
    (root / "TrainImages.txt").unlink()
    with pytest.raises(ValueError, match=r"mit67 lacks TrainImages\.txt \(a list of images\)"):
        open_dataset("mit67", root=root)
    assert open_dataset("mit67", root=root, split="nas_benchmark").manifest.count() == 20


def test_the_official_lists_whole(tmp_path: Path) -> None:
    """The published lists over 6,700 tiny images: 5,360 and 1,340, as the paper's Table 1 rounds them."""
    path = next((at / "mit67_official_split_list.csv" for at in folders() if at.is_dir()), None)
    if path is None or not path.is_file():
        pytest.skip(f"no mit67_official_split_list.csv in {[str(folder) for folder in folders()]}")
    table = pl.read_csv(path)
    lists = [table.filter(split=part)["path"].to_list() for part in ("train", "test")]
    write_mit67(tmp_path, *lists, [])
    data = open_dataset("mit67", root=tmp_path)
    assert (data.manifest.count("train"), data.manifest.count("test"), len(data.classes)) == (
        5_360,
        1_340,
        67,
    )
    assert [paths_of(data, part) for part in ("train", "test")] == [set(paths) for paths in lists]
    assert data.notes == ()
