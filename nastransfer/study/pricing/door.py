"""The door to the probes for a process that has not loaded torch: what a probe's own process starts with."""

from __future__ import annotations

from collections.abc import Callable

from nastransfer.study.pricing.asks import Ask, Measured


def serve_probes(threads: int) -> Callable[[Ask], Measured]:
    """What a process calls for each ask, computing with so many threads."""
    import torch

    from nastransfer.study.pricing.probe import measure

    torch.set_num_threads(threads)
    return measure
