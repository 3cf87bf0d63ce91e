"""Tests against random sampling: arithmetic by hand, scipy, corrections, and how often they cry wolf."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from nastransfer.stats.coverage import unit_noise
from nastransfer.stats.significance import (
    dunnett,
    holm,
    mann_whitney,
    permutation_test,
    probability_of_improvement,
)

METHOD, RANDOM = [71.0, 72.0, 73.5, 74.0, 72.2], [69.0, 70.0, 71.5, 70.2, 68.0]


def test_the_permutation_test_counts_splits() -> None:
    """3 against 3 apart: of 20 splits the one seen and its mirror image are farthest, 2 / 20."""
    assert permutation_test([74.0, 73.0, 72.5], [70.0, 69.0, 71.0]) == pytest.approx(0.1)


def test_the_permutation_test_is_exact_by_enumeration() -> None:
    everything = np.array(METHOD + RANDOM)

    def welch(chosen: tuple[int, ...]) -> float:
        inside = np.isin(np.arange(10), chosen)
        return abs(float(stats.ttest_ind(everything[inside], everything[~inside], equal_var=False).statistic))

    seen = welch((0, 1, 2, 3, 4))
    splits = [welch(chosen) for chosen in itertools.combinations(range(10), 5)]
    expected = np.mean([value >= seen * (1.0 - 1e-12) for value in splits])
    assert permutation_test(METHOD, RANDOM) == pytest.approx(expected)


def test_many_runs_are_permuted_at_random_with_the_seed_given() -> None:
    rng = np.random.default_rng(0)
    method, random = rng.normal(70.5, 1, 20), rng.normal(70, 1, 30)
    found = permutation_test(method, random, seed=2)
    assert found == permutation_test(method, random, seed=2) != permutation_test(method, random, seed=3)
    assert found == pytest.approx(stats.ttest_ind(method, random, equal_var=False).pvalue, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["normal", "skewed"])
def test_wider_methods_do_not_pass_for_better_ones(
    noise: str, record_property: Callable[[str, object], None]
) -> None:
    """5 against 30 runs without any difference, the method's spread 3 times the other."""
    rng = np.random.default_rng(1)
    found = [
        permutation_test(60 + 3 * unit_noise(rng, noise, (5,)), 60 + unit_noise(rng, noise, (30,)), seed)
        for seed in range(1_500)
    ]
    level = float(np.mean(np.array(found, float) < 0.05))
    record_property("below_5_percent", round(100 * level, 1))
    assert level < (0.09 if noise == "normal" else 0.14)


def test_mann_whitney_by_hand() -> None:
    """All 3 above all 3: 2 of the 20 orders are that extreme."""
    assert mann_whitney([74.0, 73.0, 72.0], [70.0, 69.0, 71.0]) == pytest.approx(0.1)
    assert mann_whitney(METHOD, RANDOM) == stats.mannwhitneyu(METHOD, RANDOM, method="exact").pvalue


def test_dunnett_is_scipys_and_corrects_for_the_number_of_arms() -> None:
    arms = {"darts": METHOD, "nao": [70.0, 70.9, 71.2], "enas": [70.4, None], "nsganet": []}
    found = dunnett(arms, RANDOM)
    expected = stats.dunnett(METHOD, arms["nao"], control=RANDOM, rng=np.random.default_rng(2)).pvalue
    assert [found["darts"], found["nao"]] == list(expected)
    assert (found["enas"], found["nsganet"]) == (None, None)
    alone = stats.ttest_ind(METHOD, RANDOM).pvalue
    assert dunnett({"darts": METHOD}, RANDOM)["darts"] == pytest.approx(alone, rel=0.05)
    assert found == dunnett(arms, RANDOM)


def test_dunnett_takes_a_side_of_equal_runs() -> None:
    """One arm: Student's test of 70, 71, 72 against three times 70, t = 1 / sqrt(1/2 * 2/3) of 4 degrees."""
    expected = 2 * stats.t.sf(math.sqrt(3.0), 4)
    assert dunnett({"a": [70.0, 71.0, 72.0]}, [70.0] * 3)["a"] == pytest.approx(expected, rel=0.02)


