"""Several processes do the same weight steps as one: equal groups, equal numbers but for the order of sums."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nastransfer.train.ranks import Ranks
from tests.train.rank_of_steps import STEPS, after_steps

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("number", [2, 4])
def test_ranks_train_like_one_process(number: int, tmp_path: Path) -> None:
    """fp64: 1e-12 after one step, 1e-8 after 20; fp32: 1e-5 after one. All ranks hold the same bits."""
    command = [sys.executable, "-m", "tests.train.rank_of_steps", str(tmp_path)]
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([*command, str(rank), str(number)], cwd=ROOT, env=environment)
        for rank in range(number)
    ]
    assert [process.wait(timeout=300) for process in processes] == [0] * number
    found = [torch.load(tmp_path / f"{number}-{rank}.pt", weights_only=True) for rank in range(number)]
    exact = after_steps(Ranks(), torch.float64, STEPS)
    wanted = {"first": exact[0], "last": exact[-1], "fp32": after_steps(Ranks(), torch.float32, 1)[0]}
    for moment, tolerance in (("first", 1e-12), ("last", 1e-8), ("fp32", 1e-5)):
        for name, value in wanted[moment].items():
            own = found[0][moment][name]
            assert torch.allclose(own, value, rtol=0, atol=tolerance), (moment, name)
            assert all(torch.equal(own, other[moment][name]) for other in found[1:]), (moment, name)
