"""Permutation tests of many arms at once: `significance.permutation_test` for each, a thousand times faster.

Arms with as many runs on both sides share the ways in which runs are dealt to the sides, so that all sums over all ways
are two matrix products. Each arm's test is the one it would have alone; only their random numbers are common.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from nastransfer.stats.estimate import FEWEST_RUNS, accuracies
from nastransfer.stats.significance import RESAMPLES, Runs

# Two ways that give the same t in exact arithmetic must count as equal.
_ROUNDING = 1e-11
# Numbers held at a time.
_PART = 1_000_000


def permutation_tests(pairs: Sequence[tuple[Runs, Runs]], seed: int = 2) -> list[float | None]:
    """P value of each pair (accuracies of a method, of random sampling; percent), as `permutation_test` gives it.

    Two-sided, of Welch's t. Exact where there are fewer than `RESAMPLES` ways to deal the runs. None where a side has
    fewer than 2 runs. `ValueError` for what is no accuracy.
    """
    sides = [(accuracies("acc_method", own), accuracies("acc_random", random)) for own, random in pairs]
    by_size: dict[tuple[int, int], list[int]] = {}
    for place, (own, random) in enumerate(sides):
        by_size.setdefault((len(own), len(random)), []).append(place)
    p_values: list[float | None] = [None] * len(pairs)
    for (n_method, n_random), places in by_size.items():
        if min(n_method, n_random) >= FEWEST_RUNS:
            runs = np.array([[*sides[place][0], *sides[place][1]] for place in places])
            for place, p in zip(places, _p_values(runs, n_method, seed), strict=True):
                p_values[place] = float(p)
    return p_values


def _p_values(runs: np.ndarray, n_method: int, seed: int) -> np.ndarray:
    """P value of each row of `runs` [arms, n_method + n_random], the method's runs first.

    Of t^2 = (k s)^2 / (a q + b Q - c s^2), where s and q are the sum and the sum of squares of the method's side and Q
    the sum of all squares, once the mean of all runs is 0. No way's t is computed: those with t^2 >= T, the observed
    one, have (k^2 + T c) s^2 - T a q >= T b Q.
    """
    arms, n = runs.shape
    k, a, b, c = _weights(n_method, n - n_method)
    centred = (runs - runs.mean(axis=1, keepdims=True)).T
    squared = centred**2
    whole = b * squared.sum(axis=0)
    s, q = centred[:n_method].sum(axis=0), squared[:n_method].sum(axis=0)
    # Rounding of a variance must decide nothing, least of all where all runs of each side are equal.
    rounding = _ROUNDING * whole
    observed = (k * s) ** 2 / np.maximum(np.maximum(a * q + whole - c * s**2, rounding), np.finfo(float).tiny)
    least = observed * (whole - rounding) - _ROUNDING * (k * s) ** 2
    as_large, ways = np.zeros(arms), 0
    for dealt in _ways(n_method, n, seed, max(n, arms)):
        sums, squares = dealt @ centred, dealt @ squared
        np.square(sums, out=sums)
        sums *= k**2 + observed * c
        squares *= observed * a
        sums -= squares
        as_large += (sums >= least).sum(axis=0)
        ways += len(dealt)
    drawn = ways < math.comb(n, n_method)
    p: np.ndarray = (as_large + drawn) / (ways + drawn)
    return p


def _weights(n: int, m: int) -> tuple[float, float, float, float]:
    """k, a, b and c of `_p_values` for n runs of the method and m random ones."""
    own, other = 1 / (n * (n - 1)), 1 / (m * (m - 1))
    return 1 / n + 1 / m, own - other, other, own / n + other / m


def _ways(n_method: int, n: int, seed: int, columns: int) -> Iterator[np.ndarray]:
    """Who of `n` runs is dealt to the method's side, 1 or 0 [ways, n]: all ways, or `RESAMPLES` random ones."""
    if math.comb(n, n_method) <= RESAMPLES:
        yield _dealt(np.array(list(itertools.combinations(range(n), n_method))), n)
        return
    rng = np.random.default_rng(seed)
    most = max(1, _PART // columns)
    for start in range(0, RESAMPLES, most):
        order = rng.random((min(most, RESAMPLES - start), n))
        yield _dealt(np.argpartition(order, n_method - 1, axis=1)[:, :n_method], n)


def _dealt(chosen: np.ndarray, n: int) -> np.ndarray:
    dealt = np.zeros((len(chosen), n))
    np.put_along_axis(dealt, chosen, 1.0, axis=1)
    return dealt
