"""Manifests: keys, hash, counts, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nastransfer.data.manifest import Manifest, mix_keys, name_key, path_keys

COUNTS = {"ant": 10, "bee": 5, "cow": 0, "dog": 7}


@pytest.fixture
def manifest() -> Manifest:
    return Manifest.from_counts(COUNTS, dataset="farm", test_share=0.2)


def test_mix_is_splitmix64() -> None:
    # The first outputs of the reference generator for the seed 1234567.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert mix_keys(1234567, np.arange(3)).tolist() == expected


def test_keys_of_names_are_the_ones_of_ever() -> None:
    assert name_key("farm", "ant") == 1820326502994966659
    assert name_key("farm", 1) != name_key("farm", "1")


def test_keys_of_paths_are_a_chain_over_their_bytes() -> None:
    paths = ["a", "abcdefgh", "n01440764/n01440764_10026.JPEG", "é/日本.png", ""]
    expected = []
    for path in paths:
        content, key = path.encode(), name_key("farm")
        for at in range(0, len(content), 8):
            key = int(mix_keys(key ^ int.from_bytes(content[at : at + 8], "little"), 0))
        expected.append(int(mix_keys(key ^ len(content), 0)))
    assert path_keys("farm", paths).tolist() == expected
    assert path_keys("farm", pl.Series(paths)).tolist() == expected
    assert path_keys("farm", ["a"])[0] != path_keys("barn", ["a"])[0]
    assert not len(path_keys("farm", []))
    with pytest.raises(ValueError, match="1 of 2 have none"):
        path_keys("farm", pl.Series(["a", None]))


def test_keys_of_paths_do_not_depend_on_what_stands_beside_them() -> None:
    paths = pl.Series([f"class {i % 7}/{'x' * (i % 41)}{i}.jpg" for i in range(300_000)])
    keys = path_keys("farm", paths)
    assert len(np.unique(keys)) == len(paths)
    assert (path_keys("farm", paths.reverse())[::-1] == keys).all()


def test_build_takes_every_column() -> None:
    built = Manifest.build(
        "farm",
        ["ant"],
        label=np.zeros(2, np.int64),
        part=np.array([0, 2]),
        key=path_keys("farm", ["ant/1.png", "ant/2.png"]),
        container=pl.Series(["ant", "ant"]),
        name=pl.Series(["1.png", "2.png"]),
        length=pl.Series([7, None]),
        modified=np.array([5, 6]),
    )
    assert built.rows.drop("key", "parent_part", "part").rows() == [
        (0, "ant", "1.png", None, 7, 5),
        (0, "ant", "2.png", None, None, 6),
    ]


def test_hash_leaves_out_the_time_of_change_and_holds_for_repeated_keys(manifest: Manifest) -> None:
    later = Manifest(
        "farm", manifest.classes, manifest.rows.with_columns(pl.lit(9, pl.Int64).alias("modified"))
    )
    assert later.hash == manifest.hash
    containers = pl.when(pl.col("offset") > 4).then(pl.lit("a")).otherwise(pl.lit("b")).cast(pl.Categorical)
    names = pl.format("{}.png", "offset")
    rows = manifest.rows.with_columns(pl.lit(1, pl.UInt64).alias("key"), container=containers, name=names)
    repeated = Manifest("farm", manifest.classes, rows)
    shuffled = Manifest("farm", manifest.classes, rows.sample(fraction=1.0, shuffle=True, seed=1))
    assert shuffled.hash == repeated.hash != manifest.hash


def test_counts(manifest: Manifest) -> None:
    assert len(manifest) == manifest.count() == 22
    assert manifest.counts().rows() == [
        (0, "ant", 8, 0, 2),
        (1, "bee", 4, 0, 1),
        (2, "cow", 0, 0, 0),
        (3, "dog", 6, 0, 1),
    ]
    assert manifest.count("train") == len(manifest.part("train")) == 18
    assert (manifest.rows["part"] == manifest.rows["parent_part"]).all()
    assert manifest.rows["key"].n_unique() == 22


def test_floor_of_the_test_part() -> None:
    floored = Manifest.from_counts(COUNTS, test_share=0.1, floor=2)
    assert floored.counts()["test"].to_list() == [2, 2, 0, 2]


def test_hash_covers_rows_and_classes_but_not_their_order(manifest: Manifest) -> None:
    assert manifest.hash == "45cd9ce5f426a4ae5897b2005ef7e078"
    shuffled = Manifest("farm", manifest.classes, manifest.rows.sample(fraction=1.0, shuffle=True, seed=1))
    assert shuffled.hash == manifest.hash
    changed = {
        "label": pl.lit(1, pl.UInt32),
        "part": pl.lit("val", manifest.rows.schema["part"]),
        "parent_part": pl.lit("val", manifest.rows.schema["part"]),
        "key": pl.col("key") + 1,
        "container": pl.lit("elsewhere").cast(pl.Categorical),
        "offset": pl.lit(None, pl.Int64),
        "length": pl.lit(1, pl.Int64),
        "name": pl.lit("1.png"),
    }
    hashes = {
        Manifest("farm", manifest.classes, manifest.rows.with_columns(value.alias(column))).hash
        for column, value in changed.items()
    }
    hashes |= {
        Manifest("farm", ("ape", *manifest.classes[1:]), manifest.rows).hash,
        manifest.part("train").hash,
    }
    assert len(hashes | {manifest.hash}) == len(changed) + 3


def test_take(manifest: Manifest) -> None:
    kept = manifest.take(manifest.rows["label"] == 1)
    assert len(kept) == 5 and kept.classes == manifest.classes
    with pytest.raises(ValueError, match="22 rows, 3 values"):
        manifest.take(np.ones(3, bool))


def test_file_round_trip(manifest: Manifest, tmp_path: Path) -> None:
    manifest.save(tmp_path / "farm.parquet")
    again = Manifest.load(tmp_path / "farm.parquet")
    assert again.hash == manifest.hash
    assert (again.dataset, again.classes, again.selection, again.resolution) == (
        manifest.dataset,
        manifest.classes,
        "all",
        None,
    )
    assert again.rows.cast({"container": pl.String}).equals(manifest.rows.cast({"container": pl.String}))


def test_bad_files_are_refused(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "farm.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)
    with pytest.raises(ValueError, match="not a manifest"):
        Manifest.load(path)
    older = manifest.rows.with_columns(pl.col("part", "parent_part", "container").cast(pl.String))
    older.write_parquet(path, metadata={"nastransfer": '{"format": "nastransfer.manifest.1"}'})
    with pytest.raises(ValueError, match=r"format 'nastransfer.manifest.1', wanted is .*make it anew"):
        Manifest.load(path)
    path.write_text("torn")
    with pytest.raises(ValueError, match="not a manifest"):
        Manifest.load(path)
    manifest.save(path)
    metadata = {"nastransfer": pl.read_parquet_metadata(path)["nastransfer"]}
    pl.read_parquet(path).head(3).write_parquet(path, metadata=metadata)
    with pytest.raises(ValueError, match="the file says"):
        Manifest.load(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"counts": {"a": -1}}, "must not be negative, got {'a': -1}"),
        ({"counts": {"a": 1}, "test_share": 1.0}, "below 1, got 1.0"),
    ],
)
def test_bad_counts(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Manifest.from_counts(**arguments)


def test_bad_rows(manifest: Manifest) -> None:
    with pytest.raises(ValueError, match="must have the columns"):
        Manifest("farm", manifest.classes, manifest.rows.drop("key"))
    with pytest.raises(ValueError, match="label 3 has no name"):
        Manifest("farm", manifest.classes[:2], manifest.rows)
    with pytest.raises(ValueError, match="must differ"):
        Manifest("farm", ("a", "a", "b", "c"), manifest.rows)
    with pytest.raises(ValueError, match=r"one of .*got 'dev'"):
        manifest.part("dev")
