"""Contrasts against arithmetic and against the RI's own interval; margins, trends, and what limits show."""

from __future__ import annotations

import math
import statistics

import pytest

from nastransfer.stats.contrast import (
    NO_MARGIN,
    Contrast,
    Margin,
    Side,
    log_gain,
    log_mean,
    log_spread,
    percent,
    runs_to_show,
    shows_above,
    shows_below,
    trend,
)
from nastransfer.stats.improvement import relative_improvement
from nastransfer.stats.power import runs_needed

METHOD, RANDOM = [71.0, 73.0, 72.5], [69.0, 70.0, 71.0, 68.5]


def side(values: list[float]) -> Side:
    found = log_mean(values)
    assert found is not None
    return found


def difference(first: Side, second: Side) -> Contrast:
    return Contrast(((1.0, first), (-1.0, second)))


def test_two_sides_give_the_interval_of_ri() -> None:
    contrast = difference(side(METHOD), side(RANDOM))
    known = relative_improvement(METHOD, RANDOM)
    assert percent(contrast.estimate) == pytest.approx(known.estimate)
    assert tuple(map(percent, contrast.limits(0.025) or ())) == pytest.approx((known.low, known.high))
    assert (contrast.n, contrast.reason) == (3, None)


def test_weights_by_hand() -> None:
    """Half of 0.1 and of 0.3, less 0.05; variances 0.04/4, 0.09/9 and 0.16/16, all 0.01: 0.0025 + 0.0025 + 0.01."""
    sides = Side(0.1, 0.2, 4), Side(0.3, 0.3, 9), Side(0.05, 0.4, 16)
    contrast = Contrast(tuple(zip((0.5, 0.5, -1.0), sides, strict=True)))
    assert contrast.estimate == pytest.approx(0.15)
    assert contrast.variance_at(0, None) == pytest.approx(0.015)
    low, high = contrast.limits(0.5 - 1e-12) or (0.0, 0.0)
    assert (low, high) == pytest.approx((0.15, 0.15))
    assert contrast.variance_at(36, None) == pytest.approx((0.01 / 36 + 0.0225 / 36) + 0.16 / 36)


@pytest.mark.parametrize(
    ("sides", "reason"),
    [
        ((Side(0.0, None, 0), Side(0.1, None, 0)), "no spread is printed"),
        ((Side(0.0, None, 1), Side(0.1, 0.2, 5)), "one run on a side shows no noise"),
        ((Side(0.0, 0.0, 3), Side(0.1, 0.0, 5)), "the runs of each side are all equal"),
    ],
)
def test_without_noise_there_are_no_limits_and_nothing_is_shown(
    sides: tuple[Side, Side], reason: str
) -> None:
    contrast = difference(*sides)
    assert (contrast.reason, contrast.limits(0.025)) == (reason, None)
    assert not shows_above(contrast, NO_MARGIN, 0.025)
    assert not shows_below(contrast, Margin(9.0), 0.025)


def test_a_side_that_does_not_count_shows_no_noise_of_the_others() -> None:
    """On a line through three positions the middle one has no weight: its spread says nothing about the ends."""
    quiet, noisy = Side(0.0, 0.0, 3), Side(0.1, 0.1, 3)
    found = trend([(1.0, quiet), (2.0, noisy), (3.0, Side(0.2, 0.0, 3))])
    assert found is not None
    assert (found.limits(0.05), found.reason) == (None, "the runs of each side are all equal")
    other = trend([(1.0, noisy), (2.0, quiet), (3.0, quiet)])
    assert other is not None and other.limits(0.05) is not None


def test_a_side_without_a_correct_image_is_none() -> None:
    assert log_mean([0.0, 0.0]) is None
    assert log_mean([]) is None
    with pytest.raises(ValueError, match="accuracy of 101"):
        log_mean([101.0])


def test_gains_are_of_the_same_genotype() -> None:
    """50 to 60 and 40 to 44: logs of 1.2 and 1.1; the genotype at 0 has no log."""
    gain = log_gain([50.0, 40.0, 0.0], [60.0, 44.0, 3.0])
    logs = [math.log(1.2), math.log(1.1)]
    assert gain == Side(statistics.fmean(logs), pytest.approx(statistics.stdev(logs)), 2)
    assert log_gain([0.0], [3.0]) is None
    assert log_gain([50.0], [60.0]) == Side(pytest.approx(math.log(1.2)), None, 1)


