"""ImageNet in the tars it is published in: the same set as in class folders, whatever is odd, damaged or missing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nastransfer.data.dataset import Dataset, usable
from nastransfer.data.datasets import datasets, open_dataset
from nastransfer.data.files import BadImage, ChangedImage
from nastransfer.data.proxies import ProxySpec, build_proxy
from tests.data.images import encoded
from tests.data.tars import class_tars, tar_of, write_kit_tar, write_train_tar, write_val_tar
from tests.publishers import jpeg, write_devkit, write_files

WNIDS = ["n01440764", "n01443537", "n02084071", "n09835506"]
RNG = np.random.default_rng(7)
KIT = ["n02084071", "n09835506", "n01440764", "n01443537"]
TRUTH = [1, 2, 3, 4, 4, 1, 2, 3]


def image() -> bytes:
    return jpeg(RNG.integers(0, 256, (*RNG.integers(9, 40, 2).tolist(), 3), np.uint8))


TRAIN = {f"{wnid}/{wnid}_{n}.JPEG": image() for wnid in WNIDS for n in range(5)}
VAL = {f"ILSVRC2012_val_{n + 1:08d}.JPEG": image() for n in range(8)}
CLASS = {name: KIT[number - 1] for name, number in zip(VAL, TRUTH, strict=True)}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASTRANSFER_CACHE", str(tmp_path / "cache"))


def unpacked(root: Path) -> Dataset:
    """ImageNet1K in class folders."""
    write_files(root, {f"train/{path}": content for path, content in TRAIN.items()})
    write_files(root, {f"val/{CLASS[name]}/{name}": content for name, content in VAL.items()})
    return open_dataset("imagenet1k", root=root)


def packed(root: Path) -> Dataset:
    """The same as it is published."""
    write_train_tar(root, TRAIN)
    write_val_tar(root, VAL)
    write_devkit(root, KIT, TRUTH)
    return open_dataset("imagenet1k", root=root)


def who(data: Dataset) -> pl.DataFrame:
    """Key, label and part of every image."""
    return data.manifest.rows.select("key", "label", "part", "parent_part").sort("key")


def assert_same_set(one: Dataset, other: Dataset) -> None:
    """The same images in the same classes and parts, of which the same proxies are drawn, and the same pixels."""
    assert one.classes == other.classes and who(one).equals(who(other))
    spec = ProxySpec(fraction=0.5)
    drawn, again = (data.with_manifest(build_proxy(data.manifest, spec, seed=3)) for data in (one, other))
    assert 0 < len(drawn.manifest) < len(one.manifest) and who(drawn).equals(who(again))
    (x, y), (images, labels) = (data.read_images(resolution=16) for data in (one, other))
    assert np.array_equal(x, images) and np.array_equal(y, labels)


def test_imagenet1k_as_published_is_the_set_in_class_folders(tmp_path: Path) -> None:
    folders, tars = unpacked(tmp_path / "folders"), packed(tmp_path / "tars")
    assert_same_set(folders, tars)
    assert (tars.form, folders.form) == ("tars", "class folders in train and val")
    row = tars.manifest.rows.filter(name="n01440764.tar/n01440764_3.JPEG").row(0, named=True)
    content = (tmp_path / "tars" / row["container"]).read_bytes()
    assert row["container"] == "ILSVRC2012_img_train.tar"
    assert content[row["offset"] : row["offset"] + row["length"]] == TRAIN["n01440764/n01440764_3.JPEG"]
    assert len(tars.rejects) == 0 and tars.has_files


@pytest.mark.parametrize("val", ["folders", "flat", "tar", "tar, packed kit"])
@pytest.mark.parametrize("train", ["folders", "class tars", "tar of tars"])
def test_every_mixture_is_the_same_set(tmp_path: Path, train: str, val: str) -> None:
    root = tmp_path / "mixed"
    if train == "tar of tars":
        write_train_tar(root, TRAIN)
    else:
        write_files(root / "train", TRAIN if train == "folders" else class_tars(TRAIN))
    write_devkit(root, KIT, TRUTH)
    if val.startswith("tar"):
        write_val_tar(root, VAL)
    else:
        below = {name: name if val == "flat" else f"{CLASS[name]}/{name}" for name in VAL}
        write_files(root / "val", {below[name]: content for name, content in VAL.items()})
    if val == "tar, packed kit":
        write_kit_tar(root)
    assert who(open_dataset("imagenet1k", root=root)).equals(who(unpacked(tmp_path / "folders")))


def test_imagenet22k_in_tars_is_the_set_in_class_folders(tmp_path: Path) -> None:
    write_files(tmp_path / "tars" / "fall11_whole", class_tars(TRAIN))
    write_files(tmp_path / "folders" / "fall11_whole", TRAIN)
    tars, folders = (open_dataset("imagenet22k", root=tmp_path / name) for name in ("tars", "folders"))
    assert_same_set(folders, tars)
    assert tars.form == "one tar a class" and tars.manifest.count("test") == 4 * 2
    # A tar with the class's folder in it, as some pack them, unpacks to the same files.
    again = {
        f"{wnid}.tar": tar_of({f"./{path}": TRAIN[path] for path in TRAIN if wnid in path}) for wnid in WNIDS
    }
    write_files(tmp_path / "again" / "fall11_whole", again)
    assert_same_set(folders, open_dataset("imagenet22k", root=tmp_path / "again"))
    catalogue = datasets(tmp_path / "tars").filter(name="imagenet22k").row(0, named=True)
    assert (catalogue["form"], catalogue["images"]) == ("one tar a class", len(TRAIN))


def test_rejects_of_archives_name_archive_and_member(tmp_path: Path) -> None:
    tars = class_tars(TRAIN)
    tars["n01443537.tar"] = tars["n01443537.tar"][:-12_000]
    tars["n02084071.tar"] = tar_of({"../out.JPEG": b"x", "notes.txt": b"x"})
    tars["n09835506.tar"] = b"no tar at all" * 100
    write_files(tmp_path / "fall11_whole", {**tars, "readme.html": b"x", "n00000001/x.JPEG": b"x"})
    (tmp_path / "fall11_whole" / "n00000002.tar").symlink_to("/dev/null")
    data = open_dataset("imagenet22k", root=tmp_path)
    assert data.classes == ("n01440764", "n01443537")
    found = {(row["container"], row["name"]): row["reason"] for row in data.rejects.iter_rows(named=True)}
    assert found[("n01443537.tar", None)].startswith("cut: it ends at byte")
    assert found[("n02084071.tar", "../out.JPEG")].startswith("leaves the root")
    assert found[("n02084071.tar", "notes.txt")] == "not an image by its name's ending"
    assert "what follows is not read" in found[("n09835506.tar", None)]
    assert found[("n00000002.tar", None)].startswith("leaves the root: a link to /dev/null")
    assert found[("n00000001", None)] == "not a tar as 5 others here: have all classes in one form"
    assert found[("readme.html", None)].startswith("not a tar")
    assert data.rejects.filter(container="n02084071.tar")["class"].unique().to_list() == ["n02084071"]


def test_a_tar_of_tars_that_is_cut(tmp_path: Path) -> None:
    path = write_train_tar(tmp_path, TRAIN)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 5 // 8])
    data = open_dataset("imagenet1k", root=tmp_path)
    assert data.classes == ("n01440764", "n01443537") and data.manifest.count() == 10
    reasons = dict(data.rejects.select("name", "reason").iter_rows())
    assert reasons["n02084071.tar"] == "cut: the archive ends within it"
    assert reasons[None].startswith("cut: it ends at byte ")
    path.write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"has no image in 0 tars, one a class; ILSVRC2012_img_train\.tar/: cut"
    ):
        open_dataset("imagenet1k", root=tmp_path)


def test_what_stands_beside_is_told(tmp_path: Path) -> None:
    packed(tmp_path)
    data = unpacked(tmp_path)
    assert data.form == "class folders in train and val"
    assert data.notes[:2] == (
        "ILSVRC2012_img_train.tar is here too and not used: train is",
        "ILSVRC2012_img_val.tar is here too and not used: val is",
    )


def test_a_val_tar_without_the_kit(tmp_path: Path) -> None:
    write_train_tar(tmp_path, TRAIN)
    write_val_tar(tmp_path, {**VAL, "ILSVRC2012_val_00000009.JPEG": b"x", "notes.txt": b"x"})
    with pytest.raises(
        ValueError, match=r"img_val\.tar holds images without class folders, .* put ILSVRC2012_devkit"
    ):
        open_dataset("imagenet1k", root=tmp_path)
    write_devkit(tmp_path, KIT, TRUTH)
    rejects = open_dataset("imagenet1k", root=tmp_path).rejects
    assert rejects.select("container", "name", "reason").rows() == [
        ("ILSVRC2012_img_val.tar", "ILSVRC2012_val_00000009.JPEG", f"not one of {min(VAL)} to 00000008"),
        ("ILSVRC2012_img_val.tar", "notes.txt", "not an image by its name's ending"),
    ]
    write_kit_tar(tmp_path)
    kit = tmp_path / "ILSVRC2012_devkit_t12.tar.gz"
    kit.write_bytes(kit.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"devkit_t12\.tar\.gz cannot be read as a tar"):
        open_dataset("imagenet1k", root=tmp_path)


def test_verified_archives(tmp_path: Path) -> None:
    """Bad images inside a tar are rejects; a tar that changes later on is refused; damage within is remembered."""
    files = dict(TRAIN)
    first, half, html, torn = list(files)[:4]
    files[half] = files[half][:-20]
    files[html] = b"<html>"
    whole = encoded(kind="PNG")
    files[torn] = whole[:300] + bytes(300) + whole[600:]
    write_files(tmp_path / "fall11_whole", class_tars(files))
    data = open_dataset("imagenet22k", root=tmp_path)
    checked = data.verified(progress=False)
    reasons = dict(checked.rejects.select("name", "reason").iter_rows())
    assert reasons == {
        half.split("/")[1]: "truncated (no end marker)",
        html.split("/")[1]: "not an image",
    }
    path = tmp_path / "fall11_whole" / "n01440764.tar"
    modified = checked.manifest.rows.filter(pl.col("container").cast(pl.String) == path.name)["modified"]
    assert modified.unique().to_list() == [path.stat().st_mtime_ns] and checked.verified() is checked
    row = checked.manifest.rows.filter(name=torn.split("/")[1]).row(0, named=True)
    with pytest.raises(BadImage, match="a new start leaves it out"):
        checked.image(row)
    with pytest.raises(BadImage, match=r"n01440764\.tar/n01440764_3\.JPEG: "):
        checked.read_images()
    with pytest.warns(UserWarning, match="3 of 20 images"):
        assert len(usable(data).manifest) == 17
    good = checked.manifest.rows.filter(name=first.split("/")[1]).row(0, named=True)
    assert checked.image(good).ndim == 3
    os.utime(path, ns=(5, 5))
    with pytest.raises(ChangedImage, match=r"n01440764\.tar changed after it was indexed"):
        checked.image(good)
    path.write_bytes(tar_of({"more.JPEG": b"x", **TRAIN}))
    fresh = replace(data).verified(cache=False, progress=False)
    changed = fresh.rejects.filter(container=path.name)["reason"]
    assert len(changed) == 5 and set(changed) == {"changed after it was indexed"}
