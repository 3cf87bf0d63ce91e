"""What the planned runs can resolve, and whether the same budget, spent otherwise, would resolve more (no torch)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import polars as pl

from nastransfer.stats.power import resolvable_ri
from nastransfer.study.plan import Task
from nastransfer.study.pricing.asks import group_of
from nastransfer.study.pricing.spreads import RANDOM, Spreads, spreads_on
from nastransfer.study.source import Source

POWER = 0.8
# Less is not worth changing a plan for.
WORTHWHILE = 0.05
_MOST_SEEDS = 3
_MOST_RANDOM = 200
# What the plan is made for; trainings for other ends change nothing in what it resolves.
_COMPARED = {"transfer", "direct", RANDOM}

# name -> (type, meaning)
RESOLVABLE_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "target": (pl.String(), "data set trained and tested on"),
    "searches": (pl.Int64(), "searches of a method on a source (of the arm with the fewest)"),
    "random_genotypes": (pl.Int64(), "random genotypes"),
    "augment_seeds": (pl.Int64(), "trainings of each genotype (of the arm with the fewest)"),
    "ri_against_random": (
        pl.Float64(),
        "smallest RI, in percent, that a method shows with a probability of 80%; null: none, with so few runs",
    ),
    "ri_between": (pl.Float64(), "the same for the difference between two methods, in points of RI"),
    "spread_random_percent": (pl.Float64(), "coefficient of variation of random genotypes' accuracies"),
    "spread_method_percent": (pl.Float64(), "the same of a method's searches"),
    "spreads_from": (pl.String(), "where the spreads are from"),
}
_SCHEMA = {name: dtype for name, (dtype, _) in RESOLVABLE_COLUMNS.items()}


@dataclass(frozen=True)
class Design:
    """How often each thing is done."""

    searches: int
    random_genotypes: int
    augment_seeds: int


@dataclass(frozen=True)
class Suggestion:
    """The same budget spent otherwise: its mean resolvable difference in points of RI, and the plan's (None: none)."""

    design: Design
    points: float
    planned: Design
    planned_points: float | None


@dataclass(frozen=True)
class Resolution:
    """A row a target (`RESOLVABLE_COLUMNS`), and what would resolve more for the same hours; None: nothing by 5%."""

    targets: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_SCHEMA))
    suggestion: Suggestion | None = None


@dataclass(frozen=True)
class _Target:
    """A target in the plan: arms, the design of the least of them, mean seconds of a training."""

    name: str
    arms: int
    design: Design
    training: float
    spreads: Spreads


def resolution(
    tasks: Sequence[Task], priced: pl.DataFrame, frames: Mapping[str, pl.DataFrame], study: str
) -> Resolution:
    """Of a plan with its prices (`prices.TASK_COLUMNS`); spreads are from `frames` (study -> results) where possible.

    Targets without a random baseline or without searches have no row.
    """
    costs = dict(
        priced.select("id", pl.col("seconds") + pl.col("overhead_seconds")).drop_nulls("seconds").iter_rows()
    )
    arms = {task.id: group_of(task) for task in tasks if task.kind == "search"}
    targets = [
        _target(name, group, arms, costs, spreads_on(name, frames, study))
        for name, group in _by_target(tasks).items()
    ]
    found = [target for target in targets if target is not None]
    if not found:
        return Resolution()
    rows = [_row(target) for target in found]
    return Resolution(pl.DataFrame(rows, _SCHEMA), _suggestion(found, tasks, costs))


def points_of(design: Design, spreads: Spreads, *, several: bool) -> tuple[float | None, float | None]:
    """Resolvable RI against random sampling, and between two methods (None where there are not `several`)."""
    method, random = spreads.of_method(design.augment_seeds), spreads.of_random(design.augment_seeds)
    against = _resolvable(design.searches, design.random_genotypes, method, random)
    return against, _resolvable(design.searches, design.searches, method, method) if several else None


@lru_cache(maxsize=4096)
def _resolvable(n_method: int, n_other: int, method_percent: float, other_percent: float) -> float | None:
    if min(n_method, n_other) < 2 or not (method_percent or other_percent):
        return None
    return resolvable_ri(n_method, n_other, method_percent, other_percent, power=POWER)


