"""Choosing a device, seeding the layers' initial weights, clocks and memory."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import torch

from nastransfer.train.device import machine_cost, peak_bytes, pick_device, place, seeded, timed

CPU = torch.device("cpu")


@pytest.mark.parametrize(("gpus", "auto"), [(0, "cpu"), (2, "cuda:0")])
def test_auto_takes_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch, gpus: int, auto: str) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert str(pick_device()) == auto
    assert pick_device("cpu") == CPU


def test_a_device_that_is_not_here_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(pick_device(name)) for name in ("cuda", "cuda:1")] == ["cuda:0", "cuda:1"]
    with pytest.raises(
        ValueError, match=r"device 'cuda:2' is not here; this machine has cpu, cuda:0, cuda:1"
    ):
        pick_device("cuda:2")


def test_initial_weights_come_from_their_seed_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    weights = []
    for seed in (1, 1, 2):
        with seeded(seed):
            weights.append(torch.nn.Linear(4, 4).weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_placed_network_computes_channels_last() -> None:
    network = place(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)), CPU)
    out = network(torch.randn(2, 3, 8, 8))
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_time_and_memory_are_recorded() -> None:
    seconds = {"rest": 1.0}
    for _ in range(2):
        with timed(seconds, "rest", CPU):
            time.sleep(0.01)
    assert seconds["rest"] >= 1.02
    assert machine_cost(CPU).keys() == {"peak_bytes"}
    held = torch.ones(50_000_000)
    assert peak_bytes(CPU) >= held.element_size() * held.numel()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system says what the parent had as well")
def test_the_peak_of_a_process_is_its_own() -> None:
    held = bytearray(b"1") * (1 << 30)
    code = "import torch; from nastransfer.train.device import peak_bytes; print(peak_bytes(torch.device('cpu')))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert (1 << 26) < int(said) < len(held)
