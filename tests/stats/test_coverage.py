"""Coverage of the intervals of RI: the fast form is the real one, and the 95% interval holds the truth as often."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from nastransfer.stats.coverage import NOISES, CoverageRow, coverage_table, unit_noise, welch_log_ratios
from nastransfer.stats.improvement import relative_improvement

PAIRS = [(2, 5), (5, 5), (8, 8), (5, 30), (30, 30)]
BOUNDS = {"normal": (93.0, 97.0), "skewed": (90.0, 98.0)}


def test_the_fast_form_is_the_headline_interval() -> None:
    rng = np.random.default_rng(0)
    for sizes in PAIRS:
        method, random = (60 + 5 * unit_noise(rng, "normal", (50, n)) for n in sizes)
        low, high = welch_log_ratios(method, random, confidence=0.9)
        plain = [relative_improvement(*pair, confidence=0.9) for pair in zip(method, random, strict=True)]
        assert 100 * np.expm1(low) == pytest.approx([one.low for one in plain], rel=1e-9)
        assert 100 * np.expm1(high) == pytest.approx([one.high for one in plain], rel=1e-9)


def test_noise_has_mean_zero_deviation_one_and_the_skewness_said() -> None:
    for noise, skewness in (("normal", 0.0), ("skewed", -2 / math.sqrt(1.5))):
        drawn = unit_noise(np.random.default_rng(1), noise, (400_000,))
        assert (drawn.mean(), drawn.std()) == (pytest.approx(0.0, abs=0.01), pytest.approx(1.0, abs=0.01))
        assert np.mean(drawn**3) == pytest.approx(skewness, abs=0.05)


@pytest.mark.parametrize("noise", NOISES)
def test_the_headline_interval_covers_what_it_says(noise: str) -> None:
    """20,000 simulations know a coverage of 95% to 0.15 points (one standard error)."""
    for row in coverage_table(PAIRS, [noise], 20_000):
        assert BOUNDS[noise][0] <= row.welch_percent <= BOUNDS[noise][1]


def test_the_nested_interval_stands_beside_it_where_it_is_given() -> None:
    """500 simulations: 1 point."""
    small, large = coverage_table([(4, 8), (8, 8)], ["normal"], 500, nested_simulations=500)
    assert (small.nested_percent, small.nested_length, small.nested_simulations) == (None, None, 0)
    assert large.nested_percent is not None and large.nested_length is not None
    assert 91.5 <= large.nested_percent <= 99.0
    assert large.nested_length == pytest.approx(large.welch_length, rel=0.15)


def test_rows_follow_noises_then_sizes_and_seeds_are_used() -> None:
    table = coverage_table([(5, 5), (2, 5)], ["skewed", "normal"], 100, seed=3)
    assert [(row.noise, row.n_method, row.simulations) for row in table] == [
        ("skewed", 5, 100),
        ("skewed", 2, 100),
        ("normal", 5, 100),
        ("normal", 2, 100),
    ]
    assert table == coverage_table([(5, 5), (2, 5)], ["skewed", "normal"], 100, seed=3)
    assert table[0] == coverage_table([(5, 5)], ["skewed"], 100, seed=3)[0]
    assert table != coverage_table([(5, 5), (2, 5)], ["skewed", "normal"], 100, seed=4)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="no noise is called uniform; there are normal, skewed"):
        coverage_table([(5, 5)], ["uniform"], 10)
    with pytest.raises(ValueError, match=r"10 simulations of \[\(1, 5\)\] runs; at least 1 and 2"):
        coverage_table([(1, 5)], ["normal"], 10)
    with pytest.raises(ValueError, match="0 simulations"):
        coverage_table([(5, 5)], ["normal"], 0)


def record(row: CoverageRow, record_property: Callable[[str, object], None]) -> None:
    for name in ("welch_percent", "welch_length", "nested_percent", "nested_length"):
        value = getattr(row, name)
        record_property(name, None if value is None else round(value, 2))


@pytest.mark.slow
@pytest.mark.parametrize(("n_method", "n_random"), PAIRS)
@pytest.mark.parametrize("noise", NOISES)
def test_coverage_with_many_simulations(
    noise: str, n_method: int, n_random: int, record_property: Callable[[str, object], None]
) -> None:
    """400,000 simulations of the headline interval: 0.03 points; 10,000 of the nested one: 0.2 points."""
    (row,) = coverage_table([(n_method, n_random)], [noise], 400_000, nested_simulations=10_000)
    record(row, record_property)
    low, high = BOUNDS[noise]
    assert low <= row.welch_percent <= high
    if row.nested_percent is not None:
        assert low <= row.nested_percent <= high + 1.5  # too long rather than too short
