"""Where the time of a step goes: all of it is accounted for, and nothing recorded changes."""

from __future__ import annotations

import numpy as np
import pytest

from nastransfer.space.genotype import Genotype
from nastransfer.train.profiling import profile_training
from nastransfer.train.protocol import protocol
from tests.planted import planted

GENOTYPE = Genotype.random(np.random.default_rng(1))


def test_operations_of_a_step_by_their_time() -> None:
    plan = protocol("tiny", cells=3, channels=2, resolution=None, epoch_images=None, batch=8)
    found = profile_training(GENOTYPE, planted(), plan, device="cpu", steps=2)
    assert found.columns == ["operation", "calls", "milliseconds", "share_percent"]
    assert found["share_percent"].sum() == pytest.approx(100)
    assert found["milliseconds"].is_sorted(descending=True) and found["milliseconds"].min() >= 0
    calls = dict(found.select("operation", "calls").iter_rows())
    assert calls["aten::cross_entropy_loss"] == 1


def test_one_step_an_epoch_cannot_be_measured() -> None:
    plan = protocol("tiny", cells=3, channels=2, resolution=None, epoch_images=None)
    with pytest.raises(ValueError, match="at least two weight steps an epoch"):
        profile_training(GENOTYPE, planted(), plan, device="cpu")
