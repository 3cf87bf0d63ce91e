"""How far the best of the random genotypes drawn lies above their mean on a target, and how much of that is luck."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import polars as pl


@dataclass(frozen=True)
class Headroom:
    """RI in percent, over the mean of `genotypes` random genotypes, that the best of them has.

    A search may find better ones than any drawn here: it is no limit. `noise_percent` is what the best of as many would
    be expected to have if all were equal and only the augment seed made a difference, from the `repeated` genotypes
    that were trained with two augment seeds or more; None without any. `noise_ends` is its 95% interval, by the
    chi-squared distribution with `freedom` degrees of freedom.
    """

    genotypes: int
    best_percent: float
    noise_percent: float | None = None
    noise_ends: tuple[float, float] | None = None
    repeated: int = 0
    freedom: int = 0


def headroom(random: pl.DataFrame) -> Headroom | None:
    """Headroom of one target's random runs (rows of the results frame); None with fewer than 2 genotypes.

    The noise is the standard deviation of what is left of the accuracies after the means of genotypes and of augment
    seeds are taken off; the best of n normal values is expected near the quantile (n - 0.375) / (n + 0.25) (Blom 1958).
    """
    means = random.group_by("genotype").agg(pl.col("top1_last").mean(), runs=pl.len())
    top1, n = means["top1_last"].to_numpy(), means.height
    if n < 2:
        return None
    best = 100 * float(top1.max() / top1.mean() - 1)
    noise = _noise(random)
    if noise is None:
        return Headroom(n, best)
    error = noise.std * math.sqrt((1 / means["runs"].to_numpy()).mean())
    lucky = 100 * NormalDist().inv_cdf((n - 0.375) / (n + 0.25)) * error / float(top1.mean())
    low, high = (lucky * math.sqrt(noise.freedom / end) for end in _chi_squared(noise.freedom))
    return Headroom(n, best, lucky, (low, high), noise.genotypes, noise.freedom)


class _Noise(NamedTuple):
    """Standard deviation of one training of a genotype (percentage points), and what it is from."""

    std: float
    freedom: int
    genotypes: int


def _noise(random: pl.DataFrame) -> _Noise | None:
    values = random.group_by("genotype", "augment_seed").agg(pl.col("top1_last").mean())
    repeated = values.filter(pl.len().over("genotype") > 1)
    own = pl.col("top1_last") - pl.col("top1_last").mean().over("genotype")
    left = repeated.with_columns(own.alias("own"))
    left = left.with_columns(pl.col("own") - pl.col("own").mean().over("augment_seed"))
    genotypes, seeds = left["genotype"].n_unique(), left["augment_seed"].n_unique()
    freedom = left.height - genotypes - (seeds - 1)
    if repeated.is_empty() or freedom < 1:
        return None
    return _Noise(math.sqrt((left["own"].to_numpy() ** 2).sum() / freedom), freedom, genotypes)


def _chi_squared(freedom: int) -> tuple[float, float]:
    """Its upper and lower 2.5% points."""
    from scipy.special import chdtri  # takes a quarter of a second

    return float(chdtri(freedom, 0.025)), float(chdtri(freedom, 0.975))
