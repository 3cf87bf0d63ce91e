"""Contrasts of mean accuracies as relative differences, and what their limits show against a margin.

All figures are natural logarithms, on which a relative difference is a difference: 0.01 is about 1%. A contrast's
limits are Welch's t with Satterthwaite's degrees of freedom, as those of `relative_improvement`. A margin that is the
spread of random architectures is itself an estimate: its noise and the contrast's are put together by the method of
variance estimates recovery (Zou and Donner, Statistics in Medicine 27, 2008, 1693-1702).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from nastransfer.stats.estimate import FEWEST_RUNS, accuracies, is_flat
from nastransfer.stats.improvement import percent_change as percent
from nastransfer.stats.sample import sample, t_quantile

MOST_RUNS = 1_000_000
# Of an accuracy in percent: one image of 14 million is 7e-6.
_DIGITS = 9


@dataclass(frozen=True)
class Side:
    """The mean of n independent runs on the log scale, and the standard deviation of single runs on it (ddof 1).

    `spread` is None below 2 runs; n is 0 for a printed number.
    """

    level: float
    spread: float | None
    n: int

    @property
    def variance(self) -> float:
        """Squared standard error of `level`."""
        assert self.spread is not None
        return self.spread**2 / self.n


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of independent sides."""

    parts: tuple[tuple[float, Side], ...]

    @property
    def estimate(self) -> float:
        return math.fsum(weight * side.level for weight, side in self.parts)

    @property
    def n(self) -> int:
        """Runs of the smallest side."""
        return min(side.n for _, side in self.parts)

    @property
    def reason(self) -> str | None:
        """Why there are no limits; None where there are."""
        if not self.n:
            return "no spread is printed"
        if self.n < FEWEST_RUNS:
            return "one run on a side shows no noise"
        shows_noise = any(weight and side.spread for weight, side in self.parts)
        return None if shows_noise else "the runs of each side are all equal"

    def limits(self, alpha: float) -> tuple[float, float] | None:
        """Lower and upper limit, each missed with probability `alpha`; None where `reason` says why."""
        if self.reason is not None:
            return None
        shares = [weight**2 * side.variance for weight, side in self.parts]
        variance = math.fsum(shares)
        lost = math.fsum(share**2 / (side.n - 1) for share, (_, side) in zip(shares, self.parts, strict=True))
        half = t_quantile(variance**2 / lost, 1.0 - 2.0 * alpha) * math.sqrt(variance)
        return self.estimate - half, self.estimate + half

    def percent(self, value: float) -> float:
        """A value on the contrast's scale as a relative difference in percent, infinite where it overflows."""
        return percent(value)

    def variance_at(self, n: int, stand_in: float | None) -> float | None:
        """Squared standard error with at least `n` runs a side; `stand_in` is the spread of sides that show none."""
        total = 0.0
        for weight, side in self.parts:
            spread = side.spread or stand_in
            if spread is None:
                return None
            total += weight**2 * spread**2 / max(side.n, n)
        return total


@dataclass(frozen=True)
class Margin:
    """The smallest difference that matters. `n`: random runs whose standard deviation it is; None: it is given."""

    width: float
    n: int | None = None

    def limits(self, alpha: float) -> tuple[float, float]:
        """Lower and upper limit, each missed with probability `alpha` (normal runs); both the width where given."""
        if self.n is None:
            return self.width, self.width
        from scipy.special import chdtri

        freedom = self.n - 1
        low, high = (math.sqrt(freedom / float(chdtri(freedom, tail))) for tail in (alpha, 1.0 - alpha))
        return self.width * low, self.width * high

    def variance_at(self, n: int) -> float:
        """Squared standard error with at least `n` random runs."""
        return 0.0 if self.n is None else self.width**2 / (2.0 * (max(self.n, n) - 1))


NO_MARGIN = Margin(0.0)


class Effect(Protocol):
    """A figure with limits: a contrast, or the difference of two spreads."""

    @property
    def estimate(self) -> float: ...
    @property
    def n(self) -> int: ...
    @property
    def reason(self) -> str | None: ...
    def limits(self, alpha: float) -> tuple[float, float] | None: ...
    def variance_at(self, n: int, stand_in: float | None) -> float | None: ...
    def percent(self, value: float) -> float: ...


