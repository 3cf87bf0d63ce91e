"""Sizes of records: of what lies on disk, by kind; unfinished attempts do not count, a missing folder has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from nastransfer.study.record_sizes import SIZE_COLUMNS, record_sizes
from tests.example_study import write_example


def test_means_by_kind_are_those_of_the_files(tmp_path: Path) -> None:
    records = write_example(tmp_path / "runs", leave=1)
    folders = [attempt.folder for attempt in records.attempts()]
    (folders[-1] / "notebook.ipynb").write_text("{}", encoding="utf-8")
    unfinished = folders[-1].parent / "begun"
    unfinished.mkdir()
    (unfinished / "task.json").write_text("x" * 10_000, encoding="utf-8")
    found = record_sizes(tmp_path / "runs")
    assert found.columns == list(SIZE_COLUMNS) and set(found["studies"]) == {"quickstart"}
    by_hand: dict[str, list[int]] = {}
    for folder in folders:
        sizes = [path.stat().st_size for path in folder.iterdir()]
        by_hand.setdefault(folder.parent.parent.name, []).append(sum(sizes))
    assert {row["kind"]: (row["n"], row["mean_bytes"]) for row in found.iter_rows(named=True)} == {
        kind: (len(sizes), pytest.approx(sum(sizes) / len(sizes))) for kind, sizes in by_hand.items()
    }
    assert found["notebooks"].sum() == 1
    assert record_sizes(records.folder).equals(found), "one study's folder alone"


def test_no_folder_no_sizes(tmp_path: Path) -> None:
    assert record_sizes(tmp_path / "none").is_empty() and record_sizes(tmp_path).is_empty()
