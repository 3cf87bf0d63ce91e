"""The candidate operations of the DARTS space as plain torch modules (methods sheet 1.2 to 1.4).

All convolutions are bias-free, all batch norms have eps 1e-5 and momentum 0.1. Maps are [n, channels, height, width].
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nastransfer.space.genotype import OPERATIONS


def conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    """A bias-free convolution that keeps the map's size at stride 1."""
    padding = dilation * (kernel - 1) // 2
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)


class ReluConvNorm(nn.Sequential):
    """ReLU, 1x1 convolution, batch norm: brings a cell's input to the cell's width."""

    def __init__(self, inputs: int, outputs: int, affine: bool = True) -> None:
        """Map [n, inputs, h, w] to [n, outputs, h, w]."""
        super().__init__(nn.ReLU(), conv(inputs, outputs, 1), nn.BatchNorm2d(outputs, affine=affine))


class FactorizedReduce(nn.Module):
    """Half the resolution: two stride-2 1x1 convolutions, the second one on the map shifted by one pixel."""

    def __init__(self, inputs: int, outputs: int, affine: bool = True) -> None:
        """Map [n, inputs, h, w] with even h and w to [n, outputs, h/2, w/2]; `outputs` must be even."""
        super().__init__()
        if outputs % 2:
            raise ValueError(
                f"a factorized reduction joins two halves: its channels must be even, got {outputs}"
            )
        self.even = conv(inputs, outputs // 2, 1, stride=2)
        self.odd = conv(inputs, outputs // 2, 1, stride=2)
        self.norm = nn.BatchNorm2d(outputs, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """Half of the channels see the even pixels, the other half the odd ones."""
        x = torch.relu(x)
        return self.norm(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], dim=1))


class Pool(nn.Sequential):
    """3x3 pooling, followed by batch norm as in pt.darts; `norm=False` is the bare pool of the official code."""

    def __init__(self, kind: str, channels: int, stride: int, affine: bool = True, norm: bool = True) -> None:
        """`kind` is "max" or "avg"; averages at the border are over real pixels only."""
        pool: nn.Module
        if kind == "max":
            pool = nn.MaxPool2d(3, stride, padding=1)
        else:
            pool = nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
        super().__init__(pool, *([nn.BatchNorm2d(channels, affine=affine)] if norm else []))


class DilatedConv(nn.Sequential):
    """ReLU, depthwise kxk convolution with dilation 2, 1x1 convolution, batch norm."""

    def __init__(self, channels: int, kernel: int, stride: int, affine: bool = True) -> None:
        """Map [n, channels, h, w] to [n, channels, h/stride, w/stride]."""
        super().__init__(
            nn.ReLU(),
            conv(channels, channels, kernel, stride, dilation=2, groups=channels),
            conv(channels, channels, 1),
            nn.BatchNorm2d(channels, affine=affine),
        )


class SeparableConv(nn.Sequential):
    """Twice ReLU, depthwise kxk convolution, 1x1 convolution, batch norm; the stride is in the first."""

    def __init__(self, channels: int, kernel: int, stride: int, affine: bool = True) -> None:
        """Map [n, channels, h, w] to [n, channels, h/stride, w/stride]."""
        super().__init__(
            nn.ReLU(),
            conv(channels, channels, kernel, stride, groups=channels),
            conv(channels, channels, 1),
            nn.BatchNorm2d(channels, affine=affine),
            nn.ReLU(),
            conv(channels, channels, kernel, groups=channels),
            conv(channels, channels, 1),
            nn.BatchNorm2d(channels, affine=affine),
        )


def build_operation(
    name: str, channels: int, stride: int, affine: bool = True, pool_norm: bool = True
) -> nn.Module:
    """The operation `name` on maps of `channels`, with stride 1 or 2; `affine` is that of its batch norms."""
    if stride not in (1, 2):
        raise ValueError(f"operations have stride 1 or 2, got {stride}")
    if name in ("max_pool_3x3", "avg_pool_3x3"):
        return Pool(name[:3], channels, stride, affine, pool_norm)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, affine)
    if name in ("sep_conv_3x3", "sep_conv_5x5"):
        return SeparableConv(channels, int(name[-1]), stride, affine)
    if name in ("dil_conv_3x3", "dil_conv_5x5"):
        return DilatedConv(channels, int(name[-1]), stride, affine)
    raise ValueError(f"unknown operation {name!r}; allowed are {', '.join(OPERATIONS)}")


def edge_stride(source: int, reduction: bool) -> int:
    """Stride of an edge: in a reduction cell the edges from the two inputs halve the map (methods sheet 1.5)."""
    return 2 if reduction and source < 2 else 1


@contextmanager
def batch_statistics(module: nn.Module) -> Iterator[None]:
    """Within the block, batch norms of `module` use each batch's own statistics and leave the running ones alone.

    ENAS and NAO score architectures under shared weights this way; the other layers keep their mode.
    """
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    before = [(norm.training, norm.track_running_stats) for norm in norms]
    try:
        for norm in norms:
            norm.training = True
            norm.track_running_stats = False
        yield
    finally:
        for norm, (training, tracks) in zip(norms, before, strict=True):
            norm.training = training
            norm.track_running_stats = tracks
