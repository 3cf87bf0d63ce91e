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
from nastransfer.data.selections import RULES, Columns, Rule, Settings, images_of
from nastransfer.data.splits import seeded_order

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


@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.9])
def test_the_images_kept_are_those_with_the_smallest_seeded_numbers(fraction: float) -> None:
    """Against a plain sort of every class and part; the fast way ranks only images below a bound."""
    whole = Manifest.from_counts({"a": 3000, "b": 700, "c": 20, "d": 1}, dataset="set", test_share=0.3)
    proxy = build_proxy(whole, ProxySpec(fraction=fraction), seed=5)
    rows = whole.rows.with_columns(order=seeded_order(whole, 5, "proxy images")).sort("order")
    expected = []
    for (label, part), images in rows.group_by("label", "part"):
        cell = whole.counts().filter(label=label)
        # A class whose smaller part would be empty is dropped.
        if min(round(cell[name].item() * fraction) for name in ("train", "test")) >= 1:
            expected += images["key"][: round(cell[part].item() * fraction)].to_list()
    assert expected and set(proxy.rows["key"]) == set(expected) and len(proxy) == len(expected)


def test_keys_that_are_not_spread_are_chosen_all_the_same() -> None:
    """All seeded numbers above the bound that evenly spread ones would stay below: the class is ranked whole."""
    undo = np.random.default_rng(0).integers(0, 2**64, 400_000, np.uint64)
    many = Manifest.build(
        "set", ["a"], label=np.zeros(len(undo)), part=np.zeros(len(undo), int), key=undo, container="x"
    )
    last = np.argsort(seeded_order(many, 2, "proxy images"))[-1000:]
    high = many.take(np.isin(np.arange(len(undo)), last))
    proxy = build_proxy(high, ProxySpec(fraction=0.01), seed=2)
    assert sorted(proxy.rows["key"]) == sorted(undo[last[:10]])


def test_halves_of_the_test_part() -> None:
    proxy = build_proxy(MANIFEST, ProxySpec(fraction=0.5, min_images=2, parts="test_halved"), seed=2)
    table = proxy.count_matrix()
    assert set(proxy.rows["parent_part"]) == {"test"} and table[:, 2].sum() == 0
    assert set((table[:, 0] - table[:, 1]).tolist()) == {0, 1} and table[:, 1].min() >= 1


def test_halves_need_a_train_and_a_test_part() -> None:
    ready = build_proxy(MANIFEST, ProxySpec(parts="halves"), seed=2)
    for manifest in (ready, MANIFEST.part("train")):
        with pytest.raises(ValueError, match=r"'halves' needs .* 'set' has \d+, 0 and \d+ val images"):
            build_proxy(manifest, ProxySpec(parts="halves"), seed=2)


def largest_classes(columns: Columns, spec: Settings, seed: int) -> np.ndarray:
    order = np.argsort(-columns.counts.sum(axis=1), kind="stable")
    return images_of(columns, order[: spec.classes], spec, seed)


def even_keys(columns: Columns, spec: Settings, seed: int) -> np.ndarray:
    assert spec.classes is None and seed == 2
    return np.flatnonzero(columns.key % np.uint64(2) == 0)


def test_a_further_rule_is_a_function_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "largest", Rule(largest_classes, "needed", "the largest classes"))
    monkeypatch.setitem(RULES, "even", Rule(even_keys, "refused", "every class, by key"))
    largest = build_proxy(MANIFEST, ProxySpec(selection="largest", classes=5, cap=7), seed=2)
    assert (
        list(largest.classes) == [f"c{i:03}" for i in range(95, 100)]
        and largest.selection == "largest-c5-cap7"
    )
    assert largest.count_matrix()[:, [0, 2]].tolist() == [[7, 7]] * 5
    even = build_proxy(MANIFEST, ProxySpec(selection="even"), seed=2)
    assert sorted(even.rows["key"]) == sorted(key for key in MANIFEST.rows["key"] if key % 2 == 0)
    with pytest.raises(ValidationError, match="selection 'largest' needs the number of classes"):
        ProxySpec(selection="largest")


def test_the_schema_names_the_rules() -> None:
    assert ProxySpec.model_json_schema()["properties"]["selection"]["enum"] == list(RULES)


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
        ({"selection": "best"}, r"one of \['random', 'uniform', 'all'\], got 'best'"),
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
        (
            ProxySpec(images=101, cap=1),
            "wants 101 images a part; .*'train': 100, 'test': 100} within the cap of 1$",
        ),
        (ProxySpec(min_images=1000), "at least 1000 images of a class .* the best of 100 classes has 22"),
        (ProxySpec(fraction=0.01, min_images=2), "at least 2 images of a class .* the best class keeps 0"),
        (ProxySpec(images=3, min_images=2), "3 images a part are too few for 2 images of a class"),
        (
            ProxySpec(images=1000, min_images=5),
            "wants 1000 images a part; .* keep 5 of each part have .*'test': ",
        ),
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


def test_imagenet22k_proxies_on_real_counts() -> None:
    counts = read_counts("imagenet_fall11_counts.csv")
    whole = Manifest.from_counts(counts, dataset="imagenet22k", test_share=7 / 14.5)
    assert len(whole) == 14_197_114 and len(whole.classes) == 21_841
    built = {}
    for name in ("p1", "p2", "p2-half", "p2-35k", "p3"):
        proxy = build_proxy(whole, proxies()[f"imagenet22k-{name}"], seed=2)
        built[name] = (len(proxy.classes), proxy.count("train"), proxy.count("val"))
        assert proxy.count("test") == 0
    # methods.md 8.2: the class count of Table 1 by the stated fraction, its size by the stated totals.
    assert built["p2"] == (13_377, 66_460, 62_335)
    assert built["p2-half"][0] == 13_377 and sum(built["p2-half"][1:]) == 62_335
    assert built["p2-35k"] == (10_807, 35_000, 35_000)
    assert built["p1"][0] == built["p3"][0] == 100
    assert all(30_000 <= size <= 36_000 for size in built["p3"][1:])
