"""The packs' real images written out in tars as ImageNet is published, opened in place, compared byte for byte.

A small sample by default, all of them in the slow tests; skipped where the packs are not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import nastransfer as nt
from nastransfer.data.dataset import Dataset
from nastransfer.data.files import decode_rgb, read_bytes
from tests.data.tars import class_tars, write_train_tar, write_val_tar
from tests.data.test_real_parts import SIZES, class_names, real
from tests.publishers import write_devkit, write_files


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASTRANSFER_CACHE", str(tmp_path / "cache"))


def same_bytes_and_pixels(data: Dataset, sources: dict[str, bytes]) -> None:
    """Every image by its container and name: the bytes that were packed, and what another decoder makes of them."""
    assert data.root is not None and data.manifest.count() == len(sources)
    for row in data.manifest.rows.iter_rows(named=True):
        content = sources[f"{row['container']}/{row['name']}"]
        found = read_bytes(
            data.root, row["container"], row["name"], row["offset"], row["length"], row["modified"]
        )
        assert found == content and np.array_equal(data.image(row), decode_rgb(content))


def drawn_alike(one: Dataset, other: Dataset) -> int:
    """Images of a proxy of one image of each class and part: the same of both sets, with the same pixels."""
    spec = nt.ProxySpec(cap=1)
    proxies = [data.with_manifest(nt.build_proxy(data.manifest, spec, seed=5)) for data in (one, other)]
    who = [proxy.manifest.rows.select("key", "label", "part").sort("key") for proxy in proxies]
    assert who[0].equals(who[1]) and one.classes == other.classes
    (x, y), (images, labels) = (proxy.read_images(resolution=32) for proxy in proxies)
    assert np.array_equal(x, images) and np.array_equal(y, labels)
    return len(y)


@pytest.mark.parametrize("size", SIZES)
def test_imagenet1k_as_a_tar_of_tars(
    tmp_path: Path, size: int | None, record_property: Callable[[str, object], None]
) -> None:
    """Tiny ImageNet's photographs as ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar with the development kit."""
    table = real("tiny_imagenet200", size)
    names = [name.split()[0] for name in class_names(table)]
    wnid = table["label_name"].str.split(" ").list.first()
    train = {
        f"{row['wnid']}/{row['wnid']}_{row['n']}.JPEG": row["image"]
        for row in _numbered(table, wnid, "train").iter_rows(named=True)
    }
    vals = _numbered(table, wnid, "val")
    val = {f"ILSVRC2012_val_{row['n'] + 1:08d}.JPEG": row["image"] for row in vals.iter_rows(named=True)}
    write_train_tar(tmp_path / "tars", train)
    write_val_tar(tmp_path / "tars", val)
    write_devkit(tmp_path / "tars", names, (vals["label"] + 1).to_list())
    data = nt.open_dataset("imagenet1k", root=tmp_path / "tars").verified(progress=False)
    inside = {f"{path.split('/')[0]}.tar/{path.split('/')[1]}": content for path, content in train.items()}
    same_bytes_and_pixels(
        data,
        {f"ILSVRC2012_img_train.tar/{name}": content for name, content in inside.items()}
        | {f"ILSVRC2012_img_val.tar/{name}": content for name, content in val.items()},
    )
    write_files(tmp_path / "folders" / "train", train)
    below = dict(zip(val, vals["wnid"], strict=True))
    write_files(tmp_path / "folders" / "val", {f"{below[name]}/{name}": some for name, some in val.items()})
    drawn = drawn_alike(data, nt.open_dataset("imagenet1k", root=tmp_path / "folders"))
    assert drawn == 2 * len(names) and len(data.rejects) == 0
    record_property("images", len(table))


def _numbered(table: pl.DataFrame, wnid: pl.Series, split: str) -> pl.DataFrame:
    """Rows of one split with their WordNet ids and numbers."""
    return table.with_columns(wnid=wnid).filter(split=split).with_columns(n=pl.int_range(pl.len()))


@pytest.mark.parametrize("size", SIZES)
def test_imagenet22k_as_one_tar_a_class(
    tmp_path: Path, size: int | None, record_property: Callable[[str, object], None]
) -> None:
    """One ImageNet1K photograph of each of 1,000 classes, with more of 200 of them, as the fall 2011 release."""
    table = pl.concat(
        [real("imagenet1k_one_per_class", size), real("tiny_imagenet200", size).filter(split="train")]
    )
    wnids = table["label_name"].str.split(" ").list.first().to_list()
    files = {
        f"{wnid}/{wnid}_{number}.JPEG": content
        for number, (wnid, content) in enumerate(zip(wnids, table["image"], strict=True))
    }
    write_files(tmp_path / "tars" / "fall11_whole", class_tars(files))
    data = nt.open_dataset("imagenet22k", root=tmp_path / "tars").verified(progress=False)
    assert len(data.classes) == 1_000 and len(data.rejects) == 0
    same_bytes_and_pixels(data, {path.replace("/", ".tar/", 1): content for path, content in files.items()})
    write_files(tmp_path / "folders" / "fall11_whole", files)
    assert drawn_alike(data, nt.open_dataset("imagenet22k", root=tmp_path / "folders")) == 2 * 200
    record_property("images", len(table))
