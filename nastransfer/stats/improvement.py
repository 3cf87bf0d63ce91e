"""Relative improvement (RI) of a search method over random sampling, with an interval that holds at few runs.

RI = 100 (Acc_m - Acc_r) / Acc_r, from the mean accuracies of the method's and of random architectures (NASTransfer,
Metrics; "NAS evaluation is frustratingly hard", section 3.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from nastransfer.stats.sample import sample, t_quantile

WELCH = "Welch t on log(Acc_m/Acc_r)"


@dataclass(frozen=True)
class RelativeImprovement:
    """RI in percent. `low` and `high` bound its confidence interval; both are None where the runs cannot give one.

    `interval_method` names how the interval was made; without one it is None and `reason` says why.
    """

    estimate: float
    low: float | None
    high: float | None
    n_method: int
    n_random: int
    interval_method: str | None
    reason: str | None = None


def relative_improvement(
    acc_method: Iterable[float | None], acc_random: Iterable[float | None], confidence: float = 0.95
) -> RelativeImprovement:
    """RI of the accuracies `acc_method` over `acc_random` (percent, one value an independent run).

    The interval is Welch's on log(mean_m / mean_r): its squared standard error is the sum of s^2 / (n mean^2) over both
    sides (ddof 1), its degrees of freedom are Welch and Satterthwaite's. A side whose runs are all equal adds nothing
    to either. There is no interval with fewer than 2 runs on a side, and none where neither side has any spread: equal
    runs say nothing about the noise.

    None stands for a run without a result and is left out. `ValueError` for a side without any run, for accuracies
    (NaN too) outside of 0 to 100 (a mean of 0 on the random side is refused), and for a confidence outside of (0, 1).
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence}; it is above 0 and below 1")
    method, random = sample("acc_method", acc_method), sample("acc_random", acc_random)
    if not random.mean:
        raise ValueError(
            "no random run got an image right: an improvement relative to an accuracy of 0 is not defined"
        )
    estimate = 100.0 * (method.mean - random.mean) / random.mean
    reason = None
    if not method.mean:
        reason = "no run of the method got an image right: the logarithm of 0 has no interval"
    elif min(method.n, random.n) < 2:
        reason = f"an interval needs 2 runs on each side; there are {method.n} against {random.n}"
    elif not method.std and not random.std:
        reason = "the runs of each side are all equal and show no noise"
    if reason is not None:
        return RelativeImprovement(estimate, None, None, method.n, random.n, None, reason)
    parts = method.log_mean_variance, random.log_mean_variance
    variance = sum(parts)
    freedom = variance**2 / (parts[0] ** 2 / (method.n - 1) + parts[1] ** 2 / (random.n - 1))
    centre, half = math.log(method.mean / random.mean), t_quantile(freedom, confidence) * math.sqrt(variance)
    low, high = percent_change(centre - half), percent_change(centre + half)
    return RelativeImprovement(estimate, low, high, method.n, random.n, WELCH)


def percent_change(log_ratio: float) -> float:
    """100 (exp(x) - 1), infinite where it overflows: two wild runs can leave an interval without an upper end."""
    try:
        return 100.0 * math.expm1(log_ratio)
    except OverflowError:
        return math.inf
