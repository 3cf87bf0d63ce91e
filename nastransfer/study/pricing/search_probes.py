"""The probes of the methods whose phases cannot be measured by units alone: NAO's rounds, NSGA-Net's children."""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import ceil
from typing import Any

import torch

from nastransfer.data.splits import search_halves
from nastransfer.data.streams import Streams
from nastransfer.search.children import Children
from nastransfer.search.nao import Nao
from nastransfer.search.nao_pool import new_members
from nastransfer.search.nao_rerank import Candidate
from nastransfer.search.nao_run import NaoRun
from nastransfer.search.nao_training import CodeTraining
from nastransfer.search.nsganet import NsgaNet
from nastransfer.search.searcher import SearchData
from nastransfer.space.genotype import Genotype
from nastransfer.study.pricing import timing
from nastransfer.study.pricing.timing import MOST, Phase, timed_units
from nastransfer.train.schedule import num_steps

# Random networks that a search's children are measured by; they differ by a factor of two.
_CHILDREN = 4
_STEPS = 4


def planned_phases(run: Any, kinds: Sequence[str], of: Sequence[str] | None = None) -> list[Phase]:
    """The phases of a run whose units have these kinds (or those `of` some): the first ones of each in a row."""
    phases = []
    for kind in of or dict.fromkeys(kinds):
        run.done = start = kinds.index(kind)
        in_a_row = next((n for n, other in enumerate(kinds[start:]) if other != kind), len(kinds) - start)
        phases.append(Phase(kinds.count(kind), timed_units(run.advance, most=min(MOST, in_a_row))))
    return phases


def pool_phases(settings: Nao, data: SearchData, streams: Streams, run: Any) -> list[Phase]:
    """NAO: weight steps and scores by units; the predictor, its new members and the retraining by their own parts."""
    assert isinstance(run, NaoRun)
    kinds = [unit.kind for unit in run.plan]
    phases = planned_phases(run, kinds, of=("weights", "scores"))
    rounds = settings.scorings - 1
    if rounds:
        phases += _predictor(settings, streams, run, rounds)
    return [*phases, *_retraining(settings, data, streams, run)]


def _predictor(settings: Nao, streams: Streams, run: NaoRun, rounds: int) -> list[Phase]:
    copies = 1 if settings.expand is None else settings.expand
    tokens = run.tokens.repeat(copies, 1)
    targets = torch.rand(len(tokens), generator=streams.torch("probe"))
    training = CodeTraining(run.network, settings, tokens, targets, streams.torch("predictor batches"))
    epochs = timed_units(lambda: training.train(1))
    started = time.perf_counter()
    new_members(run.network, settings, run.tokens, run.pool)
    made = time.perf_counter() - started
    return [Phase(rounds * settings.predictor_epochs, epochs), Phase(rounds, (made,))]


def _retraining(settings: Nao, data: SearchData, streams: Streams, run: NaoRun) -> list[Phase]:
    """Passes over some images of the train half, and the scoring of some of the validation half."""
    whole = run.paths.train_batches.num_images
    few: dict[str, Any] = {
        "batch": settings.batch,
        "resolution": settings.resolution,
        "images": min(whole, _STEPS * settings.batch),
    }
    train, val = data.batches("train", **few), data.batches("val", training=False, **few)
    steps, trained, scored = num_steps(whole, settings.batch), [], []
    for rank in range(min(settings.rerank, _CHILDREN)):
        candidate = Candidate(settings, data, streams, run.pool[rank], rank)
        for _ in range(2):  # the first pass plans and allocates
            started = time.perf_counter()
            candidate.train(0, train)
            middle = time.perf_counter()
            candidate.top1(val)
            ended = time.perf_counter()
        trained.append((middle - started) / num_steps(train.num_images, settings.batch))
        scored.append((ended - middle) / val.num_images)
    return [
        Phase(settings.rerank * settings.rerank_epochs * steps, tuple(trained)),
        Phase(settings.rerank * whole, tuple(scored)),
    ]


def children_phases(settings: NsgaNet, data: SearchData, streams: Streams) -> tuple[float, list[Phase]]:
    """NSGA-Net: random networks trained for a part of their schedule, one after the other, each by one thread."""
    started = time.perf_counter()
    Children(settings, data, 2)
    setup = time.perf_counter() - started
    half = len(search_halves(data.dataset.manifest, data.seed, settings.search_images)[0])
    genotypes = Genotype.draw(streams.numpy("probe"), _CHILDREN)
    part = _children(settings, data, _STEPS)
    seconds = part.score(genotypes[0]).seconds["seconds_weights"] / _STEPS
    steps = max(_STEPS, min(int(timing.BUDGET_SECONDS / seconds), half // settings.batch))
    part = _children(settings, data, steps)
    trained, scored = [], []
    for genotype in genotypes:
        spent = part.score(genotype).seconds
        trained.append(spent["seconds_weights"] / steps)
        scored.append(spent["seconds_scoring"] / (steps * settings.batch))
    # Where there are several threads, as many children are trained side by side, generation by generation.
    aside = torch.get_num_threads()
    rounds = ceil(settings.population / aside) + (settings.generations - 1) * ceil(settings.offspring / aside)
    weight_steps = rounds * settings.epochs * num_steps(half, settings.batch)
    return setup, [Phase(weight_steps, tuple(trained)), Phase(rounds * half, tuple(scored))]


def _children(settings: NsgaNet, data: SearchData, steps: int) -> Children:
    """Children trained for so many steps."""
    few = settings.model_copy(update={"epochs": 1, "search_images": steps * settings.batch})
    return Children(few, data, 2)
