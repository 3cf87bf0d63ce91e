"""A mixed cell by torch's own operations, source by source.

All edges that leave a node are ready together. Their maps lie side by side in the channels, so that for each kernel
one depthwise convolution, one grouped 1x1 convolution and one batch norm serve all of them; each pool runs once; and
one weighted sum makes what the node adds to every later node.
"""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from nastransfer.space.engines.depthwise import channels_last, depthwise, own_backward
from nastransfer.space.engines.stacked_norms import Modules, Norms, repeated
from nastransfer.space.genotype import CONCAT, INPUTS, OPERATIONS, edge_index
from nastransfer.space.operations import FactorizedReduce, edge_stride
from nastransfer.space.partial import pass_by, shuffle, split_channels
from nastransfer.space.supernet import MixedCell, MixedEdge

BYTES_AT_ONCE = 2 * 2**20
"""On a CPU as many edges run together as have maps of this size in all: larger ones leave the cache between passes."""

POOLS = tuple(place for place, name in enumerate(OPERATIONS) if "pool" in name)
SKIP = OPERATIONS.index("skip_connect")
SEPARABLE = tuple(place for place, name in enumerate(OPERATIONS) if "sep_conv" in name)
DILATED = tuple(place for place, name in enumerate(OPERATIONS) if "dil_conv" in name)
CONVOLUTIONS = (*SEPARABLE, *DILATED)
LAYERS_PER_HALF = 4
"""ReLU, depthwise, 1x1, batch norm: once in dilated, twice in separable convolutions."""


def by_source(rows: Tensor) -> list[Tensor]:
    """Mixture weights [14, 8] as a tensor [8, edges] for each source, of its edges to the later nodes in order."""
    edges = rows.unbind(0)
    return [
        torch.stack([edges[edge_index(node, source)] for node in _later(source)], dim=1)
        for source in range(CONCAT[-1])
    ]


def run_mixed(
    cell: MixedCell,
    older: Tensor,
    newer: Tensor,
    weights: Sequence[Tensor],
    norms: Norms,
    passing: Tensor | None = None,
) -> Tensor:
    """The cell's output [n, 4 * width, h, w] of its two inputs; `weights` as from `by_source`.

    With partial channels `passing` [14] weighs what passes the edges.
    """
    nodes = [cell.preprocess0(older), cell.preprocess1(newer)]
    inputs: list[list[Tensor]] = [[] for _ in range(CONCAT[-1] + 1)]
    passed: list[list[Tensor]] = [[] for _ in range(CONCAT[-1] + 1)]
    for source in range(CONCAT[-1]):
        if source >= INPUTS:
            nodes.append(_joined(inputs[source], passed[source], cell.partial))
        x = nodes[source]
        if passing is not None:
            x, tail = split_channels(x, cell.partial)
            x, by = channels_last(x), pass_by(tail, edge_stride(source, cell.reduction))
            for node in _later(source):
                passed[node].append(passing[edge_index(node, source)] * by)
        edges = [cast(MixedEdge, cell.edges[edge_index(node, source)]) for node in _later(source)]
        for node, part in zip(_later(source), _leave(x, edges, weights[source], norms), strict=True):
            inputs[node].append(part)
    return torch.cat([*nodes[INPUTS:], _joined(inputs[-1], passed[-1], cell.partial)], dim=1)


def _later(source: int) -> list[int]:
    """The nodes that read a source."""
    return [node for node in CONCAT if node > source]


def _joined(mixed: Sequence[Tensor], passed: Sequence[Tensor], partial: int) -> Tensor:
    """A node of what arrives at it."""
    total = sum(mixed[1:], mixed[0])
    return channels_last(shuffle(total, sum(passed[1:], passed[0]), partial) if passed else total)


