"""The processes that share one training: their number, sums over them, the same weights in all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Ranks:
    """This process is number `rank` of `number` that train one network together; alone by default."""

    rank: int = 0
    number: int = 1

    def sum(self, values: Tensor) -> Tensor:
        """`values` summed over all ranks, in place; the same bits on each of them."""
        if self.number > 1:
            distributed.all_reduce(values)
        return values

    def share(
        self, network: nn.Module
    ) -> tuple[Callable[..., Any], Callable[[], AbstractContextManager[Any]]]:
        """The forward pass whose gradients are summed over all ranks, and a context in which they are not, yet.

        Batch norm's running statistics are left to `GroupedStep`.
        """
        if self.number == 1:
            return network, nullcontext
        shared = DistributedDataParallel(network, broadcast_buffers=False, gradient_as_bucket_view=True)
        return shared, shared.no_sync


@contextmanager
def joined(device: torch.device, timeout_seconds: float, meeting: Path | None = None) -> Iterator[Ranks]:
    """Inside, this process is one of those that torch elastic started (its environment says which).

    They meet in the file `meeting`, or over the network. A collective operation that waits longer than
    `timeout_seconds` for the others fails.
    """
    known: dict[str, Any] = {}
    if meeting is not None:
        rank, number = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
        known = {
            "store": distributed.FileStore(str(meeting), number),
            "rank": rank,
            "world_size": number,
        }
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=timedelta(seconds=timeout_seconds), **known)
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
