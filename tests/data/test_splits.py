"""Search halves and new parts: disjoint, within each class, seeded, capped."""

from __future__ import annotations

import numpy as np
import pytest

from nastransfer.data.manifest import Manifest
from nastransfer.data.proxies import ProxySpec, build_proxy
from nastransfer.data.splits import allocate, rank_within, search_halves, split_parts

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
    assert rank_within(np.zeros(3, int), np.array([7, 2**64 - 1, 0], np.uint64)).tolist() == [1, 2, 0]
    assert rank_within(np.zeros(0, int), np.zeros(0, np.uint64)).tolist() == []


@pytest.mark.parametrize("spread", [2**64 - 1, 1_000, 3])
def test_rank_within_is_the_place_in_a_sort_by_both(spread: int) -> None:
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 60, 5_000)
    order = rng.integers(0, spread, 5_000, np.uint64)
    rank = np.empty(5_000, int)
    for group in range(60):
        rows = np.flatnonzero(groups == group)
        rank[rows[np.argsort(order[rows], kind="stable")]] = np.arange(len(rows))
    assert (rank_within(groups, order) == rank).all()


def test_new_parts_have_their_shares_of_every_class() -> None:
    split = split_parts(MANIFEST, seed=2)
    sizes = split.count_matrix()
    total = sizes.sum(axis=1)
    assert (sizes[:, 0] == total * 40 // 100).all()
    assert (sizes[:, :2].sum(axis=1) == total * 80 // 100).all()
    assert (total == MANIFEST.count_matrix().sum(axis=1)).all()
    keys = [set(split.part(part).rows["key"]) for part in ("train", "val", "test")]
    assert not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]
    assert keys[0] | keys[1] | keys[2] == set(MANIFEST.rows["key"])


def test_new_parts_remember_the_parents_part() -> None:
    split = split_parts(MANIFEST, seed=2)
    old = dict(zip(MANIFEST.rows["key"], MANIFEST.rows["part"], strict=True))
    assert [old[key] for key in split.rows["key"]] == split.rows["parent_part"].to_list()
    train, val = search_halves(split, seed=5)
    assert set(train.rows["key"]) == set(split.part("train").rows["key"])
    assert set(val.rows["key"]) == set(split.part("val").rows["key"])
    assert "test" in set(train.rows["parent_part"]), "a search on these would see the parent's test images"


def test_new_parts_depend_on_keys_and_seed_only() -> None:
    shuffled = Manifest("set", MANIFEST.classes, MANIFEST.rows.sample(fraction=1.0, shuffle=True, seed=3))
    assert split_parts(shuffled, 2).hash == split_parts(MANIFEST, 2).hash != split_parts(MANIFEST, 3).hash
    assert split_parts(MANIFEST, 2, (90, 10, 0)).count("test") == 0
    assert split_parts(MANIFEST, 2, (80, 0, 20)).count("test") == split_parts(MANIFEST, 2).count("test")


@pytest.mark.parametrize("seed", range(8))
def test_no_image_is_in_two_halves_of_any_split(seed: int) -> None:
    for manifest in (MANIFEST, split_parts(MANIFEST, seed), split_parts(MANIFEST, seed, (70, 0, 30))):
        test = set(manifest.part("test").rows["key"])
        train, val = (set(half.rows["key"]) for half in search_halves(manifest, seed))
        assert not train & val and not train & test and not val & test
        assert len(train) + len(val) + len(test) == len(manifest)


def test_bad_shares() -> None:
    for percent in ((40, 40, 40), (120, -40, 20), (50, 50)):
        with pytest.raises(ValueError, match=r"sum to 100, got \("):
            split_parts(MANIFEST, 2, percent)
    with pytest.raises(ValueError, match=r"1 of 2 have too few images, such as {'b': 2}"):
        split_parts(Manifest.from_counts({"a": 9, "b": 2}), 2)


def test_allocate_by_hand() -> None:
    assert allocate(np.array([60, 30, 10]), 10).tolist() == [6, 3, 1]
    assert allocate(np.array([97, 2, 1]), 10, least=2).tolist() == [7, 2, 1]
    assert allocate(np.array([3, 0, 2]), 99).tolist() == [3, 0, 2]
