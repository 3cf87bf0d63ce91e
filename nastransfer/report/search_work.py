"""What a search of a built-in method computes, in closed form: images and multiply-adds, before it runs (no torch).

Counted as searches record it (`images_seen`, `search_macs`): a forward pass once, one with gradients two or three
times. Networks that a method draws are counted as uniform random ones of its space; what is drawn leans to convolutions
(ENAS) or to small networks (NSGA-Net), which moved the recorded counts of whole searches by up to a fifth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any

import numpy as np

from nastransfer.search.darts import Darts
from nastransfer.search.enas import Enas
from nastransfer.search.nao import Nao
from nastransfer.search.nsganet import NsgaNet
from nastransfer.search.searcher import Searcher, make_searcher, searchers
from nastransfer.search.settings import NetworkSearcher, SharedWeights
from nastransfer.space import cost
from nastransfer.space.genotype import Genotype

# Multiply-adds of one sequence through NAO's encoder, predictor and decoder (nastransfer.search.nao_model, with torch).
PREDICTOR_MACS = 4_661_320
_DRAWS = 400


@dataclass(frozen=True)
class SearchedSet:
    """What a search of the paper sees: training images (halved by the search), classes, pixels a side, first layers."""

    name: str
    images: int
    classes: int
    side: int
    stem: str


@dataclass(frozen=True)
class SearchWork:
    """Image presentations, and multiply-adds of all passes."""

    images: int
    macs: int


def search_work(
    method: str, seen: SearchedSet, preset: str = "paper", settings: Mapping[str, Any] | None = None
) -> SearchWork | None:
    """The work of one search of a built-in method with a preset and settings other than the preset's.

    None for an own method, which only a run can tell. `ValueError` for a preset or setting that the method lacks.
    """
    if method not in searchers():
        return None
    return _of_settings(make_searcher(method, preset, **(settings or {})), seen)


def _of_settings(settings: Searcher, seen: SearchedSet) -> SearchWork | None:
    if not isinstance(settings, NetworkSearcher):
        return SearchWork(0, 0)
    half = (
        seen.images // 2 if settings.search_images is None else min(seen.images // 2, settings.search_images)
    )
    side = settings.resolution or seen.side
    if isinstance(settings, Darts):
        network = cost.supernet_macs(seen.classes, settings.channels, settings.cells, seen.stem, side)
        return _darts(settings, half, network)
    network = _mean_macs(seen.classes, settings.channels, settings.cells, seen.stem, side)
    if isinstance(settings, Enas):
        return _enas(settings, half, network)
    if isinstance(settings, Nao):
        return _nao(settings, half, network)
    if isinstance(settings, NsgaNet):
        trained, judged = settings.networks * settings.epochs * half, settings.networks * half
        return SearchWork(trained + judged, (3 * trained + judged) * network)
    return None


def _passes(settings: SharedWeights, half: int) -> float:
    """Passes over the train half; the last one may be cut short."""
    steps = ceil(half / settings.batch)
    return settings.total_steps(steps) / steps


def _darts(settings: Darts, half: int, network: int) -> SearchWork:
    """An architecture step on the validation half (in second order also the foreseen one), then a weight step."""
    images = round(_passes(settings, half) * half)
    architecture = 3 + (3 + 2 * 2) if settings.second_order else 2
    return SearchWork(2 * images, images * network * (architecture + 3))


def _enas(settings: Enas, half: int, network: int) -> SearchWork:
    trained = round(_passes(settings, half) * half)
    rewards = settings.rewards or round((settings.rewards_per_epoch or 0) * _passes(settings, half))
    last = settings.last_samples * (settings.batch if settings.last_scored_on == "batch" else half)
    scored = rewards * settings.batch + last
    return SearchWork(trained + scored, (3 * trained + scored) * network)


def _nao(settings: Nao, half: int, network: int) -> SearchWork:
    trained = round(_passes(settings, half) * half) + settings.rerank * settings.rerank_epochs * half
    scored = settings.scorings * settings.pool * min(settings.score_images, half) + settings.rerank * half
    examples = settings.pool if settings.expand is None else settings.pool * 9 // 10 * settings.expand
    sequences = (settings.scorings - 1) * settings.predictor_epochs * examples
    return SearchWork(trained + scored, (3 * trained + scored) * network + 3 * sequences * PREDICTOR_MACS)


@cache
def _mean_macs(classes: int, channels: int, cells: int, stem: str, side: int) -> int:
    """Mean multiply-adds of an image over random genotypes, the same ones each time."""
    drawn = Genotype.draw(np.random.default_rng(2), _DRAWS)
    return round(float(np.mean([cost.macs(one, classes, channels, cells, stem, side) for one in drawn])))
