"""Any table of paths and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import nastransfer as nt
from nastransfer.data.datasets import label_of, open_dataset
from tests.publishers import jpeg, write_files

ROWS = {
    "path": ["cats/1.jpg", "cats/2.jpg", "3.jpg", "deep/er/4.jpg", "cats/5.jpg"],
    "label": ["cat", "cat", "dog", "dog", "cat"],
    "part": ["train", "test", "Train", "validation", "train"],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five images, each of a grey of its own."""
    write_files(
        tmp_path / "images",
        ((path, jpeg(np.full((6, 5, 3), 40 * n, np.uint8))) for n, path in enumerate(ROWS["path"])),
    )
    return tmp_path / "images"


def write(path: Path, /, **columns: list) -> Path:
    frame = pl.DataFrame(columns, strict=False)
    frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(
        path, separator="\t" if path.suffix == ".tsv" else ","
    )
    return path


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_rows_with_parts(root: Path, tmp_path: Path, ending: str) -> None:
    data = nt.table(write(tmp_path / f"pets{ending}", **ROWS), root=root)
    assert data.classes == ("cat", "dog") and data.name == "table-pets" and data.root == root
    rows = data.manifest.rows
    assert rows["part"].to_list() == ["train", "test", "train", "val", "train"]
    assert rows["label"].to_list() == [0, 0, 1, 1, 0]
    assert rows["container"].to_list() == ["cats", "cats", ".", "deep/er", "cats"]
    for number, row in enumerate(rows.iter_rows(named=True)):
        image = data.image(row)
        assert image.shape == (6, 5, 3) and np.abs(image.astype(int) - 40 * number).max() <= 2
    assert (
        open_dataset("table", table=str(tmp_path / f"pets{ending}"), root=root).manifest.hash
        == data.manifest.hash
    )


def test_without_parts_80_to_20_a_class(tmp_path: Path) -> None:
    paths = [f"{n}.jpg" for n in range(30)]
    table = write(tmp_path / "plain.csv", path=paths, label=[n % 3 for n in range(30)])
    data = nt.table(table)
    assert data.root == tmp_path
    assert data.manifest.count_matrix().tolist() == [[8, 0, 2]] * 3
    shuffled = np.random.default_rng(1).permutation(30)
    write(table, path=[paths[n] for n in shuffled], label=[int(n) % 3 for n in shuffled])
    assert nt.table(table).manifest.hash == data.manifest.hash


def test_labels_are_names(tmp_path: Path) -> None:
    paths = [f"{n}.jpg" for n in range(4)]
    assert nt.table(write(tmp_path / "a.csv", path=paths, label=["10", "007", "2", "x"])).classes == (
        "2",
        "007",
        "10",
        "x",
    )
    assert nt.table(write(tmp_path / "b.parquet", path=paths, label=[10, 7, 2, 2])).classes == (
        "2",
        "7",
        "10",
    )


def test_columns_by_other_names(tmp_path: Path) -> None:
    table = write(tmp_path / "list.csv", file=["a.jpg", "b.jpg"], kind=["x", "y"], split=["train", "test"])
    data = nt.table(table, path_column="file", label_column="kind", part_column="split")
    assert data.manifest.rows["part"].to_list() == ["train", "test"]
    with pytest.raises(
        ValueError, match=r"has no column 'path'; it has \['file', 'kind', 'split'\]: name its columns"
    ):
        nt.table(table)
    with pytest.raises(ValueError, match="has no column 'fold'"):
        nt.table(table, path_column="file", label_column="kind", part_column="fold")


def test_paths_inside_the_root(tmp_path: Path) -> None:
    inside = ["./a.jpg", "x/../b.jpg", "c//d.jpg", str(tmp_path / "e" / "f.jpg"), "..hidden/..g.jpg"]
    rows = nt.table(write(tmp_path / "t.csv", path=inside, label=["z"] * 5)).manifest.rows
    found = [f"{container}/{name}" for container, name in rows.select("container", "name").rows()]
    assert found == ["./a.jpg", "./b.jpg", "c/d.jpg", "e/f.jpg", "..hidden/..g.jpg"]


@pytest.mark.parametrize("path", ["../a.jpg", "x/../../a.jpg", "/etc/passwd", "..", ".", "x/..", "//a.jpg"])
def test_paths_that_leave_the_root_are_refused(tmp_path: Path, path: str) -> None:
    table = write(tmp_path / "t.csv", path=["fine.jpg", path], label=["z", "z"])
    with pytest.raises(ValueError) as refused:
        nt.table(table)
    assert f"a path must stay below the root {tmp_path}, got {path!r}" in str(refused.value)


def test_a_root_that_only_starts_alike_is_outside(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    table = write(tmp_path / "t.csv", path=[f"{tmp_path}/rootless/a.jpg"], label=["z"])
    with pytest.raises(ValueError, match="a path must stay below the root"):
        nt.table(table, root=tmp_path / "root")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"path": ["a.jpg", "a.jpg"], "label": ["x", "y"]}, r"must stand in one row, 'a\.jpg' stands in 2"),
        ({"path": ["a.jpg", "./a.jpg"], "label": ["x", "y"]}, r"must stand in one row, 'a\.jpg' stands in 2"),
        (
            {"path": ["a.jpg", "b.jpg"], "label": ["x", None]},
            r"needs a value in \['path', 'label'\], row 1 has {'path': 'b\.jpg', 'label': None}",
        ),
        ({"path": ["a.jpg", ""], "label": ["x", "y"]}, "needs a value"),
        (
            {"path": ["a.jpg"], "label": ["x"], "part": ["dev"]},
            r"a part must be one of \['train', .*got 'dev'",
        ),
        (
            {"path": ["a.jpg", "b.jpg"], "label": ["Cat", "cat"]},
            "differ in more than case.*: 'Cat' and 'cat'",
        ),
        ({"path": [], "label": []}, "has no row"),
    ],
)
def test_bad_tables(tmp_path: Path, columns: dict[str, list], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nt.table(write(tmp_path / "t.parquet", **columns))


def test_files_that_are_no_table(tmp_path: Path) -> None:
    for name, content, message in (
        ("t.xlsx", b"PK", r"must end in \.csv, \.tsv or \.parquet, got '.*t\.xlsx'"),
        ("t.parquet", b"no parquet", r"t\.parquet cannot be read as a table"),
        ("t.csv", b"", r"t\.csv cannot be read as a table"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=message):
            nt.table(tmp_path / name)
    with pytest.raises(ValueError, match=r"'absent\.csv' is not here: no "):
        nt.table("absent.csv")


def test_label_of_a_table() -> None:
    assert label_of("table", {"table": "lists/Pets of 2024.csv", "root": "/data"}) == "table-pets-of-2024"
