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
from nastransfer.stats.significance import LEAST_ERROR, RESAMPLES, Runs

# Two ways that give the same t in exact arithmetic must count as equal.
_TIE = 1e-9
# Numbers held at a time.
_PART = 2_000_000


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
    """P value of each row of `runs` [arms, n_method + n_random], the method's runs first."""
    # About 0, squares lose no digits.
    centred = (runs - runs.mean(axis=1, keepdims=True)).T
    own = centred[:n_method]
    observed = _welch(own.sum(axis=0), (own**2).sum(axis=0), centred, n_method)
    least = observed - _TIE * (1.0 + observed)
    as_large, ways = np.zeros(len(runs)), 0
    for dealt in _ways(n_method, len(centred), seed):
        as_large += (_welch(dealt @ centred, dealt @ centred**2, centred, n_method) >= least).sum(axis=0)
        ways += len(dealt)
    drawn = ways < math.comb(len(centred), n_method)
    p: np.ndarray = (as_large + drawn) / (ways + drawn)
    return p


def _welch(sums: np.ndarray, squares: np.ndarray, centred: np.ndarray, n_method: int) -> np.ndarray:
    """Absolute Welch's t from the sums and sums of squares of the method's side [..., arms]."""
    n_random = len(centred) - n_method
    others, other_squares = centred.sum(axis=0) - sums, (centred**2).sum(axis=0) - squares
    error = np.zeros_like(sums)
    for total, squared, n in ((sums, squares, n_method), (others, other_squares, n_random)):
        error += np.maximum(squared - total**2 / n, 0.0) / (n - 1) / n
    t: np.ndarray = np.abs(sums / n_method - others / n_random) / np.maximum(np.sqrt(error), LEAST_ERROR)
    return t


def _ways(n_method: int, n: int, seed: int) -> Iterator[np.ndarray]:
    """Who of `n` runs is dealt to the method's side, 1 or 0 [ways, n]: all ways, or `RESAMPLES` random ones."""
    if math.comb(n, n_method) <= RESAMPLES:
        yield _dealt(np.array(list(itertools.combinations(range(n), n_method))), n)
        return
    rng = np.random.default_rng(seed)
    most = max(1, _PART // n)
    for start in range(0, RESAMPLES, most):
        order = rng.random((min(most, RESAMPLES - start), n))
        yield _dealt(np.argpartition(order, n_method - 1, axis=1)[:, :n_method], n)


def _dealt(chosen: np.ndarray, n: int) -> np.ndarray:
    dealt = np.zeros((len(chosen), n))
    np.put_along_axis(dealt, chosen, 1.0, axis=1)
    return dealt
