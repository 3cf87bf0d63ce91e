"""Partial channels: edges that mix a share of a node's channels and let the others pass (PC-DARTS; plain reference).

Of a node's channels the first k-th goes through all operations. The others pass by each edge, halved by a 2x2 maximum
where the edge halves the map. What arrives is shuffled, so that the next edges mix other channels.
Source: Xu et al. 2020, "PC-DARTS: partial channel connections", section 3.2, and its code's `MixedOp`.
"""

import torch
from torch import Tensor
from torch.nn import functional


def split_channels(x: Tensor, partial: int) -> tuple[Tensor, Tensor]:
    """Of a node [n, c, h, w] the channels that edges mix [n, c / partial, h, w], and the others."""
    width = x.shape[1] // partial
    return x[:, :width], x[:, width:]


def pass_by(tail: Tensor, stride: int) -> Tensor:
    """What passes an edge of this stride."""
    return tail if stride == 1 else functional.max_pool2d(tail, 2)


def shuffle(mixed: Tensor, others: Tensor, partial: int) -> Tensor:
    """A node of mixed channels and of those that passed: each mixed one is followed by one of every other part."""
    joined = torch.cat([mixed, others], dim=1)
    return joined.unflatten(1, (partial, -1)).transpose(1, 2).flatten(1, 2)
