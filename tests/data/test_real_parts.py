"""The packs' real images written out as their publishers ship them, opened by the layouts, compared byte for byte.

A small sample of each by default, all of them in the slow tests; skipped where the packs are not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import nastransfer as nt
from nastransfer.data.dataset import Dataset
from nastransfer.data.files import decode_rgb
from nastransfer.data.packs import PACKS, find_pack, folders
from tests.publishers import write_cifar10, write_cifar100, write_devkit, write_files, write_flowers

# Images of every class and part that are taken of a pack.
SIZES = [pytest.param(2, id="sample"), pytest.param(None, id="all", marks=pytest.mark.slow)]


def real(name: str, size: int | None) -> pl.DataFrame:
    """A pack's table (image, label, label_name, split), `size` images of every class and part, shuffled."""
    path = find_pack(PACKS[name])
    if path is None:
        pytest.skip(f"no {PACKS[name].file} in {[str(folder) for folder in folders()]}")
    chosen = pl.scan_parquet(path).select("label", "split").with_row_index("row").collect()
    if size is not None:
        chosen = chosen.group_by("label", "split", maintain_order=True).head(size)
    rows = np.random.default_rng(4).permutation(chosen["row"].to_numpy())
    return pl.read_parquet(path)[rows]


def same_image(data: Dataset, place: int, content: bytes) -> bool:
    """Whether the layout's image is what another decoder makes of the pack's bytes."""
    return np.array_equal(data.image(data.manifest.rows.row(place, named=True)), decode_rgb(content))


def pixels(table: pl.DataFrame) -> np.ndarray:
    """Decoded images of one size, uint8 [n, 3, side, side]."""
    return np.stack([decode_rgb(content) for content in table["image"]]).transpose(0, 3, 1, 2)


def class_names(table: pl.DataFrame) -> list[str]:
    return table.select("label", "label_name").unique().sort("label")["label_name"].to_list()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "write"), [("cifar10", write_cifar10), ("cifar100", write_cifar100)])
def test_cifar(
    tmp_path: Path, name: str, write: Callable[..., dict[str, np.ndarray]], size: int | None
) -> None:
    table = real(name, size)
    images = pixels(table)
    files = write(
        tmp_path, class_names(table), images, table["label"].to_numpy(), (table["split"] == "test").to_numpy()
    )
    data = nt.open_dataset(name, root=tmp_path, checksums=False)
    assert data.form == "CIFAR python batches" and data.manifest.count() == len(table)
    rows = data.manifest.rows
    source = np.array(
        [files[row["container"].partition("@")[0]][row["offset"]] for row in rows.iter_rows(named=True)]
    )
    assert sorted(source) == list(range(len(table)))
    assert np.array_equal(data.read(data.manifest), images[source])
    assert [data.classes[label] for label in rows["label"]] == table["label_name"][source].to_list()
    assert rows["part"].cast(pl.String).to_list() == table["split"][source].to_list()


@pytest.mark.parametrize("size", SIZES)
def test_flowers(tmp_path: Path, size: int | None) -> None:
    table = real("flowers102", size)
    part = table["split"].replace_strict({"train": 0, "val": 1, "test": 2}, return_dtype=pl.UInt8).to_numpy()
    write_flowers(tmp_path, table["image"].to_list(), table["label"].to_numpy(), part)
    data = nt.open_dataset("flowers102", root=tmp_path, split="official")
    number = data.manifest.rows["name"].str.slice(6, 5).cast(pl.Int64).to_numpy() - 1
    assert sorted(number) == list(range(len(table)))
    for place, source in enumerate(number):
        assert same_image(data, place, table["image"][int(source)])
    assert np.array_equal(data.manifest.rows["label"].to_numpy(), table["label"].to_numpy()[number])
    # The layout's names are torchvision's; the pack spells two of them in another way.
    renamed = {name for name, other in zip(data.classes, class_names(table), strict=True) if name != other}
    assert renamed == {"pink-yellow dahlia?", "lotus"}
    assert data.manifest.rows["part"].cast(pl.String).to_list() == table["split"][number].to_list()
    if size is None:
        split = nt.open_dataset("flowers102", root=tmp_path).manifest
        assert (split.count("train"), split.count("test")) == (6_507, 1_682)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("flat", [False, True])
