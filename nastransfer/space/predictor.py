"""The cheap baseline of accuracy predictors: ridge regression on a genotype's hand features (no torch).

What it costs is nothing beside one training, so a proxy or a predictor that ranks no better says nothing new.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nastransfer.space.features import features
from nastransfer.space.genotype import Genotype

LEAST_TO_FIT = 3
LEAST_TO_JUDGE = 5
"""Fewer different genotypes are fitted, but not judged: a perfect ranking of four comes by chance once in 24 times."""

PENALTIES = tuple(10.0 ** (exponent / 2) for exponent in range(-12, 7))
"""Ridge penalties to choose from, per accuracy and on features scaled to unit variance."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FeaturePredictor:
    """A line through the hand features of genotypes, and how well it does on genotypes that it was not fitted to.

    All errors are root mean squares in the unit of the accuracies, each accuracy predicted by a fit without any
    accuracy of the same genotype; None with fewer than 5 different genotypes.
    """

    coefficients: dict[str, float]
    """Accuracy for one more of each feature."""
    intercept: float
    penalty: float
    n: int
    """Accuracies fitted."""
    n_genotypes: int
    """Different genotypes among them."""
    loo_error: float | None
    loo_error_of_mean: float | None
    """The error of predicting the mean of the others: a predictor above it has learnt nothing."""
    loo_tau: float | None
    """Kendall's tau-b between accuracies and what the left-out genotypes' features predict; None if either is constant.

    Each fit's own mean is taken off before ranking: it is lowest where the best is left out, which alone would rank
    everything backwards.
    """
    network: dict[str, Any]
    """The arguments of `features`: which network size and work are those of."""

    @classmethod
    def fit(
        cls, genotypes: Sequence[Genotype | str], accuracies: Sequence[float] | Floats, **network: Any
    ) -> "FeaturePredictor":
        """Fit accuracies (any unit) of genotypes or their text; `network` goes to `features`: classes, channels, ...

        The penalty is the one of `PENALTIES` with the least leave-one-out error. A genotype may come more than once,
        with an accuracy for each training. ValueError for other lengths, values that are no finite numbers, or fewer
        than 3 different genotypes.
        """
        read = [Genotype.parse(genotype) for genotype in genotypes]
        values = _accuracies(accuracies, len(read))
        names = np.array([genotype.digest for genotype in read])
        different = len(set(names.tolist()))
        if different < LEAST_TO_FIT:
            raise ValueError(
                f"a predictor is fitted to at least {LEAST_TO_FIT} different genotypes, got {different}"
            )
        found = [features(genotype, **network) for genotype in read]
        table = _table(found)
        penalty, slopes, intercept = _ridge(table, values)
        error, error_of_mean, tau = (
            _judge(table, values, names) if different >= LEAST_TO_JUDGE else (None,) * 3
        )
        return cls(
            coefficients=dict(zip(found[0], slopes.tolist(), strict=True)),
            intercept=intercept,
            penalty=penalty,
            n=len(read),
            n_genotypes=different,
            loo_error=error,
            loo_error_of_mean=error_of_mean,
            loo_tau=tau,
            network=dict(network),
        )

    def predict(self, genotypes: Sequence[Genotype | str]) -> Floats:
        """Predicted accuracies [len(genotypes)], in the unit of those fitted."""
        if not len(genotypes):
            return np.zeros(0)
        table = _table([features(Genotype.parse(genotype), **self.network) for genotype in genotypes])
        return table @ np.array(list(self.coefficients.values())) + self.intercept


def _accuracies(values: Sequence[float] | Floats, count: int) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (count,):
        raise ValueError(
            f"one accuracy is needed for each of the {count} genotypes, got an array of shape {found.shape}"
        )
    if len(wrong := np.flatnonzero(~np.isfinite(found))):
        raise ValueError(f"accuracies are finite numbers, got {found[wrong[0]]} at place {wrong[0]}")
    return found


def _table(found: Sequence[Mapping[str, float]]) -> Floats:
    return np.array([list(row.values()) for row in found], dtype=np.float64)


def _ridge(table: Floats, values: Floats) -> tuple[float, Floats, float]:
    """The penalty with the least leave-one-out error, slopes and intercept in the units of the features.

    Leaving one out needs no second fit: the residual grows by 1 / (1 - leverage) (Hastie et al., 2009, eq. 7.64).
    """
    n = len(values)
    centre, scale = table.mean(axis=0), table.std(axis=0)
    # Features that are the same for all get the slope zero, not a division by zero or by rounding errors.
    scale = np.where(scale > 1e-9 * (1.0 + np.abs(centre)), scale, np.inf)
    left, singular, right = np.linalg.svd((table - centre) / scale, full_matrices=False)
    wanted = left.T @ (values - values.mean())
    errors = []
    for penalty in PENALTIES:
        kept = singular**2 / (singular**2 + n * penalty)
        residuals = values - values.mean() - left @ (kept * wanted)
        leverages = 1.0 / n + left**2 @ kept
        errors.append(np.mean((residuals / (1.0 - leverages)) ** 2))
    penalty = PENALTIES[int(np.argmin(errors))]
    slopes = right.T @ (singular / (singular**2 + n * penalty) * wanted) / scale
    return penalty, slopes, float(values.mean() - centre @ slopes)


def _judge(table: Floats, values: Floats, names: NDArray[np.str_]) -> tuple[float, float, float | None]:
    """Leave-one-genotype-out errors of the predictor and of the mean, and the rank correlation."""
    from scipy.stats import kendalltau

    means, predicted = np.empty_like(values), np.empty_like(values)
    for name in np.unique(names):
        out = names == name
        _, slopes, intercept = _ridge(table[~out], values[~out])
        means[out] = values[~out].mean()
        predicted[out] = table[out] @ slopes + intercept
    errors = [float(np.sqrt(np.mean((values - guess) ** 2))) for guess in (predicted, means)]
    beyond_mean = predicted - means
    if np.ptp(values) == 0.0 or np.ptp(beyond_mean) <= 1e-9 * np.ptp(values):
        return errors[0], errors[1], None
    return errors[0], errors[1], float(kendalltau(values, beyond_mean, variant="b").statistic)
