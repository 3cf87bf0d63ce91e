"""Cells along one path, fixed or sampled: the plain modules channels-last, every pool and ReLU once a source."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from nastransfer.space.engines.depthwise import channels_last, depthwise
from nastransfer.space.genotype import CONCAT, INPUTS, Genotype, edge_index
from nastransfer.space.network import Cell
from nastransfer.space.operations import FactorizedReduce, Pool
from nastransfer.space.supernet import MixedCell

Edges = Sequence[tuple[int, nn.Module]]
"""Sources and operations of a cell's edges, two a node."""


def fixed_edges(cell: Cell) -> Edges:
    """The edges of a network's cell."""
    return list(zip(cell.sources, cell.edges, strict=True))


def sampled_edges(cell: MixedCell, genotype: Genotype) -> Edges:
    """The genotype's edges in a supernet's cell."""
    pairs = genotype.cell("reduce" if cell.reduction else "normal")
    return [
        (edge.source, cell.operation(node, edge.source, edge.op))
        for node, pair in zip(CONCAT, pairs, strict=True)
        for edge in pair
    ]


def taken_rows(cell: MixedCell, genotype: Genotype) -> list[int]:
    """The genotype's edges in a supernet's cell, as rows of `EDGES`."""
    pairs = genotype.cell("reduce" if cell.reduction else "normal")
    return [edge_index(node, edge.source) for node, pair in zip(CONCAT, pairs, strict=True) for edge in pair]


def run_path(
    cell: Cell | MixedCell, older: Tensor, newer: Tensor, edges: Edges, keep: Tensor | None = None
) -> Tensor:
    """The cell's output [n, 4 * width, h, w]; `keep` [8, n, 1, 1, 1] scales what each edge adds (drop path)."""
    nodes = [_Node(cell.preprocess0(older)), _Node(cell.preprocess1(newer))]
    for first in range(0, len(edges), 2):
        parts = []
        for index in (first, first + 1):
            source, operation = edges[index]
            out = nodes[source].through(operation)
            parts.append(out if keep is None or isinstance(operation, nn.Identity) else out * keep[index])
        nodes.append(_Node(parts[0] + parts[1]))
    return torch.cat([node.value for node in nodes[INPUTS:]], dim=1)


class _Node:
    """A node's map, and what several edges need of it: made once, at first need."""

    def __init__(self, value: Tensor) -> None:
        self.value = channels_last(value)
        self._positive: Tensor | None = None
        self._pools: dict[tuple[type[nn.Module], object], Tensor] = {}

    def through(self, operation: nn.Module) -> Tensor:
        """The map behind one operation."""
        if isinstance(operation, nn.Identity):
            return self.value
        if isinstance(operation, FactorizedReduce):
            out: Tensor = operation(self.value)
            return out
        first, *layers = cast(nn.Sequential, operation)
        x = self._pooled(first) if isinstance(operation, Pool) else self._rectified()
        for layer in layers:
            if isinstance(layer, nn.Conv2d) and layer.groups > 1:
                x = depthwise(x, layer.weight, layer.stride[0], layer.dilation[0])
            else:
                x = layer(x)
        return x

    def _rectified(self) -> Tensor:
        if self._positive is None:
            self._positive = torch.relu(self.value)
        return self._positive

    def _pooled(self, pool: nn.Module) -> Tensor:
        kind = (type(pool), cast(nn.MaxPool2d, pool).stride)
        if kind not in self._pools:
            self._pools[kind] = pool(self.value)
        return self._pools[kind]
