"""A whole training by the C++ engine and by plain modules: the same accuracy within the noise of seeds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from nastransfer.data.datasets import open_dataset
from nastransfer.space.known import known_genotype
from nastransfer.train.augment import augment
from nastransfer.train.protocol import protocol

SEEDS = range(2, 12)


@pytest.mark.slow
def test_a_tiny_augmentation_is_as_good_by_either_engine(
    monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    target, settings = open_dataset("glyphs", classes=60), protocol("tiny", epochs=4, epoch_images=2_000)
    top1 = {}
    for engine in ("plain", "cpp"):
        monkeypatch.setenv("NASTRANSFER_ENGINE", engine)
        runs = [augment(known_genotype("DARTS_V2"), target, seed, settings) for seed in SEEDS]
        top1[engine] = np.array([run.top1_last for run in runs])
        record_property(f"{engine}_top1_percent", [round(float(value), 2) for value in top1[engine]])
    gap = top1["cpp"] - top1["plain"]
    low, high = stats.t.interval(0.99, len(gap) - 1, gap.mean(), gap.std(ddof=1) / len(gap) ** 0.5)
    record_property(
        "paired_gap_percent", {"mean": round(gap.mean(), 2), "interval_99": [round(low, 2), round(high, 2)]}
    )
    assert low <= 0 <= high
    # An interval that holds zero because it is wide would say nothing.
    assert high - low < 8
