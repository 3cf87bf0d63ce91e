"""Rank agreement, regret, noise ceiling and concordance against counting by hand and against scipy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from nastransfer.stats.agreement import (
    FEWEST_GENOTYPES,
    _kendalls,
    _order,
    _resampled_counts,
    _spearmans,
    kendalls_w,
    rank_agreement,
)


def column(values: list[float]) -> list[list[float]]:
    return [[value] for value in values]


def scores(rng: np.random.Generator, n: int, correlation: float) -> tuple[list[float], list[float]]:
    first, second = rng.standard_normal((2, n))
    return (50 + first).tolist(), (70 + correlation * first + math.sqrt(1 - correlation**2) * second).tolist()


def test_by_hand() -> None:
    """Ranks 1 2 3 4 against 1 3 2 4: one of 6 pairs disagrees, tau = (5 - 1) / 6; rho = 1 - 6 * 2 / (4 * 15)."""
    found = rank_agreement(column([40, 50, 60, 70]), column([60, 63, 62, 65]))
    assert found.kendall.estimate == pytest.approx(4 / 6)
    assert found.spearman.estimate == pytest.approx(0.8)
    assert (found.n, found.regret.estimate) == (4, 0.0)


def test_regret_is_what_the_proxys_choice_loses() -> None:
    assert rank_agreement(column([40, 50, 60]), column([66, 65, 62.5])).regret.estimate == pytest.approx(3.5)
    shared = rank_agreement(column([40, 60, 60]), column([66, 65, 62]))
    assert shared.regret.estimate == pytest.approx(66 - (65 + 62) / 2)


def test_means_over_seeds_are_compared_and_missing_runs_left_out() -> None:
    proxy = [[40.0, 42.0], [50.0, None], [60.0], [None, 90.0]]
    target = [[60.0], [62.0, 66.0], [63.0, 63.0, 63.0], []]
    found = rank_agreement(proxy, target)
    assert found.n == 3
    assert found.kendall.estimate == pytest.approx(
        stats.kendalltau([41, 50, 60], [60, 64, 63]).statistic, abs=1e-12
    )


def test_resampled_coefficients_are_scipys_on_the_genotypes_drawn() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 9, 12).astype(float), rng.integers(0, 9, 12).astype(float)
    counts = _resampled_counts(rng, 12, 20)
    kendalls, spearmans = (fast(counts, _order(x), _order(y)) for fast in (_kendalls, _spearmans))
    for row, kendall, spearman in zip(counts.astype(int), kendalls, spearmans, strict=True):
        drawn = np.repeat(x, row), np.repeat(y, row)
        assert kendall == pytest.approx(stats.kendalltau(*drawn).statistic)
        assert spearman == pytest.approx(stats.spearmanr(*drawn).statistic)


def test_the_interval_is_the_percentiles_of_resampled_genotypes() -> None:
    x, y = scores(np.random.default_rng(1), 20, 0.7)
    found = rank_agreement(column(x), column(y), seed=5, resamples=400)
    counts = _resampled_counts(np.random.default_rng([5, 0]), 20, 400)
    taus = [stats.kendalltau(np.repeat(x, row), np.repeat(y, row)).statistic for row in counts.astype(int)]
    assert (found.kendall.low, found.kendall.high) == pytest.approx(tuple(np.quantile(taus, [0.025, 0.975])))


def test_same_seed_same_bits() -> None:
    x, y = scores(np.random.default_rng(2), 15, 0.5)
    first = rank_agreement(column(x), column(y), seed=3)
    assert first == rank_agreement(column(x), column(y), seed=3)
    assert first.kendall != rank_agreement(column(x), column(y), seed=4).kendall


def test_few_genotypes_have_no_interval() -> None:
    x, y = scores(np.random.default_rng(3), FEWEST_GENOTYPES - 1, 0.5)
    found = rank_agreement(column(x), column(y))
    assert (found.kendall.low, found.regret.high) == (None, None)
    assert "8 genotypes; there are 7" in str(found.kendall.reason)
    assert rank_agreement(column([*x, 50.0]), column([*y, 70.0])).kendall.low is not None


def test_perfect_order_does_not_show_how_sure_it_is() -> None:
    values = [60.0 + place for place in range(10)]
    found = rank_agreement(column(values), column(values)).kendall
    assert (found.estimate, found.low) == (pytest.approx(1.0), None)
    assert "say the same" in str(found.reason)


def test_the_ceiling_is_agreement_between_seeds() -> None:
    """Columns 60 61 62, 60 62 61 and 61 60 missing: tau 1/3, of the first two rows -1 and -1; their mean is -5/9."""
    target = [[60.0, 60.0, 61.0], [61.0, 62.0, 60.0], [62.0, 61.0, None]]
    ceiling = rank_agreement(column([1, 2, 3]), target).ceiling
    assert ceiling.estimate == pytest.approx((1 / 3 - 1 - 1) / 3)
    assert ceiling.n == 3
    rng = np.random.default_rng(4)
    quality = 70 + rng.standard_normal(20)
    runs = quality[:, None] + 0.5 * rng.standard_normal((20, 2))
    found = rank_agreement(quality[:, None].tolist(), runs.tolist()).ceiling
    assert found.estimate == pytest.approx(stats.kendalltau(*runs.T).statistic)
    assert found.low is not None and found.high is not None
    assert found.low < found.estimate < found.high


def test_without_repeats_there_is_no_ceiling() -> None:
    ceiling = rank_agreement(column([1, 2, 3]), column([60, 61, 62])).ceiling
    assert (ceiling.estimate, ceiling.n) == (None, 0)
    assert "different seeds on the target" in str(ceiling.reason)


def test_no_order_and_no_genotypes_are_said() -> None:
    flat = rank_agreement(column([50, 50, 50]), column([60, 61, 62]))
    assert flat.kendall.estimate is None
    assert "alike" in str(flat.kendall.reason)
    assert flat.regret.estimate == pytest.approx(1.0)
    assert rank_agreement([], []).n == 0
    assert "there are 1" in str(rank_agreement([[50.0]], [[60.0]]).spearman.reason)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="proxy has 1 genotypes and target 2"):
        rank_agreement([[1.0]], [[1.0], [2.0]])
    with pytest.raises(ValueError, match="proxy of genotype 1 has a value of nan"):
        rank_agreement([[1.0], [math.nan]], [[1.0], [2.0]])
    with pytest.raises(ValueError, match=r"target of genotype 0 has an accuracy of 101.0"):
        rank_agreement([[1.0], [2.0]], [[101.0], [2.0]])
    with pytest.raises(ValueError, match="resamples is 10"):
        rank_agreement([[1.0]], [[1.0]], resamples=10)


def covered(n: int, correlation: float, times: int, resamples: int) -> tuple[float, float]:
    """Share of simulations whose intervals hold the true tau and rho of normal scores."""
    rng = np.random.default_rng([n, times])
    truths = 2 / math.pi * math.asin(correlation), 6 / math.pi * math.asin(correlation / 2)
    hits = np.zeros(2)
    for seed in range(times):
        x, y = scores(rng, n, correlation)
        found = rank_agreement(column(x), column(y), seed=seed, resamples=resamples)
        for place, (one, truth) in enumerate(zip((found.kendall, found.spearman), truths, strict=True)):
            hits[place] += one.low is not None and one.high is not None and one.low <= truth <= one.high
    return tuple(hits / times)


def test_intervals_cover() -> None:
    assert min(covered(15, 0.6, 200, 300)) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
@pytest.mark.parametrize("n", [8, 10, 30])
def test_intervals_cover_in_many_simulations(
    n: int, correlation: float, record_property: Callable[[str, object], None]
) -> None:
    kendall, spearman = covered(n, correlation, 10_000, 500)
    record_property("kendall_percent", round(100 * kendall, 1))
    record_property("spearman_percent", round(100 * spearman, 1))
    assert min(kendall, spearman) > 0.93


def test_concordance_by_hand() -> None:
    """Ranks 1 2 3, 1 2 3 and 2 1 3: sums 4 5 9 about 6, S = 4 + 1 + 9 = 14; W = 12 * 14 / (9 * 24) = 7/9."""
    found = kendalls_w([[70, 71, 72], [60, 61, 62], [51, 50, 52]])
    assert found.w == pytest.approx(7 / 9)
    assert (found.judges, found.items) == (3, 3)


def test_concordance_is_friedmans_statistic_with_ties_too() -> None:
    """W = chi-squared / (judges (items - 1))."""
    table = np.random.default_rng(0).integers(60, 66, (6, 5))
    found = kendalls_w(table.tolist())
    assert found.w == pytest.approx(stats.friedmanchisquare(*table.T).statistic / (6 * 4))


def test_its_p_value_counts_orders() -> None:
    """3 judges of 3 items alike: 6 of the 6^3 orders, 1 / 36."""
    found = kendalls_w([[1, 2, 3]] * 3)
    assert found.w == pytest.approx(1.0)
    assert found.p == pytest.approx(1 / 36, abs=0.006)
    assert found == kendalls_w([[1, 2, 3]] * 3, seed=2)


def test_incomplete_judges_and_items_are_left_out() -> None:
    found = kendalls_w([[70, 71, None, 72], [60, 61, None, 62], [51, None, None, 52]])
    assert (found.w, found.judges, found.items) == (pytest.approx(1.0), 2, 3)
    nothing = kendalls_w([[70, None], [None, 71]])
    assert (nothing.w, nothing.p) == (None, None)
    assert "2 judges of 2 items; there are 0 complete ones of 2" in str(nothing.reason)
    assert "alike" in str(kendalls_w([[70, 70], [60, 60]]).reason)


def test_uneven_or_impossible_tables_are_refused() -> None:
    with pytest.raises(ValueError, match=r"judges score \[1, 2\] items"):
        kendalls_w([[1.0], [1.0, 2.0]])
    with pytest.raises(ValueError, match="judge 1 has a value of nan"):
        kendalls_w([[1.0, 2.0], [math.nan, 2.0]])
