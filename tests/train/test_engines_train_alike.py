"""A whole training by the C++ engine and by plain modules: the same accuracy within the noise of seeds."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from nastransfer.data.datasets import open_dataset
from nastransfer.data.packs import PACKS, find_pack
from nastransfer.space.genotype import Genotype
from nastransfer.space.known import known_genotype
from nastransfer.study.machine import cores
from nastransfer.train.augment import augment
from nastransfer.train.protocol import protocol

SEEDS = range(2, 12)
ENGINES = ("plain", "cpp")


def paired(top1: dict[str, list[float]], confidence: float) -> tuple[float, float, float]:
    """Mean of fast minus plain in points of top-1, and the limits of its t interval."""
    gap = np.subtract(top1["cpp"], top1["plain"])
    low, high = stats.t.interval(confidence, len(gap) - 1, gap.mean(), gap.std(ddof=1) / len(gap) ** 0.5)
    return float(gap.mean()), float(low), float(high)


@pytest.mark.slow
def test_a_tiny_augmentation_is_as_good_by_either_engine(
    monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    target, settings = open_dataset("glyphs", classes=60), protocol("tiny", epochs=4, epoch_images=2_000)
    top1 = {}
    for engine in ENGINES:
        monkeypatch.setenv("NASTRANSFER_ENGINE", engine)
        runs = [augment(known_genotype("DARTS_V2"), target, seed, settings) for seed in SEEDS]
        top1[engine] = [run.top1_last for run in runs]
        record_property(f"{engine}_top1_percent", [round(value, 2) for value in top1[engine]])
    mean, low, high = paired(top1, 0.99)
    record_property(
        "paired_gap_percent", {"mean": round(mean, 2), "interval_99": [round(low, 2), round(high, 2)]}
    )
    assert low <= 0 <= high
    # An interval that holds zero because it is wide would say nothing.
    assert high - low < 8


def small_on_photographs(engine: str, seed: int) -> Any:
    """Top-1 in percent and seconds of a random genotype, drawn and trained with this seed, on one thread."""
    os.environ["NASTRANSFER_ENGINE"] = engine
    torch.set_num_threads(1)
    genotype = Genotype.random(np.random.default_rng(seed))
    run = augment(genotype, open_dataset("cifar10"), seed, protocol("small"))
    return run.top1_last, run.cost["seconds"]


@pytest.mark.slow
def test_a_small_augmentation_on_photographs_is_as_good_by_either_engine(
    record_property: Callable[[str, object], None],
) -> None:
    """Ten genotypes on CIFAR-10: the 95% interval of fast minus plain holds zero and is at most 1 point to a side."""
    if find_pack(PACKS["cifar10"]) is None:
        pytest.skip("no CIFAR-10 pack")
    with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as pool:
        asked = {
            engine: [pool.submit(small_on_photographs, engine, seed) for seed in SEEDS] for engine in ENGINES
        }
        ran = {engine: [one.result() for one in some] for engine, some in asked.items()}
    top1 = {engine: [run[0] for run in some] for engine, some in ran.items()}
    for engine, some in ran.items():
        record_property(f"{engine}_top1_percent", [round(run[0], 2) for run in some])
        record_property(f"{engine}_seconds", round(sum(run[1] for run in some)))
    mean, low, high = paired(top1, 0.95)
    record_property("gap_percent", {"mean": round(mean, 2), "interval_95": [round(low, 2), round(high, 2)]})
    assert low <= 0 <= high
    assert (high - low) / 2 <= 1
