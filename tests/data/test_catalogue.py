"""What is said of every public set: terms, sizes, forms on disk, what is missing, where it was looked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import nastransfer as nt
from nastransfer.data.catalogue import PUBLIC
from nastransfer.data.datasets import names, options_of
from nastransfer.data.layouts.imagenet import TEST_SHARE
from nastransfer.data.manifest import Manifest
from nastransfer.data.packs import folders
from tests.publishers import jpeg, write_cifar10, write_files, write_flowers

LABEL = np.arange(40) % 10
IMAGES = np.random.default_rng(3).integers(0, 256, (40, 3, 32, 32), dtype=np.uint8)


def write_both(root: Path) -> None:
    """CIFAR-10 of 40 images in its publisher's layout, and of 20 as a pack."""
    write_cifar10(root, [str(n) for n in range(10)], IMAGES, LABEL, np.arange(40) < 20)
    pack = {
        "image": [jpeg(image.transpose(1, 2, 0)) for image in IMAGES[:20]],
        "label": LABEL[:20],
        "label_name": [str(n) for n in LABEL[:20]],
        "split": ["train", "test"] * 10,
    }
    pl.DataFrame(pack).write_parquet(root / "cifar10.parquet")


def row_of(frame: pl.DataFrame, name: str) -> dict:
    return frame.row(by_predicate=pl.col("name") == name, named=True)


def test_every_set_states_its_terms_and_how_to_get_it(tmp_path: Path) -> None:
    frame = nt.datasets(root=tmp_path)
    public = frame.filter(pl.col("name").is_in(list(PUBLIC)))
    assert (
        public.select("domain", "terms", "how_to_get", "looked_in", "published").null_count().row(0)
        == (0,) * 5
    )
    assert not public["present"].any() and public["images"].null_count() == len(PUBLIC)
    for name in ("imagenet1k", "imagenet22k", "imagenet1k_one_per_class"):
        assert "research" in row_of(frame, name)["terms"]
    assert "image-net.org" in row_of(frame, "imagenet22k")["how_to_get"]
    for name in ("cifar10", "cifar100", "flowers102"):
        assert f'nt.open_dataset("{name}", root=<folder>, download=True)' in row_of(frame, name)["how_to_get"]
    assert str(tmp_path / "mit67") in row_of(frame, "mit67")["looked_in"]
    assert frame.filter(pl.col("present").is_null())["how_to_get"].to_list() == [
        "nt.folder(path)",
        "nt.table(path, root=...)",
    ]


def test_the_publishers_layout_is_opened_and_the_pack_mentioned(tmp_path: Path) -> None:
    write_both(tmp_path)
    opened = nt.open_dataset("cifar10", root=tmp_path, checksums=False)
    assert (opened.form, opened.manifest.count()) == ("CIFAR python batches", 40)
    pack = nt.open_dataset("cifar10", root=tmp_path / "cifar10.parquet")
    assert (pack.form, pack.manifest.count(), pack.root) == ("pack", 20, tmp_path)
    assert pack.notes == (
        "10 images in train, published are 50,000",
        "10 images in test, published are 10,000",
    )


def test_a_set_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    """Here: batches whose md5 is not the published one."""
    write_both(tmp_path)
    row = row_of(nt.datasets(root=tmp_path), "cifar10")
    assert row["present"] and row["form"] == "CIFAR python batches" and row["images"] is None
    assert "batches.meta: its md5 is" in row["note"]


def test_an_incomplete_set_is_said_to_be_so(tmp_path: Path) -> None:
    tiny = jpeg(np.zeros((4, 4, 3), np.uint8))
    write_flowers(tmp_path, [tiny] * 30, np.arange(30) % 5, np.arange(30) % 3)
    (tmp_path / "flowers-102" / "jpg" / "image_00007.jpg").unlink()
    row = row_of(nt.datasets(root=tmp_path), "flowers102")
    assert (row["present"], row["form"], row["images"], row["published"]) == (
        True,
        "jpg, imagelabels.mat, setid.mat",
        29,
        8_189,
    )
    assert "1 of the 30 images of imagelabels.mat are missing, such as image_00007.jpg" in row["note"]
    assert "images in train, published are 6,507" in row["note"]
    uncounted = row_of(nt.datasets(root=tmp_path, count=False), "flowers102")
    assert uncounted["present"] and uncounted["images"] is None and uncounted["note"] is None


def test_the_pack_beside_a_layout_is_named(tmp_path: Path) -> None:
    tiny = jpeg(np.zeros((4, 4, 3), np.uint8))
    write_flowers(tmp_path, [tiny] * 30, np.arange(30) % 5, np.arange(30) % 3)
    (tmp_path / "flowers102.parquet").write_bytes(b"")
    note = row_of(nt.datasets(root=tmp_path), "flowers102")["note"]
    assert (
        f"the pack {tmp_path / 'flowers102.parquet'} is here too and not used: name it as root to open it"
        in note
    )


def test_a_folder_of_data_sets_or_the_sets_own(tmp_path: Path) -> None:
    tiny = jpeg(np.zeros((4, 4, 3), np.uint8))
    write_files(
        tmp_path / "imagenet1k",
        {f"{part}/n0000000{n}/1.JPEG": tiny for part in ("train", "val") for n in range(3)},
    )
    below, own = (nt.open_dataset("imagenet1k", root=root) for root in (tmp_path, tmp_path / "imagenet1k"))
    assert below.manifest.hash == own.manifest.hash and below.root == own.root


def test_options_by_set() -> None:
    assert set(PUBLIC) >= {"mit67", "flowers102", "cifar10", "cifar100", "imagenet1k", "imagenet22k"}
    for name in names():
        assert set(options_of(name).model_fields) >= {"split", "split_seed"}, name
    assert set(options_of("cifar10").model_fields) == {"split", "split_seed", "checksums"}
    with pytest.raises(ValueError, match=r"'standard' or '40-40-20' .*'official'"):
        nt.open_dataset("imagenet1k", split="official")
    with pytest.raises(
        ValueError, match=r"'mit67' cannot be downloaded, only \['cifar10', .* can\. To get it: unpack"
    ):
        nt.open_dataset("mit67", download=True)


def test_published_sizes_are_those_of_the_lists() -> None:
    """ImageNet's class counts, cut as the set is, sum to what the catalogue states."""
    place = next((at for at in folders() if (at / "imagenet_fall11_counts.csv").is_file()), None)
    if place is None:
        pytest.skip(f"no imagenet_fall11_counts.csv in {[str(folder) for folder in folders()]}")
    counts = dict(pl.read_csv(place / "imagenet_fall11_counts.csv").iter_rows())
    planned = Manifest.from_counts(counts, test_share=TEST_SHARE)
    assert dict(PUBLIC["imagenet22k"].published) == {part: planned.count(part) for part in ("train", "test")}
    train = pl.read_csv(place / "imagenet1k_train_counts.csv")["count"].sum()
    assert PUBLIC["imagenet1k"].published["train"] == train


def test_the_official_split_of_the_flowers_pack() -> None:
    if not nt.datasets(count=False).row(by_predicate=pl.col("name") == "flowers102", named=True)["present"]:
        pytest.skip(f"no flowers102 in {[str(folder) for folder in folders()]}")
    flowers = nt.open_dataset("flowers102", split="official")
    assert [flowers.manifest.count(part) for part in ("train", "val", "test")] == [1_020, 1_020, 6_149]
    assert flowers.notes == () and nt.open_dataset("flowers102").notes == ()