def _by_target(tasks: Sequence[Task]) -> dict[str, list[Task]]:
    found: dict[str, list[Task]] = {}
    for task in tasks:
        if task.kind == "augment" and set(task.feeds) & _COMPARED:
            found.setdefault(Source.model_validate(task.parameters["target"]).label, []).append(task)
    return found


def _target(
    name: str,
    tasks: Sequence[Task],
    arms: Mapping[str, str],
    costs: Mapping[str, float],
    spreads: Spreads,
) -> _Target | None:
    """`arms`: search -> what it shares with those that differ by their seed only."""
    trained: dict[object, set[int]] = {}
    found: dict[str, set[str]] = {}
    draws = set()
    for task in tasks:
        given = task.parameters
        if given.get("search") in arms:
            found.setdefault(arms[given["search"]], set()).add(given["search"])
            trained.setdefault(given["search"], set()).add(given["seed"])
        elif given.get("method") == RANDOM:
            draws.add(given["draw"])
            trained.setdefault(given["draw"], set()).add(given["seed"])
    if not found or not draws:
        return None
    spent = [costs[task.id] for task in tasks if task.id in costs]
    design = Design(min(map(len, found.values())), len(draws), min(map(len, trained.values())))
    return _Target(name, len(found), design, float(np.mean(spent)) if spent else 0.0, spreads)


def _row(target: _Target) -> dict[str, object]:
    against, between = points_of(target.design, target.spreads, several=target.arms > 1)
    return {
        "target": target.name,
        "searches": target.design.searches,
        "random_genotypes": target.design.random_genotypes,
        "augment_seeds": target.design.augment_seeds,
        "ri_against_random": against,
        "ri_between": between,
        "spread_random_percent": target.spreads.random_percent,
        "spread_method_percent": target.spreads.method_percent,
        "spreads_from": target.spreads.said,
    }


def _suggestion(
    targets: Sequence[_Target], tasks: Sequence[Task], costs: Mapping[str, float]
) -> Suggestion | None:
    """The best of all designs that cost no more than the plan's, if it resolves 5% more."""
    searches = [costs[task.id] for task in tasks if task.kind == "search" and task.id in costs]
    if not searches or not all(target.training for target in targets):
        return None
    planned = Design(
        min(target.design.searches for target in targets),
        min(target.design.random_genotypes for target in targets),
        min(target.design.augment_seeds for target in targets),
    )
    arms = len(searches) / planned.searches
    search_seconds = arms * float(np.mean(searches))
    now = _mean_points(planned, targets)
    best = min(
        (
            (points, design)
            for design in _alternatives(planned, targets, search_seconds)
            if (points := _mean_points(design, targets)) is not None
        ),
        key=lambda pair: pair[0],
        default=None,
    )
    if best is None or (now is not None and best[0] > (1 - WORTHWHILE) * now):
        return None
    return Suggestion(best[1], best[0], planned, now)


def _alternatives(planned: Design, targets: Sequence[_Target], search_seconds: float) -> Iterator[Design]:
    """Designs of no higher cost, each with as many searches as the rest of the budget pays for."""
    each = sum(target.arms * target.training for target in targets)
    random = sum(target.training for target in targets)
    budget = _cost(planned, search_seconds, each, random)
    counts = np.unique(np.geomspace(2, _MOST_RANDOM, 40).astype(int)).tolist()
    for seeds in range(1, _MOST_SEEDS + 1):
        for genotypes in sorted({*counts, planned.random_genotypes}):
            left = budget - genotypes * seeds * random
            searches = int(left / (search_seconds + seeds * each) + 1e-9)
            if searches >= 2:
                yield Design(searches, genotypes, seeds)


def _cost(design: Design, search_seconds: float, each: float, random: float) -> float:
    """Seconds of a design: searches, the trainings of what they find, and the random genotypes'."""
    trainings = design.searches * each + design.random_genotypes * random
    return design.searches * search_seconds + design.augment_seeds * trainings


def _mean_points(design: Design, targets: Sequence[_Target]) -> float | None:
    """Mean over targets and both questions; None where one has no answer."""
    points: list[float] = []
    for target in targets:
        against, between = points_of(design, target.spreads, several=target.arms > 1)
        if against is None or (between is None and target.arms > 1):
            return None
        points += [against] if between is None else [against, between]
    return float(np.mean(points))
