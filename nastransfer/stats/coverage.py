"""How often the 95% intervals of RI hold the true one, by simulation: the table that README and report show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nastransfer.stats.nested import nested_interval

MEANS = 72.0, 70.0  # percent: of the method and of random sampling
DEVIATION = 1.5  # percentage points, of single runs on both sides
TRUE_RATIO = MEANS[0] / MEANS[1]
TAIL_SHAPE = 1.5  # of a gamma turned over: failed trainings make a tail to below, skewness -1.6
AT_ONCE = 10_000  # simulations held in memory
NOISES = "normal", "skewed"


@dataclass(frozen=True)
class CoverageRow:
    """Coverage of the intervals at `n_method` against `n_random` runs in so many simulations.

    `welch_percent` is the headline interval's, `nested_percent` the resampling one's, with their median lengths in
    percentage points of RI. The latter's are None without simulations of it, or where it gives no interval.
    """

    n_method: int
    n_random: int
    noise: str
    simulations: int
    welch_percent: float
    welch_length: float
    nested_simulations: int
    nested_percent: float | None
    nested_length: float | None


def coverage_table(
    n_pairs: Sequence[tuple[int, int]],
    noises: Sequence[str],
    simulations: int,
    seed: int = 2,
    *,
    nested_simulations: int = 0,
) -> list[CoverageRow]:
    """Simulate arms of means 72 and 70% and a deviation of 1.5 points, for each noise and each pair of sizes.

    `noises`: "normal", or "skewed" with a tail of bad runs. The nested interval costs some milliseconds a simulation,
    so it has a number of its own. `ValueError` for other noises, fewer than 2 runs and fewer than 1 simulation.
    """
    if unknown := sorted({*noises} - {*NOISES}):
        raise ValueError(f"no noise is called {', '.join(unknown)}; there are {', '.join(NOISES)}")
    if simulations < 1 or min(map(min, n_pairs), default=2) < 2:
        raise ValueError(f"{simulations} simulations of {list(n_pairs)} runs; at least 1 and 2 are needed")
    return [
        _row(noise, *pair, simulations, nested_simulations, [seed, NOISES.index(noise), *pair])
        for noise in noises
        for pair in n_pairs
    ]


def _row(
    noise: str, n_method: int, n_random: int, simulations: int, nested_simulations: int, seed: list[int]
) -> CoverageRow:
    rng = np.random.default_rng(seed)
    hits, lengths = 0, []
    for start in range(0, simulations, AT_ONCE):
        count = min(AT_ONCE, simulations - start)
        low, high = welch_log_ratios(*_arms(rng, noise, count, n_method, n_random))
        hits += int(np.count_nonzero((low <= math.log(TRUE_RATIO)) & (math.log(TRUE_RATIO) <= high)))
        lengths.append(100.0 * (np.exp(high) - np.exp(low)))
    method, random = _arms(np.random.default_rng([*seed, 1]), noise, nested_simulations, n_method, n_random)
    found = [nested_interval(own[:, None], other[:, None]) for own, other in zip(method, random, strict=True)]
    ends = [(one.low, one.high) for one in found if one.low is not None and one.high is not None]
    truth = 100.0 * (TRUE_RATIO - 1.0)
    return CoverageRow(
        n_method,
        n_random,
        noise,
        simulations,
        100.0 * hits / simulations,
        float(np.median(np.concatenate(lengths))),
        len(ends),
        100.0 * sum(low <= truth <= high for low, high in ends) / len(ends) if ends else None,
        float(np.median([high - low for low, high in ends])) if ends else None,
    )


def _arms(
    rng: np.random.Generator, noise: str, count: int, n_method: int, n_random: int
) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies of `count` simulated pairs of arms, count x runs each."""
    method, random = (
        mean + DEVIATION * unit_noise(rng, noise, (count, n))
        for mean, n in zip(MEANS, (n_method, n_random), strict=True)
    )
    return method, random


def unit_noise(rng: np.random.Generator, noise: str, shape: tuple[int, ...]) -> np.ndarray:
    """Noise of mean 0 and deviation 1."""
    if noise == "normal":
        return rng.standard_normal(shape)
    drawn: np.ndarray = (TAIL_SHAPE - rng.gamma(TAIL_SHAPE, size=shape)) / math.sqrt(TAIL_SHAPE)
    return drawn


def welch_log_ratios(
    method: np.ndarray, random: np.ndarray, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval of `relative_improvement` as logarithms, for each row of two arrays simulations x runs."""
    from scipy.special import stdtrit

    means = method.mean(axis=1), random.mean(axis=1)
    parts = [
        np.var(side, axis=1, ddof=1) / (side.shape[1] * mean**2)
        for side, mean in zip((method, random), means, strict=True)
    ]
    variance = parts[0] + parts[1]
    lost = parts[0] ** 2 / (method.shape[1] - 1) + parts[1] ** 2 / (random.shape[1] - 1)
    half = stdtrit(variance**2 / lost, (1.0 + confidence) / 2.0) * np.sqrt(variance)
    centre = np.log(means[0] / means[1])
    return centre - half, centre + half
