"""Descriptors of class histograms: closed forms, scipy's numbers, and sets of one class or one image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from nastransfer.data.datasets import open_dataset
from nastransfer.data.descriptors import DESCRIPTORS, class_histogram, describe, entropy, gini, kl_divergence
from nastransfer.data.manifest import Manifest
from nastransfer.data.proxies import ProxySpec, build_proxy

HISTOGRAMS = st.lists(st.integers(0, 10_000), min_size=1, max_size=40).filter(any)
TARGET = Manifest.from_counts({f"c{i:02}": 10 * (i + 1) for i in range(50)}, dataset="set", test_share=0.2)


@given(HISTOGRAMS)
def test_entropy_is_scipys(sizes: list[int]) -> None:
    assert entropy(np.array(sizes)) == pytest.approx(scipy.stats.entropy(sizes), abs=1e-12)
    assert 0 <= entropy(np.array(sizes)) <= math.log(len(sizes)) + 1e-12


@given(HISTOGRAMS)
def test_gini_is_the_mean_difference_of_two_classes(sizes: list[int]) -> None:
    values = np.array(sizes, float)
    pairs = np.abs(values[:, None] - values[None, :]).mean()
    assert gini(np.array(sizes)) == pytest.approx(pairs / (2 * values.mean()), abs=1e-12)
    assert -1e-12 <= gini(np.array(sizes)) <= 1 - 1 / len(sizes) + 1e-12


def test_closed_forms() -> None:
    assert entropy(np.full(8, 5)) == pytest.approx(math.log(8)) and gini(np.full(8, 5)) == 0
    assert entropy(np.array([7])) == 0 and gini(np.array([7])) == 0
    assert gini(np.array([0, 0, 0, 9])) == pytest.approx(0.75)
    assert entropy(np.array([3, 0, 1])) == pytest.approx(math.log(4) - 0.75 * math.log(3))


@pytest.mark.parametrize("sizes", [[], [0, 0], [3, -1], [[1, 2]], [1, math.nan]])
def test_what_is_no_histogram(sizes: list[float]) -> None:
    for measure in (entropy, gini):
        with pytest.raises(ValueError, match="class sizes must be"):
            measure(np.array(sizes))


@given(
    st.integers(1, 30).flatmap(
        lambda n: st.tuples(*[st.lists(st.integers(1, 999), min_size=n, max_size=n)] * 2)
    )
)
def test_kl_is_scipys(both: tuple[list[int], list[int]]) -> None:
    own, target = ({str(name): size for name, size in enumerate(sizes)} for sizes in both)
    assert kl_divergence(own, target) == pytest.approx(scipy.stats.entropy(*both), abs=1e-12)


def test_kl_of_classes_left_out_and_of_strangers() -> None:
    target = {"a": 50, "b": 30, "c": 20}
    assert kl_divergence({"a": 5, "b": 3, "c": 2}, target) == pytest.approx(0, abs=1e-15)
    assert kl_divergence({"c": 20}, target) == pytest.approx(math.log(5))
    assert kl_divergence({"a": 1, "b": 3}, target) == pytest.approx(
        scipy.stats.entropy([1, 3, 0], [50, 30, 20])
    )
    assert kl_divergence({"a": 1, "b": 3, "other": 96}, target) == kl_divergence({"a": 1, "b": 3}, target)
    assert kl_divergence({"other": 4}, target) is None
    assert kl_divergence({"c": 20}, target | {"c": 0}) is None


def test_a_proxy_against_its_target() -> None:
    proxy = build_proxy(TARGET, ProxySpec(selection="uniform", classes=10), seed=2)
    found = describe(proxy, TARGET)
    assert list(found) == list(DESCRIPTORS)
    sizes = np.array([8 * (i + 1) for i in range(2, 50, 5)])
    assert (found["classes"], found["images"], found["train"], found["val"]) == (
        10,
        sizes.sum(),
        sizes.sum(),
        0,
    )
    assert found["test"] == sizes.sum() / 4
    assert [found[name] for name in ("smallest", "quarter", "median", "three_quarters", "largest")] == [
        24, *np.quantile(sizes, (0.25, 0.5, 0.75)), 384
    ]  # fmt: skip
    assert found["imbalance"] == 16 and found["shared_classes"] == 10
    whole = 8 * 51 * 25
    assert found["size_ratio"] == pytest.approx(sizes.sum() / whole)
    # All images of some classes: only that the others are missing tells the histograms apart.
    assert found["kl_to_target"] == pytest.approx(math.log(whole / sizes.sum()))
    assert found["selection"] == "uniform-c10" and found["target"] == "set"
    assert found["domain"] is found["target_domain"] is found["pixel_distance"] is None


def test_images_of_a_val_part_are_learnt_from_too() -> None:
    proxy = build_proxy(TARGET, ProxySpec(parts="halves"), seed=2)
    assert class_histogram(proxy) == {f"c{i:02}": 10 * (i + 1) for i in range(50)}
    assert describe(proxy)["images"] == len(TARGET) and describe(proxy)["test"] == 0


def test_one_class_and_one_image() -> None:
    found = describe(Manifest.from_counts({"a": 1, "empty": 0}), TARGET)
    assert (found["classes"], found["images"], found["entropy"], found["evenness"]) == (1, 1, 0, 1)
    assert (found["gini"], found["imbalance"]) == (0, 1)
    assert (found["shared_classes"], found["kl_to_target"]) == (0, None)
    with pytest.raises(ValueError, match="no image in the parts train and val, 40 in test"):
        describe(TARGET.part("test").take((TARGET.part("test").rows["label"] == 19).to_numpy()))


def test_without_a_target_the_distances_are_missing() -> None:
    found = describe(TARGET)
    names = list(DESCRIPTORS)
    assert [found[name] for name in names[names.index("target") :]] == [None] * 6
    assert describe(open_dataset("digits"))["domain"] == "scans of handwritten digits"
