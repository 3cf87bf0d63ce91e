"""Equal spreads: scipy's test, Bonett's interval by hand, and how often it holds the true spread."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from nastransfer.stats.coverage import unit_noise
from nastransfer.stats.spread import brown_forsythe, spread

ARMS = {"mit67": [60.0, 63.0, 61.0, 66.0, 58.0], "cifar10": [94.0, 94.5, 94.2, 93.9], "flowers": [90.0, 90.2]}


def test_the_test_by_hand() -> None:
    """Deviations from the medians 2 and 5: 1 0 1 and 3 0 3; means 2/3 and 2.

    Between them 3 (2/3)^2 2 = 8/3, within 2/3 + 6 = 20/3 with 4 degrees of freedom: F = (8/3) / (20/12) = 1.6.
    """
    found = brown_forsythe({"a": [1.0, 2.0, 3.0], "b": [2.0, 5.0, 8.0]})
    assert found.statistic == pytest.approx(1.6)
    assert found.p == pytest.approx(stats.f.sf(1.6, 1, 4))


def test_it_is_scipys_and_small_groups_take_no_part() -> None:
    found = brown_forsythe(ARMS)
    expected = stats.levene(ARMS["mit67"], ARMS["cifar10"], center="median")
    assert (found.statistic, found.p) == (expected.statistic, expected.pvalue)
    assert list(found.spreads) == list(ARMS)
    assert found.spreads["cifar10"].estimate == pytest.approx(np.std(ARMS["cifar10"], ddof=1))


def test_relative_spreads_are_of_logarithms() -> None:
    found = brown_forsythe(ARMS, relative=True)
    logs = {name: np.log(values) for name, values in ARMS.items()}
    assert found.p == pytest.approx(stats.levene(logs["mit67"], logs["cifar10"], center="median").pvalue)
    assert found.spreads["mit67"].estimate == pytest.approx(100 * logs["mit67"].std(ddof=1))
    doubled = brown_forsythe({"a": [20.0, 21.0, 22.0], "b": [40.0, 42.0, 44.0]}, relative=True)
    assert doubled.statistic == pytest.approx(0.0, abs=1e-12)


def test_bonetts_interval_by_hand() -> None:
    """60, 62, 64, 66, 68: mean and trimmed mean 64, squares 40, fourth powers 2 (256 + 16) = 544.

    Kurtosis 5 * 544 / 40^2 = 1.7; c = 5 / (5 - 1.96) = 1.644723; error c sqrt((1.7 - 2/5) / 4) = 0.937640.
    """
    found = spread([60.0, 62.0, 64.0, 66.0, 68.0])
    correction, error = 1.6447228, 0.9376396
    assert found.estimate == pytest.approx(math.sqrt(10))
    centre = math.log(correction * 10)
    assert found.low == pytest.approx(math.exp((centre - 1.959964 * error) / 2), rel=1e-5)
    assert found.high == pytest.approx(math.exp((centre + 1.959964 * error) / 2), rel=1e-5)


@pytest.mark.parametrize(
    ("noise", "n", "least"), [("normal", 5, 0.96), ("normal", 30, 0.92), ("skewed", 8, 0.9)]
)
def test_it_covers(noise: str, n: int, least: float) -> None:
    rng = np.random.default_rng(n)
    found = [spread((60 + 2 * unit_noise(rng, noise, (n,))).tolist()) for _ in range(800)]
    hits = [one.low is not None and one.high is not None and one.low <= 2 <= one.high for one in found]
    assert np.mean(hits) > least


def test_equal_spreads_are_rejected_at_most_so_often() -> None:
    rng = np.random.default_rng(3)
    p = [
        brown_forsythe({str(arm): 60 + arm + unit_noise(rng, "skewed", (8,)) for arm in range(3)}).p
        for _ in range(400)
    ]
    assert np.mean(np.array(p, float) < 0.05) < 0.08


def test_too_few_runs_are_said() -> None:
    lonely = brown_forsythe({"a": [70.0], "b": [60.0, 61.0, 62.0], "c": [None]})
    assert (lonely.statistic, lonely.p) == (None, None)
    assert "2 groups of 3 runs; there are 1" in str(lonely.reason)
    assert lonely.spreads["a"].estimate is None
    assert "2 runs; there is 1" in str(lonely.spreads["a"].reason)
    assert "there are 0" in str(lonely.spreads["c"].reason)
    assert "5 runs; there are 3" in str(lonely.spreads["b"].reason)
    equal = brown_forsythe({"a": [70.1] * 5, "b": [60.1] * 5})
    assert (equal.p, equal.spreads["a"].estimate, equal.spreads["a"].low) == (None, 0.0, None)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="b has an accuracy of nan"):
        brown_forsythe({"a": [70.0], "b": [math.nan]})
    with pytest.raises(ValueError, match="brown_forsythe got no arm"):
        brown_forsythe({})
    with pytest.raises(ValueError, match="b has an accuracy of 0, whose logarithm"):
        brown_forsythe({"a": [70.0], "b": [0.0]}, relative=True)
