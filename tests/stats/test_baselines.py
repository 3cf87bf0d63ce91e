"""Three baselines by hand, and the warning where the sign of RI hangs on the choice."""

from __future__ import annotations

import math

import pytest

from nastransfer.stats.baselines import RECURRING, baseline_choices
from nastransfer.stats.improvement import relative_improvement

METHOD = {2: [70.0, 71.0, 72.0]}
RANDOM = {2: [69.0, 70.0, 70.5], 3: [74.0, 75.0, 76.0]}


def test_other_seeds_may_turn_the_sign() -> None:
    """Within seed 2 the means are 71 and 69.83; random genotypes' means over both seeds are 71.5, 72.5, 73.25."""
    found = baseline_choices(METHOD, RANDOM)
    same, pooled = (
        relative_improvement(METHOD[2], RANDOM[2]),
        relative_improvement(METHOD[2], [71.5, 72.5, 73.25]),
    )
    for one, expected in ((found.same_seed, same), (found.pooled, pooled)):
        assert (one.estimate, one.low, one.high) == (expected.estimate, expected.low, expected.high)
    assert found.sign_depends
    assert f"{pooled.estimate:+.2f}% pooled, {same.estimate:+.2f}% same-seed" in str(found.warning)


def test_pairs_are_augment_seeds() -> None:
    """The mean of log(71 / 70) and log(73 / 71). No interval: what searches differ by is in no seed's spread."""
    found = baseline_choices({2: [70.0, 72.0], 3: [73.0]}, {3: [70.0, 72.0], 2: [70.0], 4: [99.0]}).paired
    first, second = math.log(71 / 70), math.log(73 / 71)
    assert found.n == 2
    assert found.estimate == pytest.approx(100 * math.expm1((first + second) / 2))
    assert (found.low, found.high, found.reason) == (None, None, RECURRING)


def test_searches_trained_with_several_seeds_count_once() -> None:
    method, random = {2: [70.0, 72.0], 3: [71.0, None]}, {2: [69.0, 70.0], 3: [68.0, 71.0]}
    found = baseline_choices(method, random)
    expected = relative_improvement([70.5, 72.0], [68.5, 70.5])
    assert (found.pooled.estimate, found.pooled.low, found.pooled.n) == (expected.estimate, expected.low, 2)
    assert found.same_seed == found.pooled
    assert (found.sign_depends, found.warning) == (False, None)


def test_without_a_shared_seed_only_the_pooled_one_is_left() -> None:
    found = baseline_choices({4: [70.0, 71.0]}, {**RANDOM, 5: [None]})
    assert found.pooled.estimate is not None
    assert (found.same_seed.estimate, found.paired.estimate, found.same_seed.n) == (None, None, 0)
    assert "4 against 2, 3" in str(found.paired.reason)
    assert not found.sign_depends


def test_single_runs_and_seeds_have_no_interval() -> None:
    found = baseline_choices({2: [70.0]}, RANDOM)
    assert "2 runs on each side" in str(found.pooled.reason)
    assert "no image right" in str(baseline_choices({2: [0.0]}, {2: [69.0]}).paired.reason)


def test_equal_means_have_no_sign() -> None:
    found = baseline_choices({2: [70.1, 70.2], 3: [70.3, 70.4]}, {2: [70.2, 70.1], 3: [70.4, 70.3]})
    assert not found.sign_depends


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="random with augment seed 3 has an accuracy of nan"):
        baseline_choices(METHOD, {3: [math.nan]})
    with pytest.raises(ValueError, match="acc_method has no run"):
        baseline_choices({2: [None]}, RANDOM)
    with pytest.raises(ValueError, match="acc_random has no run"):
        baseline_choices(METHOD, {})
