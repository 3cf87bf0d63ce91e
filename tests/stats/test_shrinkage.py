"""Draws of arms' means: arithmetic where there is nothing to learn from others, and what pulls them together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from nastransfer.stats.shrinkage import SPREAD_FREEDOM, Draws, draw_means, typical_variance
from nastransfer.study.published import published_summaries


def draws_of(arms: dict[str, list[float]], **given: int) -> Draws:
    found = draw_means(arms, **given)
    assert found is not None
    return found


def test_the_scale_of_equal_variances_is_their_value() -> None:
    assert typical_variance([4.0, 4.0, 4.0], [1.0, 4.0, 9.0]) == pytest.approx(4.0)
    assert typical_variance([9.0], [3.0]) == pytest.approx(9.0)
    assert typical_variance([], []) == typical_variance([0.0, 0.0], [1.0, 2.0]) == 0.0


def test_the_scale_is_the_likeliest_one() -> None:
    """Observed variances over the scale follow F with their own and the prior's degrees of freedom."""
    observed, freedom = np.array([0.2, 1.0, 5.0, 0.0]), np.array([1.0, 2.0, 4.0, 2.0])

    def surprise(log_scale: float) -> float:
        ratios = observed / math.exp(log_scale)
        # the density of F without what the scale does not change, so that a variance of 0 is no obstacle
        weight = (SPREAD_FREEDOM + freedom) / 2.0 * np.log(SPREAD_FREEDOM + freedom * ratios)
        return float(np.sum(weight + freedom / 2.0 * log_scale))

    best = optimize.minimize_scalar(surprise, bounds=(-5.0, 5.0), method="bounded", options={"xatol": 1e-9})
    assert typical_variance(observed.tolist(), freedom.tolist()) == pytest.approx(math.exp(best.x), rel=1e-5)


def test_the_freedom_of_spreads_is_the_likeliest_given_the_published_ones() -> None:
    """Standard deviations over means of 8 runs (ddof 1), random and searched, one scale a data set."""
    rows = published_summaries().filter(n=8, setting="own protocol of the method")
    groups = [part for _, part in rows.group_by("dataset", maintain_order=True)]
    assert [part.height for part in groups] == [16] * 5
    spreads = [(part["std"] / part["mean"]).to_numpy() ** 2 * 8.0 / 7.0 for part in groups]

    def surprise(values: np.ndarray) -> float:
        prior = math.exp(values[0])
        return -sum(
            float(np.sum(stats.f.logpdf(own / math.exp(scale), 7.0, prior) - scale))
            for own, scale in zip(spreads, values[1:], strict=True)
        )

    start = [1.0, *(math.log(float(np.median(own))) for own in spreads)]
    found = optimize.minimize(surprise, start, method="Nelder-Mead", options={"maxiter": 4000})
    assert math.exp(found.x[0]) == pytest.approx(SPREAD_FREEDOM, abs=0.1)


def test_alone_one_arm_is_a_t_distribution_around_its_own_mean() -> None:
    """Two arms of equal spread: scale s / (sqrt(n) mean) as observed, degrees of freedom own and the prior's."""
    runs = [69.0, 70.0, 71.0]
    found = draws_of({"a": runs, "b": [value + 10.0 for value in runs]})
    own, other = (1.0 / 70.0) ** 2, (1.0 / 80.0) ** 2
    variance = (SPREAD_FREEDOM * typical_variance([own, other], [2.0, 2.0]) + 2.0 * own) / (
        SPREAD_FREEDOM + 2.0
    )
    expected = stats.t(SPREAD_FREEDOM + 2.0, math.log(70.0), math.sqrt(variance / 3.0))
    assert stats.kstest(found.alone[:, 0], expected.cdf).pvalue > 0.001
    assert found.spreads_percent[0] == pytest.approx(100.0 * math.sqrt(variance))


def test_means_are_pulled_together_where_noise_explains_their_distances_and_not_where_it_does_not() -> None:
    noise = np.array([-1.0, 0.0, 1.0])
    close = draws_of(
        {
            name: (70.0 + shift + noise).tolist()
            for name, shift in zip("abcd", (0, 0.1, -0.1, 0.2), strict=True)
        }
    )
    far = draws_of(
        {name: (50.0 + shift + noise).tolist() for name, shift in zip("abcd", (0, 10, -10, 20), strict=True)}
    )
    for found, kept in ((close, (0.0, 0.5)), (far, (0.95, 1.01))):
        distance = np.median(found.log_means[:, 3] - found.log_means[:, 0])
        assert kept[0] < distance / np.median(found.alone[:, 3] - found.alone[:, 0]) < kept[1]


def test_same_seed_same_bits_and_another_seed_others() -> None:
    arms = {"a": [70.0, 71.0], "b": [69.0, 72.0, 71.0]}
    first, again, other = draws_of(arms), draws_of(arms), draws_of(arms, seed=3)
    assert np.array_equal(first.log_means, again.log_means) and np.array_equal(first.alone, again.alone)
    assert not np.array_equal(first.log_means, other.log_means)


def test_an_arm_with_one_run_has_the_spread_of_the_others() -> None:
    found = draws_of({"a": [70.0, 72.0], "b": [60.0]})
    assert found.spreads_percent[0] == pytest.approx(found.spreads_percent[1])
    assert found.spreads_percent[0] == pytest.approx(100.0 * math.sqrt(2.0) / 71.0)


def test_a_mean_of_zero_is_no_obstacle_to_the_others() -> None:
    found = draws_of({"a": [70.0, 72.0], "dead": [0.0, 0.0], "b": [70.0, 71.0]})
    assert np.all(found.of("dead") == -np.inf)
    assert np.all(np.isfinite(found.of("a")) & np.isfinite(found.of("b")))


def test_without_noise_there_are_no_draws() -> None:
    assert draw_means({"a": [70.0], "b": [60.0]}) is None
    assert draw_means({"a": [70.0, 70.0], "b": [60.0]}) is None


def test_bad_accuracies_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="b has an accuracy of nan"):
        draw_means({"a": [70.0, 71.0], "b": [math.nan]})
    with pytest.raises(ValueError, match="b has no run"):
        draw_means({"a": [70.0, 71.0], "b": [None]})