def _leave(x: Tensor, edges: Sequence[MixedEdge], weights: Tensor, norms: Norms) -> Iterator[Tensor]:
    """What the mixed edges that leave the node x add to the later nodes, a map [n, width, h, w] each."""
    positive = functional.relu(x)
    shared: list[tuple[Tensor, Modules | None]] = []
    for place in POOLS:
        pools, modules = _columns(edges, place)
        pooled = norms.pool(pools[0](x), cast(Modules, modules))
        shared.append((pooled, cast(Modules, modules)))
    reduces = isinstance(edges[0].operations[SKIP], FactorizedReduce)
    if reduces:
        # Kernels of stride and dilation 2 meet even pixels only; the reductions need the odd ones as well.
        even, odd = (channels_last(positive[:, :, first::2, first::2]) for first in (0, 1))
        quarters = channels_last(torch.cat([even, odd], dim=1))
        order = (*CONVOLUTIONS, SKIP, *POOLS)
    else:
        shared.append((x, None))
        order = (*CONVOLUTIONS, *POOLS, SKIP)
    at_once = len(edges)
    if own_backward(x):
        at_once = max(1, min(at_once, BYTES_AT_ONCE // (x.numel() * x.element_size())))
    for start in range(0, len(edges), at_once):
        some = slice(start, start + at_once)
        group = edges[some]
        dense = repeated(positive, len(group))
        sparse = repeated(even, len(group)) if reduces else dense
        stacked = [_convolved(dense, _columns(group, place), norms) for place in SEPARABLE]
        stacked += [_convolved(sparse, _columns(group, place), norms, reduces) for place in DILATED]
        if reduces:
            stacked.append(_reduced(quarters, [edge.operations[SKIP] for edge in group]))
        parts = [(map_, modules and modules[some]) for map_, modules in shared]
        mixed = norms.mix([weights[place, some] for place in order], stacked, parts)
        yield from mixed.split(x.shape[1], dim=1)


def _columns(edges: Sequence[MixedEdge], place: int) -> list[tuple[nn.Module, ...]]:
    """The layers of one operation: for each layer, those of all edges."""
    return list(zip(*(cast(nn.Sequential, edge.operations[place]) for edge in edges), strict=True))


def _convolved(
    x: Tensor, layers: Sequence[Sequence[nn.Module]], norms: Norms, thinned: bool = False
) -> tuple[Tensor, Modules]:
    """Separable or dilated convolutions of a rectified map [n, edges * width, h, w] up to their last batch norms.

    `thinned`: the pixels that stride and dilation would leave out are gone already.
    """
    for start in range(0, len(layers), LAYERS_PER_HALF):
        _, deep, point, modules = cast("list[list[nn.Conv2d]]", layers[start : start + LAYERS_PER_HALF])
        stride, dilation = (1, 1) if thinned else (deep[0].stride[0], deep[0].dilation[0])
        x = depthwise(x, _stacked(deep), stride, dilation)
        x = functional.conv2d(x, _stacked(point), groups=len(point))
        last = cast(Modules, modules)
        if start + LAYERS_PER_HALF < len(layers):
            x = norms.relu(x, last)
    return x, last


def _reduced(quarters: Tensor, skips: Sequence[nn.Module]) -> tuple[Tensor, Modules]:
    """Factorized reductions up to their batch norms, as one 1x1 convolution.

    `quarters` are the even pixels of the rectified map, then the odd ones, side by side in the channels.
    """
    reductions = cast("list[FactorizedReduce]", list(skips))
    width = quarters.shape[1] // 2
    kernels = []
    for skip in reductions:
        kernels.append(functional.pad(skip.even.weight, (0, 0, 0, 0, 0, width)))
        kernels.append(functional.pad(skip.odd.weight, (0, 0, 0, 0, width, 0)))
    return functional.conv2d(quarters, torch.cat(kernels)), [skip.norm for skip in reductions]


def _stacked(convolutions: Sequence[nn.Conv2d]) -> Tensor:
    return torch.cat([convolution.weight for convolution in convolutions])
