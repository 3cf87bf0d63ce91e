"""The winner's curse by enumerating halves, and its size and intervals on simulated arms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

from nastransfer.stats.sample import sample
from nastransfer.stats.selection import winners_curse


def test_two_arms_of_two_runs_by_hand() -> None:
    """Halves are single runs: 4 equally likely pairs of choosers (70 or 73, 71 or 71.5) score the other run.

    70 loses to 71 and 71.5, whose others are 71.5 and 71; 73 wins both times and its other scores 70: the mean is
    (71.5 + 71 + 70 + 70) / 4 = 70.625. Best by its own mean is a with 71.5.
    """
    found = winners_curse({"a": [70.0, 73.0], "b": [71.0, 71.5]}, splits=40_000)
    assert (found.best, found.naive.estimate) == ("a", 71.5)
    assert found.honest.estimate == pytest.approx(70.625, abs=0.02)
    assert found.optimism.estimate == pytest.approx(0.875, abs=0.02)


def test_halves_are_enumerated() -> None:
    arms = {"a": [70.0, 72.0, 71.0], "b": [69.0, 71.5, 73.3, 70.4], "c": [71.1, 71.2]}
    ways = []
    for values in arms.values():
        places = range(len(values))
        halves = itertools.combinations(places, len(values) // 2)
        ways.append(
            [
                (np.mean([values[i] for i in half]), np.mean([values[i] for i in {*places} - {*half}]))
                for half in halves
            ]
        )
    expected = np.mean([max(split)[1] for split in itertools.product(*ways)])
    assert winners_curse(arms, splits=40_000).honest.estimate == pytest.approx(expected, abs=0.02)


def test_an_arm_far_ahead_is_not_cursed() -> None:
    found = winners_curse({"a": [80.0, 81.0, 82.0, 81.5], "b": [60.0, 61.0, 60.5, 62.0]}, splits=20_000)
    assert found.optimism.estimate == pytest.approx(0.0, abs=0.02)
    expected = sample("a", [80.0, 81.0, 82.0, 81.5]).mean_interval()
    assert (found.naive.low, found.naive.high) == expected


def test_equal_arms_are_cursed_by_the_expected_maximum() -> None:
    """Means of 5 runs of deviation 1: the largest of 5 lies 1.16296 / sqrt(5) = 0.52 above their common mean."""
    rng = np.random.default_rng(0)
    found = [
        winners_curse({str(arm): rng.normal(70, 1, 5) for arm in range(5)}, splits=50).optimism.estimate
        for _ in range(300)
    ]
    assert np.mean(np.array(found, float)) == pytest.approx(1.16296 / math.sqrt(5), abs=0.03)


def test_same_seed_same_bits() -> None:
    arms = {"a": [70.0, 72.0, 71.0], "b": [69.0, 71.5, 73.0]}
    assert winners_curse(arms, seed=3) == winners_curse(arms, seed=3)
    assert winners_curse(arms, seed=3).honest != winners_curse(arms, seed=4).honest


def test_few_runs_are_said() -> None:
    pair = winners_curse({"a": [70.0, 71.0], "b": [70.5, 70.0]})
    assert pair.honest.estimate is not None
    assert (pair.honest.low, pair.optimism.high) == (None, None)
    assert "3 runs in each arm; the smallest has 2" in str(pair.optimism.reason)
    assert pair.naive.low is not None
    single = winners_curse({"a": [70.0, 71.0], "b": [70.5, None]})
    assert (single.naive.estimate, single.optimism.estimate, single.best) == (None, None, None)
    assert "fewer than 2 runs: b (1)" in str(single.naive.reason)
    assert "there is 1 arm" in str(winners_curse({"a": [70.0, 71.0]}).honest.reason)
    flat = winners_curse({"a": [71.1] * 3, "b": [70.0, 70.1, 70.2]})
    assert (flat.naive.low, flat.best) == (None, "a")
    assert "all equal" in str(flat.naive.reason)
    assert (flat.honest.estimate, flat.honest.low, flat.optimism.high) == (pytest.approx(71.1), None, None)
    assert "the runs show no noise" in str(flat.honest.reason)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="b has an accuracy of nan"):
        winners_curse({"a": [70.0], "b": [math.nan]})
    with pytest.raises(ValueError, match="winners_curse got no arm"):
        winners_curse({})
    with pytest.raises(ValueError, match="splits is 0"):
        winners_curse({"a": [70.0, 71.0], "b": [70.5, 70.0]}, splits=0)


def covered(arms: int, runs: int, gap: float, times: int) -> tuple[float, float]:
    """Share of simulations whose intervals hold the expected honest score and optimism."""
    rng = np.random.default_rng([arms, runs])
    found = [
        winners_curse(
            {str(arm): rng.normal(60 + gap * arm, 1, runs) for arm in range(arms)}, seed=seed, splits=100
        )
        for seed in range(times)
    ]
    shares = []
    for one in ([each.honest for each in found], [each.optimism for each in found]):
        truth = np.mean([each.estimate for each in one])
        ends = np.array([(each.low, each.high) for each in one], float)
        shares.append(float(np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1]))))
    return shares[0], shares[1]


def test_intervals_cover() -> None:
    assert min(covered(3, 5, 0.5, 150)) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.0, 0.5, 3.0])
@pytest.mark.parametrize(("arms", "runs"), [(3, 5), (5, 5), (12, 5), (8, 8)])
def test_intervals_cover_in_many_simulations(
    arms: int, runs: int, gap: float, record_property: Callable[[str, object], None]
) -> None:
    """2,000 simulations: 0.5 points. The truth is the mean over them."""
    honest, optimism = covered(arms, runs, gap, 2_000)
    record_property("honest_percent", round(100 * honest, 1))
    record_property("optimism_percent", round(100 * optimism, 1))
    assert min(honest, optimism) > 0.92
