"""Small made-up studies whose truth is known, one for each claim: true, false, and on the line between.

Accuracies are the target's random mean times 1 + (true RI + noise) / 100. Found genotypes stray by `FOUND` percent,
random ones by `DRAWN`, which is the margin that claims go by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from nastransfer.report.claims.evidence import Cell, Evidence
from nastransfer.report.claims.settings import VARIED, varied
from nastransfer.stats.contrast import log_mean
from nastransfer.study.frame import results_frame

FOUND, DRAWN = 1.5, 2.0

# label -> data set, selection, images, classes. Of `birds` whole classes have 1,280 images each.
SOURCES: dict[str, tuple[str, str, int, int]] = {
    "few": ("birds", "random-c100", 128_000, 100),
    "some": ("birds", "random-c300", 384_000, 300),
    "cut": ("birds", "uniform-f0.1", 128_000, 1_000),
    "leaves": ("leaves", "all", 50_000, 100),
    "stones": ("stones", "all", 5_000, 10),
}
# target -> training images
SIZES = {"stones": 5_000, "leaves": 50_000, "birds": 1_280_000}
MEANS = {"stones": 70.0, "leaves": 60.0, "birds": 40.0}
TRIO = ("darts2", "enas", "nao")

Effect = Callable[[str, str, str], float]
"""True RI in percent of (method, source label, target)."""


def none(*_: str) -> float:
    """No arm differs from random sampling."""
    return 0.0


@dataclass(frozen=True)
class World:
    """What a study holds. `routes`: target -> source labels whose genotypes are trained on it.

    settings: protocol label -> (cells, target -> what it adds to every accuracy, percent). spreads: of random sampling.
    """

    routes: Mapping[str, tuple[str, ...]]
    effect: Effect = none
    methods: tuple[str, ...] = ("darts2",)
    means: Mapping[str, float] = field(default_factory=lambda: MEANS)
    spreads: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, tuple[int, Mapping[str, float]]] = field(
        default_factory=lambda: {"paper": (20, {})}
    )

    def study(self, rng: np.random.Generator, n: int, drawn: int | None = None) -> pl.DataFrame:
        """As many as n searches an arm, and `drawn` (n unless given) random genotypes on each target."""
        return results_frame(self._rows(rng, n, drawn or n))

    def evidence(self, rng: np.random.Generator, n: int) -> Evidence:
        """What `evidence` makes of `study`, without frames on the way where no settings vary: for many studies."""
        rows = list(self._rows(rng, n, n))
        arms: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        for row in rows:
            if row["protocol"] == next(iter(self.settings)):
                seen = f"{row.get('source')} {row.get('selection')}"
                arms.setdefault((row["target"], row["method"], seen), []).append(row)
        random = {target: _cell(arm) for (target, method, _), arm in arms.items() if method == "random"}
        searched = [
            _cell(arm, replace(random[target], target_images=None, top1=()))
            for (target, method, _), arm in arms.items()
            if method != "random"
        ]
        several = varied(results_frame(rows)) if len(self.settings) > 1 else pl.DataFrame(schema=VARIED)
        return Evidence("world", tuple(searched), tuple(random.values()), several)

    def _rows(self, rng: np.random.Generator, n: int, drawn: int) -> Iterator[dict[str, Any]]:
        for target, labels in self.routes.items():
            spread = self.spreads.get(target, DRAWN)
            yield from self._arm(rng, {"method": "random"}, target, drawn, 0.0, spread)
            for label in labels:
                source, selection, images, classes = SOURCES[label]
                seen = {
                    "source": source,
                    "selection": selection,
                    "proxy_images": images,
                    "proxy_classes": classes,
                }
                for method in self.methods:
                    about = {"method": method, "preset": "paper", **seen}
                    yield from self._arm(rng, about, target, n, self.effect(method, label, target), FOUND)

    def _arm(
        self,
        rng: np.random.Generator,
        about: dict[str, Any],
        target: str,
        n: int,
        effect: float,
        spread: float,
    ) -> Iterator[dict[str, Any]]:
        strays = effect + spread * rng.standard_normal(n)
        name = "-".join(map(str, (about["method"], about.get("source"), about.get("selection"), target)))
        for seed, stray in enumerate(strays):
            for protocol, (cells, adds) in self.settings.items():
                noise = 0.3 * float(rng.standard_normal()) if len(self.settings) > 1 else 0.0
                top1 = self.means[target] * (1.0 + (float(stray) + adds.get(target, 0.0) + noise) / 100.0)
                yield {
                    "run": f"world/{name}-{seed}-{protocol}-{cells}",
                    "study": "world",
                    "kind": "augment",
                    "origin": "own",
                    "target": target,
                    "n_train": SIZES[target],
                    "search_seed": seed,
                    "augment_seed": 2,
                    "genotype": f"{name}-{seed}",
                    "cells": cells,
                    "protocol": protocol,
                    "top1_last": min(max(top1, 0.0), 100.0),
                    **about,
                }


def _cell(rows: list[dict[str, Any]], random: Cell | None = None) -> Cell:
    top1 = tuple(row["top1_last"] for row in rows)
    side = log_mean(top1)
    assert side is not None
    named = {name: rows[0].get(name) for name in ("target", "method", "source", "selection")}
    seen = {"images": rows[0].get("proxy_images"), "classes": rows[0].get("proxy_classes")}
    size = {"target_images": rows[0]["n_train"], "top1": top1, "runs": tuple(row["run"] for row in rows)}
    return Cell(study="world", preset=None, side=side, random=random, **named, **seen, **size)


def only(method: str, label: str, percent: float, target: str = "birds") -> Effect:
    """One arm apart from random sampling, all others equal to it."""
    return lambda *arm: percent if arm == (method, label, target) else 0.0


def by_source(**percent: float) -> Effect:
    """RI by source label, the same for all methods and targets."""
    return lambda _, label, __: percent.get(label, 0.0)


def by_method(label: str = "", target: str = "", **percent: float) -> Effect:
    """RI by method, where source and target are these (empty: any)."""

    def effect(method: str, source: str, on: str) -> float:
        return percent.get(method, 0.0) if label in ("", source) and target in ("", on) else 0.0

    return effect


def by_target(**percent: float) -> Effect:
    """RI of ENAS by target."""
    return lambda method, _, target: percent[target] if method == "enas" else 0.0


def rank_fall(method: str, label: str, _: str) -> float:
    """DARTS first on whole classes, last on cut ones."""
    return {"few": 3.0, "cut": -3.0}[label] if method == "darts2" else 0.0


_BIRDS = {"birds": ("few", "some", "cut")}
_WHOLE = {"birds": ("few", "some")}
_PAIR = {"birds": ("few", "cut")}
_OTHERS = {"birds": ("few", "leaves", "stones")}
_HOME = {"stones": ("stones",), "birds": ("stones",)}
_ALL = {"stones": ("stones",), "leaves": ("stones",), "birds": ("stones", "few")}
_RANKED = {"darts2": 6.0, "enas": 3.0}
_DEPTHS = {"paper": 20, "paper+L40": 40}


def _depth(percent: float) -> dict[str, tuple[int, Mapping[str, float]]]:
    return {name: (cells, {"birds": percent * (cells > 20)}) for name, cells in _DEPTHS.items()}


def _tricks(**percent: float) -> dict[str, tuple[int, Mapping[str, float]]]:
    return {"paper": (20, {}), "paper+drop_path0.2+cutout16": (20, percent)}


# claim -> truth -> the study. `line`: where a claim asks for likeness an effect as large as the margin, which must be
# shown to be neither inside nor outside; elsewhere no effect, which must not be shown to be one.
WORLDS: dict[str, dict[str, World]] = {
    "size": {
        "true": World(_WHOLE, methods=("darts2", "enas")),
        "false": World(_WHOLE, only("enas", "some", 6.0), ("darts2", "enas")),
        "line": World(_WHOLE, only("enas", "some", DRAWN), ("darts2", "enas")),
    },
    "two_orders_suffice": {
        "true": World({"birds": ("stones", "few", "leaves")}),
        "false": World({"birds": ("stones", "few", "leaves")}, by_source(stones=-6.0)),
        "line": World({"birds": ("stones", "few")}, by_source(stones=-DRAWN)),
    },
    "other_domains": {
        "true": World(_OTHERS, methods=("darts2", "enas")),
        "false": World(_OTHERS, by_source(few=6.0), ("darts2", "enas")),
        "line": World(_OTHERS, by_source(few=DRAWN)),
    },
    "whole_beat_cut_classes": {
        "true": World(_PAIR, by_source(few=3.0), ("darts2", "enas")),
        "false": World(_PAIR, by_source(few=-3.0), ("darts2", "enas")),
        "line": World(_PAIR),
    },
    "methods_differ_on_target": {
        "true": World(_HOME, by_method(target="birds", enas=3.0), TRIO),
        "false": World(_HOME, methods=TRIO),
        "line": World(_HOME, by_target(stones=DRAWN, birds=6.0), ("darts2", "enas")),
    },
    "proxy_over_protocol": {
        "true": World({"birds": ("few", "stones")}, by_source(few=6.0), settings=_depth(1.0)),
        "false": World({"birds": ("few", "stones")}, by_source(few=1.0), settings=_depth(6.0)),
        "line": World({"birds": ("few", "stones")}, by_source(few=2.0), settings=_depth(2.0)),
    },
    "random_is_strong": {
        "true": World(_ALL, methods=("darts2", "enas")),
        "false": World(_ALL, by_source(stones=6.0, few=6.0), ("darts2", "enas")),
        "line": World(_HOME, by_source(stones=DRAWN)),
    },
    "best_pair_beats_random": {
        "true": World(_OTHERS, only("enas", "leaves", 4.0), TRIO),
        "false": World(_OTHERS, methods=TRIO),
        "line": World(_OTHERS, methods=TRIO),
    },
    "ranks": {
        "true": World(_BIRDS, by_method(**_RANKED), TRIO),
        "false": World(_BIRDS, by_method(enas=3.0, nao=6.0), TRIO),
        "line": World(_WHOLE, methods=("darts2", "enas")),
    },
    "whole_classes_alike": {
        "true": World(_WHOLE, methods=("darts2", "enas")),
        "false": World(_WHOLE, only("enas", "some", 6.0), ("darts2", "enas")),
        "line": World(_WHOLE, only("darts2", "some", DRAWN)),
    },
    "cut_classes_worse": {
        "true": World(_BIRDS, by_source(cut=-3.0)),
        "false": World(_BIRDS, by_source(cut=3.0)),
        "line": World(_BIRDS),
    },
    "whole_classes_best": {
        "true": World(_PAIR, by_source(few=4.0), TRIO),
        "false": World(_PAIR, by_source(cut=4.0), TRIO),
        "line": World(_PAIR, methods=("darts2",)),
    },
    "random_hard_to_beat": {
        "true": World(_PAIR, methods=TRIO),
        "false": World(_PAIR, only("nao", "cut", 6.0), TRIO),
        "line": World(_PAIR, by_source(cut=DRAWN)),
    },
    "darts_falls": {
        "true": World(_PAIR, rank_fall, TRIO),
        "false": World(_PAIR, by_method(darts2=4.0), TRIO),
        "line": World(_PAIR, methods=("darts2", "enas")),
    },
    "other_set_beats_proxies": {
        "true": World(_OTHERS, by_source(leaves=4.0, stones=4.0)),
        "false": World(_OTHERS, by_source(few=4.0)),
        "line": World(_OTHERS),
    },
    "spread_grows": {
        "true": World(_ALL, spreads={"stones": 0.8, "leaves": 1.6, "birds": 3.2}),
        "false": World(_ALL, spreads={"stones": 3.2, "leaves": 1.6, "birds": 0.8}),
        "line": World(_ALL),
    },
    "mean_falls": {
        "true": World(_ALL),
        "false": World(_ALL, means={"stones": 40.0, "leaves": 60.0, "birds": 70.0}),
        "line": World(_ALL, means=dict.fromkeys(MEANS, 50.0)),
    },
    "depth_does_not_help": {
        "true": World({"birds": ("few", "stones")}, settings=_depth(-3.0)),
        "false": World({"birds": ("few", "stones")}, settings=_depth(8.0)),
        "line": World({"birds": ("few", "stones")}, settings=_depth(DRAWN)),
    },
    "tricks_help_small_sets": {
        "true": World(_HOME, settings=_tricks(stones=4.0)),
        "false": World(_HOME, settings=_tricks(stones=5.0, birds=5.0)),
        "line": World(_HOME, settings=_tricks(stones=4.0, birds=DRAWN)),
    },
}
