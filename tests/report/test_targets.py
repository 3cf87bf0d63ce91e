"""What accuracies are to be read against, on a target whose answers are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from nastransfer.data.datasets import open_dataset
from nastransfer.report.targets import target_table, target_text
from nastransfer.study.sources import open_targets
from tests.example_study import write_example
from tests.report.rows import study, training


def test_baselines_stand_beside_the_random_genotypes(tmp_path: Path) -> None:
    records = write_example(tmp_path)
    frame = records.results()
    row = target_table(frame, open_targets(records)).row(0, named=True)
    drawn = frame.filter(kind="augment", method="random")["top1_last"]
    assert row["n"] == 5
    assert row["mean"] == pytest.approx(drawn.mean())
    assert row["spread"] == pytest.approx(100 * drawn.std() / drawn.mean())
    assert (row["lowest"], row["highest"]) == (drawn.min(), drawn.max())
    assert 0 < row["chance"] < row["centroid"] < 100
    assert row["target"] == "glyphs (synthetic)"


def test_genotypes_that_get_nothing_right_have_no_spread() -> None:
    frame = study(*(training("random", draw, 0.0, target="digits") for draw in range(2)))
    row = target_table(frame, {"digits": open_dataset("digits")}).row(0, named=True)
    assert (row["n"], row["mean"], row["spread"]) == (2, 0.0, None)


def test_without_a_random_genotype_the_rest_is_said(tmp_path: Path) -> None:
    frame = write_example(tmp_path).results().filter(kind="search")
    table = target_table(frame, {"digits": open_dataset("digits")})
    assert table.row(0, named=True)["spread"] is None
    assert "digits, 10 classes: top-1 of chance" in target_text(table)
    assert "random" not in target_text(table)
