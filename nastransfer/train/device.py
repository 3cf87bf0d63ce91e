"""The device of a run: choosing it, exact fp32 and honest clocks on it, its name and peak memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def pick_device(name: str = "auto") -> torch.device:
    """The device called `auto` (a CUDA GPU where there is one, else the CPU), `cpu`, `cuda` or `cuda:N`.

    Raises `ValueError` where this machine has no such device.
    """
    available = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if name == "auto":
        return torch.device(available[1] if len(available) > 1 else "cpu")
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in available:
        raise ValueError(
            f"device {name!r} is not here; this machine has {', '.join(available)}, or say 'auto'"
        )
    return torch.device(wanted)


def place(network: Network, device: torch.device) -> Network:
    """`network` on `device`, its weights channels-last, which convolutions then follow.

    Steps of small cells take 0.6 to 0.85 of the time they take in torch's default layout (one CPU thread, torch 2.14).
    """
    return network.to(device).to(memory_format=torch.channels_last)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, torch's global CPU generator starts from `seed`; afterwards it is as it was before.

    For library code that draws from it: the initial weights of layers.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def exact_fp32() -> Iterator[None]:
    """Inside, convolutions on a GPU neither shorten fp32 to TF32 nor choose an algorithm by a race."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Inside, with precision "bf16", products and maps of a forward pass are bf16; weights and norms stay fp32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


@contextmanager
def timed(seconds: dict[str, float], name: str, device: torch.device) -> Iterator[None]:
    """Add the time spent inside to `seconds[name]`, the work that `device` still had to do included."""
    started = time.perf_counter()
    yield
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds[name] += time.perf_counter() - started


def peak_bytes(device: torch.device) -> int:
    """Peak memory so far: of the device's tensors on a GPU, of the whole process (resident set) on the CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage says is not less than what the process had that started this one.
        named = dict(line.split(":", 1) for line in status.read_text().splitlines())
        if "VmHWM" in named:
            return int(named["VmHWM"].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def machine_cost(device: torch.device) -> dict[str, Any]:
    """Columns of a run's cost that the device knows: `peak_bytes`, and `device` (its name) where it is not the CPU."""
    cost: dict[str, Any] = {"peak_bytes": peak_bytes(device)}
    if device.type == "cuda":
        cost["device"] = torch.cuda.get_device_name(device)
    return cost