def log_mean(top1: Iterable[float | None]) -> Side | None:
    """The mean of accuracies (percent, one value an independent run); None without a run and where all are 0."""
    runs = accuracies("a side of a comparison", top1)
    if not any(runs):
        return None
    found = sample("a side of a comparison", runs)
    return Side(math.log(found.mean), None if found.std is None else found.std / found.mean, found.n)


def log_gain(before: Sequence[float], after: Sequence[float]) -> Side | None:
    """The mean of log(after / before), accuracies of the same genotypes in the same order; None without any above 0.

    Where all changed by as many images, their gains differ only by what they started from: their spread is 0.
    """
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old > 0.0 and new > 0.0]
    if not pairs:
        return None
    gains = [math.log(new / old) for old, new in pairs]
    spread = statistics.stdev(gains) if len(gains) >= FEWEST_RUNS else None
    if spread is not None and is_flat(round(new - old, _DIGITS) for old, new in pairs):
        spread = 0.0
    return Side(statistics.fmean(gains), spread, len(gains))


def log_spread(top1: Iterable[float | None]) -> Side | None:
    """The log of the mean absolute deviation of log accuracies from their median, as Brown and Forsythe's test has it.

    One of the deviations is no news: it is 0 where n is odd, and equals another where n is even. It is left out
    (Hines and Hines, Biometrics 56, 2000, 451-454). None below 3 runs, and where no spread is left.
    """
    logs = [math.log(run) for run in accuracies("a side of a comparison", top1) if run]
    if len(logs) < 3 or is_flat(logs):
        return None
    middle = statistics.median(logs)
    away = sorted(abs(value - middle) for value in logs)[1:]
    mean = statistics.fmean(away)
    if not mean:
        return None
    return Side(math.log(mean), statistics.stdev(away) / mean, len(away))


def trend(sides: Sequence[tuple[float, Side]]) -> Contrast | None:
    """By how much the sides' level rises from the smallest to the largest position, on the line fitted to all.

    sides: (position, side) pairs. None where all positions are the same.
    """
    positions = [position for position, _ in sides]
    middle, span = statistics.fmean(positions), max(positions) - min(positions)
    if not span:
        return None
    square = math.fsum((position - middle) ** 2 for position in positions)
    return Contrast(tuple(((position - middle) * span / square, side) for position, side in sides))


def shows_above(effect: Effect, bound: Margin, alpha: float, sign: int = 1) -> bool:
    """Whether the effect is shown to lie above `sign` times the bound, wrongly so with probability `alpha`."""
    limits = effect.limits(alpha)
    if limits is None:
        return False
    to_low, to_high = (abs(limit - bound.width) for limit in bound.limits(alpha))
    noise = math.hypot(effect.estimate - limits[0], to_high if sign > 0 else to_low)
    return effect.estimate - sign * bound.width > noise


def shows_below(effect: Effect, bound: Margin, alpha: float, sign: int = 1) -> bool:
    """Whether the effect is shown to lie below `sign` times the bound, wrongly so with probability `alpha`."""
    limits = effect.limits(alpha)
    if limits is None:
        return False
    to_low, to_high = (abs(limit - bound.width) for limit in bound.limits(alpha))
    noise = math.hypot(limits[1] - effect.estimate, to_low if sign > 0 else to_high)
    return sign * bound.width - effect.estimate > noise


def runs_to_show(
    effect: Effect, distance: float, bound: Margin, alpha: float, power: float, stand_in: float | None
) -> int | None:
    """Fewest runs a side with which a true `distance` from the bound is shown with probability `power`, about.

    Sides that have more keep theirs, and the random runs whose spread is the bound grow as the others do. `stand_in` is
    the spread expected of sides that show none. None where no number up to `MOST_RUNS` does it.
    """

    def enough(n: int) -> bool:
        noise = effect.variance_at(n, stand_in)
        if noise is None:
            return False
        freedom = max(effect.n, n) - 1
        needed = t_quantile(freedom, 1.0 - 2.0 * alpha) + t_quantile(freedom, 2.0 * power - 1.0)
        return distance >= needed * math.sqrt(noise + bound.variance_at(n))

    if not distance > 0.0 or not enough(MOST_RUNS):
        return None
    few, many = FEWEST_RUNS - 1, MOST_RUNS
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many
