"""From a study file to its tasks: proxy -> search -> augment, parents first, shared work once (no torch).

Grids (the study's own and its parts) may overlap: what two of them share is one task that feeds what both say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import chain, product

import numpy as np

from nastransfer.data.streams import derive_seed
from nastransfer.space.genotype import Genotype
from nastransfer.study.grid import Grid
from nastransfer.study.source import Source
from nastransfer.study.spec import StudySpec
from nastransfer.study.tasks import (
    KINDS,
    KNOWN,
    TASK_VERSION,
    SearchRecipe,
    Task,
    TrainingRecipe,
    augment_task,
    digest,
    method_of,
    proxy_task,
    search_task,
)

__all__ = [
    "KINDS",
    "KNOWN",
    "TASK_VERSION",
    "Task",
    "augment_task",
    "digest",
    "method_of",
    "plan_study",
    "proxy_task",
    "random_genotypes",
    "search_task",
]

# What trainings are for, besides what the study file says.
RANDOM = "random"
RANK_AGREEMENT = "rank_agreement"
TARGET_TEST_SEEN = "target_test_seen"
"""A search whose source may hold images of the target's test part, which the study allows."""


def plan_study(spec: StudySpec) -> list[Task]:
    """All tasks of a study, parents first, shared work once; random genotypes are drawn here (`methods.md` 6.1).

    In the order in which they are best done: the baseline first, without which no RI can be read while a study runs,
    then one search seed after the other with all that it finds, so that a study that is stopped half way is a smaller
    study and not half of one. `ValueError` where a searched target has no random genotypes to compare with.
    """
    parts = [_Part(spec, grid) for grid in spec.grids]
    _tell_apart(parts)
    _check_baselines(parts)
    tasks: dict[str, Task] = {}
    for task in _in_order(parts):
        before = tasks.get(task.id)
        if before is None:
            tasks[task.id] = task
        elif not set(task.feeds) <= set(before.feeds):
            tasks[task.id] = replace(before, feeds=tuple(dict.fromkeys((*before.feeds, *task.feeds))))
    return list(tasks.values())


def _tell_apart(parts: list[_Part]) -> None:
    """Have tasks named by what differs between the protocols of a target, where it has several: `l40`, `cutout8`."""
    labels: dict[str, set[str]] = {}
    for part in parts:
        for target in part.grid.targets:
            labels.setdefault(target.label, set()).update(recipe.training.label for recipe in part.recipes)
    shared = {target: set.intersection(*(set(one.split("+")) for one in of)) for target, of in labels.items()}
    for part in parts:
        part.recipes = [
            replace(
                recipe,
                marks={
                    target.label: "-".join(
                        word for word in recipe.training.label.split("+") if word not in shared[target.label]
                    )
                    for target in part.grid.targets
                },
            )
            for recipe in part.recipes
        ]


def _in_order(parts: list[_Part]) -> Iterator[Task]:
    for stage in (_Part.proxies, _Part.baseline):
        yield from chain.from_iterable(map(stage, parts))
    for seed in dict.fromkeys(seed for part in parts for seed in part.grid.search_seeds):
        yield from chain.from_iterable(part.searches(seed) for part in parts)
        yield from chain.from_iterable(part.found(seed) for part in parts)
    for stage in (_Part.known, _Part.ranked):
        yield from chain.from_iterable(map(stage, parts))


def random_genotypes(seed: int, count: int) -> list[Genotype]:
    """The study's random baseline: `count` independent uniform draws, each from a stream of its own."""
    return [
        Genotype.random(np.random.default_rng(derive_seed(seed, "baseline", draw))) for draw in range(count)
    ]


