"""The catalogue, digits, and what is said about sets that are not there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nastransfer.data import embedded, glyphs
from nastransfer.data.datasets import datasets, names, open_dataset
from nastransfer.data.glyph_options import GlyphOptions
from nastransfer.data.manifest import Manifest
from nastransfer.data.proxies import ProxySpec, build_proxy
from nastransfer.data.splits import search_halves


def test_catalogue(tmp_path: Path) -> None:
    frame = datasets(root=tmp_path)
    assert frame["name"].to_list() == list(names())
    assert frame.filter("present")["name"].to_list() == ["digits", "glyphs"]
    assert frame.filter("synthetic")["name"].to_list() == ["glyphs"]
    counted = dict(frame.filter("present").select("name", "images").rows())
    assert counted == {"digits": 1797, "glyphs": open_dataset("glyphs").manifest.count()}
    assert datasets(root=tmp_path, count=False)["images"].null_count() == len(names())
    assert str(tmp_path / "cifar10.parquet") in frame.filter(name="cifar10")["looked_in"].item()


def test_digits_are_all_the_scans() -> None:
    digits = open_dataset("digits")
    images, labels = digits.read_images()
    assert images.shape == (1797, 3, 8, 8) and images.dtype == np.uint8 and labels.dtype == np.int64
    bunch = load_digits()
    assert np.bincount(labels).tolist() == np.bincount(bunch.target).tolist()
    assert int(images.astype(int).sum()) == 3 * int(np.rint(bunch.images * 255 / 16).sum())
    counts = digits.manifest.count_matrix()
    assert counts[:, 2].min() >= 34 and counts.sum() == 1797
    assert not digits.synthetic and not digits.flip and digits.classes == tuple("0123456789")


def test_images_come_in_the_order_of_keys() -> None:
    digits = open_dataset("digits")
    part = digits.manifest.part("test")
    shuffled = Manifest("digits", part.classes, part.rows.sample(fraction=1.0, shuffle=True, seed=1))
    one, two = digits.read_images(part), digits.read_images(shuffled)
    assert np.array_equal(one[0], two[0]) and np.array_equal(one[1], two[1])
    assert digits.read_images(part, resolution=16)[0].shape[-1] == 16


def test_search_halves_of_digits() -> None:
    train, val = search_halves(open_dataset("digits").manifest, seed=2)
    assert min(train.count_matrix()[:, 0].min(), val.count_matrix()[:, 1].min()) > 60


def test_another_sets_manifest_is_refused() -> None:
    digits, other = open_dataset("digits"), Manifest.from_counts({"a": 3})
    with pytest.raises(ValueError, match="'digits' cannot read a manifest of 'counts'"):
        digits.read_images(other)
    with pytest.raises(ValueError, match="'digits' cannot take"):
        digits.with_manifest(other)
    assert len(digits.with_manifest(digits.manifest.part("test")).manifest) < 400


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cifar11", {}, r"unknown data set 'cifar11'; known are \['digits'"),
        ("digits", {"classes": 3}, r"classes\n.*not permitted"),
        ("digits", {"split": "80-20"}, r"'standard' or '40-40-20' .*'80-20'"),
        ("digits", {"split": "40-40-20", "split_seed": -1}, "greater than or equal to 0 .*-1"),
        ("glyphs", {"classes": 1}, r"classes\n.*greater than or equal to 2 .*input_value=1"),
        ("glyphs", {"shape": "steep"}, "'long_tailed' or 'flat' .*'steep'"),
        ("glyphs", {"pixels": 20}, "16, 32 or 64 .*20"),
        ("glyphs", {"floor": 3}, "greater than or equal to 10 .*3"),
        ("glyphs", {"floor": 30, "largest": 20}, "floor must be at most largest=20, got 30"),
        ("glyphs", {"classes": [3]}, "valid integer"),
        ("glyphs", {"colour": True}, r"colour\n.*not permitted"),
    ],
)
def test_bad_requests(name: str, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_dataset(name, **options)


def test_an_absent_pack_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASTRANSFER_DATA", str(tmp_path))
    with pytest.raises(
        ValueError,
        match=r"'cifar10' is not here: no .*-batches-py or .*cifar10\.parquet\. To get it: .* set NASTRANSFER_DATA",
    ):
        open_dataset("cifar10")


def test_sets_open_without_torch() -> None:
    code = (
        "import sys; from nastransfer.data.datasets import open_dataset; "
        "[data.read_images() for data in (open_dataset('digits'), open_dataset('glyphs', classes=5))]; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_proxy_of_small_images_stays_small_however_it_is_read() -> None:
    digits = open_dataset("digits")
    small = build_proxy(digits.manifest, ProxySpec(selection="random", classes=2, resolution=4), 2)
    images, _ = digits.read_images(small, resolution=8)
    coarse, _ = digits.read_images(small)
    assert images.shape[-1] == 8
    assert coarse.shape[-1] == 4
    sharp, _ = digits.read_images(replace(small, resolution=None), resolution=8)
    assert not np.array_equal(images, sharp)


def test_another_way_of_drawing_is_another_set_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    options = GlyphOptions(classes=4)
    before = glyphs.glyphs_manifest(options).hash
    assert glyphs.glyphs_manifest(options).hash == before
    monkeypatch.setattr(glyphs, "STYLE", replace(glyphs.STYLE, noise=0.5))
    assert glyphs.glyphs_manifest(options).hash != before


def test_digits_are_read_the_same_wherever_scikit_learn_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    read = embedded._scans()
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    assert np.array_equal(read, embedded._scans())
