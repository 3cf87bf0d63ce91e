"""Accuracies of one arm: checked once, then n, mean, standard deviation and an interval of the mean."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from nastransfer.stats.estimate import accuracies


@dataclass(frozen=True)
class Sample:
    """n independent accuracies in percent: their mean and standard deviation (ddof 1; None with one run)."""

    n: int
    mean: float
    std: float | None

    def mean_interval(self, confidence: float = 0.95) -> tuple[float, float] | None:
        """Student's t interval of the mean; None with one run, or where all runs are equal (they show no noise).

        What lies below 0 or above 100 is cut off: no mean accuracy is there, so the interval covers it as often.
        """
        if not self.std:
            return None
        half = t_quantile(self.n - 1, confidence) * self.std / math.sqrt(self.n)
        return max(0.0, self.mean - half), min(self.mean + half, 100.0)

    @property
    def log_mean_variance(self) -> float:
        """Squared standard error of log(mean), s^2 / (n mean^2); 0 where all runs are equal. Needs 2 runs."""
        assert self.std is not None
        return self.std**2 / (self.n * self.mean**2)


def sample(name: str, runs: Iterable[float | None]) -> Sample:
    """Summarise accuracies; None stands for a run without a result and is left out.

    `ValueError`, saying `name`, where no run is left, and for values (NaN too) outside of 0 to 100.
    """
    values = accuracies(name, runs)
    if not values:
        raise ValueError(f"{name} has no run; at least one is needed")
    n = len(values)
    if min(values) == max(values):  # the rounding of a mean must not look like a spread
        return Sample(n, values[0], 0.0 if n > 1 else None)
    mean = math.fsum(values) / n
    return Sample(n, mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1)))


def t_quantile(freedom: float, confidence: float) -> float:
    """Half-width, in standard errors, of the two-sided t interval; `ValueError` for a confidence outside of (0, 1)."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence}; it is above 0 and below 1")
    from scipy.special import (
        stdtrit,  # takes a quarter of a second, for which readers without intervals need not wait
    )

    return float(stdtrit(freedom, (1.0 + confidence) / 2.0))