def test_deviations_from_the_median_lose_the_structural_one() -> None:
    """Logs -2, 0, 1 about 0: deviations 2 and 1 stay, the median's own goes."""
    found = log_spread([math.exp(power) for power in (-2.0, 0.0, 1.0)])
    assert found == Side(pytest.approx(math.log(1.5)), pytest.approx(math.sqrt(0.5) / 1.5), 2)
    assert log_spread([70.0, 71.0]) is None
    assert log_spread([70.0, 70.0, 70.0]) is None
    assert log_spread([70.0, 70.0, 70.0, 0.0]) is None


def test_a_trend_is_the_fitted_rise_over_the_whole_span() -> None:
    """Levels 1, 2, 6 at 0, 1, 2: slope 2.5, so 5 over the span; two sides give their difference."""
    sides = [(float(place), Side(level, 0.1, 5)) for place, level in enumerate((1.0, 2.0, 6.0))]
    found = trend(sides)
    assert found is not None and found.estimate == pytest.approx(5.0)
    ends = trend([sides[0], sides[2]])
    assert ends is not None and [weight for weight, _ in ends.parts] == pytest.approx([-1.0, 1.0])
    assert trend([sides[0], (0.0, sides[1][1])]) is None


def test_a_given_margin_moves_the_bound_and_a_measured_one_brings_its_noise() -> None:
    contrast = difference(Side(0.02, 0.01, 10), Side(0.0, 0.01, 10))
    low, high = contrast.limits(0.025) or (0.0, 0.0)
    for width in (low - 1e-6, low + 1e-6):
        assert shows_above(contrast, Margin(width), 0.025) == (width < low)
    for width in (high - 1e-6, high + 1e-6):
        assert shows_below(contrast, Margin(width), 0.025) == (width > high)
    assert shows_above(contrast, Margin(1e-3 - low), 0.025, -1)
    wide = Margin(high + 1e-6, 5)
    assert not shows_below(contrast, wide, 0.025)
    assert not shows_above(contrast, Margin(low - 1e-6, 5), 0.025)


def test_limits_of_a_measured_margin_are_those_of_a_standard_deviation() -> None:
    """Chi square with 9 degrees of freedom: 2.700 and 19.023 at 2.5 and 97.5%."""
    assert Margin(3.0, 10).limits(0.025) == pytest.approx(
        (3 * math.sqrt(9 / 19.0228), 3 * math.sqrt(9 / 2.70039))
    )
    assert Margin(3.0).limits(0.025) == (3.0, 3.0)
    assert Margin(3.0, 10).variance_at(0) == 9.0 / 18.0


def test_runs_to_show_grow_with_the_square_of_noise_over_distance() -> None:
    contrast = difference(Side(0.0, 0.02, 3), Side(0.0, 0.02, 3))

    def runs(distance: float, bound: Margin = NO_MARGIN) -> int | None:
        return runs_to_show(contrast, distance, bound, 0.025, 0.8, None)

    normal = 2 * (1.959964 + 0.841621) ** 2  # one standard deviation, many runs
    assert runs(0.002) == pytest.approx(normal * 100, rel=0.01)
    exact = runs_needed(percent(0.02), 2.0, 2.0)
    assert exact is not None and runs(0.02) == exact + 1  # by the t law of one side's degrees of freedom
    assert runs(0.02, Margin(0.02, 3)) == 22
    assert runs(0.0) is None
    assert runs(1e-9) is None
    one = difference(Side(0.0, None, 1), Side(0.0, None, 1))
    assert runs_to_show(one, 0.02, NO_MARGIN, 0.025, 0.8, None) is None
    assert runs_to_show(one, 0.02, NO_MARGIN, 0.025, 0.8, 0.02) == runs(0.02)


def test_percent_overflows_to_infinity() -> None:
    assert percent(1e4) == math.inf
    assert Contrast(((1.0, Side(0.0, 1.0, 2)),)).percent(math.log(1.5)) == pytest.approx(50.0)
