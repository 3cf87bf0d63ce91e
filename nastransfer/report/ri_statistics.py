"""What stands beside the interval of each arm's RI: tests against random sampling, and other ways to take the interval.

Arms of a study share baselines, and their tests share random numbers; so all are computed together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from nastransfer.report.arms import Arm
from nastransfer.report.counterparts import trained_once
from nastransfer.stats.baselines import BySeed, baseline_choices
from nastransfer.stats.estimate import Estimate
from nastransfer.stats.nested import METHOD, RANDOM, Resampled, interval_of, resampled
from nastransfer.stats.permutations import permutation_tests
from nastransfer.stats.significance import holm, probability_of_improvement

_RUN = ("augment_seed", "search_seed", "genotype", "top1_last")


@dataclass(frozen=True)
class Beside:
    """Of one arm against its baseline. All is None without a random run; single figures are where runs are too few.

    `p_value` is of a two-sided permutation test of Welch's t, `p_holm` the same corrected for the arms of the target.
    `better` is the probability that a search's network beats a random one; `nested` is RI with its interval by
    resampling searches and augment seeds. `warning` says so where RI's sign depends on the choice of random runs.
    """

    p_value: float | None = None
    p_holm: float | None = None
    better: Estimate | None = None
    nested: Estimate | None = None
    warning: str | None = None


def beside(arms: Sequence[Arm], *, resamples: int = 10_000, seed: int = 2) -> list[Beside]:
    """The figures of each arm, in order; `seed` is of all resampling."""
    tests = permutation_tests([(arm.accuracies, arm.random_accuracies) for arm in arms], seed)
    random = _Baselines(resamples, seed)
    return [
        _of_arm(arm, p_value, p_holm, random)
        for arm, p_value, p_holm in zip(arms, tests, holm_by_target(arms, tests), strict=True)
    ]


def _of_arm(arm: Arm, p_value: float | None, p_holm: float | None, random: _Baselines) -> Beside:
    if arm.baseline.is_empty():
        return Beside()
    by_seed = by_augment_seed(arm.all_runs)
    shared = set(arm.runs["augment_seed"])
    method = _seeds_of_each({seed: values for seed, values in by_seed.items() if seed in shared})
    own = resampled(METHOD, method, resamples=random.resamples, seed=random.seed)
    nested = interval_of(own, random.side(arm))
    better = probability_of_improvement(arm.accuracies, arm.random_accuracies)
    return Beside(p_value, p_holm, better, nested, baseline_choices(by_seed, random.by_seed(arm)).warning)


class _Baselines:
    """The random runs of each target, which many arms are compared with, prepared once."""

    def __init__(self, resamples: int, seed: int) -> None:
        self.resamples = resamples
        self.seed = seed
        self._by_seed: dict[tuple[str, str], BySeed] = {}
        self._sides: dict[tuple[object, ...], Resampled] = {}

    def by_seed(self, arm: Arm) -> BySeed:
        """All of them, by augment seed."""
        place = arm.study, arm.target
        if place not in self._by_seed:
            self._by_seed[place] = by_augment_seed(arm.all_random)
        return self._by_seed[place]

    def side(self, arm: Arm) -> Resampled:
        """Those with the arm's augment seeds, resampled."""
        shared = set(arm.baseline["augment_seed"])
        key = (arm.study, arm.target, *sorted(shared, key=str))
        if key not in self._sides:
            runs = {seed: values for seed, values in self.by_seed(arm).items() if seed in shared}
            self._sides[key] = resampled(
                RANDOM, _seeds_of_each(runs), resamples=self.resamples, seed=self.seed
            )
        return self._sides[key]


def holm_by_target(arms: Sequence[Arm], p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction over the arms of each study and target."""
    places: dict[tuple[str, str], list[int]] = {}
    for place, arm in enumerate(arms):
        places.setdefault((arm.study, arm.target), []).append(place)
    corrected: list[float | None] = [None] * len(arms)
    for together in places.values():
        for place, p in zip(together, holm([p_values[place] for place in together]), strict=True):
            corrected[place] = p
    return corrected


def _seeds_of_each(by_seed: BySeed) -> list[list[float | None]]:
    """Accuracies of each search or random genotype, one an augment seed."""
    return [list(seeds) for seeds in zip(*by_seed.values(), strict=True)]


def by_augment_seed(runs: pl.DataFrame) -> BySeed:
    """Accuracies by augment seed, in each the same place for the same search or genotype; None where it has no run."""
    once = trained_once(runs)
    augment_seeds, *keys, tops = (once[name].to_list() for name in _RUN)
    searches = list(zip(*keys, strict=True))
    places = {search: place for place, search in enumerate(dict.fromkeys(searches))}
    found: dict[int, list[float | None]] = {}
    for augment_seed, search, top1 in zip(augment_seeds, searches, tops, strict=True):
        found.setdefault(augment_seed, [None] * len(places))[places[search]] = top1
    return found
