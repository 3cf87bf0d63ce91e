"""One of several processes that do weight steps together: `python -m tests.train.rank_of_steps FOLDER RANK NUMBER`.

Writes what the network is after the first step and after the last one, in fp64, and after the first one in fp32.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, distributed

from nastransfer.data.passes import Share
from nastransfer.data.streams import Streams
from nastransfer.space.genotype import Genotype
from nastransfer.space.network import Network
from nastransfer.train.grouped import GroupedStep
from nastransfer.train.loop import sgd
from nastransfer.train.ranks import Ranks

GROUP, BATCH, STEPS = 4, 16, 20
# The second batch is smaller: of four ranks some have no image of it.
SIZES = [BATCH, 6, *[BATCH] * (STEPS - 2)]


def after_steps(ranks: Ranks, dtype: torch.dtype, steps: int) -> list[dict[str, Tensor]]:
    """State and the loss told, after each step."""
    torch.manual_seed(0)
    network = Network(Genotype.random(np.random.default_rng(4)), 3, channels=2, cells=3).to(dtype)
    streams = Streams(2, "augment")
    optimizer = sgd(network, 0.05, 0.9, 3e-4)
    step = GroupedStep(network, optimizer, streams, ranks, group=GROUP, clip=5.0, auxiliary=0.0)
    step.drop_path = 0.2
    images = torch.Generator().manual_seed(1)
    states = []
    for number, size in enumerate(SIZES[:steps]):
        x = torch.randn(size, 3, 8, 8, generator=images, dtype=torch.float64).to(dtype)
        y = torch.randint(0, 3, (size,), generator=images)
        part = Share(ranks.rank, ranks.number, GROUP).of(size)
        loss, right = step(x[part], y[part], number, number=size, start=part.start)
        state = {name: value.clone() for name, value in network.state_dict().items()}
        states.append({**state, "loss": loss.clone(), "right": right.clone()})
    return states


def main() -> None:
    folder, rank, number = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    store = distributed.FileStore(str(folder / f"meeting-{number}"), number)
    distributed.init_process_group(
        "gloo", store=store, rank=rank, world_size=number, timeout=timedelta(seconds=60)
    )
    ranks = Ranks(rank, number)
    exact = after_steps(ranks, torch.float64, STEPS)
    found = {"first": exact[0], "last": exact[-1], "fp32": after_steps(ranks, torch.float32, 1)[0]}
    torch.save(found, folder / f"{number}-{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
