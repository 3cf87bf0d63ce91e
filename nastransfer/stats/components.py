"""How much of the accuracies' variance each factor accounts for: random effects, crossed or nested, of unequal size.

Model: value = mean + one random effect of each factor's level + residual, all independent with variances of their own.
The variances are estimated by moments, Henderson's method 1 (Biometrics 9, 1953, 226-252; Searle, Casella and
McCulloch, "Variance components", 1992, section 5.3): the sums of squares of level means are set equal to their
expectations. On balanced data that is the analysis of variance.

The intervals invert a test (Carpenter, J. R. Statist. Soc. B 61, 1999, 159-172): an end is the variance at which the
estimate found would be at the 2.5% or 97.5% point of those from simulated normal effects, the other variances being as
estimated. A factor of four levels so gets the long upper arm that a chi-squared variable of 3 degrees of freedom asks.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nastransfer.stats.estimate import is_flat, numbers

RESIDUAL = "residual"
FLAT = "all runs are equal and show no variance"
CONFIDENCE = 0.95
LARGEST = 1e6  # an upper end this many times the total variance is none
SAME = 1e-8  # factors whose moments differ by less (relative) cannot be told apart


@dataclass(frozen=True)
class Component:
    """Variance of a factor's effects (squared units of the values), its share of the sum of all, and its interval.

    `low` and `high` bound the variance. `note` says why something is None, and what a negative estimate was.
    """

    name: str
    variance: float | None
    share_percent: float | None
    low: float | None
    high: float | None
    levels: int
    note: str | None = None


@dataclass(frozen=True, eq=False)
class _Design:
    """Runs of equal levels as groups: level of each factor [factors][groups], runs [groups], each run's group."""

    names: tuple[str, ...]
    labels: tuple[np.ndarray, ...]
    runs: np.ndarray
    group_of: np.ndarray

    @property
    def n(self) -> int:
        return int(self.runs.sum())

    def sums(self, factor: int, means: np.ndarray) -> np.ndarray:
        """Sum over the runs of each level of the factor, of groups' means [groups, ...], over sqrt(runs)."""
        from scipy.sparse import csr_array

        label = self.labels[factor]
        runs = np.bincount(label, self.runs)
        weights = self.runs / np.sqrt(runs[label])
        indicator = csr_array((weights, (label, np.arange(len(label)))), shape=(len(runs), len(label)))
        return np.asarray(indicator @ means)

    def expectations(self) -> np.ndarray:
        """Coefficients of the variances (factors, then residual) in the expected sums of squares (then the total's)."""
        count, n = len(self.labels), self.n
        table = np.empty((count + 1, count + 1))
        about_mean = np.array([np.square(np.bincount(label, self.runs)).sum() / n for label in self.labels])
        for row, label in enumerate(self.labels):
            runs = np.bincount(label, self.runs)
            for column, other in enumerate(self.labels):
                both, inverse = np.unique(label * (other.max() + 1) + other, return_inverse=True)
                shared = np.square(np.bincount(inverse, self.runs))
                table[row, column] = (shared / runs[both // (other.max() + 1)]).sum() - about_mean[column]
            table[row, -1] = len(runs) - 1
        table[-1, :-1] = n - about_mean
        table[-1, -1] = n - 1
        return table


def variance_components(
    values: Sequence[float | None],
    factors: Mapping[str, Sequence[Hashable]],
    *,
    seed: int = 2,
    resamples: int = 1000,
) -> list[Component]:
    """Components of the factors in their order, then "residual": what is left between runs of equal levels.

    `values` has a number a run; None stands for a run without a result and is left out. `factors` gives each run's
    level, by name: a nested factor or an interaction has tuples as levels, such as (method, source, search seed).
    A negative estimate is set to 0 and said in `note`. A factor has None where it has one level, or where its moments
    are those of factors before it or of the residual (one run a level): that variance stays with them.

    `ValueError` for a factor of another length or called "residual", NaN, no run, and fewer than 100 resamples.
    """
    if resamples < 100:
        raise ValueError(f"resamples is {resamples}; an interval's ends need at least 100")
    for name, levels in factors.items():
        if len(levels) != len(values) or name == RESIDUAL:
            told = f"factor {name} has {len(levels)} levels for {len(values)} runs"
            raise ValueError(f"{told}; it has one a run, and is not called {RESIDUAL}")
    kept = [place for place, value in enumerate(values) if value is not None]
    found = np.array(numbers("values", values))
    if not kept:
        raise ValueError("values has no run; at least one is needed")
    labels = {name: _codes([levels[place] for place in kept]) for name, levels in factors.items()}
    counts = {name: int(label.max()) + 1 for name, label in labels.items()} | {RESIDUAL: len(kept)}
    if is_flat(found):
        return [Component(name, None, None, None, None, count, FLAT) for name, count in counts.items()]
    notes: dict[str, str] = {}
    design = _estimable(labels, len(kept), notes)
    variances, ends = _solve(design, found, np.random.default_rng(seed), resamples)
    total = float(np.maximum(variances, 0.0).sum())
    components = []
    for name, count in counts.items():
        if name in notes:
            components.append(Component(name, None, None, None, None, count, notes[name]))
            continue
        place = (*design.names, RESIDUAL).index(name)
        variance = max(float(variances[place]), 0.0)
        low, high = ends[place]
        said = f"the estimate was {variances[place]:.3g}, set to 0" if variances[place] < 0.0 else None
        components.append(Component(name, variance, 100.0 * variance / total, low, high, count, said))
    return components


def _codes(levels: Sequence[Hashable]) -> np.ndarray:
    """Each run's level as a number, counted from 0 in order of first appearance."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(level, len(known)) for level in levels], np.int64)


def _estimable(labels: Mapping[str, np.ndarray], n: int, notes: dict[str, str]) -> _Design:
    """The factors whose moments differ from those before them and from the residual's; `notes` says why others not."""
    design = _design({}, n)
    kept: dict[str, np.ndarray] = {}
    for name, label in labels.items():
        tried = _design({**kept, name: label}, n)
        if not label.max():
            notes[name] = "it has one level"
        elif _is_singular(tried.expectations()):
            told = f"those of {', '.join(kept)} and " if kept else ""
            notes[name] = f"its moments are {told}the residual's: its variance is in theirs"
        else:
            kept[name], design = label, tried
    return design


def _design(labels: Mapping[str, np.ndarray], n: int) -> _Design:
    rows = np.stack([*labels.values(), np.zeros(n, np.int64)])
    groups, inverse, runs = np.unique(rows, axis=1, return_inverse=True, return_counts=True)
    return _Design(tuple(labels), tuple(groups[:-1]), runs, inverse.ravel())


def _is_singular(table: np.ndarray) -> bool:
    scaled = table / np.abs(table).max(axis=1, keepdims=True)
    scaled /= np.abs(scaled).max(axis=0)
    return bool(np.linalg.svd(scaled, compute_uv=False)[-1] < SAME)


def _solve(
    design: _Design, values: np.ndarray, rng: np.random.Generator, resamples: int
) -> tuple[np.ndarray, list[tuple[float | None, float | None]]]:
    """Variances (negative ones as they come) of the factors and the residual, and the ends of their intervals."""
    inverse = np.linalg.inv(design.expectations())
    means = np.bincount(design.group_of, values) / design.runs
    within = float(np.square(values - means[design.group_of]).sum())
    centred = (means - values.mean())[:, None]
    squares = [float(np.square(design.sums(place, centred)).sum()) for place in range(len(design.names))]
    squares.append(float((design.runs * np.square(centred[:, 0])).sum()) + within)
    variances = inverse @ squares
    forms = np.einsum("ki,ijmr->kjmr", inverse, _simulated(design, rng, resamples))
    scales = np.sqrt(np.maximum(variances, 0.0))
    return variances, [_ends(form, scales, place, variances[place]) for place, form in enumerate(forms)]


def _simulated(design: _Design, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """Sums of squares and products of simulated normal effects of variance 1.

    Shape: the factors' and the total sum of squares x effects x effects (factors, then residual) x resamples.
    """
    groups, n, count = len(design.runs), design.n, len(design.names) + 1
    effects = [rng.standard_normal((label.max() + 1, resamples))[label] for label in design.labels]
    effects.append(rng.standard_normal((groups, resamples)) / np.sqrt(design.runs)[:, None])
    for effect in effects:
        effect -= design.runs @ effect / n
    table = np.empty((count, count, count, resamples))
    for row in range(count):
        if row < count - 1:
            sums = [design.sums(row, effect) for effect in effects]
        else:
            sums = [np.sqrt(design.runs)[:, None] * effect for effect in effects]
        for one in range(count):
            for other in range(one, count):
                product = np.einsum("gr,gr->r", sums[one], sums[other])
                table[row, one, other] = table[row, other, one] = product
    if n > groups:
        table[-1, -1, -1] += rng.chisquare(n - groups, resamples)
    return table


def _ends(
    form: np.ndarray, scales: np.ndarray, place: int, found: float
) -> tuple[float | None, float | None]:
    """The variances of one effect at whose simulated estimates' 97.5% and 2.5% points the one found lies.

    `form` (effects x effects x resamples) makes its estimate from the effects' standard deviations, `scales`.
    """
    from scipy.optimize import brentq

    others = np.delete(scales, place)
    fixed = np.einsum("j,jmr,m->r", others, np.delete(np.delete(form, place, 0), place, 1), others)
    mixed = 2.0 * np.einsum("j,jr->r", others, np.delete(form[place], place, 0))

    def beyond(scale: float, level: float) -> float:
        return float(np.quantile(fixed + scale * mixed + scale**2 * form[place, place], level)) - found

    def end(level: float) -> float | None:
        if beyond(0.0, level) >= 0.0:
            return 0.0
        largest = LARGEST * float(np.linalg.norm(scales))
        return (
            None if beyond(largest, level) <= 0.0 else float(brentq(beyond, 0.0, largest, args=(level,))) ** 2
        )

    return end((1.0 + CONFIDENCE) / 2.0), end((1.0 - CONFIDENCE) / 2.0)