class _Part:
    """The tasks of one grid of a study."""

    def __init__(self, spec: StudySpec, grid: Grid) -> None:
        self.spec, self.grid = spec, grid
        self.recipes = [
            TrainingRecipe.of(name, settings, spec.keep_weights, spec.allow_target_test)
            for name, settings, _ in grid.trainings()
        ]

    def proxies(self) -> Iterator[Task]:
        """Proxies that are searched on or ranked by."""
        for source in self.grid.sources:
            if source.proxy is not None and (self._searched(source) or source in self._ranking):
                yield proxy_task(source, ("search", "table 1"))

    def searches(self, seed: int) -> list[Task]:
        """Those of a seed: one a source and method, where what it finds is trained on any target."""
        return [task for task, _, _ in self._searches.get(seed, ())]

    def baseline(self) -> Iterator[Task]:
        """Random genotypes on every target."""
        for draw, genotype in enumerate(self._random):
            for target, seed, recipe in self._cells:
                if not self.grid.leaves_out(RANDOM, None, target.label):
                    yield recipe.of_genotype(genotype, RANDOM, draw, target, seed, self._feeds(RANDOM))

    def found(self, seed: int) -> Iterator[Task]:
        """What the searches of a seed found, on every target."""
        for search, method, source in self._searches.get(seed, ()):
            for target, augment_seed, recipe in self._cells:
                if not self.grid.leaves_out(method, source.label, target.label):
                    feeds = self._feeds(_route(source, target))
                    if self.spec.allow_target_test and may_see_test(source, target):
                        feeds = (*feeds, TARGET_TEST_SEEN)
                    yield recipe.of_search(search.id, search.slug, target, augment_seed, feeds)

    def known(self) -> Iterator[Task]:
        """Networks that people know, on every target."""
        for name, (target, seed, recipe) in product(self.grid.known, self._cells):
            if not self.grid.leaves_out(name, None, target.label):
                yield recipe.of_known(name, target, seed)

    def ranked(self) -> Iterator[Task]:
        """The first random genotypes on every source that ranks them."""
        count = self.grid.random.rank_agreement if self.grid.random is not None else 0
        for source in self._ranking:
            for (draw, genotype), seed, recipe in product(
                enumerate(self._random[:count]), self.grid.augment_seeds, self.recipes[:1]
            ):
                yield recipe.of_genotype(genotype, RANDOM, draw, source, seed, (RANK_AGREEMENT,))

    def compared(self) -> Iterator[tuple[tuple[str, str, int], bool]]:
        """(target, protocol, augment seed) of trainings of searched and of random genotypes; True for random ones."""
        for target, seed, recipe in self._cells:
            place = (target.label, recipe.training.label, seed)
            if self._random and not self.grid.leaves_out(RANDOM, None, target.label):
                yield place, True
            if any(
                self._trains(method, source, target)
                for source, method in product(self.grid.sources, self.grid.methods)
            ):
                yield place, False

    @cached_property
    def _cells(self) -> list[tuple[Source, int, TrainingRecipe]]:
        return list(product(self.grid.targets, self.grid.augment_seeds, self.recipes))

    @cached_property
    def _random(self) -> list[str]:
        baseline = self.grid.random
        return [] if baseline is None else list(map(str, random_genotypes(baseline.seed, baseline.genotypes)))

    @cached_property
    def _ranking(self) -> list[Source]:
        return ranked_by(self.spec, self.grid)

    @cached_property
    def _searches(self) -> dict[int, list[tuple[Task, str, Source]]]:
        recipes = {
            method: SearchRecipe.of(
                method, self.grid.preset or "", self.grid.settings.get(method, {}), self.spec.plugin(method)
            )
            for method in self.grid.methods
        }
        wanted = [pair for pair in product(self.grid.sources, recipes) if self._wanted(*pair)]
        feeds = ("search", *self.grid.feeds)
        return {
            seed: [(recipes[method].task(source, seed, feeds), method, source) for source, method in wanted]
            for seed in self.grid.search_seeds
        }

    def _wanted(self, source: Source, method: str) -> bool:
        return any(self._trains(method, source, target) for target in self.grid.targets)

    def _searched(self, source: Source) -> bool:
        return any(self._wanted(source, method) for method in self.grid.methods)

    def _trains(self, method: str, source: Source, target: Source) -> bool:
        return not self.grid.leaves_out(method, source.label, target.label)

    def _feeds(self, use: str) -> tuple[str, ...]:
        return self.grid.feeds or (use,)


def ranked_by(spec: StudySpec, grid: Grid) -> list[Source]:
    """The sources of a grid on which random genotypes are trained, to compare their ranks there with the targets'.

    Whole sets that are targets of the study are trained on anyway, and tables compare them without being asked to.
    """
    if grid.random is None or not grid.random.rank_agreement:
        return []
    targets = {target.base for each in spec.grids for target in each.targets}
    sources = [entry for entry in grid.sources if entry.proxy is not None or entry.base not in targets]
    return [source for source in sources if not grid.leaves_out(RANDOM, source.label, None)]


def may_see_test(source: Source, target: Source) -> bool:
    """Whether a search on the source may see images of the target's test part, as far as their settings tell."""
    if source.dataset != target.dataset:
        return False
    cut_from_test = source.proxy is not None and source.proxy.parts != "parent"
    return cut_from_test or source.options != target.options


def _route(source: Source, target: Source) -> str:
    return "direct" if source.base == target.base else "transfer"


def _check_baselines(parts: list[_Part]) -> None:
    found: dict[bool, set[tuple[str, str, int]]] = {True: set(), False: set()}
    for part in parts:
        for place, random in part.compared():
            found[random].add(place)
    alone = sorted(found[False] - found[True])
    if alone:
        target, protocol, seed = alone[0]
        raise ValueError(
            f"no random genotype is trained on target {target!r} with protocol {protocol!r} and augment seed {seed}: "
            "no relative improvement of what is searched for can be told there"
            + (f" (the same of {len(alone) - 1} others)" if len(alone) > 1 else "")
            + ": give that part random: {genotypes: n}"
        )
