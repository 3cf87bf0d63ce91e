"""The least time a step can take on this machine: its multiply-adds and bytes, counted from the engine's own graph.

Bytes: every stored map is written once and read once by each phase that needs it (its readers forward; sums and
gradient behind a norm backward), node gradients likewise; what stays in a cache between is free. Ceilings are measured:
a large matrix product, and a large copy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from nastransfer.space.engines.graph import Graph
from nastransfer.space.engines.maps import Kind, Read
from nastransfer.space.network import Network
from nastransfer.space.supernet import Supernet
from tests.benchmarks.steps import CLASSES, GENOTYPES, SEARCHES, TRAININGS, Size


def best(function: Callable[[], object], rounds: int = 15) -> float:
    """Shortest of some runs, in seconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return min(times)


def ceilings() -> tuple[float, float]:
    """This machine's GFLOP/s in a matrix product and GB/s in a copy (read and write), with torch's threads."""
    left, right, out = torch.randn(2048, 2048), torch.randn(2048, 2048), torch.empty(2048, 2048)
    flops = 2 * 2048**3 / best(lambda: torch.mm(left, right, out=out)) / 1e9
    source = torch.randn(64 * 1024 * 1024)
    target = torch.empty_like(source)
    return flops, 2 * 4 * source.numel() / best(lambda: target.copy_(source)) / 1e9


def count(module: Network | Supernet, size: Size) -> dict[str, float]:
    """GFLOP of a forward pass by kind, and GB of a forward and of a backward pass, of one batch."""
    graph = Graph(module, size.pixels, size.pixels)
    macs = {"depthwise": 0, "pointwise": 0}
    numbers = {"forward": 0, "backward": 0}
    for operation in graph.operations:
        target = operation.target
        if operation.kind is Kind.UNIT:
            macs["depthwise"] += target.size * operation.kernel**2
            macs["pointwise"] += target.size * target.channels
        elif operation.kind is Kind.GATHER:
            macs["pointwise"] += target.size * sum(source.channels for source in operation.inputs)
        elif operation.kind is Kind.STEM:
            macs["pointwise"] += target.size * 27
        readers = {id(r.reader) for r in target.readings if r.kind is not Read.IDENTITY}
        numbers["forward"] += target.size * (1 + max(1, len(readers)))
        # Backward: the norm's sums read the map and its reader's gradient stays in the cache; then both are read again.
        numbers["backward"] += target.size * (2 if operation.kind is not Kind.SUM else 3)
    return {
        **{f"{name}_gflop": 2e-9 * size.batch * value for name, value in macs.items()},
        **{f"{name}_gb": 4e-9 * size.batch * value for name, value in numbers.items()},
    }


def floor_of() -> dict[str, dict[str, Any]]:
    """For first-order steps and trainings of DARTS_V2 the least milliseconds, and what was counted for it."""
    flops, bandwidth = ceilings()
    found = {}
    for name, size in SEARCHES.items():
        work = count(Supernet(CLASSES, size.channels, size.cells, size.stem), size)
        # The architecture half needs no gradient of weights: forward and gradients of maps; the weight half all three.
        found[f"{name} first order"] = _floor(work, 2 + 3, 2, flops, bandwidth)
    for name, size in TRAININGS.items():
        work = count(Network(GENOTYPES["DARTS_V2"], CLASSES, size.channels, size.cells, size.stem), size)
        found[f"{name} training, DARTS_V2"] = _floor(work, 3, 1, flops, bandwidth)
    return found


def _floor(work: dict[str, float], passes: int, steps: int, flops: float, bandwidth: float) -> dict[str, Any]:
    gflop = passes * (work["depthwise_gflop"] + work["pointwise_gflop"])
    gigabytes = steps * (work["forward_gb"] + work["backward_gb"])
    compute, memory = 1e3 * gflop / flops, 1e3 * gigabytes / bandwidth
    return {
        "ms": round(max(compute, memory), 2),
        "of": {
            "gflop": round(gflop, 2),
            "gigabytes": round(gigabytes, 2),
            "compute_ms": round(compute, 2),
            "memory_ms": round(memory, 2),
            "ceiling_gflops": round(flops, 1),
            "ceiling_gbs": round(bandwidth, 1),
        },
    }
