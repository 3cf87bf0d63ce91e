"""Rank agreement in numbers: a row for each source and target, the best first."""

from __future__ import annotations

import pytest

from nastransfer.report.rank_table import RANK_COLUMNS, rank_layout, rank_table
from nastransfer.report.ranks import NOTHING
from tests.report.rows import CELL, study, training


def ranked(draw: int, on_source: float, on_target: float) -> list[dict[str, object]]:
    scored = {"target": "digits", "source": "digits", "selection": "all", "feeds": "rank_agreement"}
    genotype = {"genotype": CELL.format(draw)}
    return [
        training("random", draw, on_target, **genotype),
        training("random", draw, on_source, **genotype, **scored, run=f"scored-{draw}"),
    ]


def test_a_source_that_orders_alike_has_a_tau_of_one_and_no_regret() -> None:
    rows = [row for draw in range(6) for row in ranked(draw, 50.0 + draw, 60.0 + draw)]
    table = rank_table(study(*rows))
    assert table.columns == list(RANK_COLUMNS)
    (row,) = table.to_dicts()
    assert (row["target"], row["source"], row["n"]) == ("glyphs", "digits", 6)
    assert row["tau"] == pytest.approx(1.0)
    assert row["regret"] == pytest.approx(0.0)
    (line,) = rank_layout(table).lines
    assert line[:4] == ("glyphs (synthetic)", "digits", "6", "1.00")


def test_nothing_ranked_yet_is_said() -> None:
    assert rank_layout(rank_table(study())).below == (NOTHING,)
