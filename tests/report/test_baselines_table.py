"""RI by each choice of the random runs, and what hangs on the choice."""

from __future__ import annotations

import pytest

from nastransfer.report.baselines_table import (
    BASELINE_COLUMNS,
    EMPTY,
    baselines_layout,
    ri_by_baseline,
    what_depends,
)
from tests.report.rows import small_study, study, training


def test_with_one_augment_seed_all_choices_are_one() -> None:
    table = ri_by_baseline(small_study())
    assert table.columns == list(BASELINE_COLUMNS)
    for row in table.to_dicts():
        assert row["pooled_ri"] == pytest.approx(row["same_seed_ri"])
        assert row["pooled_low"] == pytest.approx(row["same_seed_low"])
        assert row["paired_ri"] == pytest.approx(row["same_seed_ri"])
        assert "paired_low" not in row, "searches recur under every seed: no interval over seeds"
    assert what_depends(table) == []


def seeds_apart() -> list[dict[str, object]]:
    """Random runs are 70 with seed 2 and 60 with seed 3; the method has seed 2 only, and 68."""
    random = [
        training("random", draw, top1 + draw / 10, augment_seed=seed, run=f"random-{draw}-{seed}")
        for draw in range(3)
        for seed, top1 in ((2, 70.0), (3, 60.0))
    ]
    return [*random, *(training("darts1", seed, 68.0 + seed / 10) for seed in (2, 3))]


def test_the_sign_depends_where_another_seed_is_worse_for_random_sampling() -> None:
    (row,) = (table := ri_by_baseline(study(*seeds_apart()))).to_dicts()
    assert row["same_seed_ri"] == pytest.approx(100 * (68.25 / 70.1 - 1))
    assert row["pooled_ri"] == pytest.approx(100 * (68.25 / 65.1 - 1))
    assert row["sign_depends"]
    assert not row["zero_depends"]
    (said,) = what_depends(table)
    assert said.startswith(
        "In 1 of 1 rows the sign of RI depends on the random runs compared with: DARTS (1st order) "
    )
    (line,) = baselines_layout(table).lines
    assert line[4].startswith("-2.64\n")
    assert line[-1].startswith("the sign")


def test_an_interval_may_hold_nought_with_other_random_runs_only() -> None:
    noisy = [
        training("random", draw, top1, augment_seed=3, run=f"noisy-{draw}")
        for draw, top1 in enumerate((40.0, 70.0, 90.0))
    ]
    steady = [training("random", draw, 70.0 + draw / 10) for draw in range(3)]
    found = [training("darts1", seed, 66.0 + seed / 10) for seed in (2, 3)]
    (row,) = (table := ri_by_baseline(study(*noisy, *steady, *found))).to_dicts()
    assert row["same_seed_high"] < 0 < row["pooled_high"]
    assert (row["sign_depends"], row["zero_depends"]) == (False, True)
    (said,) = what_depends(table)
    assert said.startswith(
        "In 1 of 1 rows whether RI's interval holds 0 depends on the random runs compared with"
    )
    assert baselines_layout(table).lines[0][-1].startswith("whether 0 is within the interval")


def test_no_common_seed_leaves_the_pooled_choice_only() -> None:
    rows = [training("random", draw, 60.0 + draw, augment_seed=3) for draw in range(3)]
    (row,) = ri_by_baseline(study(*rows, training("darts1", 2, 66.0))).to_dicts()
    assert (row["same_seed_ri"], row["paired_ri"]) == (None, None)
    assert row["pooled_ri"] == pytest.approx(100 * (66 / 61 - 1))
    assert "no augment seed has runs of both" in row["note"]


@pytest.mark.parametrize("top1", [[], [0.0, 0.0]])
def test_without_a_baseline_there_is_nothing_to_compare(top1: list[float]) -> None:
    rows = [training("random", draw, value) for draw, value in enumerate(top1)]
    table = ri_by_baseline(study(*rows, training("darts1", 2, 66.0)))
    assert baselines_layout(table).below == (EMPTY,)
