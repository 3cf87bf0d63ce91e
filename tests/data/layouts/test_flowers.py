"""Flowers 102 as published, written out here and read by the layout and by torchvision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
from scipy.io import savemat

from nastransfer.data.datasets import open_dataset
from nastransfer.data.layouts.flowers import CLASSES, MD5
from tests.publishers import jpeg, write_flowers

GENERATOR = np.random.default_rng(7)
LABEL = GENERATOR.integers(0, 102, 300)
PART = GENERATOR.integers(0, 3, 300)
IMAGES = [jpeg(GENERATOR.integers(0, 256, (8, 9, 3), dtype=np.uint8)) for _ in range(300)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """`flowers-102` of 300 tiny images."""
    write_flowers(tmp_path, IMAGES, LABEL, PART)
    return tmp_path / "flowers-102"


def test_official_parts_and_labels(root: Path) -> None:
    data = open_dataset("flowers102", root=root, split="official")
    rows = data.manifest.rows
    number = rows["name"].str.slice(6, 5).cast(int).to_numpy() - 1
    assert sorted(number) == list(range(300))
    assert np.array_equal(rows["label"].to_numpy(), LABEL[number])
    assert np.array_equal(rows["part"].to_physical().to_numpy(), PART[number])
    assert data.image(rows.row(5, named=True)).shape == (8, 9, 3)
    for note, name in zip(data.notes, MD5, strict=False):
        assert note == f"{name} is not the published file (md5 {md5_of(root / name)}, published {MD5[name]})"
    assert data.notes[2].endswith("images in train, published are 1,020")


def md5_of(path: Path) -> str:
    return torchvision.datasets.utils.calculate_md5(path)


def test_torchvision_reads_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public = torchvision.datasets.Flowers102
    theirs_md5 = {"label": "imagelabels.mat", "setid": "setid.mat"}
    monkeypatch.setattr(
        public, "_file_dict", {key: (name, md5_of(root / name)) for key, name in theirs_md5.items()}
    )
    data = open_dataset("flowers102", root=root.parent, split="official")
    for part in ("train", "val", "test"):
        theirs = public(str(root.parent), split=part)
        ours = data.manifest.part(part).rows.sort("name")
        assert ours["name"].to_list() == sorted(path.name for path in theirs._image_files)
        assert ours["label"].to_list() == theirs._labels
    image, _ = theirs[3]
    assert np.array_equal(np.asarray(image), data.image(ours.row(3, named=True)))
    assert list(CLASSES) == public.classes and len(CLASSES) == 102


def test_md5_are_torchvisions() -> None:
    theirs = torchvision.datasets.Flowers102._file_dict
    assert dict(MD5) == {theirs[key][0]: theirs[key][1] for key in ("label", "setid")}


def test_the_default_split_is_80_to_20_a_class(root: Path) -> None:
    data = open_dataset("flowers102", root=root)
    counts, sizes = data.manifest.count_matrix(), np.bincount(LABEL, minlength=102)
    assert np.array_equal(counts[:, 0], sizes * 4 // 5) and np.array_equal(counts.sum(axis=1), sizes)
    # An image that is not there takes no other image's part with it.
    before = dict(data.manifest.rows.select("name", "part").iter_rows())
    (root / "jpg" / "image_00011.jpg").unlink()
    fewer = open_dataset("flowers102", root=root)
    assert dict(fewer.manifest.rows.select("name", "part").iter_rows()).items() < before.items()
    assert "1 of the 300 images of imagelabels.mat are missing, such as image_00011.jpg" in fewer.notes


def test_missing_and_wrong_files(root: Path) -> None:
    with pytest.raises(ValueError, match=r"'nas_benchmark', 'official' or '40-40-20' .*'both'"):
        open_dataset("flowers102", root=root, split="both")
    (root / "setid.mat").rename(root / "other.mat")
    with pytest.raises(ValueError, match=r"flowers-102 lacks setid\.mat \(parts\): get the missing files"):
        open_dataset("flowers102", root=root)
    (root / "setid.mat").write_bytes(b"<html>404</html>")
    with pytest.raises(ValueError, match=r"setid\.mat is no MATLAB file with 'trnid'"):
        open_dataset("flowers102", root=root)
    for ids, message in (
        (
            {"trnid": [1, 2], "valid": [2, 3], "tstid": [4]},
            r"must be in one part, 'valid' repeats images, such as \[2\]",
        ),
        ({"trnid": [1, 2, 1], "valid": [3], "tstid": [4]}, r"'trnid' repeats images, such as \[1\]"),
        ({"trnid": [1, 301], "valid": [2], "tstid": [3]}, "'trnid' must hold images 1 to 300, got 1 to 301"),
        ({"trnid": [1], "valid": [2], "tstid": [3]}, r"297 images are in no part, such as \[4, 5, 6\]"),
        ({"trnid": [1], "valid": [2]}, "no MATLAB file with 'tstid'"),
        ({"trnid": ["a"], "valid": [2], "tstid": [3]}, "'trnid' must hold numbers"),
    ):
        savemat(root / "setid.mat", {key: np.array([values]) for key, values in ids.items()})
        with pytest.raises(ValueError, match=message):
            open_dataset("flowers102", root=root)
    savemat(root / "imagelabels.mat", {"labels": np.arange(1, 104)})
    with pytest.raises(ValueError, match="labels must be 1 to 102, got 1 to 103"):
        open_dataset("flowers102", root=root)
