"""Variance components against the analysis of variance, and on simulated data of known components."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable

import numpy as np
import pytest
from scipy import stats

from nastransfer.stats.components import Component, variance_components

NAMES = ("method", "source", "cell", "search")
KNOWN = {"method": 1.0, "source": 0.7, "cell": 0.5, "search": 0.8, "residual": 0.3}  # standard deviations


def by_name(components: list[Component]) -> dict[str, Component]:
    return {component.name: component for component in components}


def simulated(
    rng: np.random.Generator, sizes: tuple[int, int, int, int] = (4, 6, 5, 2), missing: float = 0.0
) -> tuple[list[float], dict[str, list[Hashable]]]:
    """Methods x sources x searches x augment seeds of known components, some runs missing."""
    methods, sources, searches, _ = sizes
    shapes = {"method": (methods, 1, 1, 1), "source": (1, sources, 1, 1), "cell": (methods, sources, 1, 1)}
    shapes |= {"search": (methods, sources, searches, 1), "residual": sizes}
    table = 70 + sum(rng.normal(0, KNOWN[name], shape) for name, shape in shapes.items())
    kept = [run for run in itertools.product(*map(range, sizes)) if rng.random() >= missing]
    levels = [(run[0], run[1], run[:2], run[:3]) for run in kept]
    factors = {name: [level[place] for level in levels] for place, name in enumerate(NAMES)}
    return [float(table[run]) for run in kept], factors


def test_one_factor_by_hand() -> None:
    """Means 71, 73 and 75 of 2 runs: mean square between 2 * 8 / 2 = 8, within (2 + 2 + 8) / 3 = 4; (8 - 4) / 2."""
    found = by_name(variance_components([70, 72, 72, 74, 73, 77], {"method": list("aabbcc")}))
    assert found["method"].variance == pytest.approx(2.0)
    assert found["residual"].variance == pytest.approx(4.0)
    assert found["method"].share_percent == pytest.approx(100 / 3)
    assert (found["method"].levels, found["residual"].levels) == (3, 6)


def test_one_factor_of_unequal_size_by_hand() -> None:
    """3, 2 and 1 runs: n0 = (6 - 14 / 6) / 2 = 11/6; the textbook's estimator (Searle et al. 1992, section 3.6)."""
    values, levels = [70, 72, 71, 75, 73, 78], list("aaabbc")
    between = (3 * (71 - 439 / 6) ** 2 + 2 * (74 - 439 / 6) ** 2 + (78 - 439 / 6) ** 2) / 2
    within = (2 + 2) / 3
    found = by_name(variance_components(values, {"method": levels}))
    assert found["method"].variance == pytest.approx((between - within) / (11 / 6))
    assert found["residual"].variance == pytest.approx(within)


def test_balanced_crossed_and_nested_data_give_the_analysis_of_variance() -> None:
    a, b, s, k = 4, 6, 5, 2
    values, factors = simulated(np.random.default_rng(0))
    y = np.array(values).reshape(a, b, s, k)
    grand, by_a, by_b = y.mean(), y.mean((1, 2, 3)), y.mean((0, 2, 3))
    cells, searches = y.mean((2, 3)), y.mean(3)
    square_a = b * s * k * np.sum((by_a - grand) ** 2) / (a - 1)
    square_b = a * s * k * np.sum((by_b - grand) ** 2) / (b - 1)
    square_ab = s * k * np.sum((cells - by_a[:, None] - by_b + grand) ** 2) / ((a - 1) * (b - 1))
    square_s = k * np.sum((searches - cells[..., None]) ** 2) / (a * b * (s - 1))
    square_e = np.sum((y - searches[..., None]) ** 2) / (a * b * s * (k - 1))
    expected = {
        "method": (square_a - square_ab) / (b * s * k),
        "source": (square_b - square_ab) / (a * s * k),
        "cell": (square_ab - square_s) / (s * k),
        "search": (square_s - square_e) / k,
        "residual": square_e,
    }
    found = by_name(variance_components(values, factors))
    assert {name: one.variance for name, one in found.items()} == pytest.approx(
        {name: max(variance, 0.0) for name, variance in expected.items()}
    )
    assert sum(one.share_percent or 0.0 for one in found.values()) == pytest.approx(100.0)


def test_the_residuals_interval_is_the_chi_squared_one() -> None:
    values, factors = simulated(np.random.default_rng(1))
    residual = variance_components(values, factors, resamples=8_000)[-1]
    assert residual.variance is not None
    ends = 120 * residual.variance / stats.chi2.isf([0.025, 0.975], 120)
    assert (residual.low, residual.high) == pytest.approx(tuple(ends), rel=0.03)


