"""Against which random runs: the relative improvement (RI) with three baselines, and whether its sign hangs on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nastransfer.stats.estimate import Estimate, accuracies, is_flat
from nastransfer.stats.improvement import percent_change, relative_improvement
from nastransfer.stats.sample import sample

# An interval over seeds would take the searches for the only ones there could be.
RECURRING = "the same searches recur under every augment seed, so seeds do not show how much searches differ"
ROUNDING = 1e-9  # percent: equal means are no improvement, however they round
BySeed = Mapping[int, Sequence[float | None]]


@dataclass(frozen=True)
class BaselineChoices:
    """RI in percent with its 95% interval by each baseline; `warning` says so where its sign depends on the choice.

    pooled: all runs of both sides, whatever their augment seed. same_seed: runs with augment seeds that both sides
    have. paired: RI within each augment seed, averaged over seeds; without an interval (`RECURRING`).
    """

    pooled: Estimate
    same_seed: Estimate
    paired: Estimate
    sign_depends: bool
    warning: str | None


def baseline_choices(method: BySeed, random: BySeed) -> BaselineChoices:
    """RI by the three baselines. Accuracies in percent by augment seed; the same place is the same search or genotype.

    None stands for a run without a result. `pooled` and `same_seed` compare the searches' means over augment seeds with
    the genotypes', by Welch's interval. `paired` is the mean over seeds of log(Acc_m / Acc_r) within a seed; its n
    counts seeds. `same_seed` and `paired` are None where no seed has runs of both. `ValueError` for a side without any
    run and for accuracies (NaN too) outside of 0 to 100.
    """
    own, others = _checked("method", method), _checked("random", random)
    shared = [seed for seed in own if own[seed] and others.get(seed)]
    pooled = _welch(_means(method, list(method)), _means(random, list(random)))
    if not shared:
        reason = f"no augment seed has runs of both: {_listed(own)} against {_listed(others)}"
        none = Estimate(None, None, None, 0, reason)
        return BaselineChoices(pooled, none, none, False, None)
    same_seed = _welch(_means(method, shared), _means(random, shared))
    paired = _paired(
        [(sample("method", own[seed]).mean, sample("random", others[seed]).mean) for seed in shared]
    )
    found = {"pooled": pooled.estimate, "same-seed": same_seed.estimate, "paired": paired.estimate}
    signs = {math.copysign(1.0, value) for value in found.values() if value and abs(value) > ROUNDING}
    warning = None
    if len(signs) > 1:
        said = ", ".join(f"{value:+.2f}% {name}" for name, value in found.items() if value is not None)
        warning = f"the sign of RI depends on the random runs compared with: {said}"
    return BaselineChoices(pooled, same_seed, paired, warning is not None, warning)


def _checked(side: str, runs: BySeed) -> dict[int, list[float]]:
    return {seed: accuracies(f"{side} with augment seed {seed}", values) for seed, values in runs.items()}


def _listed(runs: Mapping[int, list[float]]) -> str:
    return ", ".join(str(seed) for seed, values in runs.items() if values) or "none"


def _means(runs: BySeed, seeds: Sequence[int]) -> list[float]:
    """Mean of each search (or genotype) over the augment seeds with which it was trained."""
    longest = max((len(runs[seed]) for seed in seeds), default=0)
    places = [[runs[seed][place] for seed in seeds if place < len(runs[seed])] for place in range(longest)]
    kept = [[value for value in values if value is not None] for values in places]
    return [values[0] if is_flat(values) else float(np.mean(values)) for values in kept if values]


def _welch(method: list[float], random: list[float]) -> Estimate:
    found = relative_improvement(method, random)
    n = min(found.n_method, found.n_random)
    return Estimate(found.estimate, found.low, found.high, n, found.reason)


def _paired(means: list[tuple[float, float]]) -> Estimate:
    n = len(means)
    if not all(all(pair) for pair in means):
        return Estimate(None, None, None, n, "with one augment seed a side got no image right")
    centre = float(np.mean([math.log(own / random) for own, random in means]))
    return Estimate(percent_change(centre), None, None, n, RECURRING)
