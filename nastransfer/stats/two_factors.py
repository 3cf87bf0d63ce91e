"""Which of two factors moves accuracy more: the arms trained, or the settings that all of them are trained under.

The levels are those of the study, not a sample of others. Accuracies enter as logarithms; a genotype trained under
every setting is one observation with a value for each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nastransfer.stats.estimate import FEWEST_RUNS
from nastransfer.stats.sample import t_quantile


@dataclass(frozen=True)
class VarianceDifference:
    """Variance of the arms' means less variance of the settings' means (ddof 1, each freed of the runs' noise).

    means: log accuracy of each arm under each setting, [arms, settings]. covariances: of single genotypes' logs over
    the settings, [arms, settings, settings]; None where a side shows none. runs: genotypes of each arm, 0 if printed.
    """

    means: np.ndarray
    covariances: np.ndarray | None
    runs: tuple[int, ...]

    @property
    def n(self) -> int:
        """Genotypes of the smallest arm."""
        return min(self.runs)

    @property
    def reason(self) -> str | None:
        """Why there are no limits; None where there are."""
        if self.covariances is not None:
            return None if np.any(self.covariances) else "the runs of each side are all equal"
        return "one run on a side shows no noise" if self.n else "no spread is printed"

    @property
    def spreads(self) -> tuple[float, float]:
        """Standard deviations of the arms' and of the settings' means, the runs' noise taken out, 0 at least."""
        arms, settings = (self._variance(form) for form in self._forms)
        return math.sqrt(max(arms, 0.0)), math.sqrt(max(settings, 0.0))

    @property
    def estimate(self) -> float:
        arms, settings = (self._variance(form) for form in self._forms)
        return arms - settings

    def percent(self, value: float) -> float:
        """A value on the scale of `estimate` as a spread with its sign, percent of the accuracy."""
        return math.copysign(100.0 * math.sqrt(abs(value)), value)

    def limits(self, alpha: float) -> tuple[float, float] | None:
        """Lower and upper limit, each missed with probability `alpha`; None where `reason` says why.

        Student's t on the variance of a quadratic form of normal means, 4 m'QSQm + 2 tr(QSQS) (Searle 1971, section
        2.5), at the means found or at such that vary alike by both factors, whichever is larger.
        """
        if self.reason is not None:
            return None
        freedom = sum(self.runs) - len(self.runs)
        half = t_quantile(freedom, 1.0 - 2.0 * alpha) * math.sqrt(self._variance_of_estimate(self._errors(1)))
        return self.estimate - half, self.estimate + half

    def variance_at(self, n: int, stand_in: float | None) -> float | None:
        """Squared standard error with at least `n` genotypes an arm; None where no noise is shown."""
        del stand_in  # one spread does not say how a genotype's results under two settings hang together
        return None if self.covariances is None else self._variance_of_estimate(self._errors(n))

    @property
    def _forms(self) -> tuple[np.ndarray, np.ndarray]:
        """Matrices Q of the two variances as m'Qm, m the means in one row."""
        arms, settings = self.means.shape
        centred = [np.eye(size) - 1.0 / size for size in (arms, settings)]
        averaged = [np.full((size, size), 1.0 / size**2) for size in (arms, settings)]
        return (
            np.kron(centred[0], averaged[1]) / (arms - 1),
            np.kron(averaged[0], centred[1]) / (settings - 1),
        )

    def _variance(self, form: np.ndarray) -> float:
        row = self.means.ravel()
        noise = 0.0 if self.covariances is None else float(np.trace(form @ self._errors(1)))
        return float(row @ form @ row) - noise

    def _errors(self, n: int) -> np.ndarray:
        """Covariance of the means with at least `n` genotypes an arm, [arms x settings] squared."""
        assert self.covariances is not None
        arms, settings = self.means.shape
        errors = np.zeros((arms, settings, arms, settings))
        for place, (covariance, runs) in enumerate(zip(self.covariances, self.runs, strict=True)):
            errors[place, :, place, :] = covariance / max(runs, n)
        return errors.reshape(arms * settings, arms * settings)

    def _variance_of_estimate(self, errors: np.ndarray) -> float:
        arms, settings = (form @ self.means.ravel() for form in self._forms)
        product = (self._forms[0] - self._forms[1]) @ errors
        # An estimate that came out low has a variance that came out low too. Where both factors vary by their mean it
        # is another one, and the larger counts. So at equal variances of 0 to 3% limits of 2.5% a side show either sign
        # in at most 3.6% (3 to 10 arms of 5 to 20 genotypes, genotypes 1.5% apart, 1,000 simulations each);
        # the variance at the means found alone, in up to 5.3% even with three times the second term.
        linear = (_square(arms - settings, errors), _square(self._at_their_mean(arms, settings), errors))
        return 4.0 * max(linear) + 2.0 * float(np.trace(product @ product))

    def _at_their_mean(self, arms: np.ndarray, settings: np.ndarray) -> np.ndarray:
        """Effects of the arms less those of the settings, [arms x settings], stretched to vary alike."""
        row = self.means.ravel()
        own, other = float(row @ arms), float(row @ settings)
        if not min(own, other) > 0.0:
            return arms - settings
        middle = (own + other) / 2.0
        stretched: np.ndarray = math.sqrt(middle / own) * arms - math.sqrt(middle / other) * settings
        return stretched


def _square(effects: np.ndarray, errors: np.ndarray) -> float:
    return float(effects @ errors @ effects)


def variance_difference(top1: Sequence[np.ndarray]) -> VarianceDifference:
    """Arms against settings. top1: for each arm the accuracies (above 0) of its genotypes, [genotypes, settings].

    `ValueError` below 2 arms or 2 settings, and for an accuracy that is not above 0.
    """
    if any(not np.all(np.asarray(arm) > 0.0) for arm in top1):
        raise ValueError("an accuracy of 0, or none, has no logarithm: leave its genotype out")
    logs = [np.log(np.asarray(arm, dtype=float)) for arm in top1]
    if len(logs) < 2 or logs[0].shape[1] < 2:
        raise ValueError(
            f"{len(logs)} arms cannot be compared with settings; 2 arms and 2 settings at least can"
        )
    runs = tuple(len(arm) for arm in logs)
    shown = min(runs) >= FEWEST_RUNS
    covariances = np.stack([np.cov(arm, rowvar=False, ddof=1) for arm in logs]) if shown else None
    return VarianceDifference(np.stack([arm.mean(axis=0) for arm in logs]), covariances, runs)
