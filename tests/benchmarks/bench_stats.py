"""The nested intervals of a table of 5,000 runs with 10,000 resamples, against plain loops over one arm's resamples.

`intervals` says how many intervals each thing makes, `resamples` of how many, `per_resample` how much of the loops'
time one resample of one interval takes. Draws that arms of equal shape share are made anew each time.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import mean, variance
from typing import Any

import numpy as np

from nastransfer.stats import nested
from nastransfer.stats.components import variance_components
from nastransfer.stats.estimate import Estimate
from nastransfer.stats.improvement import relative_improvement
from nastransfer.stats.nested import METHOD, RANDOM, interval_of, nested_interval, resampled
from tests.benchmarks.measure import take_turns

ROUNDS = 5
RESAMPLES = 10_000
FEW_RESAMPLES = 200
ARMS, SEARCHES, GENOTYPES, AUGMENT_SEEDS = 100, 8, 200, 5
RNG = np.random.default_rng(0)
METHODS = RNG.normal(72, 1, (ARMS, SEARCHES, AUGMENT_SEEDS)).tolist()
BASELINE = RNG.normal(70, 1, (GENOTYPES, AUGMENT_SEEDS)).tolist()
RUNS = ARMS * SEARCHES * AUGMENT_SEEDS + GENOTYPES * AUGMENT_SEEDS


def loops(
    method: list[list[float]], baseline: list[list[float]], resamples: int, seed: int
) -> tuple[float, float]:
    """Ends of one interval as a plain Python program computes them, with the standard library only."""
    rng = random.Random(seed)

    def summary(means: list[float]) -> tuple[float, float]:
        centre = mean(means)
        return centre, variance(means) / (len(means) * centre**2)

    def drawn(runs: list[list[float]]) -> tuple[float, float]:
        return summary([mean(rng.choices(one, k=len(one))) for one in rng.choices(runs, k=len(runs))])

    (own, own_error), (other, other_error) = summary([*map(mean, method)]), summary([*map(mean, baseline)])
    ratio, error = np.log(own / other), (own_error + other_error) ** 0.5
    distances = []
    for _ in range(resamples):
        (top, top_error), (bottom, bottom_error) = drawn(method), drawn(baseline)
        distances.append(abs(np.log(top / bottom) - ratio) / (top_error + bottom_error) ** 0.5)
    half = sorted(distances)[int(0.95 * (resamples - 1)) + 1] * error
    return 100 * np.expm1(ratio - half), 100 * np.expm1(ratio + half)


def table() -> list[Estimate]:
    """All arms' intervals with the baseline resampled once."""
    nested._draws.cache_clear()
    baseline = resampled(RANDOM, BASELINE, resamples=RESAMPLES)
    return [interval_of(resampled(METHOD, arm, resamples=RESAMPLES), baseline) for arm in METHODS]


def headline() -> list[object]:
    """The Welch intervals of the same table."""
    means = [[mean(seeds) for seeds in arm] for arm in [*METHODS, BASELINE]]
    return [relative_improvement(arm, means[-1]) for arm in means[:-1]]


def components() -> object:
    """Variance components of the 4,000 runs of the methods: 10 methods x 10 sources, searches, augment seeds."""
    places = [
        (arm // 10, arm % 10, s) for arm in range(ARMS) for s in range(SEARCHES) for _ in range(AUGMENT_SEEDS)
    ]
    factors = {"method": [p[0] for p in places], "source": [p[1] for p in places]}
    factors |= {"cell": [p[:2] for p in places], "search": places}
    return variance_components(np.ravel(METHODS).tolist(), factors)


def run() -> dict[str, Any]:
    """Milliseconds of a few resamples by loops and of the whole table, taking turns."""
    assert RUNS == 5_000
    assert table()[0] == nested_interval(METHODS[0], BASELINE, resamples=RESAMPLES)
    plain = loops(METHODS[0], BASELINE[:30], 4_000, 1)
    found = nested_interval(METHODS[0], BASELINE[:30], resamples=4_000)
    np.testing.assert_allclose((found.low, found.high), plain, atol=0.05)
    things: dict[str, tuple[int, int, Callable[[], object]]] = {
        "one interval by loops": (1, FEW_RESAMPLES, lambda: loops(METHODS[0], BASELINE, FEW_RESAMPLES, 1)),
        "100 nested intervals": (ARMS, RESAMPLES, table),
        "100 headline intervals": (ARMS, 1, headline),
        "variance components": (1, 1_000, components),
    }
    rows = take_turns({name: thing for name, (_, _, thing) in things.items()}, ROUNDS)
    each = {
        name: rows[name]["median_ms"] / count / resamples for name, (count, resamples, _) in things.items()
    }
    for name, (count, resamples, _) in things.items():
        rows[name] |= {"intervals": count, "resamples": resamples}
        rows[name]["per_resample"] = float(f"{each[name] / each['one interval by loops']:.3g}")
    return rows