def test_holm_by_hand() -> None:
    """Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, and 0.04 raised to 0.06."""
    assert holm([0.01, 0.04, None, 0.03, 0.005]) == [
        pytest.approx(0.03),
        pytest.approx(0.06),
        None,
        pytest.approx(0.06),
        pytest.approx(0.02),
    ]
    assert holm([0.7, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
    with pytest.raises(ValueError, match=r"a p value of 1.2 cannot be corrected"):
        holm([1.2])


def test_probability_of_improvement_by_hand() -> None:
    """Of 2 x 2 pairs one is won, one tied, two lost: 1.5 / 4."""
    found = probability_of_improvement([70.0, 72.0], [70.0, 73.0])
    assert found.estimate == pytest.approx((0.5 + 0 + 1 + 0) / 4)
    assert found.n == 2
    u = stats.mannwhitneyu(METHOD, RANDOM).statistic
    assert probability_of_improvement(METHOD, RANDOM).estimate == pytest.approx(u / 25)


def test_its_ends_are_so_many_standard_errors_away() -> None:
    """Newcombe's variance at each end; placements 5/5, ..., 4/5 give Brunner and Munzel's degrees of freedom.

    The method's runs beat 4, 5, 5, 5, 5 of 5, the random runs lose to 5, 5, 4, 5, 5 of 5: both variances 0.2^2 / 5, so
    there are 8 degrees and the quantile is 2.306.
    """
    found = probability_of_improvement(METHOD, RANDOM)
    for end in (found.low, found.high):
        assert end is not None
        paired = (1 - end) / (2 - end) + end / (1 + end)
        error = math.sqrt(end * (1 - end) * (1 + 4 * paired) / 25)
        assert abs(0.96 - end) == pytest.approx(2.306004 * error, rel=1e-5)


def test_turned_over_it_is_the_probability_of_losing() -> None:
    won, lost = probability_of_improvement(METHOD, RANDOM[:3]), probability_of_improvement(RANDOM[:3], METHOD)
    assert (won.estimate, won.low, won.high) == pytest.approx(
        (1 - lost.estimate, 1 - lost.high, 1 - lost.low)
    )


def test_complete_separation_still_has_an_interval() -> None:
    found = probability_of_improvement([75.0] * 5, RANDOM)
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert found.low is not None
    assert 0.3 < found.low < 0.8


@pytest.mark.parametrize(("n_method", "n_random", "spread"), [(5, 5, 1.0), (5, 30, 3.0)])
def test_its_interval_covers(n_method: int, n_random: int, spread: float) -> None:
    rng = np.random.default_rng(7)
    truth = stats.norm.cdf(1.0 / math.hypot(1.0, spread))
    hits = 0
    for _ in range(400):
        method = 71.0 + spread * unit_noise(rng, "normal", (n_method,))
        found = probability_of_improvement(method, 70.0 + unit_noise(rng, "normal", (n_random,)))
        assert found.low is not None and found.high is not None
        hits += found.low <= truth <= found.high
    assert hits / 400 > 0.91


@pytest.mark.parametrize(("method", "random"), [([70.0], RANDOM), (RANDOM, [70.0, None])])
def test_one_run_gives_none(method: list[float], random: list[float]) -> None:
    assert permutation_test(method, random) is None
    assert mann_whitney(method, random) is None
    assert set(dunnett({"darts": method}, random).values()) == {None}
    found = probability_of_improvement(method, random)
    assert (found.low, found.high) == (None, None)
    assert found.estimate is not None
    assert "2 runs on each side" in str(found.reason)


def test_equal_runs_everywhere_are_no_evidence() -> None:
    assert permutation_test([70.1] * 3, [70.1] * 4) == 1.0
    assert mann_whitney([70.1] * 3, [70.1] * 4) == 1.0
    assert dunnett({"darts": [70.1] * 3}, [70.1] * 4) == {"darts": None}


def test_bad_input_names_side_and_value() -> None:
    for test in (permutation_test, mann_whitney, probability_of_improvement):
        with pytest.raises(ValueError, match="acc_random has an accuracy of nan"):
            test(METHOD, [70.0, math.nan])
    with pytest.raises(ValueError, match=r"nao has an accuracy of 700.0"):
        dunnett({"darts": METHOD, "nao": [700.0]}, RANDOM)
    with pytest.raises(ValueError, match="0 runs of the method and 5 random ones"):
        probability_of_improvement([None], RANDOM)
