"""Arms against settings: variances by hand, noise taken out, limits that hold at equal variances."""

from __future__ import annotations

import numpy as np
import pytest

from nastransfer.stats.two_factors import variance_difference

FORMAL = "arms cannot be compared with settings"


def noisy(rng: np.random.Generator, arms: list[float], settings: list[float], n: int) -> list[np.ndarray]:
    """Genotypes 1.5% apart, with 0.5% of noise at each setting; offsets in percent."""
    levels = np.array(settings)
    return [
        50
        * np.exp(
            (arm + levels + 1.5 * rng.standard_normal((n, 1)) + 0.5 * rng.standard_normal((n, levels.size)))
            / 100
        )
        for arm in arms
    ]


def test_variances_by_hand() -> None:
    """Logs 0, 2, 4 and 1, 3, 5: arms' means 2 and 3 (variance 0.5), settings' 0.5, 2.5, 4.5 (variance 4)."""
    found = variance_difference([np.exp([[0.0, 2.0, 4.0]]), np.exp([[1.0, 3.0, 5.0]])])
    assert found.estimate == pytest.approx(-3.5)
    assert found.spreads == pytest.approx((0.5**0.5, 2.0))
    assert found.percent(found.estimate) == pytest.approx(-100 * 3.5**0.5)
    assert (found.n, found.reason, found.limits(0.025)) == (1, "one run on a side shows no noise", None)
    assert found.variance_at(9, 1.0) is None


def test_noise_of_the_runs_is_taken_out() -> None:
    rng = np.random.default_rng(2)
    estimates = [variance_difference(noisy(rng, [-1, 0, 1], [-0.5, 0.5], 5)).estimate for _ in range(300)]
    assert 1e4 * np.mean(estimates) == pytest.approx(1.0 - 0.5, abs=0.15)


def test_the_larger_factor_is_shown_and_more_runs_narrow_the_limits() -> None:
    rng = np.random.default_rng(2)
    arms = variance_difference(noisy(rng, [-4, 0, 4], [0, 1], 8))
    settings = variance_difference(noisy(rng, [0, 1, 0], [-4, 4], 8))
    low, high = arms.limits(0.025) or (0.0, 0.0)
    assert 0.0 < low < arms.estimate < high
    assert (settings.limits(0.025) or (0.0, 0.0))[1] < 0.0
    assert (arms.variance_at(80, None) or 0.0) < 0.2 * (arms.variance_at(1, None) or 0.0)


def test_limits_at_the_line_are_those_of_factors_that_vary_alike() -> None:
    """2 arms of 3 genotypes, 3 settings, equal variances: at the estimate alone the settings' seem larger in 4%."""
    rng = np.random.default_rng(3)
    levels = [list(3.0 * offset / np.std(offset, ddof=1)) for offset in (np.arange(2.0), np.arange(3.0))]
    found = [variance_difference(noisy(rng, *levels, 3)).limits(0.025) for _ in range(1_000)]
    shown = np.mean([limits[1] < 0.0 for limits in found if limits is not None])
    assert shown <= 0.03


def test_equal_runs_have_no_limits() -> None:
    found = variance_difference([np.full((3, 2), 50.0), np.full((3, 2), 60.0)])
    assert (found.reason, found.limits(0.025)) == ("the runs of each side are all equal", None)


@pytest.mark.parametrize("top1", [[np.ones((3, 2))], [np.ones((3, 1)), np.ones((3, 1))]])
def test_two_levels_of_each_are_needed(top1: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match=FORMAL):
        variance_difference(top1)


@pytest.mark.parametrize("value", [0.0, np.nan, -1.0])
def test_accuracies_without_a_logarithm_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="has no logarithm: leave its genotype out"):
        variance_difference([np.array([[70.0, value]]), np.array([[70.0, 71.0]])])


@pytest.mark.slow
def test_equal_variances_are_seldom_told_apart(record_property: pytest.RecordProperty) -> None:
    rng = np.random.default_rng(2)
    worst = 0.0
    for arms, settings, n in ((3, 2, 5), (3, 2, 20), (4, 3, 8), (10, 2, 5), (10, 2, 20)):
        for spread in (0.0, 0.5, 1.0, 3.0):
            offsets = [np.linspace(-1, 1, size) for size in (arms, settings)]
            levels = [list(spread * offset / np.std(offset, ddof=1)) for offset in offsets]
            shown = np.zeros(2)
            for _ in range(1_000):
                limits = variance_difference(noisy(rng, *levels, n)).limits(0.025)
                assert limits is not None
                shown += (limits[0] > 0.0, limits[1] < 0.0)
            worst = max(worst, float(shown.max()) / 10.0)
    record_property("worst_false_sign_percent", round(worst, 1))
    assert worst <= 4.5  # 2.5 are meant; this is the worst of 40 shares that 1,000 simulations know to 0.5
