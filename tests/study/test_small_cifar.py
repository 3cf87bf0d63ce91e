"""The shipped study on real photographs, whole: only where the CIFAR-10 pack is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nastransfer.data.packs import DATA_VARIABLE, PACKS, find_pack, folders
from nastransfer.report.tables import ri_table
from nastransfer.study.study import Study


@pytest.mark.slow
def test_small_cifar_ends_in_a_relative_improvement(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if find_pack(PACKS["cifar10"], None) is None:
        looked = ", ".join(map(str, folders(None)))
        pytest.skip(f"no CIFAR-10 pack in {looked}: set {DATA_VARIABLE} to its folder")
    summary = Study.load("small-cifar").run(tmp_path)
    table = ri_table(summary.records.results())
    for row in table.iter_rows(named=True):
        record_property(
            f"cifar10 from {row['source']}", {name: row[name] for name in table.columns if row[name]}
        )
        assert row["target"] == "cifar10"
        assert row["ri_low"] < row["ri_percent"] < row["ri_high"]
        assert row["random_mean"] > 20  # chance is 10
