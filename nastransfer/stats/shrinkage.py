"""What a few runs an arm leave open about all arms' mean accuracies, as draws that share strength between the arms.

Two runs say little about an arm's spread, and the largest of many means is too large. So both are learnt together, on
the scale of log mean accuracies, where a difference is a relative improvement:

- Spreads. Each arm's variance is taken as drawn from one scaled inverse chi-squared distribution (Smyth, "Linear models
  and empirical Bayes methods", 2004). Its scale comes from the study; its degrees of freedom are `SPREAD_FREEDOM`.
- Means. The true means of all arms, random sampling included, are taken as drawn from one normal distribution whose
  width comes from the study (Rubin, "Estimation in parallel randomized experiments", 1981), with a half-Cauchy prior
  (Gelman 2006) whose scale is the spread of one typical run: in NAS-Benchmark's Table 1 methods differ by about that.
  This pulls means towards each other by as much as the runs' noise explains, which takes off the winner's curse and
  makes corrections for many comparisons needless (Gelman, Hill and Yajima 2012).

Two choices were weighed by simulation (300 studies of each world of tests/stats/test_decision_rates.py). Where all RIs
lie within a third of one run's spread, 2 runs an arm leave the width to its prior, and P(best) comes out 9 to 12 points
too high. A prior a quarter as wide takes off a third to a half of that, and makes P(best) 4 to 5 points too low where
RIs lie one spread apart. And the width is weighed with the variances as estimated; only the noise of the means has
their uncertainty. Drawing variances together with the width lowers P(best) at 2 runs by the 3 to 5 points that it is
too high over all studies, but takes an arm far ahead for one of large spread: one 4% ahead of three is then recommended
in 2% of the studies of 2 runs rather than in 72%, and expected 2 points too low.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nastransfer.stats.estimate import FEWEST_RUNS
from nastransfer.stats.sample import Sample, sample

# What the other arms' spreads say about an arm's own, counted in degrees of freedom. The likeliest value given
# the spreads of the 5 x 16 arms of 8 runs that NAS-Benchmark published: on one data set they commonly differ twofold.
SPREAD_FREEDOM = 2.4
DRAWS = 10_000
_WIDTHS = 200  # values of the means' width that are weighed against each other
_ROUNDS = 500


@dataclass(frozen=True)
class Draws:
    """Draws of the log mean accuracy of each arm (draws x arms, in the order of `names`; -inf for a mean of 0).

    `log_means` are pulled towards each other; `alone` is what each arm's own runs say of its mean. `spreads_percent`:
    standard deviation over mean of one run, as learnt from the arm's own runs and all others'.
    """

    names: tuple[str, ...]
    log_means: NDArray[np.float64]
    alone: NDArray[np.float64]
    spreads_percent: tuple[float, ...]

    def of(self, name: str) -> NDArray[np.float64]:
        """The draws of one arm's log mean accuracy."""
        return self.log_means[:, self.names.index(name)]


def draw_means(arms: Mapping[str, Sequence[float | None]], *, seed: int = 2) -> Draws | None:
    """`DRAWS` draws of all arms' log mean accuracies given their runs (percent, one value an independent run).

    An arm with a single run has the spread that the others have. None where no arm shows any noise: one run each, or
    equal ones. None in an arm stands for a run without a result; `ValueError` for an arm without any run and for values
    (NaN too) outside of 0 to 100.
    """
    samples = [sample(name, values) for name, values in arms.items()]
    seen = [arm for arm in samples if arm.n >= FEWEST_RUNS and arm.mean > 0.0]
    typical = typical_variance([_variance(arm) for arm in seen], [arm.n - 1 for arm in seen])
    if typical == 0.0:
        return None
    n = np.array([arm.n for arm in samples], dtype=float)
    own = np.array([_variance(arm) if arm in seen else 0.0 for arm in samples])
    own_freedom = np.array([arm.n - 1.0 if arm in seen else 0.0 for arm in samples])
    freedom = SPREAD_FREEDOM + own_freedom
    variances = (SPREAD_FREEDOM * typical + own_freedom * own) / freedom
    alive = np.array([arm.mean > 0.0 for arm in samples])
    centres, errors = np.log([arm.mean for arm in samples if arm.mean > 0.0]), (variances / n)[alive]
    generator = np.random.default_rng(seed)
    noise = generator.standard_t(freedom[alive], (DRAWS, len(centres)))
    pulled, alone = np.full((2, DRAWS, len(samples)), -np.inf)
    pulled[:, alive] = _pulled(centres, errors, math.sqrt(typical), noise, generator)
    alone[:, alive] = centres + np.sqrt(errors) * noise
    return Draws(tuple(arms), pulled, alone, tuple((100.0 * np.sqrt(variances)).tolist()))


def typical_variance(variances: Sequence[float], freedoms: Sequence[float]) -> float:
    """The scale of the distribution that arms' variances are drawn from: the likeliest one given those observed.

    `freedoms`: degrees of freedom of each. Found by expectation and maximisation: the harmonic mean of the arms'
    variances, each expected given its own runs and the scale. 0 without any arm and where no variance is above 0.
    """
    observed, freedom = np.asarray(variances, dtype=float), np.asarray(freedoms, dtype=float)
    if not np.any(observed > 0.0):
        return 0.0
    scale = float(np.average(observed, weights=freedom))
    for _ in range(_ROUNDS):
        precision = (SPREAD_FREEDOM + freedom) / (SPREAD_FREEDOM * scale + freedom * observed)
        before, scale = scale, 1.0 / float(precision.mean())
        if abs(scale - before) <= 1e-12 * before:
            break
    return scale


def _variance(arm: Sample) -> float:
    """Variance of one run's log accuracy; the arm has two runs at least and a mean above 0."""
    return arm.n * arm.log_mean_variance


def _pulled(
    centres: NDArray[np.float64],
    variances: NDArray[np.float64],
    typical_spread: float,
    noise: NDArray[np.float64],
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Draws of true means given `centres` with their squared standard errors; `noise` is in units of the latter."""
    quantiles = (np.arange(_WIDTHS) + 0.5) / _WIDTHS
    widths = (
        typical_spread * np.tan(np.pi / 2.0 * quantiles)
    ) ** 2  # equally likely before the runs are seen
    weights = 1.0 / (variances + widths[:, None])
    total = weights.sum(axis=1)
    middles = (weights * centres).sum(axis=1) / total
    misfit = (weights * (centres - middles[:, None]) ** 2).sum(axis=1)
    log_likelihood = 0.5 * (np.log(weights).sum(axis=1) - np.log(total) - misfit)
    chances = np.exp(log_likelihood - log_likelihood.max())
    drawn = generator.choice(_WIDTHS, size=len(noise), p=chances / chances.sum())
    middle = middles[drawn] + generator.standard_normal(len(noise)) / np.sqrt(total[drawn])
    kept = widths[drawn, None] / (
        variances + widths[drawn, None]
    )  # what is left of a mean's distance to the middle
    drawn_means: NDArray[np.float64] = middle[:, None] + kept * (centres - middle[:, None])
    return drawn_means + np.sqrt(kept * variances) * noise