def test_four_levels_leave_a_long_upper_arm() -> None:
    """One factor of many equal runs: the level means' variance has 3 degrees of freedom, chi-squared 0.2158, 9.348."""
    means = [70.0, 71.0, 73.0, 74.0]
    values = [mean + spread for mean in means for spread in (-0.01, 0.01) * 20]
    found = variance_components(values, {"method": np.repeat(range(4), 40).tolist()}, resamples=20_000)[0]
    assert found.variance == pytest.approx(10 / 3, rel=1e-3)
    assert (found.low, found.high) == pytest.approx((10 / 9.348, 10 / 0.2158), rel=0.05)


def test_runs_in_any_order_and_levels_of_any_name() -> None:
    values, factors = simulated(np.random.default_rng(2), missing=0.3)
    order = np.random.default_rng(3).permutation(len(values))
    shuffled = {name: [f"level {levels[i]}" for i in order] for name, levels in factors.items()}
    first = variance_components(values, factors)
    second = variance_components([values[i] for i in order], shuffled)
    for one, other in zip(first, second, strict=True):
        assert one.variance == pytest.approx(other.variance)
    assert first == variance_components(values, factors)
    assert first != variance_components(values, factors, seed=3)


def test_missing_runs_are_left_out() -> None:
    values, factors = simulated(np.random.default_rng(4))
    longer = {name: [*levels, levels[0]] for name, levels in factors.items()}
    assert variance_components([*values, None], longer) == variance_components(values, factors)


def test_a_negative_estimate_is_set_to_zero_and_said() -> None:
    """Means 71, 71 and 71: between 0, within 2, so (0 - 2) / 2 = -1."""
    method, residual = variance_components([70, 72, 70, 72, 70, 72], {"method": list("aabbcc")})
    assert (method.variance, method.share_percent, method.low) == (0.0, 0.0, 0.0)
    assert method.note == "the estimate was -1, set to 0"
    assert residual.variance == pytest.approx(2.0)
    assert residual.share_percent == 100.0


def test_what_cannot_be_told_apart_is_said() -> None:
    values, factors = simulated(np.random.default_rng(5), (3, 4, 5, 1))
    found = by_name(variance_components(values, {**factors, "target": ["mit67"] * 60}))
    assert (found["search"].variance, found["search"].low, found["search"].levels) == (None, None, 60)
    assert "method, source, cell and the residual's" in str(found["search"].note)
    assert found["target"].note == "it has one level"
    without = by_name(variance_components(values, {name: factors[name] for name in NAMES[:3]}))
    assert found["residual"].variance == pytest.approx(without["residual"].variance)
    twice = by_name(variance_components(values, {"source": factors["source"], "proxy": factors["source"]}))
    assert twice["proxy"].variance is None and twice["source"].variance is not None


def test_equal_runs_have_nothing_to_share() -> None:
    for values in ([70.1], [70.1] * 4):
        found = variance_components(values, {"method": [*"abab"][: len(values)]})
        assert [one.variance for one in found] == [None, None]
        assert "all runs are equal" in str(found[-1].note)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="factor method has 1 levels for 2 runs"):
        variance_components([70.0, 71.0], {"method": ["a"]})
    with pytest.raises(ValueError, match="not called residual"):
        variance_components([70.0], {"residual": ["a"]})
    with pytest.raises(ValueError, match="values has a value of nan"):
        variance_components([70.0, math.nan], {"method": ["a", "b"]})
    with pytest.raises(ValueError, match="values has no run"):
        variance_components([None], {"method": ["a"]})
    with pytest.raises(ValueError, match="resamples is 9"):
        variance_components([70.0], {"method": ["a"]}, resamples=9)


def campaign(times: int, missing: float) -> tuple[dict[str, float], dict[str, float]]:
    """Mean estimate of each component, and the share of intervals that hold the true one."""
    rng = np.random.default_rng([times, int(100 * missing)])
    sums, hits = dict.fromkeys(KNOWN, 0.0), dict.fromkeys(KNOWN, 0)
    for seed in range(times):
        for one in variance_components(*simulated(rng, missing=missing), seed=seed, resamples=300):
            assert one.variance is not None and one.low is not None
            sums[one.name] += one.variance
            hits[one.name] += one.low <= KNOWN[one.name] ** 2 <= (math.inf if one.high is None else one.high)
    return (
        {name: total / times for name, total in sums.items()},
        {n: hit / times for n, hit in hits.items()},
    )


def test_known_components_are_found() -> None:
    means, covered = campaign(40, missing=0.2)
    assert means == pytest.approx({name: spread**2 for name, spread in KNOWN.items()}, rel=0.35)
    assert min(covered.values()) > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_known_components_are_found_in_many_simulations(
    missing: float, record_property: Callable[[str, object], None]
) -> None:
    """2,000 simulations: 0.5 points of coverage. Setting negative estimates to 0 adds a little to the small ones."""
    means, covered = campaign(2_000, missing)
    for name in KNOWN:
        record_property(f"{name}_mean", round(means[name], 4))
        record_property(f"{name}_covered_percent", round(100 * covered[name], 1))
    assert means == pytest.approx({name: spread**2 for name, spread in KNOWN.items()}, rel=0.06)
    assert min(covered.values()) > 0.93
