"""Packs: a small one written here, and the real ones where they are present."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from nastransfer.data import packs
from nastransfer.data.datasets import Dataset, open_dataset

PIXELS = np.random.default_rng(3).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)


def encoded(pixels: np.ndarray, kind: str = "WEBP") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a `cifar10` pack of 12 images of 2 classes, 4 of them for testing."""
    frame = pl.DataFrame(
        {
            "image": [encoded(pixels) for pixels in PIXELS],
            "label": pl.Series([0] * 6 + [1] * 6, dtype=pl.Int32),
            "label_name": ["cat"] * 6 + ["dog"] * 6,
            "split": (["train"] * 4 + ["test"] * 2) * 2,
        }
    )
    frame.write_parquet(tmp_path / "cifar10.parquet")
    return tmp_path


def test_images_are_decoded_byte_for_byte(folder: Path) -> None:
    pack = open_dataset("cifar10", root=folder)
    rows = pack.manifest.rows.sort("key")
    images, labels = pack.read_images()
    assert np.array_equal(images, PIXELS[rows["offset"].to_numpy()].transpose(0, 3, 1, 2))
    assert labels.tolist() == (rows["offset"] // 6).to_list()
    assert pack.classes == ("cat", "dog") and pack.manifest.count("test") == 4


def test_area_resized(folder: Path) -> None:
    pack = open_dataset("cifar10", root=folder)
    images = pack.read_images()[0].astype(float)
    small = pack.read_images(resolution=16)[0]
    assert np.abs(small - images.reshape(12, 3, 16, 2, 16, 2).mean(axis=(3, 5))).max() <= 0.5


def test_only_wanted_images_are_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []

    def counting(content: bytes, pixels: int) -> np.ndarray:
        decoded.append(content)
        return np.zeros((3, pixels, pixels), np.uint8)

    monkeypatch.setattr(packs, "decode", counting)
    pack = open_dataset("cifar10", root=folder)
    assert not decoded
    for _ in range(2):
        pack.read_images(pack.manifest.part("test"))
    assert len(decoded) == 4


def test_grey_and_oblong_images_become_square_rgb() -> None:
    wide = np.zeros((64, 96), np.uint8)
    wide[:, 16:80] = 200
    image = packs.decode(encoded(wide, "PNG"), 64)
    assert image.shape == (3, 64, 64) and (image == 200).all()
    assert packs.decode(encoded(wide, "PNG"), 16).shape == (3, 16, 16)


def test_a_file_that_is_no_pack(folder: Path) -> None:
    pl.DataFrame({"label": [1]}).write_parquet(folder / "scene15.parquet")
    with pytest.raises(ValueError, match=r"no pack: it lacks the columns \['image', 'label_name', 'split'\]"):
        open_dataset("scene15", root=folder)
    frame = pl.read_parquet(folder / "cifar10.parquet").with_columns(label=pl.lit(4, pl.Int32))
    frame.write_parquet(folder / "cifar100.parquet")
    with pytest.raises(ValueError, match="labels must be 0 to 1 with one name each"):
        open_dataset("cifar100", root=folder)


def test_a_broken_image_is_named(folder: Path) -> None:
    frame = pl.read_parquet(folder / "cifar10.parquet")
    frame = frame.with_columns(image=pl.Series([b"RIFF", *frame["image"].to_list()[1:]]))
    frame.write_parquet(folder / "cifar10.parquet")
    with pytest.raises(ValueError, match=r"cifar10\.parquet, row 0: .*cannot be decoded"):
        open_dataset("cifar10", root=folder).read_images()


def real(name: str) -> Dataset:
    """A real pack; skips the test where it is absent."""
    pack = packs.PACKS[name]
    if packs.find_pack(pack) is None:
        pytest.skip(
            f"the {name} pack is absent: no {[str(folder / pack.file) for folder in packs.folders()]}"
        )
    return open_dataset(name)


@pytest.mark.parametrize(
    ("name", "train", "test", "classes"),
    [
        ("cifar10", 50_000, 10_000, 10),
        ("cifar100", 16_000, 5_000, 100),
        ("flowers102", 6_507, 1_682, 102),
        ("tiny_imagenet200", 16_000, 3_000, 200),
        ("scene15", 1_500, 2_985, 15),
    ],
)
def test_real_packs(name: str, train: int, test: int, classes: int) -> None:
    pack = real(name)
    manifest = pack.manifest
    assert (manifest.count("train"), manifest.count("test"), manifest.count()) == (train, test, train + test)
    assert len(pack.classes) == classes and not pack.synthetic
    images, labels = pack.read_images(manifest.take(np.arange(train + test) % 50 == 0), resolution=16)
    assert images.shape == (len(labels), 3, 16, 16)
    assert 60 < images.mean() < 190 and images.std() > 30


def test_cifar10_has_the_known_mean_and_deviation() -> None:
    pack = real("cifar10")
    images, _ = pack.read_images(pack.manifest.take(np.arange(60_000) % 15 == 0))
    assert np.abs(images.mean(axis=(0, 2, 3)) / 255 - pack.mean).max() < 0.01
    assert np.abs(images.std(axis=(0, 2, 3)) / 255 - pack.std).max() < 0.01
