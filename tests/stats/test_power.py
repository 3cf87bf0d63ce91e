"""Power of RI against textbook arithmetic, against scipy's simulated power, and its inverses."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from nastransfer.stats import power
from nastransfer.stats.coverage import unit_noise, welch_log_ratios
from nastransfer.stats.power import power_of, resolvable_ri, runs_needed


def test_power_is_the_mean_of_noncentral_t_tests_over_the_split_of_the_spreads() -> None:
    """2 against 2 runs, equal spreads: the share of one side's sum of squares in both is Beta(1/2, 1/2).

    With B its share, Welch's degrees of freedom are 1 / (B^2 + (1 - B)^2). T = (Z + shift) / sqrt(S / 2) of 2 degrees
    exceeds the t quantile there, as the squared standard error is half of S: B / 2 + (1 - B) / 2.
    """
    shift = math.log(1.5) / (0.1 * math.sqrt(2 / 2))

    def shown(angle: float) -> float:
        share = math.sin(angle) ** 2  # of uniform angles: Beta(1/2, 1/2)
        bound = stats.t.isf(0.025, 1.0 / (share**2 + (1.0 - share) ** 2))
        return float(stats.nct.sf(bound, 2, shift) + stats.nct.cdf(-bound, 2, shift)) / (math.pi / 2)

    expected = integrate.quad(shown, 0.0, math.pi / 2)[0]
    assert power_of(50.0, 2, 2, 10.0, 10.0) == pytest.approx(expected, abs=1e-3)


def test_runs_needed_with_many_runs_is_the_normal_formula() -> None:
    """2 (1.95996 + 0.84162)^2 (1 / log 1.002 * 0.01)^2 = 393.3 a side; the t quantile adds about one run."""
    normal = 2 * (1.9599640 + 0.8416212) ** 2 * (0.01 / math.log(1.002)) ** 2
    needed = runs_needed(0.2, 1.0, 1.0)
    assert needed is not None
    assert 0 <= needed - normal <= 2


def test_no_difference_is_found_at_the_rate_alpha() -> None:
    assert power_of(0.0, 5, 30, 1.0, 2.0) == pytest.approx(0.05, abs=0.005)
    assert power_of(0.0, 5, 30, 1.0, 2.0, alpha=0.01) == pytest.approx(0.01, abs=0.004)
    assert runs_needed(0.0, 1.0, 1.0) is None


@pytest.mark.parametrize("alpha", [0.05, 0.005])
@pytest.mark.parametrize("spreads", [(1.0, 1.0), (0.3, 1.0), (3.0, 0.0)])
def test_looking_near_the_normal_formula_finds_what_trying_every_number_finds(
    spreads: tuple[float, float], alpha: float
) -> None:
    near = 0
    for ri, sure in itertools.product((-20.0, 0.01, 0.5, 2.0, 6.0), (0.5, 0.8, 0.99)):
        ratio, fractions = math.log1p(ri / 100.0), (spreads[0] / 100.0, spreads[1] / 100.0)

        def reached(n: Any, sure: float = sure, ratio: float = ratio, of: Any = fractions) -> Any:
            return power._power(ratio, n, n, of, alpha) >= sure

        expected = power._first_of_all(reached)
        assert expected is not None
        assert runs_needed(ri, *spreads, power=sure, alpha=alpha) == expected
        about = power._normal_runs(ratio, fractions, sure, alpha)
        assert about is not None
        near += power._first_near(about, reached) == expected
    assert near >= 12  # of 15; else nothing was gained


@pytest.mark.parametrize("n_random", [None, 5, 30])
def test_runs_needed_is_the_first_number_that_reaches_the_power(n_random: int | None) -> None:
    needed = runs_needed(2.0, 1.5, 1.0, n_random)
    assert needed is not None
    powers = {n: power_of(2.0, n, n_random or n, 1.5, 1.0) for n in range(2, needed + 1)}
    assert [n for n, power in powers.items() if power >= 0.8] == [needed]


def test_a_fixed_baseline_may_be_too_small_for_any_number_of_runs() -> None:
    """Against 5 random runs of 1% spread an RI of 1% is 2.2 standard errors even of an endless arm."""
    assert runs_needed(1.0, 1.0, 1.0, n_random=5) is None
    assert power_of(1.0, 10**8, 5, 1.0, 1.0) < 0.8 < power_of(1.0, 10**8, 30, 1.0, 1.0)


def test_very_small_differences_take_millions_of_runs() -> None:
    needed = runs_needed(0.001, 1.0, 1.0)
    assert needed is not None
    assert needed == pytest.approx(2 * (2.8015852 / 1e-3) ** 2, rel=1e-4)


def test_resolvable_is_the_inverse_of_power() -> None:
    for pair in [(5, 5), (5, 30), (2, 5)]:
        found = resolvable_ri(*pair, 1.0, 2.0)
        assert found is not None
        assert power_of(found, *pair, 1.0, 2.0) == pytest.approx(0.8, abs=1e-6)
    five, more = resolvable_ri(5, 5, 1.0, 1.0), resolvable_ri(5, 5, 1.0, 1.0, power=0.9)
    assert five is not None and more is not None
    assert five < more


def test_a_difference_of_billions_of_standard_errors_is_seen() -> None:
    assert power_of(50.0, 2, 2, 1e-8, 1e-8) == pytest.approx(1.0)
    assert runs_needed(50.0, 1e-8, 1e-8) == 2


def test_without_an_interval_there_is_no_power() -> None:
    assert power_of(5.0, 1, 30, 1.0, 1.0) == 0.0
    assert power_of(5.0, 5, 5, 0.0, 0.0) == 0.0
    assert resolvable_ri(1, 5, 1.0, 1.0) is None
    assert resolvable_ri(5, 5, 0.0, 0.0) is None
    assert runs_needed(5.0, 0.0, 0.0) is None


def test_a_side_without_spread_leaves_the_others_degrees_of_freedom() -> None:
    shift, bound = math.log(1.02) / (0.01 / math.sqrt(5)), 2.776445
    assert power_of(2.0, 5, 30, 1.0, 0.0) == pytest.approx(stats.nct.sf(bound, 4, shift), abs=5e-4)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: power_of(-100.0, 5, 5, 1.0, 1.0), "RI of -100.0% cannot be shown"),
        (lambda: power_of(math.nan, 5, 5, 1.0, 1.0), "RI of nan%"),
        (lambda: power_of(1.0, 5, 5, -1.0, 1.0), "spread_method_percent is -1.0"),
        (lambda: runs_needed(1.0, 1.0, math.nan), "spread_random_percent is nan"),
        (lambda: runs_needed(1.0, 1.0, 1.0, power=80.0), "power is 80.0; it is above 0 and below 1"),
        (lambda: resolvable_ri(5, 5, 1.0, 1.0, alpha=0.0), "alpha is 0.0"),
    ],
)
def test_bad_input_is_refused(call: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


def simulated_power(
    ri: float, n_method: int, n_random: int, spreads: tuple[float, float], times: int
) -> float:
    """Share of simulated pairs of arms whose interval excludes 0, by scipy.stats.power."""
    rng = np.random.default_rng(times)

    def p_value(method: np.ndarray, random: np.ndarray, axis: int) -> np.ndarray:
        assert axis == -1
        low, high = welch_log_ratios(method, random)
        return np.where((low > 0.0) | (high < 0.0), 0.0, 1.0)

    def arm(mean: float, spread: float) -> Callable[[tuple[int, ...]], np.ndarray]:
        return lambda size: mean * (1.0 + spread / 100.0 * unit_noise(rng, "normal", size))

    arms = arm(70.0 * (1.0 + ri / 100.0), spreads[0]), arm(70.0, spreads[1])
    found = stats.power(p_value, arms, (n_method, n_random), vectorized=True, n_resamples=times)
    return float(found.power)


CASES = [
    (2.0, 5, 5, (1.0, 1.0)),
    (2.0, 5, 30, (1.5, 1.0)),
    (-1.5, 8, 8, (1.0, 1.0)),
    (4.0, 3, 5, (1.0, 2.0)),
    (0.5, 30, 30, (0.8, 0.6)),
]


@pytest.mark.parametrize(("ri", "n_method", "n_random", "spreads"), CASES)
def test_power_agrees_with_simulation(
    ri: float, n_method: int, n_random: int, spreads: tuple[float, float]
) -> None:
    """8,000 simulations know a power of 50% to 0.6 points (one standard error)."""
    expected = power_of(ri, n_method, n_random, *spreads)
    assert simulated_power(ri, n_method, n_random, spreads, 8_000) == pytest.approx(expected, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("ri", "n_method", "n_random", "spreads"), CASES)
def test_power_agrees_with_many_simulations(
    ri: float,
    n_method: int,
    n_random: int,
    spreads: tuple[float, float],
    record_property: Callable[[str, object], None],
) -> None:
    """200,000 simulations: 0.1 points."""
    expected = power_of(ri, n_method, n_random, *spreads)
    found = simulated_power(ri, n_method, n_random, spreads, 200_000)
    record_property("power_percent", round(100 * expected, 2))
    record_property("simulated_percent", round(100 * found, 2))
    assert found == pytest.approx(expected, abs=0.005)
