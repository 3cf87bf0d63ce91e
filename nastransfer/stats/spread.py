"""Whether targets or methods spread accuracies differently, and how wide each spreads them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from nastransfer.stats.estimate import Estimate, groups, is_flat

FEWEST_TESTED = 3  # about their median two runs deviate alike
FEWEST_FOR_INTERVAL = 5
NORMAL_QUANTILE = 1.959963984540054  # of 97.5%


@dataclass(frozen=True)
class SpreadTest:
    """Brown and Forsythe's F and its p value, None where `reason` says so; each group's spread with its interval."""

    statistic: float | None
    p: float | None
    spreads: dict[str, Estimate]
    reason: str | None = None


def brown_forsythe(arms: Mapping[str, Iterable[float | None]], *, relative: bool = False) -> SpreadTest:
    """Test of equal spreads about the medians (Brown and Forsythe 1974; scipy.stats.levene with center="median").

    Accuracies in percent, one a run; None stands for a run without a result and is left out. A spread is a standard
    deviation (ddof 1) in percentage points; with `relative` it is that of 100 log(accuracy), in percent, by which
    targets of different mean compare. Groups with fewer than 3 runs are not tested.

    The interval of a spread is Bonett's (Computational Statistics & Data Analysis 50, 2006, 775-782), which allows for
    tails: it covers 98-99% of normal runs at 5 to 8 and 94% at 30, where a skewness of -1.6 leaves it 90% and the
    chi-squared one 78% (3,000 simulations). None with fewer than 5 runs. `ValueError` without any group, for
    accuracies (NaN too) outside of 0 to 100, and with `relative` for an accuracy of 0.
    """
    found = groups("brown_forsythe", arms)
    if relative:
        found = {name: [_log(name, value) for value in values] for name, values in found.items()}
    spreads = {name: spread(values) for name, values in found.items()}
    tested = [values for values in found.values() if len(values) >= FEWEST_TESTED]
    if len(tested) < 2:
        reason = f"a test needs 2 groups of {FEWEST_TESTED} runs; there are {len(tested)}"
        return SpreadTest(None, None, spreads, reason)
    if all(map(is_flat, tested)):
        return SpreadTest(None, None, spreads, "the runs of each group are all equal")
    from scipy.stats import levene

    test = levene(*tested, center="median")
    return SpreadTest(float(test.statistic), float(test.pvalue), spreads)


def spread(values: list[float]) -> Estimate:
    """Standard deviation (ddof 1) of one group with Bonett's interval; None with one run."""
    n = len(values)
    if n < 2:
        return Estimate(None, None, None, n, f"a spread needs 2 runs; there {'is' if n else 'are'} {n}")
    deviation = 0.0 if is_flat(values) else float(np.std(values, ddof=1))
    if n < FEWEST_FOR_INTERVAL or not deviation:
        few = f"an interval of a spread needs {FEWEST_FOR_INTERVAL} runs; there are {n}"
        return Estimate(deviation, None, None, n, few if n < FEWEST_FOR_INTERVAL else "all runs are equal")
    from scipy.stats import trim_mean

    middle = trim_mean(values, 1.0 / (2.0 * math.sqrt(n - 4.0)))
    kurtosis = n * np.sum((np.array(values) - middle) ** 4) / ((n - 1) * deviation**2) ** 2
    correction = n / (n - NORMAL_QUANTILE)
    error = correction * math.sqrt((kurtosis - (n - 3.0) / n) / (n - 1.0))
    centre = math.log(correction * deviation**2)
    low, high = (math.exp((centre + sign * NORMAL_QUANTILE * error) / 2.0) for sign in (-1, 1))
    return Estimate(deviation, low, high, n)


def _log(name: str, accuracy: float) -> float:
    if not accuracy:
        raise ValueError(
            f"{name} has an accuracy of 0, whose logarithm is no number: compare absolute spreads"
        )
    return 100.0 * math.log(accuracy)
