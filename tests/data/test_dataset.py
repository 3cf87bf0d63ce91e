"""One open set: its images one by one, many at once, and verified."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import nastransfer as nt
from nastransfer.data.dataset import REJECT_SCHEMA
from nastransfer.data.files import BadImage, ChangedImage
from tests.publishers import jpeg, write_files

PHOTO = np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten photos of each of two classes."""
    write_files(
        tmp_path, ((f"{name}/{n}.jpg", jpeg(PHOTO + n)) for name in ("cat", "dog") for n in range(10))
    )
    return tmp_path


def test_one_image_at_its_own_size(photos: Path) -> None:
    data = nt.folder(photos)
    image = data.image(data.manifest.rows.row(3, named=True))
    assert image.shape == (40, 60, 3) and image.dtype == np.uint8
    assert data.has_files and data.root == photos and len(data.rejects) == 0


@pytest.mark.parametrize("name", ["digits", "glyphs"])
def test_one_image_of_a_set_without_files(name: str) -> None:
    data = nt.open_dataset(name)
    part = data.manifest.part("test")
    rows = part.rows.row(11, named=True)
    assert np.array_equal(data.image(rows), data.read(part)[11].transpose(1, 2, 0))
    assert not data.has_files and data.root is None and data.verified() is data


def test_many_images_are_squares_of_the_native_side(photos: Path) -> None:
    data = nt.folder(photos, pixels=20)
    images, labels = data.read_images()
    assert images.shape == (20, 3, 20, 20) and np.bincount(labels).tolist() == [10, 10]
    row = data.manifest.rows.sort("key").row(0, named=True)
    # The middle 40 x 40 of 40 x 60, each 2 x 2 pixels one.
    middle = data.image(row)[:, 10:50].astype(float).reshape(20, 2, 20, 2, 3).mean(axis=(1, 3))
    assert np.abs(images[0].transpose(1, 2, 0) - middle).max() <= 1


def test_verified(photos: Path) -> None:
    (photos / "cat" / "3.jpg").write_bytes(b"")
    (photos / "dog" / "4.jpg").write_bytes(jpeg(PHOTO)[:-200])
    (photos / "dog" / "5.jpg").write_bytes(jpeg(PHOTO[:, :, 0]))
    data = nt.folder(photos)
    assert data.manifest.count() == 20
    checked = data.verified(cache=False, progress=False)
    assert checked.notes == ("1 images are used as they are: grey",)
    assert checked.manifest.count() == 18 and checked.rejects.schema == pl.Schema(REJECT_SCHEMA)
    assert sorted(checked.rejects.select("class", "container", "name").rows()) == [
        ("cat", "cat", "3.jpg"),
        ("dog", "dog", "4.jpg"),
    ]
    assert len(checked.read_images(resolution=8)[0]) == 18
    # What is known of the files now is compared when they are opened.
    assert checked.manifest.rows["length"].null_count() == 0
    row = checked.manifest.rows.row(0, named=True)
    (photos / row["container"] / row["name"]).write_bytes(jpeg(PHOTO[::-1]))
    with pytest.raises(ChangedImage):
        checked.image(row)
    assert data.image(data.manifest.rows.row(0, named=True)).shape == PHOTO.shape


def test_a_table_is_verified_against_its_files(photos: Path) -> None:
    (photos / "list.csv").write_text(
        "path,label\ncat/1.jpg,cat\ncat/lost.jpg,cat\ndog/1.jpg,dog\n", encoding="utf-8"
    )
    checked = nt.table(photos / "list.csv").verified(cache=False, progress=False)
    assert checked.rejects["name"].to_list() == ["lost.jpg"]
    assert checked.manifest.rows["name"].to_list() == ["1.jpg", "1.jpg"]


def test_a_bad_file_is_named(photos: Path) -> None:
    (photos / "cat" / "3.jpg").write_bytes(b"no image")
    with pytest.raises(BadImage, match=rf"{photos}/cat/3\.jpg: not an image"):
        nt.folder(photos).read_images()


def test_paths(photos: Path) -> None:
    data = nt.folder(photos)
    assert all(Path(path).is_file() for path in data.paths(data.manifest.rows))
    (photos / "list.csv").write_text("path,label\na{}.jpg,cat\ncat/1.jpg,cat\n", encoding="utf-8")
    table = nt.table(photos / "list.csv")
    assert table.paths(table.manifest.rows).to_list() == [f"{photos}/a{{}}.jpg", f"{photos}/cat/1.jpg"]
