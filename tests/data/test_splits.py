"""Search halves: disjoint, within each class, seeded, capped."""

from __future__ import annotations

import numpy as np
import pytest

from nastransfer.data.manifest import Manifest
from nastransfer.data.proxies import ProxySpec, build_proxy
from nastransfer.data.splits import allocate, rank_within, search_halves

MANIFEST = Manifest.from_counts({f"c{i}": 5 + 3 * i for i in range(12)}, dataset="set", test_share=0.2)


def test_halves_are_disjoint_and_cover_the_train_part() -> None:
    train, val = search_halves(MANIFEST, seed=2)
    keys = [set(half.rows["key"]) for half in (train, val)]
    assert not keys[0] & keys[1]
    assert keys[0] | keys[1] == set(MANIFEST.part("train").rows["key"])
    sizes = train.count_matrix()[:, 0], val.count_matrix()[:, 1]
    assert np.abs(sizes[0] - sizes[1]).max() <= 1
    assert set(train.rows["part"]) == {"train"} and set(val.rows["part"]) == {"val"}
    assert set(train.rows["parent_part"]) == set(val.rows["parent_part"]) == {"train"}


def test_odd_images_fall_to_both_sides() -> None:
    odd = Manifest.from_counts({f"c{i}": 3 for i in range(40)})
    train, val = search_halves(odd, seed=2)
    assert 50 <= len(train) <= 70 and len(train) + len(val) == 120


def test_same_seed_same_halves_whatever_the_order_of_rows() -> None:
    shuffled = MANIFEST.take(np.ones(len(MANIFEST), bool))
    shuffled = Manifest("set", MANIFEST.classes, shuffled.rows.sample(fraction=1.0, shuffle=True, seed=3))
    assert [half.hash for half in search_halves(MANIFEST, 2)] == [
        half.hash for half in search_halves(shuffled, 2)
    ]
    assert search_halves(MANIFEST, 2)[0].hash != search_halves(MANIFEST, 3)[0].hash


def test_cap_is_exact_and_stratified() -> None:
    train, val = search_halves(MANIFEST, 2, images=40)
    whole = search_halves(MANIFEST, 2)
    assert len(train) == len(val) == 40
    assert train.count_matrix()[:, 0].min() >= 1
    assert set(train.rows["key"]) <= set(whole[0].rows["key"])
    assert len(search_halves(MANIFEST, 2, images=10_000)[0]) == len(whole[0])


def test_ready_halves_are_taken_as_they_are() -> None:
    proxy = build_proxy(MANIFEST, ProxySpec(min_images=1, parts="halves"), seed=2)
    train, val = search_halves(proxy, seed=9)
    assert len(train) == MANIFEST.count("train") and len(val) == MANIFEST.count("test")
    assert set(val.rows["parent_part"]) == {"test"}


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"1 of 2 have none in .*'b'"):
        search_halves(Manifest.from_counts({"a": 4, "b": 1}), 2)
    with pytest.raises(ValueError, match="5 images are too few: 1 of each of 12 classes are 12"):
        search_halves(MANIFEST, 2, images=5)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        search_halves(MANIFEST, 2, images=0)
    with pytest.raises(ValueError, match="every class needs an image"):
        search_halves(Manifest.from_counts({}), 2)


def test_rank_within() -> None:
    assert rank_within(np.array([1, 0, 1, 1]), np.array([5, 9, 4, 6])).tolist() == [1, 0, 0, 2]


def test_allocate_by_hand() -> None:
    assert allocate(np.array([60, 30, 10]), 10).tolist() == [6, 3, 1]
    assert allocate(np.array([97, 2, 1]), 10, least=2).tolist() == [7, 2, 1]
    assert allocate(np.array([3, 0, 2]), 99).tolist() == [3, 0, 2]
