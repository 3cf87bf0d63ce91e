"""Made-up studies with known true means, and how often the decision is right on many of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from nastransfer.stats.decision import RECOMMENDED, TOLERANCE_PERCENT, UNDECIDED, VERDICTS, Choice, best_arm

RANDOM = "random"
Noise = Callable[[np.random.Generator, int], np.ndarray]


def normal(rng: np.random.Generator, runs: int) -> np.ndarray:
    return rng.standard_normal(runs)


def left_skewed(rng: np.random.Generator, runs: int) -> np.ndarray:
    """A tail of bad runs: 1 - exponential, of mean 0 and standard deviation 1."""
    return 1.0 - rng.exponential(size=runs)


def collapsing(rng: np.random.Generator, runs: int) -> np.ndarray:
    """Every fifth search collapses, to 4 standard deviations of the others below them; standardised."""
    collapsed = rng.random(runs) < 0.2
    return (0.5 * rng.standard_normal(runs) - 2.0 * collapsed + 0.4) / np.sqrt(0.25 + 4.0 * 0.16)


@dataclass(frozen=True)
class World:
    """True RI of each arm over random sampling (percent), the spread of its runs (percent of the mean), its runs.

    Where `ri_spread` is given, true RIs are drawn anew for each study from a normal distribution of that width around
    `ri`; likewise spreads, by a log-normal factor of width `unequal`. With `as_assumed` that width is itself drawn for
    each study, from the half-Cauchy distribution of scale `ri_spread` that the decision assumes, up to 10 times it.
    """

    ri: Sequence[float]
    runs: Sequence[int]
    random_runs: int = 5
    spreads: Sequence[float] = (1.0,)
    random_spread: float = 1.0
    noise: Noise = normal
    ri_spread: float = 0.0
    unequal: float = 0.0
    as_assumed: bool = False

    def study(self, rng: np.random.Generator) -> tuple[dict[str, list[float]], dict[str, float]]:
        """Accuracies by arm, and the true RI of each; random sampling has a mean of 60%."""
        arms = [f"arm {number}" for number in range(len(self.ri))]
        width = self.ri_spread * (min(np.tan(np.pi / 2.0 * rng.random()), 10.0) if self.as_assumed else 1.0)
        truth = np.asarray(self.ri) + width * rng.standard_normal(len(arms))
        spreads = np.broadcast_to(np.asarray(self.spreads), len(arms))
        runs = np.broadcast_to(np.asarray(self.runs), len(arms))
        found, true = {}, {**dict(zip(arms, truth.tolist(), strict=True)), RANDOM: 0.0}
        sides = zip(
            [*arms, RANDOM], [*spreads, self.random_spread], [*runs.tolist(), self.random_runs], strict=True
        )
        for name, spread, n in sides:
            spread = spread * np.exp(self.unequal * rng.standard_normal())
            mean = 60.0 * (1.0 + true[name] / 100.0)
            found[name] = (mean * (1.0 + spread / 100.0 * self.noise(rng, n))).tolist()
        return found, true


@dataclass
class Rates:
    """What came out of many studies of one world."""

    studies: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(
        default_factory=Counter
    )  # verdicts whose arm is within the tolerance of the best
    best_named: int = 0  # recommended arms that are the very best
    held: int = 0  # best sets that hold the best arm
    set_size: int = 0
    p_leader: float = 0.0
    leader_best: float = 0.0
    measured_bias: float = 0.0  # of the measured RI of the arm measured best, over its true RI
    expected_bias: float = 0.0  # of its expected RI
    covered: int = 0  # expected intervals of that arm that hold its true RI

    def add(self, choice: Choice, found: dict[str, list[float]], true: dict[str, float]) -> None:
        best = max(true.values())
        tied = [name for name in true if true[name] == best]
        self.studies += 1
        self.verdicts[choice.verdict] += 1
        if choice.taken is not None:
            self.right[choice.verdict] += true[choice.taken] >= best - TOLERANCE_PERCENT
            self.best_named += choice.verdict == RECOMMENDED and choice.taken in tied
        self.held += any(name in choice.best_set for name in tied)
        self.set_size += len(choice.best_set)
        assert choice.leader is not None
        self.p_leader += choice.chances[choice.leader].p_best or 0.0
        self.leader_best += (choice.leader in tied) / len(tied)
        self._add_winner(choice, found, true)

    def _add_winner(self, choice: Choice, found: dict[str, list[float]], true: dict[str, float]) -> None:
        means = {name: float(np.mean(values)) for name, values in found.items()}
        winner = max((name for name in means if name != RANDOM), key=means.__getitem__)
        expected = choice.chances[winner].expected
        assert expected is not None and expected.low is not None and expected.high is not None
        assert expected.estimate is not None
        self.measured_bias += 100.0 * (means[winner] / means[RANDOM] - 1.0) - true[winner]
        self.expected_bias += expected.estimate - true[winner]
        self.covered += expected.low <= true[winner] <= expected.high

    @property
    def recommended(self) -> float:
        """Share of studies that recommend one arm above all others, random sampling included."""
        return self.verdicts[RECOMMENDED] / self.studies

    @property
    def wrong(self) -> float:
        """Share of studies whose verdict names an arm that falls short of the best by more than the tolerance."""
        decided = self.studies - self.verdicts[UNDECIDED]
        return (decided - sum(self.right.values())) / self.studies

    @property
    def right_share(self) -> float:
        """Share of studies that recommend the very best arm."""
        return self.best_named / self.studies

    @property
    def overrated(self) -> float:
        """By how much the leader's mean P(best) is above the share of studies in which it is the best."""
        return (self.p_leader - self.leader_best) / self.studies

    def figures(self) -> dict[str, float]:
        """Shares and means, rounded, for the campaign's record."""
        shares = {name: self.verdicts[name] for name in VERDICTS}
        counted = {**shares, "best_recommended": self.best_named, "best_set_holds_best": self.held}
        counted |= {"best_set_size": self.set_size, "p_best_of_leader": self.p_leader}
        counted |= {"leader_is_best": self.leader_best, "measured_bias_percent": self.measured_bias}
        counted |= {"expected_bias_percent": self.expected_bias, "expected_interval_covers": self.covered}
        return {
            "wrong": self.wrong,
            **{name: round(value / self.studies, 3) for name, value in counted.items()},
        }


def rates(world: World, studies: int, seed: int = 2) -> Rates:
    """The decision on `studies` studies of the world; random sampling costs nothing, all searches the same."""
    found = Rates()
    for arms, true in _studies(world, studies, seed):
        costs = {name: 0.0 if name == RANDOM else 1.0 for name in arms}
        found.add(best_arm(arms, RANDOM, costs), arms, true)
    return found


def _studies(
    world: World, studies: int, seed: int
) -> Iterator[tuple[dict[str, list[float]], dict[str, float]]]:
    rng = np.random.default_rng(seed)
    return (world.study(rng) for _ in range(studies))
