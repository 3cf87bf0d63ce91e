"""Permutation tests of many arms at once: by hand, and against the test of one arm."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from nastransfer.stats.permutations import permutation_tests
from nastransfer.stats.significance import permutation_test


def by_fractions(method: list[float], random: list[float]) -> Fraction:
    """The exact p value: t squared of all ways to deal the runs, in fractions, so that ties are ties."""
    runs = [Fraction(str(value)) for value in (*method, *random)]

    def t_squared(chosen: tuple[int, ...]) -> Fraction:
        sides = [[runs[i] for i in chosen], [runs[i] for i in range(len(runs)) if i not in chosen]]
        means = [sum(side) / len(side) for side in sides]
        parts = [
            sum((value - mean) ** 2 for value in side) / (len(side) - 1) / len(side)
            for side, mean in zip(sides, means, strict=True)
        ]
        return (means[0] - means[1]) ** 2 / sum(parts)

    ways = list(itertools.combinations(range(len(runs)), len(method)))
    observed = t_squared(tuple(range(len(method))))
    return Fraction(sum(t_squared(way) >= observed for way in ways), len(ways))


def test_by_hand() -> None:
    """3, 4 against 1, 2: of 6 ways only this one and its mirror have |t| = 2.83. The largest possible is 2 / 6."""
    assert permutation_tests([([3.0, 4.0], [1.0, 2.0])]) == [pytest.approx(1 / 3)]


def test_sides_without_any_spread() -> None:
    """71, 71 against 70, 70: this way and its mirror of 6; against 70, 70, 70 the only one of 10."""
    pairs = [([71.0] * 2, [70.0] * 2), ([71.0] * 2, [70.0] * 3), ([70.1] * 3, [70.1] * 4)]
    assert permutation_tests(pairs) == [pytest.approx(1 / 3), pytest.approx(0.1), 1.0]


@pytest.mark.parametrize("sizes", [(2, 5), (3, 5), (5, 5)])
def test_ties_count_as_in_exact_arithmetic(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    pairs = [tuple(np.round(70 + rng.standard_normal(n), 1).tolist() for n in sizes) for _ in range(8)]
    found = permutation_tests([(own, random) for own, random in pairs])
    assert found == [pytest.approx(float(by_fractions(own, random))) for own, random in pairs]


def test_each_arm_has_the_p_value_that_it_has_alone() -> None:
    """Exact for 3 and 5 against 8 runs, within the error of 9,999 random ways for 12 against 30."""
    rng = np.random.default_rng(4)
    pairs = [
        (70 + shift + rng.standard_normal(n), 70 + rng.standard_normal(m))
        for n, m, shift in ((3, 8, 1.0), (12, 30, 0.3), (5, 8, 0.0), (3, 8, 0.0), (12, 30, 0.8))
    ]
    together = permutation_tests(pairs)
    assert together == [permutation_tests([pair])[0] for pair in pairs]
    for (own, random), p in zip(pairs, together, strict=True):
        alone = permutation_test(own, random)
        assert p is not None and alone is not None
        error = 0.0 if len(own) < 12 else 5 * math.sqrt(2 * alone * (1 - alone) / 9_999)
        assert p == pytest.approx(alone, abs=error + 1e-12)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    rng = np.random.default_rng(5)
    pair = (70.3 + rng.standard_normal(12), 70 + rng.standard_normal(30))
    assert permutation_tests([pair], 2) == permutation_tests([pair], 2) != permutation_tests([pair], 3)


def test_its_level_is_kept_where_nothing_differs() -> None:
    """400 arms of 5 against 30 normal runs: 20 are expected below 0.05, within 4 standard errors."""
    rng = np.random.default_rng(6)
    runs = rng.normal(70.0, 1.0, (400, 35))
    below = sum(p is not None and p < 0.05 for p in permutation_tests([(row[:5], row[5:]) for row in runs]))
    assert abs(below - 20) < 4 * math.sqrt(400 * 0.05 * 0.95)


def test_what_cannot_be_tested_is_missing_and_what_is_no_accuracy_refused() -> None:
    assert permutation_tests([([70.0], [69.0, 71.0]), ([70.0, None], [69.0, 71.0]), ([], [])]) == [None] * 3
    assert permutation_tests([([70.0, 70.0], [70.0, 70.0])]) == [1.0] and permutation_tests([]) == []
    with pytest.raises(ValueError, match="acc_random has an accuracy of nan"):
        permutation_tests([([70.0, 71.0], [math.nan, 70.0])])
