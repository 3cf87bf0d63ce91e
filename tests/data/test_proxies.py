"""Proxies: Table 1 on class counts, choice by key, and what is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from nastransfer.data.manifest import Manifest
from nastransfer.data.packs import folders
from nastransfer.data.proxies import ProxySpec, build_proxy, proxies

MANIFEST = Manifest.from_counts({f"c{i:03}": 10 + i for i in range(100)}, dataset="set", test_share=0.2)


def test_table_1_is_there() -> None:
    table = proxies()
    assert list(table) == [f"imagenet1k-p{i}" for i in range(1, 6)] + [
        f"imagenet22k-{name}" for name in ("p1", "p2", "p2-half", "p2-35k", "p3")
    ]
    assert all(spec.label == name for name, spec in table.items())


def test_random_classes_keep_all_their_images() -> None:
    proxy = build_proxy(MANIFEST, ProxySpec(selection="random", classes=20), seed=2)
    counts = dict(zip(MANIFEST.classes, MANIFEST.count_matrix().tolist(), strict=True))
    assert len(proxy.classes) == 20 and list(proxy.classes) == sorted(proxy.classes)
    assert proxy.count_matrix().tolist() == [counts[name] for name in proxy.classes]
    assert proxy.selection == "random-c20" and proxy.dataset == "set"
    other = build_proxy(MANIFEST, ProxySpec(selection="random", classes=20), seed=3)
    assert set(other.classes) != set(proxy.classes)


def test_choice_does_not_depend_on_order_and_survives_growth() -> None:
    spec = ProxySpec(selection="random", classes=30, cap=4)
    proxy = build_proxy(MANIFEST, spec, seed=2)
    order = np.random.default_rng(1).permutation(100)
    counts = {MANIFEST.classes[i]: 10 + int(i) for i in order}
    mixed = build_proxy(Manifest.from_counts(counts, dataset="set", test_share=0.2), spec, seed=2)
    assert set(mixed.rows["key"]) == set(proxy.rows["key"])
    grown = Manifest.from_counts(counts | {"new": 50}, dataset="set", test_share=0.2)
    kept = set(build_proxy(grown, spec, seed=2).classes) & set(proxy.classes)
    assert len(kept) >= 29


def test_uniform_classes_are_evenly_spaced_by_size() -> None:
    proxy = build_proxy(MANIFEST, ProxySpec(selection="uniform", classes=10), seed=2)
    assert list(proxy.classes) == [f"c{i:03}" for i in range(5, 100, 10)]


def test_fraction_minimum_cap_and_totals() -> None:
    half = build_proxy(MANIFEST, ProxySpec(fraction=0.5, min_images=8), seed=2)
    assert half.count_matrix()[:, [0, 2]].min() == 8
    capped = build_proxy(MANIFEST, ProxySpec(cap=3), seed=2)
    assert capped.count_matrix().max() == 3 and len(capped.classes) == 100
    total = build_proxy(MANIFEST, ProxySpec(images=500), seed=2)
    assert (total.count("train"), total.count("test")) == (500, 500)
    assert build_proxy(MANIFEST, ProxySpec(resolution=8), seed=2).resolution == 8


def test_every_part_of_a_proxy_of_40_classes_keeps_2_images() -> None:
    proxy = build_proxy(MANIFEST, ProxySpec(selection="random", classes=40, min_images=2), seed=2)
    assert len(proxy.classes) == 40 and proxy.count_matrix()[:, [0, 2]].min() >= 2


def test_labels() -> None:
    assert ProxySpec().label == "all"
    assert (
        ProxySpec(selection="random", classes=40, fraction=0.25, min_images=2).label
        == "random-c40-f0.25-min2"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fraction": 0.5, "images": 3}, "not both"),
        ({"classes": 3}, "selection 'all' keeps every class"),
        ({"selection": "random"}, "needs the number of classes"),
        ({"selection": "best"}, "selection"),
        ({"fraction": 0.0}, "fraction"),
        ({"cap": 2, "min_images": 3}, "at least min_images=3, got 2"),
        ({"clases": 3}, "clases"),
    ],
)
def test_bad_settings(settings: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ProxySpec(**settings)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (ProxySpec(selection="random", classes=101), "wants 101 classes; 100 of 100 classes"),
        (ProxySpec(images=100_000), "wants 100000 images a part; .*'train': .*'test': "),
        (ProxySpec(min_images=1000), "keeps no class"),
        (ProxySpec(images=3, min_images=2), "too few"),
    ],
)
def test_more_than_there_is(spec: ProxySpec, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_proxy(MANIFEST, spec, seed=2)


def test_empty_parent() -> None:
    with pytest.raises(ValueError, match="no image to choose from"):
        build_proxy(Manifest.from_counts({"a": 0}), ProxySpec(), seed=2)


def read_counts(name: str) -> dict[str, int]:
    """The real class counts of a file beside the packs; skips the test where it is absent."""
    path = next((folder / name for folder in folders() if (folder / name).is_file()), None)
    if path is None:
        pytest.skip(f"no {name} in {[str(folder) for folder in folders()]}")
    with Path(path).open(newline="") as lines:
        return {row["wnid"]: int(row["count"]) for row in csv.DictReader(lines)}


def test_imagenet1k_proxies_on_real_counts() -> None:
    imagenet = Manifest.from_counts(read_counts("imagenet1k_train_counts.csv"), dataset="imagenet1k")
    sizes = {
        name: (len(proxy.classes), round(len(proxy) / 1000))
        for name in ("p1", "p4", "p5")
        for proxy in [build_proxy(imagenet, proxies()[f"imagenet1k-{name}"], seed=2)]
    }
    assert sizes["p5"] == (1000, 128)
    assert sizes["p1"][0] == 100 and 124 <= sizes["p1"][1] <= 131
    assert sizes["p4"][0] == 200 and 124 <= sizes["p4"][1] <= 131


@pytest.mark.slow
def test_imagenet22k_proxies_on_real_counts() -> None:
    counts = read_counts("imagenet_fall11_counts.csv")
    whole = Manifest.from_counts(counts, dataset="imagenet22k", test_share=7 / 14.5)
    built = {}
    for name in ("p1", "p2", "p2-half", "p2-35k", "p3"):
        proxy = build_proxy(whole, proxies()[f"imagenet22k-{name}"], seed=2)
        built[name] = (len(proxy.classes), proxy.count("train"), proxy.count("val"))
        assert proxy.count("test") == 0
    # methods.md 8.2: the class count of Table 1 by the stated fraction, its size by the stated totals.
    assert built["p2"][0] == built["p2-half"][0] == 13_377
    assert built["p2-35k"] == (10_807, 35_000, 35_000)
    assert built["p1"][0] == built["p3"][0] == 100
    assert all(30_000 <= size <= 36_000 for size in built["p3"][1:])
