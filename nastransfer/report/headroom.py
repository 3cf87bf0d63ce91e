"""How much a perfect search could gain over random sampling on a target, and how much of that is luck."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import polars as pl


@dataclass(frozen=True)
class Headroom:
    """RI in percent, over the mean of `genotypes` random genotypes, that the best of them has.

    `noise_percent` is what the best of as many would be expected to have if all were equal and only the augment seed
    made a difference; None without genotypes trained with two augment seeds.
    """

    genotypes: int
    best_percent: float
    noise_percent: float | None


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
        return Headroom(n, best, None)
    error = noise * math.sqrt((1 / means["runs"].to_numpy()).mean())
    lucky = NormalDist().inv_cdf((n - 0.375) / (n + 0.25)) * error
    return Headroom(n, best, 100 * float(lucky / top1.mean()))


def _noise(random: pl.DataFrame) -> float | None:
    """Standard deviation of one training of a genotype, percentage points."""
    values = random.group_by("genotype", "augment_seed").agg(pl.col("top1_last").mean())
    repeated = values.filter(pl.len().over("genotype") > 1)
    own = pl.col("top1_last") - pl.col("top1_last").mean().over("genotype")
    left = repeated.with_columns(own.alias("own"))
    left = left.with_columns(pl.col("own") - pl.col("own").mean().over("augment_seed"))
    genotypes, seeds = left["genotype"].n_unique(), left["augment_seed"].n_unique()
    freedom = left.height - genotypes - (seeds - 1)
    if repeated.is_empty() or freedom < 1:
        return None
    return math.sqrt((left["own"].to_numpy() ** 2).sum() / freedom)
