"""What stands beside the interval of each arm's RI: tests against random sampling, and other ways to take the interval.

Arms of a study share baselines, and their tests share random numbers; so all are computed together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from nastransfer.report.arms import Arm, per_search
from nastransfer.stats.baselines import baseline_choices
from nastransfer.stats.estimate import Estimate
from nastransfer.stats.nested import METHOD, RANDOM, Resampled, interval_of, resampled
from nastransfer.stats.permutations import permutation_tests
from nastransfer.stats.significance import holm, probability_of_improvement


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
    random = [per_search(arm.baseline) for arm in arms]
    tests = permutation_tests(
        [(arm.accuracies, others) for arm, others in zip(arms, random, strict=True)], seed
    )
    corrected = _by_target(arms, tests)
    resample = partial(resampled, resamples=resamples, seed=seed)
    sides: dict[tuple[object, ...], Resampled] = {}
    found = []
    for arm, others, p_value, p_holm in zip(arms, random, tests, corrected, strict=True):
        if not others:
            found.append(Beside())
            continue
        key = (arm.study, arm.target, *sorted(set(arm.baseline["augment_seed"]), key=str))
        if key not in sides:
            sides[key] = resample(RANDOM, _seeds_of_each(arm.baseline))
        nested = interval_of(resample(METHOD, _seeds_of_each(arm.runs)), sides[key])
        better = probability_of_improvement(arm.accuracies, others)
        found.append(Beside(p_value, p_holm, better, nested, _warning(arm)))
    return found


def _by_target(arms: Sequence[Arm], p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction over the arms of each study and target."""
    places: dict[tuple[str, str], list[int]] = {}
    for place, arm in enumerate(arms):
        places.setdefault((arm.study, arm.target), []).append(place)
    corrected: list[float | None] = [None] * len(arms)
    for together in places.values():
        for place, p in zip(together, holm([p_values[place] for place in together]), strict=True):
            corrected[place] = p
    return corrected


def _seeds_of_each(runs: pl.DataFrame) -> list[list[float]]:
    """Accuracies of each search or random genotype, one an augment seed."""
    grouped = runs.group_by("search_seed", "genotype", maintain_order=True).agg("top1_last")
    return grouped["top1_last"].to_list()


def _warning(arm: Arm) -> str | None:
    return baseline_choices(_by_augment_seed(arm.all_runs), _by_augment_seed(arm.all_random)).warning


def _by_augment_seed(runs: pl.DataFrame) -> dict[int, list[float | None]]:
    """Accuracies by augment seed, in each the same place for the same search or genotype; None where it has no run."""
    searches: dict[tuple[object, ...], int] = {}
    for key in runs.select("search_seed", "genotype").iter_rows():
        searches.setdefault(key, len(searches))
    found: dict[int, list[float | None]] = {}
    for augment_seed, *key, top1 in runs.select(
        "augment_seed", "search_seed", "genotype", "top1_last"
    ).iter_rows():
        found.setdefault(augment_seed, [None] * len(searches))[searches[tuple(key)]] = top1
    return found
