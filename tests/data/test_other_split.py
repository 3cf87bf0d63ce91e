"""The papers' other split, 40/40/20, as an option of every set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import nastransfer as nt
from nastransfer.data.datasets import label_of
from nastransfer.data.manifest import PARTS, Manifest
from nastransfer.data.splits import search_halves
from nastransfer.study.sources import open_source, refuse_overlap
from nastransfer.study.spec import Source
from tests.publishers import jpeg, write_cifar10, write_files

TINY = jpeg(np.zeros((4, 4, 3), np.uint8))
SPLIT: dict[str, Any] = {"split": "40-40-20"}


def parts_of(manifest: Manifest) -> dict[int, str]:
    return dict(manifest.rows.select("key", "part").iter_rows())


@pytest.mark.parametrize("name", ["digits", "glyphs"])
def test_shares_seed_and_the_sets_own_parts(name: str) -> None:
    plain, cut, other = (
        nt.open_dataset(name, **options).manifest for options in ({}, SPLIT, {**SPLIT, "split_seed": 3})
    )
    sizes, total = cut.count_matrix(), plain.count_matrix().sum(axis=1)
    assert (sizes[:, 0] == total * 40 // 100).all() and (sizes[:, 2] == total - total * 80 // 100).all()
    keys = [set(cut.part(part).rows["key"]) for part in PARTS]
    assert sum(map(len, keys)) == len(set.union(*keys)) == len(plain)
    remembered = dict(cut.rows.select("key", "parent_part").iter_rows())
    assert remembered == parts_of(plain) != parts_of(cut)
    assert parts_of(cut) != parts_of(other)
    assert cut.hash == nt.open_dataset(name, **SPLIT).manifest.hash != other.hash
    assert "split_seed 2" in nt.open_dataset(name, **SPLIT).notes[-1] and nt.open_dataset(name).notes == ()
    train, val = search_halves(cut, seed=9)
    assert set(train.rows["key"]) == keys[0] and set(val.rows["key"]) == keys[1]


def test_folders_tables_and_publishers_layouts(tmp_path: Path) -> None:
    write_files(tmp_path / "birds", {f"{name}/{n}.jpg": TINY for name in "ab" for n in range(10)})
    lines = [f"{name}/{n}.jpg,{name}" for name in "ab" for n in range(10)]
    (tmp_path / "birds" / "list.csv").write_text("\n".join(["path,label", *lines]), encoding="utf-8")
    for opened in (
        nt.folder(tmp_path / "birds", **SPLIT),
        nt.table(tmp_path / "birds" / "list.csv", **SPLIT),
    ):
        assert opened.manifest.count_matrix().tolist() == [[4, 4, 2]] * 2
    images, label = np.zeros((50, 3, 32, 32), np.uint8), np.arange(50) % 5
    write_cifar10(tmp_path, list("abcde"), images, label, np.arange(50) < 10)
    cut, standard = (
        nt.open_dataset("cifar10", root=tmp_path, checksums=False, **options).manifest
        for options in (SPLIT, {})
    )
    assert [cut.count(part) for part in PARTS] == [20, 20, 10]
    assert dict(cut.rows.select("key", "parent_part").iter_rows()) == parts_of(standard)


def test_names_say_so() -> None:
    assert label_of("digits", SPLIT) == "digits-split40-40-20"
    assert label_of("folder", {"root": "birds", **SPLIT}) == "folder-birds-split40-40-20"


def test_a_study_on_it_is_fair_and_other_parts_of_the_set_are_refused() -> None:
    cut = Source.model_validate({"dataset": "digits", "options": SPLIT})
    refuse_overlap(cut, cut)
    smaller = {"dataset": "digits", "options": SPLIT, "proxy": {"selection": "random", "classes": 3}}
    refuse_overlap(Source.model_validate(smaller), cut)
    with pytest.raises(ValueError, match="the same data set with other options"):
        refuse_overlap(cut, Source.model_validate("digits"))
    seen = open_source(cut).manifest.rows.filter(pl.col("part") != "test")
    assert (seen["parent_part"] == "test").any(), "these would be seen by a search for the standard target"
