"""What a training will take, told before it starts: against arithmetic, and against what processes then took."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nastransfer.space import cost
from nastransfer.space.engines.memory import saved_bytes
from nastransfer.space.genotype import Genotype
from nastransfer.train.preflight import RELATIVE_ERROR, preflight
from nastransfer.train.protocol import protocol
from tests.planted import planted

ROOT = Path(__file__).parents[2]
GENOTYPE = Genotype.random(np.random.default_rng(1))


def peaks(size: str, seed: int) -> dict[str, int]:
    """Predicted and measured peaks of a process of its own: its memory never shrinks."""
    command = [sys.executable, "-m", "tests.train.peak_of_training", size, str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_counts_are_those_of_the_closed_form_and_parts_add_up() -> None:
    found = preflight(GENOTYPE, planted(), protocol("tiny", cells=5, channels=4, resolution=None))
    assert found.params == cost.parameters(GENOTYPE, 3, 4, 5)
    assert found.macs == cost.macs(GENOTYPE, 3, 4, 5, resolution=8)
    assert found.weights_bytes == 3 * 4 * found.params
    # 48 images with a pixel of zeros around, 24 to test on; then both batches as uint8 and fp32.
    assert found.images_bytes == 3 * (48 * 10**2 + 24 * 8**2) + 5 * 3 * 8**2 * (48 + 24)
    parts: dict[str, Any] = vars(found)
    assert found.peak_bytes == sum(value for name, value in parts.items() if name.endswith("bytes"))


def test_groups_take_the_memory_of_one() -> None:
    whole, groups = (
        preflight(GENOTYPE, planted(), protocol("tiny", channels=4, resolution=None, bn_group=group))
        for group in (None, 16)
    )
    assert whole.maps_bytes == pytest.approx(4 * groups.maps_bytes, rel=0.2)
    assert whole.weights_bytes == groups.weights_bytes


def test_a_dry_run_counts_what_autograd_keeps() -> None:
    """A convolution keeps its input, ReLU its output, which is also what the linear layer keeps."""
    n, h = 6, 8
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * h * h, 5, bias=False),
    )
    assert saved_bytes(module, (n, 3, h, h)) == 4 * (n * 3 * h * h + n * 4 * h * h)
    assert next(module.parameters()).grad is None


@pytest.mark.parametrize("seed", [0])
def test_the_peak_is_what_was_said(seed: int) -> None:
    found = peaks("small", seed)
    assert found["measured"] == pytest.approx(found["predicted"], rel=RELATIVE_ERROR)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "seeds"), [("32 px", range(20)), ("224 px", range(5)), ("32 px", [-1])])
def test_peaks_of_the_papers_networks(
    size: str, seeds: Any, record_property: Callable[[str, object], None]
) -> None:
    """Of the whole process, and of what the training adds to it."""
    errors, added = [], []
    for seed in seeds:
        found = peaks(size, seed)
        errors.append(found["measured"] / found["predicted"] - 1)
        grown = found["measured"] - found["before"]
        added.append(grown / (found["predicted"] - found["before"]) - 1)
    for name, values in (("of the process", errors), ("of what is added", added)):
        record_property(
            f"error_percent_{name}", [round(100 * value, 1) for value in (min(values), max(values))]
        )
    record_property("networks", len(errors))
    assert max(map(abs, errors)) < RELATIVE_ERROR
    assert max(map(abs, added)) < 2 * RELATIVE_ERROR


def test_a_gpu_is_asked_for_in_vain() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ValueError, match="device 'cuda' is not here"):
        preflight(GENOTYPE, planted(), device="cuda")
