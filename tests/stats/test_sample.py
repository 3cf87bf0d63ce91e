"""The summary of one arm against arithmetic and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from nastransfer.stats.sample import Sample, sample, t_quantile


def test_mean_and_deviation_by_hand() -> None:
    assert sample("arm", [70.0, None, 72.0, 74.0]) == Sample(3, 72.0, 2.0)
    assert sample("arm", [70.0]) == Sample(1, 70.0, None)


def test_equal_values_have_no_spread_however_their_mean_rounds() -> None:
    for value in np.random.default_rng(0).uniform(1, 100, 200):
        assert sample("arm", [value] * 7) == Sample(7, value, 0.0)


def test_mean_interval_is_students() -> None:
    values = [70.1, 71.4, 69.3, 72.2]
    expected = stats.t.interval(0.9, 3, loc=np.mean(values), scale=stats.sem(values))
    assert sample("arm", values).mean_interval(0.9) == pytest.approx(expected)


def test_mean_interval_ends_where_accuracies_do() -> None:
    """12.706 standard errors of 20 reach far beyond both ends."""
    assert sample("arm", [30.0, 70.0]).mean_interval() == (0.0, 100.0)
    low, high = sample("arm", [98.0, 99.0]).mean_interval() or (0.0, 0.0)
    assert low == pytest.approx(98.5 - 12.7062 * 0.5, abs=1e-3) and high == 100.0


@pytest.mark.parametrize("values", [[70.0], [70.0, 70.0]])
def test_runs_without_noise_give_no_interval(values: list[float]) -> None:
    assert sample("arm", values).mean_interval() is None


def test_variance_of_the_logarithm_by_hand() -> None:
    assert sample("arm", [71.0, 73.0]).log_mean_variance == pytest.approx(2 / (2 * 72**2))


def test_quantiles_of_tables() -> None:
    """From any table of Student's t: 12.706 and 2.776 for 1 and 4 degrees of freedom; 1.960 in the limit."""
    assert [t_quantile(freedom, 0.95) for freedom in (1, 4, 1e9)] == pytest.approx(
        [12.7062, 2.77645, 1.95996], rel=1e-5
    )
    with pytest.raises(ValueError, match="confidence is 95"):
        t_quantile(4, 95.0)


def test_errors_name_the_arm_and_the_value() -> None:
    with pytest.raises(ValueError, match="the random baseline has an accuracy of nan"):
        sample("the random baseline", [50.0, math.nan])
    with pytest.raises(ValueError, match="the random baseline has no run"):
        sample("the random baseline", [None])