def test_imagenet1k(tmp_path: Path, flat: bool, size: int | None) -> None:
    """Tiny ImageNet's photographs as ImageNet1K; val in class folders, or as published beside the development kit."""
    table = real("tiny_imagenet200", size).sort(pl.col("split") == "train", maintain_order=True)
    if flat:
        truth = table.filter(split="val")["label"] + 1
        write_devkit(tmp_path, [name.split()[0] for name in class_names(table)], truth.to_list())
    paths = []
    for number, row in enumerate(table.iter_rows(named=True)):
        wnid, val = row["label_name"].split()[0], f"ILSVRC2012_val_{number + 1:08d}.JPEG"
        if row["split"] == "train":
            paths.append(f"train/{wnid}/{wnid}_{number}.JPEG")
        else:
            paths.append(f"val/{val}" if flat else f"val/{wnid}/{val}")
    write_files(tmp_path, zip(paths, table["image"], strict=True))
    compare(
        nt.open_dataset("imagenet1k", root=tmp_path),
        dict(zip(paths, table.iter_rows(named=True), strict=True)),
    )


def compare(data: Dataset, sources: dict[str, dict]) -> None:
    """Every image of the pack is in the set, with its pixels, its class (by WordNet id) and its part (val: test)."""
    assert data.manifest.count() == len(sources) and len(data.rejects) == 0
    for place, row in enumerate(data.manifest.rows.iter_rows(named=True)):
        source = sources[f"{row['container']}/{row['name']}"]
        assert data.classes[row["label"]] == source["label_name"].split()[0]
        assert row["part"] == {"val": "test"}.get(source["split"], source["split"])
        assert same_image(data, place, source["image"])


@pytest.mark.parametrize("size", SIZES)
def test_imagenet22k(tmp_path: Path, size: int | None) -> None:
    """One ImageNet1K photograph of each of 1,000 classes, with 80 more of 200 of them, as ImageNet22K."""
    table = pl.concat(
        [real("imagenet1k_one_per_class", size), real("tiny_imagenet200", size).filter(split="train")]
    )
    wnids = table["label_name"].str.split(" ").list.first().to_list()
    paths = [f"{wnid}/{wnid}_{number}.JPEG" for number, wnid in enumerate(wnids)]
    write_files(tmp_path / "imagenet22k", zip(paths, table["image"], strict=True))
    data = nt.open_dataset("imagenet22k", root=tmp_path)
    assert data.manifest.count() == len(table) and len(data.classes) == 1_000
    sources = dict(zip(paths, table["image"], strict=True))
    for place, row in enumerate(data.manifest.rows.iter_rows(named=True)):
        assert data.classes[row["label"]] == row["container"]
        assert same_image(data, place, sources[f"{row['container']}/{row['name']}"])
    counts = data.manifest.count_matrix()
    assert np.array_equal(counts[:, 2], np.rint(counts.sum(axis=1) * 7 / 14.5))


@pytest.mark.parametrize("size", SIZES)
def test_own_folder_and_table(tmp_path: Path, size: int | None) -> None:
    """Grey scenes as somebody's own folder, and the same images by a table."""
    table = real("scene15", size)
    paths = [
        f"{row['split']}/{row['label_name']}/{n}.jpg" for n, row in enumerate(table.iter_rows(named=True))
    ]
    write_files(tmp_path / "scenes", zip(paths, table["image"], strict=True))
    listed = pl.DataFrame({"path": paths, "label": table["label_name"], "part": table["split"]})
    listed.write_csv(tmp_path / "scenes.csv")
    sources = dict(zip(paths, table.iter_rows(named=True), strict=True))
    for data in (nt.folder(tmp_path / "scenes"), nt.table(tmp_path / "scenes.csv", root=tmp_path / "scenes")):
        assert data.classes == tuple(sorted(class_names(table)))
        assert data.manifest.count() == len(table)
        for place, row in enumerate(data.manifest.rows.iter_rows(named=True)):
            source = sources[f"{row['container']}/{row['name']}"]
            assert data.classes[row["label"]] == source["label_name"] and row["part"] == source["split"]
            assert same_image(data, place, source["image"])
