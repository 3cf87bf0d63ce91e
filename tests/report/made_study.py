"""A made-up study of the paper's shape whose true effects are known: for tests of figures, tables, claims, decisions.

Four methods and random sampling, searches on whole sets and on proxies, three targets, two augment seeds. The accuracy
of a training is the target's random mean, times 1 + (true RI + what the genotype adds + what the augment seed adds) in
percent. Random genotypes are the same on all targets, and on the sources where they are scored for rank agreement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from nastransfer.space.genotype import Genotype
from nastransfer.study.frame import results_frame

METHODS = ("darts2", "enas", "nao", "nsganet")


@dataclass(frozen=True)
class SourceSet:
    """What is searched on. `correlation`: of a genotype's quality there with its quality on any target."""

    dataset: str
    selection: str
    images: int
    classes: int
    correlation: float

    @property
    def label(self) -> str:
        """`cifar10`, `imagenet1k-p1`."""
        return self.dataset if self.selection == "all" else self.selection


def _proxy(dataset: str, name: str, images: int, classes: int, correlation: float) -> SourceSet:
    return SourceSet(dataset, f"{dataset}-{name}", images, classes, correlation)


SOURCES = {
    source.label: source
    for source in (
        SourceSet("cifar10", "all", 50_000, 10, 0.8),
        SourceSet("cifar100", "all", 50_000, 100, 0.6),
        SourceSet("mit67", "all", 12_000, 67, 0.7),
        SourceSet("flowers102", "all", 6_500, 102, 0.7),
        _proxy("imagenet1k", "p1", 128_000, 100, 0.9),
        _proxy("imagenet1k", "p2", 128_000, 1_000, 0.8),
        _proxy("imagenet1k", "p3", 12_800, 100, 0.7),
        _proxy("imagenet22k", "p1", 140_000, 220, 0.8),
        _proxy("imagenet22k", "p2", 140_000, 22_000, 0.4),
    )
}

# Target -> labels of the sources whose genotypes are trained on it.
PAPER_ROUTES: dict[str, tuple[str, ...]] = {
    "cifar100": ("cifar10", "cifar100"),
    "imagenet1k": (
        "cifar10",
        "cifar100",
        "mit67",
        "flowers102",
        "imagenet1k-p1",
        "imagenet1k-p2",
        "imagenet1k-p3",
    ),
    "imagenet22k": ("cifar10", "imagenet1k-p1", "imagenet22k-p1", "imagenet22k-p2"),
}
RANDOM_MEANS = {"cifar100": 76.0, "imagenet1k": 67.5, "imagenet22k": 29.0}
GENOTYPE_SPREADS = {"cifar100": 0.8, "imagenet1k": 1.5, "imagenet22k": 3.0}

# Method -> seconds and multiply-adds of a search on 50,000 images; both grow with the images.
_COSTS = {"darts2": (40e3, 4e15), "enas": (9e3, 9e14), "nao": (30e3, 3e15), "nsganet": (90e3, 9e15)}

Effect = Callable[[str, str, str], float]
"""True RI in percent of (method, source label, target)."""


def paper_like(method: str, source: str, target: str) -> float:
    """DARTS and ENAS above random sampling, NAO below from large sets, proxies of the target a little better."""
    base = {"darts2": 2.5, "enas": 1.5, "nao": -0.5, "nsganet": 0.5}.get(method, 0.0)
    return base + (0.7 if source.startswith(target) else 0.0) - (3.0 if source == "cifar100" else 0.0)


def no_effect(*_: str) -> float:
    """No method differs from random sampling anywhere."""
    return 0.0


