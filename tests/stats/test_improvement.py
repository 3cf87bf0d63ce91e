"""Relative improvement against arithmetic by hand and against scipy; `test_coverage` has its interval's coverage."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from nastransfer.stats.improvement import WELCH, relative_improvement


def test_estimate_and_interval_by_hand() -> None:
    """Means 72 and 70; s^2 = 2 and 1.

    Squared standard errors of the logarithms: 2 / (2 * 72^2) = 1.92901e-4 and 1 / (3 * 70^2) = 6.80272e-5.
    Degrees of freedom: (2.60928e-4)^2 / (1.92901e-4^2 / 1 + 6.80272e-5^2 / 2) = 1.72256; the t quantile there is
    5.04001, times sqrt(2.60928e-4) it is 0.0814128; log(72 / 70) = 0.0281709.
    """
    found = relative_improvement([71.0, 73.0], [69.0, 70.0, 71.0])
    assert found.estimate == pytest.approx(100 * 2 / 70)
    assert (found.n_method, found.n_random) == (2, 3)
    assert (found.interval_method, found.reason) == (WELCH, None)
    half = 0.0814128
    assert found.low == pytest.approx(100 * (math.exp(0.0281709 - half) - 1), rel=1e-5)
    assert found.high == pytest.approx(100 * (math.exp(0.0281709 + half) - 1), rel=1e-5)


def test_equal_sizes_and_spreads_have_pooled_degrees_of_freedom() -> None:
    """Same coefficient of variation and n on both sides: 2 (n - 1) = 4 degrees, t = 2.77645, se = sqrt(2 / 3) cv."""
    found = relative_improvement([99.0, 90.0, 81.0], [55.0, 50.0, 45.0])
    half = 2.7764451 * math.sqrt(2 / 3) * 0.1
    assert found.estimate == pytest.approx(80.0)
    assert found.low == pytest.approx(100 * (1.8 * math.exp(-half) - 1), rel=1e-6)
    assert found.high == pytest.approx(100 * (1.8 * math.exp(half) - 1), rel=1e-6)


def test_the_interval_is_close_to_welchs_test_in_scipy_where_logarithms_are_nearly_straight() -> None:
    rng = np.random.default_rng(1)
    method, random = rng.normal(72, 0.5, 6), rng.normal(70, 0.7, 9)
    expected = stats.ttest_ind(np.log(method), np.log(random), equal_var=False).confidence_interval(0.9)
    found = relative_improvement(method, random, confidence=0.9)
    assert found.low == pytest.approx(100 * np.expm1(expected.low), abs=2e-3)
    assert found.high == pytest.approx(100 * np.expm1(expected.high), abs=2e-3)


def test_neither_order_nor_container_nor_scale_matters() -> None:
    first = relative_improvement([50.0, 60.0, 58.0], [40.0, 44.0])
    assert relative_improvement(pl.Series([58.0, 50.0, 60.0]), np.array([44.0, 40.0])) == first
    halved = relative_improvement([25.0, 30.0, 29.0], [20.0, 22.0])
    assert (halved.estimate, halved.low) == (pytest.approx(first.estimate), pytest.approx(first.low))


def test_missing_runs_are_left_out_and_not_counted() -> None:
    found = relative_improvement([50.0, None, 60.0], [40.0, 44.0, None])
    assert found == relative_improvement([50.0, 60.0], [40.0, 44.0])
    assert (found.n_method, found.n_random) == (2, 2)


@pytest.mark.parametrize(
    ("method", "random"), [([60.0], [50.0, 52.0]), ([60.0, 61.0], [51.0]), ([60.0], [51.0])]
)
def test_one_run_on_a_side_gives_no_interval_and_says_so(method: list[float], random: list[float]) -> None:
    found = relative_improvement(method, random)
    assert found.estimate == pytest.approx(100 * (np.mean(method) / np.mean(random) - 1))
    assert (found.low, found.high, found.interval_method) == (None, None, None)
    assert found.reason is not None
    assert f"{len(method)} against {len(random)}" in found.reason


def test_no_spread_on_one_side_leaves_the_other_sides_noise() -> None:
    """s_m = 0: one-sample t on log(mean_r) with n_r - 1 = 1 degree of freedom, t = 12.7062; se = cv / sqrt(2)."""
    found = relative_improvement([60.0, 60.0, 60.0], [51.0, 49.0])
    half = 12.706205 * (math.sqrt(2) / 50) / math.sqrt(2)
    assert found.low == pytest.approx(100 * (1.2 * math.exp(-half) - 1), rel=1e-6)
    assert found.high == pytest.approx(100 * (1.2 * math.exp(half) - 1), rel=1e-6)


def test_no_spread_anywhere_gives_no_interval_and_says_so() -> None:
    thrice = 100 / 3 * 2.000001  # a mean of equal values that need not round back to the value
    found = relative_improvement([thrice] * 3, [50.1] * 7)
    assert (found.low, found.high) == (None, None)
    assert found.reason is not None
    assert "all equal" in found.reason


def test_two_wild_runs_may_leave_the_interval_open_above() -> None:
    found = relative_improvement([100.0, 1e-9], [100.0, 1e-9], confidence=0.999999999)
    assert found.high == math.inf
    assert found.low == pytest.approx(-100.0)


@pytest.mark.parametrize("value", [math.nan, -3.0, 100.5, math.inf])
@pytest.mark.parametrize("side", ["acc_method", "acc_random"])
def test_values_that_are_no_accuracies_are_refused(side: str, value: float) -> None:
    sides = {"acc_method": [50.0, 51.0], "acc_random": [50.0, 51.0]}
    with pytest.raises(ValueError, match=rf"{side} has an accuracy of {value}; .* 0 to 100"):
        relative_improvement(**(sides | {side: [50.0, value]}))


def test_an_accuracy_of_zero_counts_but_a_mean_of_zero_has_no_logarithm() -> None:
    assert relative_improvement([0.0, 60.0], [40.0, 60.0]).estimate == pytest.approx(-40.0)
    nothing = relative_improvement([0.0, 0.0], [40.0, 60.0])
    assert (nothing.estimate, nothing.low, nothing.high) == (-100.0, None, None)
    assert "logarithm" in str(nothing.reason)
    with pytest.raises(ValueError, match="accuracy of 0 is not defined"):
        relative_improvement([50.0], [0.0, 0.0])


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 95.0, math.nan])
def test_a_confidence_outside_of_its_range_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match=r"confidence is .* above 0 and below 1"):
        relative_improvement([50.0], [50.0], confidence)


@pytest.mark.parametrize("empty", [[], [None, None]])
def test_a_side_without_runs_is_refused(empty: list[None]) -> None:
    with pytest.raises(ValueError, match="acc_random has no run"):
        relative_improvement([50.0], empty)
    with pytest.raises(ValueError, match="acc_method has no run"):
        relative_improvement(empty, [50.0])
