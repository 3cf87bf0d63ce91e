"""Which arm has the best true mean accuracy, how sure that is, and how many runs would make it sure.

The rules rest on draws of all arms' means (`nastransfer.stats.shrinkage`). P(best) of an arm is the share of draws in
which it has the highest mean. The best set is the smallest one that holds the best arm in 95% of draws. A search is
worth its cost where it gains more than `tolerance_percent`; so, in this order:

- *random*: random sampling is no more than that below the best arm in 95% of draws. It needs no search.
- *recommended*: one arm alone is the best set.
- *alike*: the arms of the best set differ by no more than that in 95% of draws. The cheapest is taken.
- *undecided*: anything else, and wherever random sampling is missing or it, the likeliest arm or one of those found
  alike has a single run.

What this promises was measured on simulated studies (tests/stats/test_decision_rates.py, recorded by the campaign) of 2
to 8 runs an arm with unequal numbers of runs, spreads up to three times apart and skewed noise: at most 5% of them name
an arm that falls short of the best by more than the tolerance, and at most 5% recommend an arm where nothing differs
from random sampling. The best set holds the best arm in at least 90%. Its limits: of two arms that are equal and far
ahead of the rest, one is named alone in a tenth of the studies; spreads five times apart at 2 runs raise the 5% to 10%;
and one arm far ahead of many equal ones is expected up to 0.8 points below its true RI, rather than too high.

P(best) averages over how far apart the arms may be. Over studies in which that varies as assumed the leader's is right
within 3 points, at 10 arms of 2 runs within 6. Where all RIs lie within a third of one run's spread it is too high, by
10 to 13 points at 2 runs and 6 to 7 at 5; of such studies at most 2% recommend an arm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nastransfer.stats.estimate import FEWEST_RUNS, Estimate, groups
from nastransfer.stats.power import runs_needed
from nastransfer.stats.shrinkage import Draws, draw_means

RANDOM_ENOUGH, RECOMMENDED, ALIKE, UNDECIDED = "random", "recommended", "alike", "undecided"
VERDICTS = (RANDOM_ENOUGH, RECOMMENDED, ALIKE, UNDECIDED)
SURE = 0.95
# Half a percent of the accuracy: less than one search differs from the next by the same method, whose spread is 0.8% of
# the accuracy in the median of NAS-Benchmark's arms, and the order of the gains that its methods have on CIFAR10.
TOLERANCE_PERCENT = 0.5
POWER = 0.8


@dataclass(frozen=True)
class Chance:
    """What is known of one arm. All but `n` is None where the runs show no noise.

    `expected`: RI in percent pulled towards the other arms' (the draws' median and their middle 95%), which unlike the
    measured RI is not too large for the arm that came out best. `p_gain`: probability that it is above 0. Both are None
    without random sampling, and for random sampling. `behind_percent`: how far the leader's mean is expected to be
    above this arm's. `runs_needed`: runs of the leader and of this arm that would, with 80% probability, tell the two
    apart if they differ as expected or, where that is less than the tolerance, show them alike; None for the leader,
    outside of the best set, and where neither a difference nor a tolerance is left.
    """

    n: int
    p_best: float | None = None
    expected: Estimate | None = None
    p_gain: float | None = None
    spread_percent: float | None = None
    behind_percent: float | None = None
    runs_needed: int | None = None


@dataclass(frozen=True)
class Choice:
    """The verdict over all arms (`chances`, by name).

    `leader` has the highest P(best); `taken` is the arm to use, None where undecided. `near` are the arms of the best
    set that are expected within the tolerance of the leader, and `cheapest` the cheapest of them, None where an unknown
    cost may be lower: the tie-break. `enough` is the probability that no arm is above random sampling by more
    than the tolerance. `runs_needed`: runs an arm that would settle all comparisons of the leader within the best set
    (`Chance.runs_needed`); None where there is nothing to settle. `reason` says why these runs cannot decide.
    """

    verdict: str
    taken: str | None
    leader: str | None
    best_set: tuple[str, ...]
    near: tuple[str, ...]
    cheapest: str | None
    chances: Mapping[str, Chance]
    tolerance_percent: float
    enough: float | None = None
    runs_needed: int | None = None
    reason: str | None = None


def best_arm(
    arms: Mapping[str, Sequence[float | None]],
    random: str | None,
    costs: Mapping[str, float | None] | None = None,
    *,
    tolerance_percent: float = TOLERANCE_PERCENT,
    seed: int = 2,
) -> Choice:
    """The decision between `arms`: accuracies in percent, one value an independent search or random genotype.

    `random` names the arm of random sampling, None where there is none. `costs` of a search by arm, all in one unit and
    0 or more, break ties. None in an arm stands for a run without a result. `ValueError` for no arm, an arm without any
    run, NaN and impossible accuracies, a `random` that is no arm, and a negative tolerance.
    """
    if not 0.0 <= tolerance_percent < math.inf:
        raise ValueError(f"tolerance_percent is {tolerance_percent}; it is 0 or more")
    runs = groups("the decision", arms)
    if random is not None and random not in runs:
        raise ValueError(f"random sampling is given as arm {random!r}, which is none of {list(runs)}")
    if random is not None and runs[random] and not any(runs[random]):
        raise ValueError(
            "no random run got an image right: an improvement on an accuracy of 0 is not defined"
        )
    draws = draw_means(runs, seed=seed)
    if draws is None:
        return _without_noise(runs, tolerance_percent)
    p_best = _shares(draws)
    best_set = _best_set(p_best)
    leader = best_set[0]
    chances = {name: _chance(draws, name, leader, random, len(runs[name]), p_best[name]) for name in runs}
    chances |= _with_runs(chances, best_set, tolerance_percent)
    needed = [chance.runs_needed for chance in chances.values() if chance.runs_needed is not None]
    near = tuple(name for name in best_set if (chances[name].behind_percent or 0.0) <= tolerance_percent)
    enough = _within(draws, [random], tolerance_percent) if random is not None else None
    choice = Choice(
        verdict=UNDECIDED,
        taken=None,
        leader=leader,
        best_set=best_set,
        near=near,
        cheapest=_cheapest(near, costs),
        chances=chances,
        tolerance_percent=tolerance_percent,
        enough=enough,
        runs_needed=max(needed, default=None),
        reason=_what_is_missing(chances, leader, random),
    )
    if choice.reason is not None:
        return choice
    if best_set == (random,) or (enough is not None and enough >= SURE):
        return replace(choice, verdict=RANDOM_ENOUGH, taken=random)
    if len(best_set) == 1:
        return replace(choice, verdict=RECOMMENDED, taken=leader)
    if _within(draws, best_set, tolerance_percent) >= SURE:
        if single := _single_run(chances, best_set):
            return replace(choice, reason=single)
        return replace(choice, verdict=ALIKE, taken=choice.cheapest or leader)
    return choice


def _without_noise(runs: Mapping[str, Sequence[float]], tolerance_percent: float) -> Choice:
    single = max(len(values) for values in runs.values()) < FEWEST_RUNS
    said = "every arm has a single run" if single else "no arm has two runs that differ"
    reason = f"{said}, which shows no noise: {FEWEST_RUNS} runs an arm are needed at least, better 3"
    chances = {name: Chance(len(values)) for name, values in runs.items()}
    return Choice(UNDECIDED, None, None, tuple(runs), (), None, chances, tolerance_percent, reason=reason)


def _shares(draws: Draws) -> dict[str, float]:
    """P(best) of each arm."""
    won = np.bincount(draws.log_means.argmax(axis=1), minlength=len(draws.names)) / len(draws.log_means)
    return dict(zip(draws.names, won.tolist(), strict=True))


def _best_set(p_best: Mapping[str, float]) -> tuple[str, ...]:
    """The fewest arms that together hold the best one with probability `SURE`, likeliest first."""
    ordered = sorted(p_best, key=lambda name: -p_best[name])
    sums = np.cumsum([p_best[name] for name in ordered])
    return tuple(ordered[: int(np.searchsorted(sums, SURE - 1e-12)) + 1])


def _within(draws: Draws, names: Sequence[str], tolerance_percent: float) -> float:
    """Share of draws in which none of `names` is below the best of all arms by more than the tolerance.

    From each arm's own runs: means that were pulled together would be found alike too often.
    """
    lowest = draws.alone[:, [draws.names.index(name) for name in names]].min(axis=1)
    return float(np.mean(draws.alone.max(axis=1) - lowest <= math.log1p(tolerance_percent / 100.0)))


def _chance(draws: Draws, name: str, leader: str, random: str | None, n: int, p_best: float) -> Chance:
    (behind,) = _percent(draws.of(leader) - draws.of(name), 0.5)
    known = Chance(
        n, p_best, spread_percent=draws.spreads_percent[draws.names.index(name)], behind_percent=behind
    )
    if random is None or name == random:
        return known
    gain = draws.of(name) - draws.of(random)
    low, middle, high = _percent(gain, 0.025, 0.5, 0.975)
    return replace(known, expected=Estimate(middle, low, high, n), p_gain=float(np.mean(gain > 0.0)))


def _percent(log_ratios: NDArray[np.float64], *quantiles: float) -> list[float]:
    """Quantiles of ratios of means as differences in percent. Ratios to an accuracy of 0 cannot be interpolated."""
    found = np.quantile(log_ratios, quantiles, method="inverted_cdf")
    return [float(value) for value in 100.0 * np.expm1(found)]


def _with_runs(
    chances: Mapping[str, Chance], best_set: Sequence[str], tolerance_percent: float
) -> dict[str, Chance]:
    """The best set's arms but the leader, its first, with the runs that would settle each comparison with it.

    What is expected to be closer than the tolerance is planned for the tolerance: to show two arms alike takes about as
    many runs as to tell two apart that differ by it. All comparisons have to be settled at once, so each gets its share
    of the 5%. Pulling the means together asks for more than the one-sided test that a win amounts to, about as much as
    the two-sided one does.
    """
    leader, *others = best_set
    settled = {}
    for name in others:
        own, other = chances[leader].spread_percent, chances[name].spread_percent
        behind = chances[name].behind_percent
        assert own is not None and other is not None and behind is not None
        difference, alpha = max(behind, tolerance_percent), (1.0 - SURE) / len(others)
        runs = runs_needed(difference, own, other, power=POWER, alpha=alpha) if difference > 0.0 else None
        if runs is not None:  # those there were not enough
            runs = max(runs, min(chances[leader].n, chances[name].n) + 1)
        settled[name] = replace(chances[name], runs_needed=runs)
    return settled


def _cheapest(names: Sequence[str], costs: Mapping[str, float | None] | None) -> str | None:
    """The arm of the lowest cost, the likelier one where two cost the same; None where an unknown cost may be lower."""
    known = {name: cost for name in names if (cost := (costs or {}).get(name)) is not None}
    if not known or (len(known) < len(names) and min(known.values()) > 0.0):
        return None
    return min(known, key=known.__getitem__)


def _what_is_missing(chances: Mapping[str, Chance], leader: str, random: str | None) -> str | None:
    """Why the runs cannot decide, whatever the draws say."""
    if list(chances) == [random]:
        return "there is nothing to compare with random sampling"
    if random is None:
        return "without a random run it cannot be said whether any search is worth its cost"
    return _single_run(chances, (random, leader))


def _single_run(chances: Mapping[str, Chance], names: Sequence[str]) -> str | None:
    """That one of `names` has a single run."""
    single = [name for name in names if chances[name].n < FEWEST_RUNS]
    return f"{single[0]} has a single run: how far its runs spread is not known" if single else None
