"""The Frechet distance of pixels: closed forms, scipy's and scikit-learn's numbers, the cache, real sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf

from nastransfer.data.datasets import Dataset, open_dataset
from nastransfer.data.descriptors import describe
from nastransfer.data.manifest import Manifest
from nastransfer.data.pixel_distance import Moments, frechet_distance, moments, own_distance, pixel_distance
from nastransfer.data.proxies import ProxySpec, build_proxy


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NASTRANSFER_CACHE", str(tmp_path))
    return tmp_path / "pixel-moments"


def gaussian(mean: list[float], covariance: np.ndarray) -> Moments:
    return Moments(1, np.array(mean), covariance, 0.0)


def random_covariance(seed: int, numbers: int) -> np.ndarray:
    factor = np.random.default_rng(seed).normal(size=(numbers, numbers))
    return factor @ factor.T


@pytest.mark.parametrize("seed", range(3))
def test_against_scipys_matrix_root(seed: int) -> None:
    one, other = (gaussian([seed + k, 0, 1, 2, k], random_covariance(10 * seed + k, 5)) for k in (1, 2))
    root = scipy.linalg.sqrtm(one.covariance @ other.covariance).real
    squared = ((one.mean - other.mean) ** 2).sum() + np.trace(one.covariance + other.covariance - 2 * root)
    assert frechet_distance(one, other) ** 2 == pytest.approx(squared, rel=1e-9)
    assert frechet_distance(other, one) == pytest.approx(frechet_distance(one, other), rel=1e-9)


def test_closed_forms() -> None:
    """Equal covariances leave the means; diagonal ones add (s1 - s2)^2 each; a rank of 1 is no obstacle."""
    shared = random_covariance(3, 2)
    assert frechet_distance(gaussian([0, 0], shared), gaussian([3, 4], shared)) == pytest.approx(5)
    first, second = gaussian([0, 0], np.diag([1.0, 9.0])), gaussian([0, 0], np.diag([4.0, 1.0]))
    assert frechet_distance(first, second) == pytest.approx(np.sqrt(1 + 4))
    flat = gaussian([0, 0], np.ones((2, 2)))
    assert frechet_distance(flat, flat) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(flat, gaussian([0, 0], np.zeros((2, 2)))) == pytest.approx(np.sqrt(2))
    with pytest.raises(ValueError, match="equally many numbers an image, got 2 and 3"):
        frechet_distance(flat, gaussian([0, 0, 0], np.eye(3)))


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 60), st.integers(1, 12), st.integers(0, 999))
def test_shrinkage_is_ledoit_and_wolfs(count: int, numbers: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(count, numbers)) @ generator.normal(size=(numbers, numbers)) + 5
    found = moments(values)
    covariance, share = ledoit_wolf(values)
    assert found.covariance == pytest.approx(covariance, rel=1e-6, abs=1e-9)
    if numbers > 1:
        assert found.shrinkage == pytest.approx(share, rel=1e-6, abs=1e-9)
    assert found.mean == pytest.approx(values.mean(axis=0)) and found.count == count


def test_one_image_and_equal_images() -> None:
    one = moments(np.full((1, 6), 0.25))
    assert one.shrinkage == 0 and not one.covariance.any()
    assert frechet_distance(one, moments(np.full((9, 6), 0.75))) == pytest.approx(0.5 * np.sqrt(6))
    with pytest.raises(ValueError, match=r"at least one of each, got the shape \(0, 6\)"):
        moments(np.zeros((0, 6)))


def reading(dataset: Dataset, value: int, asked: list[int]) -> Dataset:
    """The set with images of one grey level; `asked` notes how many are read at a time."""

    def read(manifest: Manifest) -> np.ndarray:
        asked.append(len(manifest))
        return np.full((len(manifest), 3, 8, 8), value, np.uint8)

    return replace(dataset, read=read)


def test_distance_of_grey_sets_and_its_cache(own_cache: Path) -> None:
    asked: list[int] = []
    digits = open_dataset("digits")
    few = digits.with_manifest(build_proxy(digits.manifest, ProxySpec(selection="random", classes=2), seed=2))
    black, white = reading(few, 0, asked), reading(digits, 255, asked)
    assert pixel_distance(black, white, images=300) == pytest.approx(np.sqrt(192))
    assert sum(asked) == 300 + min(300, few.manifest.count("train")) and max(asked) <= 256
    asked.clear()
    assert pixel_distance(black, white, images=300) == pytest.approx(np.sqrt(192)) and asked == []
    assert len(list(own_cache.iterdir())) == 2
    # Other images, or a damaged file, are computed anew.
    for path in own_cache.iterdir():
        path.write_bytes(b"PK torn")
    pixel_distance(black, white, images=300)
    pixel_distance(black, white, images=301)
    assert len(asked) > 4 and not list(own_cache.glob("*.tmp"))


def test_a_cache_that_takes_nothing_costs_only_time(own_cache: Path) -> None:
    own_cache.write_text("a file where the folder should be", encoding="utf-8")
    assert pixel_distance(reading(open_dataset("digits"), 9, []), open_dataset("digits"), images=20) > 0


def test_real_sets() -> None:
    """A half of the classes is nearer to the whole than another set is; two samples are nearer still."""
    digits, glyphs = open_dataset("digits"), open_dataset("glyphs")
    half = digits.with_manifest(
        build_proxy(digits.manifest, ProxySpec(selection="random", classes=5), seed=2)
    )
    near, far = pixel_distance(half, digits, 600), pixel_distance(glyphs, digits, 600)
    assert own_distance(digits, 600) < near < far
    assert pixel_distance(digits, digits, 600) == pytest.approx(0, abs=1e-6)
    assert describe(half, digits)["pixel_distance"] == pytest.approx(pixel_distance(half, digits))


def test_bad_input() -> None:
    digits = open_dataset("digits")
    tests = digits.with_manifest(digits.manifest.part("test"))
    with pytest.raises(ValueError, match=r"'digits' .* has 0 images in the parts train and val"):
        pixel_distance(tests, digits, 10)
    with pytest.raises(ValueError, match="'digits' has 0 images in train and val; at least 2"):
        own_distance(tests)
    with pytest.raises(ValueError, match="images must be at least 1, got 0"):
        pixel_distance(digits, digits, 0)