@dataclass(frozen=True)
class MadeStudy:
    """The study's size and truth; `rows(seed)` draws its results.

    `effect` is the true RI. Spreads are standard deviations in percent of the accuracy: `genotype_spreads` by target
    (1.5 for others) of a genotype's quality, random or found, `seed_spread` of the augment seed's noise. With `cells`,
    what belongs to the target `cells_target` is also trained with other numbers of cells (they feed table 4), each
    adding `depth_percent` to the accuracy for 20 cells more.
    """

    name: str = "made"
    effect: Effect = paper_like
    methods: Sequence[str] = METHODS
    routes: Mapping[str, Sequence[str]] = field(default_factory=lambda: PAPER_ROUTES)
    searches: int = 5
    genotypes: int = 10
    augment_seeds: Sequence[int] = (2, 3)
    random_means: Mapping[str, float] = field(default_factory=lambda: RANDOM_MEANS)
    genotype_spreads: Mapping[str, float] = field(default_factory=lambda: GENOTYPE_SPREADS)
    seed_spread: float = 0.5
    ranked: bool = True
    cells: Sequence[int] = ()
    cells_target: str = "imagenet1k"
    depth_percent: float = -8.0

    @property
    def sources(self) -> list[str]:
        """Labels of all sources, each once."""
        return list(dict.fromkeys(label for labels in self.routes.values() for label in labels))

    def rows(self, seed: int) -> Iterator[dict[str, Any]]:
        """Rows of the results frame: searches, what they found trained on targets, random runs, rank agreement."""
        rng = np.random.default_rng(seed)
        draws = Genotype.draw(rng, self.genotypes)
        quality = rng.standard_normal(self.genotypes)
        for draw, genotype in enumerate(draws):
            given = {"method": "random", "search_seed": draw, "genotype": str(genotype), "feeds": "random"}
            for target in self.routes:
                yield from self._trainings(rng, given, target, 0.0, float(quality[draw]))
            if self.ranked:
                for label in self.sources:
                    yield from self._scores(rng, given, label, float(quality[draw]))
        for label in self.sources:
            for method in self.methods:
                for search_seed, genotype in enumerate(Genotype.draw(rng, self.searches), 2):
                    search = self._search(rng, method, SOURCES[label], search_seed, genotype)
                    yield search
                    yield from self._found(rng, search, label)

    def _found(
        self, rng: np.random.Generator, search: dict[str, Any], label: str
    ) -> Iterator[dict[str, Any]]:
        kept = (
            "method",
            "preset",
            "search_seed",
            "source",
            "selection",
            "proxy_images",
            "proxy_classes",
            "genotype",
        )
        quality = float(rng.standard_normal())
        for target, labels in self.routes.items():
            if label in labels:
                feeds = "direct" if search["source"] == target else "transfer"
                given = {**{name: search[name] for name in kept}, "feeds": feeds}
                yield from self._trainings(
                    rng, given, target, self.effect(search["method"], label, target), quality
                )

    def _trainings(
        self, rng: np.random.Generator, given: dict[str, Any], target: str, effect: float, quality: float
    ) -> Iterator[dict[str, Any]]:
        """One genotype trained on a target with every augment seed, and with every other number of cells."""
        depths = [20, *(self.cells if target == self.cells_target else ())]
        for augment_seed in self.augment_seeds:
            for cells in depths:
                percent = effect + self.genotype_spreads.get(target, 1.5) * quality
                percent += (
                    self.seed_spread * float(rng.standard_normal()) + self.depth_percent * (cells - 20) / 20
                )
                yield self._augmented(
                    given, target, augment_seed, cells, self.random_means[target] * (1 + percent / 100)
                )

    def _augmented(
        self, given: dict[str, Any], target: str, augment_seed: int, cells: int, top1: float
    ) -> dict[str, Any]:
        origin = "-".join(str(given.get(key, "")) for key in ("method", "source", "selection", "search_seed"))
        ablation = {} if cells == 20 else {"feeds": "table 4"}
        return {
            "run": f"{self.name}/augment/{origin}-to-{target}-{augment_seed}-{cells}/0",
            "study": self.name,
            "kind": "augment",
            "origin": "own",
            "target": target,
            "augment_seed": augment_seed,
            "top1_last": min(max(top1, 0.0), 100.0),
            **_NETWORK,
            **given,
            "cells": cells,
            **ablation,
        }

    def _scores(
        self, rng: np.random.Generator, given: dict[str, Any], label: str, quality: float
    ) -> Iterator[dict[str, Any]]:
        """A random genotype trained on a source's training part and scored on its held-out part."""
        source = SOURCES[label]
        own = source.correlation * quality + (1 - source.correlation**2) ** 0.5 * float(rng.standard_normal())
        for augment_seed in self.augment_seeds:
            top1 = 60.0 * (1 + (2 * own + self.seed_spread * float(rng.standard_normal())) / 100)
            row = self._augmented({**given, **_seen(source)}, source.dataset, augment_seed, 20, top1)
            yield {
                **row,
                "run": f"{self.name}/rank/{row['run']}",
                "feeds": "rank_agreement",
                "protocol": "short",
            }

    def _search(
        self, rng: np.random.Generator, method: str, source: SourceSet, search_seed: int, genotype: Genotype
    ) -> dict[str, Any]:
        seconds, macs = _COSTS.get(method, (20e3, 2e15))
        size = source.images / 50_000 * float(rng.uniform(0.95, 1.05))
        return {
            "run": f"{self.name}/search/{method}-{source.label}-{search_seed}/0",
            "study": self.name,
            "kind": "search",
            "origin": "own",
            "method": method,
            "preset": "paper",
            "search_seed": search_seed,
            "genotype": str(genotype),
            "seconds": seconds * size,
            "search_macs": int(macs * size),
            "images_seen": int(50 * source.images),
            "feeds": "search",
            **_seen(source),
        }


_NETWORK = {"channels": 36, "protocol": "paper", "n_train": 50_000, "n_test": 10_000, "precision": "fp32"}
_NETWORK |= {"preset_version": 1, "seconds": 5e4}


def _seen(source: SourceSet) -> dict[str, Any]:
    sizes = {"proxy_images": source.images, "proxy_classes": source.classes}
    return {"source": source.dataset, "selection": source.selection, **sizes}


def made_study(seed: int = 2, **truth: Any) -> pl.DataFrame:
    """The results frame of `MadeStudy(**truth)`, drawn with `seed`."""
    return results_frame(MadeStudy(**truth).rows(seed))
