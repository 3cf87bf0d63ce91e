"""How many runs an arm takes to show a relative improvement (RI), and how large an RI given runs can show.

An RI is shown where the Welch interval of `relative_improvement` excludes 0: Welch's t test of log(Acc_m / Acc_r). Its
degrees of freedom depend on the spreads that the runs happen to show. Given how these split between the sides the test
is a noncentral t test of n_m + n_r - 2 degrees of freedom; the power is its mean over the split, a beta variable: exact
for normal logarithms. (At the degrees of freedom of the true spreads alone it would come out 2 to 3 points too high
at 5 against 5 runs.) Spreads are coefficients of variation: standard deviation over mean of single runs, percent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nastransfer.stats.estimate import FEWEST_RUNS

LEAST_RISING = 0.5  # with as many runs on both sides a power above this rises with every run
AROUND = 12  # numbers of runs tried at once from the normal formula's on: it falls short by less at the usual levels
FINEST_RUNS = 64  # up to here every number of runs is tried in turn
SPLITS = 12  # nodes of Gauss and Legendre over the split's distribution: the power to 0.0003
MOST_RUNS = 10**9
HARDEST_RATIO = 10.0  # the largest |log(Acc_m / Acc_r)| that is looked at: accuracies 22,000 times apart
SUREST_SHIFT = 1e6  # standard errors, past which scipy's noncentral t gives NaN and nothing goes unseen


def power_of(
    ri_percent: float,
    n_method: int,
    n_random: int,
    spread_method_percent: float,
    spread_random_percent: float,
    *,
    alpha: float = 0.05,
) -> float:
    """Probability that the runs' interval excludes 0 where the true RI is `ri_percent`.

    0 with fewer than 2 runs on a side and where neither side has any spread: there is no interval then. `ValueError`
    for an RI of -100% or less, a negative or NaN spread and an `alpha` outside of (0, 1).
    """
    spreads = _checked(spread_method_percent, spread_random_percent, alpha=alpha)
    return float(_power(_log_ratio(ri_percent), n_method, n_random, spreads, alpha))


def runs_needed(
    ri_percent: float,
    spread_method_percent: float,
    spread_random_percent: float,
    n_random: int | None = None,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
) -> int | None:
    """Fewest runs of the method with which an RI of `ri_percent` is shown with probability `power`.

    `n_random` is how many random runs there are; without it, each side gets as many. None where no number of the
    method's runs does it: an RI of 0, no spread on either side, or too few random runs. Errors as in `power_of`.
    """
    spreads = _checked(spread_method_percent, spread_random_percent, power=power, alpha=alpha)
    ratio = _log_ratio(ri_percent)

    def reached(n: Any) -> Any:
        return _power(ratio, n, n if n_random is None else n_random, spreads, alpha) >= power

    if n_random is None and power >= LEAST_RISING:
        about = _normal_runs(ratio, spreads, power, alpha)
        if about is not None and (needed := _first_near(about, reached)) is not None:
            return needed
    return _first_of_all(reached)


def _normal_runs(ratio: float, spreads: tuple[float, float], power: float, alpha: float) -> float | None:
    """Runs a side that the test of normal logarithms of known spread takes; None where there is nothing to show."""
    from scipy.special import ndtri

    if not ratio or not any(spreads):
        return None
    errors = float(ndtri(1.0 - alpha / 2.0) + ndtri(power))
    return (errors * math.hypot(*spreads) / ratio) ** 2


def _first_near(about: float, reached: Callable[[Any], Any]) -> int | None:
    """The first number of runs that does it where it is less than `AROUND` above `about`, else None."""
    if about > MOST_RUNS:
        return None
    tried = np.arange(max(FEWEST_RUNS, int(about)), int(about) + AROUND)
    enough = np.flatnonzero(reached(tried))
    if not enough.size or (enough[0] == 0 and tried[0] > FEWEST_RUNS):  # more are needed, or fewer may do
        return None
    return int(tried[enough[0]])


def _first_of_all(reached: Callable[[Any], Any]) -> int | None:
    """The first number of runs that does it, looked for from the fewest on.

    Against a fixed n_random the power may fall again where many runs leave Welch fewer degrees of freedom, so a
    bisection from the far end could miss the first number that does.
    """
    far = np.unique(np.geomspace(FINEST_RUNS, MOST_RUNS, 75).astype(np.int64))
    for tried in (np.arange(FEWEST_RUNS, FINEST_RUNS + 1), far):
        enough = np.flatnonzero(reached(tried))
        if enough.size:
            break
    else:
        return None
    few, many = int(tried[max(enough[0] - 1, 0)]), int(tried[enough[0]])
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if reached(middle) else (middle, many)
    return many


def resolvable_ri(
    n_method: int,
    n_random: int,
    spread_method_percent: float,
    spread_random_percent: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
) -> float | None:
    """Smallest positive RI in percent that the runs show with probability `power`.

    None with fewer than 2 runs on a side, where neither side has any spread, and where no RI is shown that surely.
    Errors as in `power_of`.
    """
    from scipy.optimize import brentq

    spreads = _checked(spread_method_percent, spread_random_percent, power=power, alpha=alpha)

    def missing(ratio: float) -> float:
        return float(_power(ratio, n_method, n_random, spreads, alpha)) - power

    if missing(HARDEST_RATIO) < 0.0 or missing(0.0) >= 0.0:
        return None
    return 100.0 * math.expm1(brentq(missing, 0.0, HARDEST_RATIO, xtol=1e-12))


def _power(ratio: float, n_method: Any, n_random: Any, spreads: tuple[float, float], alpha: float) -> Any:
    """Power at a true log(Acc_m / Acc_r) of `ratio`; runs may be arrays."""
    from scipy.special import betaincinv, stdtrit
    from scipy.stats import nct

    method, random = (
        np.maximum(runs, FEWEST_RUNS)[..., None] for runs in np.broadcast_arrays(n_method, n_random)
    )
    freedoms = method - 1.0, random - 1.0
    parts = spreads[0] ** 2 / method, spreads[1] ** 2 / random
    variance = parts[0] + parts[1]
    if not np.all(variance > 0.0):
        return np.zeros(variance.shape[:-1])
    nodes, weights = np.polynomial.legendre.leggauss(SPLITS)
    quantiles = (1.0 + nodes) / 2.0
    # Shares of the two sides' sums of squares in their sum, from both ends: neither loses digits.
    shares = (
        betaincinv(freedoms[0] / 2.0, freedoms[1] / 2.0, quantiles),
        betaincinv(freedoms[1] / 2.0, freedoms[0] / 2.0, quantiles[::-1]),
    )
    seen = [
        part / variance * share / freedom
        for part, share, freedom in zip(parts, shares, freedoms, strict=True)
    ]
    welch = (seen[0] + seen[1]) ** 2 / (seen[0] ** 2 / freedoms[0] + seen[1] ** 2 / freedoms[1])
    total = freedoms[0] + freedoms[1]
    bound = stdtrit(welch, 1.0 - alpha / 2.0) * np.sqrt((seen[0] + seen[1]) * total)
    shift = np.clip(ratio / np.sqrt(variance), -SUREST_SHIFT, SUREST_SHIFT)
    shown = (nct.sf(bound, total, shift) + nct.sf(bound, total, -shift)) @ (weights / 2.0)
    return np.where(np.minimum(n_method, n_random) < FEWEST_RUNS, 0.0, shown)


def _log_ratio(ri_percent: float) -> float:
    if not -100.0 < ri_percent < math.inf:
        raise ValueError(f"an RI of {ri_percent}% cannot be shown; it is above -100% and finite")
    return math.log1p(ri_percent / 100.0)


def _checked(method: float, random: float, **probabilities: float) -> tuple[float, float]:
    """Both spreads as fractions."""
    for name, value in (("spread_method_percent", method), ("spread_random_percent", random)):
        if not 0.0 <= value < math.inf:
            raise ValueError(f"{name} is {value}; a standard deviation over mean in percent is 0 or more")
    for name, value in probabilities.items():
        if not 0.0 < value < 1.0:
            raise ValueError(f"{name} is {value}; it is above 0 and below 1")
    return method / 100.0, random / 100.0
