"""A network or supernet as a graph of maps and operations: what the CPU engine plans with.

    image or stem maps -> GATHER (a cell's two inputs) -> UNIT, UNIT | pools | GATHER (strided skip) -> SUM (a node)

With partial channels a node is cut into the channels that edges mix and those that pass by (HALVE: at stride 2), and
made of two sums:

    node -> PART, PART;    SUM, SUM -> SHUFFLE (a node)

A pool is computed once for all that read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from torch import nn

from nastransfer.space.engines.maps import Kind, Map, Operation, Read, Reading, mix_place, pass_place
from nastransfer.space.genotype import CONCAT, EDGES, edge_index
from nastransfer.space.network import Cell, Network
from nastransfer.space.operations import DilatedConv, FactorizedReduce, Pool, SeparableConv
from nastransfer.space.skeleton import reductions
from nastransfer.space.supernet import MixedCell, Supernet


class Graph:
    """Maps and operations in the order of computation; `exports` are the four nodes of the cells that torch reads."""

    def __init__(self, module: Network | Supernet, height: int, width: int) -> None:
        """Build it for images (cifar stem) or stem outputs (imagenet stem) of `height` x `width` pixels."""
        self.maps: list[Map] = []
        self.operations: list[Operation] = []
        self.given: list[Map] = []
        self.exports: list[list[Map]] = []
        self._shared_pools: dict[tuple[Map, str, int], Map] = {}
        channels = module.settings["channels"]
        if module.stem_kind == "cifar":
            conv, norm = cast(nn.Sequential, module.stem)
            image = self._given(3, height, width)
            older = newer = [self._stem(image, conv, norm)]
        else:
            older = [self._given(channels, height // 4, width // 4)]
            newer = [self._given(channels, height // 8, width // 8)]
        last = len(module.cells) - 1
        has_head = isinstance(module, Network) and module.auxiliary is not None
        auxiliary = reductions(len(module.cells))[1] if has_head else None
        for index, cell in enumerate(cast(list[Cell | MixedCell], module.cells)):
            edges = self._fixed(cell, index) if isinstance(cell, Cell) else self._mixed(cell, index)
            nodes = [self._gather(older, cell.preprocess0), self._gather(newer, cell.preprocess1)]
            if isinstance(cell, MixedCell) and cell.partial > 1:
                self._partial(nodes, edges, cell)
            else:
                for node_edges in edges:
                    nodes.append(self._node(nodes, node_edges))
            older, newer = newer, nodes[2:]
            if index in (auxiliary, last):
                self.exports.append(newer)

    def _fixed(self, cell: Cell, index: int) -> Iterator[list[_Edge]]:
        """For each node its two edges."""
        for node in range(len(CONCAT)):
            yield [
                _Edge(cell.sources[edge], cell.edges[edge], None, index * len(cell.sources) + edge)
                for edge in (2 * node, 2 * node + 1)
            ]

    def _mixed(self, cell: MixedCell, index: int) -> Iterator[list[_Edge]]:
        """For each node all operations on all its edges."""
        for node in CONCAT:
            yield [
                _Edge(source, operation, mix_place(cell.reduction, row, place), index * len(EDGES) + row)
                for row, (target, source) in enumerate(EDGES)
                if target == node
                for place, operation in enumerate(cast(nn.ModuleList, cell.edges[row].operations))
            ]

    def _partial(self, nodes: list[Map], edges: Iterator[list[_Edge]], cell: MixedCell) -> None:
        """Add the nodes of a cell with partial channels."""
        heads: list[Map] = []
        tails: list[Map] = []
        for node_map in nodes:
            self._split(node_map, cell.partial, heads, tails)
        halved = [self._halve(tail) for tail in tails] if cell.reduction else []
        for node, node_edges in zip(CONCAT, edges, strict=True):
            mixed = self._node(heads, node_edges)
            others = Map(nodes[0].channels - mixed.channels, mixed.height, mixed.width)
            readings = []
            for source in range(node):
                passing = halved[source] if source < len(halved) else tails[source]
                mix = pass_place(cell.reduction, edge_index(node, source))
                readings.append(Reading(passing, Read.IDENTITY, others, None, mix))
                passing.readings.append(readings[-1])
            self._add(Operation(Kind.SUM, [], others, readings=readings))
            joined = Map(nodes[0].channels, mixed.height, mixed.width)
            nodes.append(self._add(Operation(Kind.SHUFFLE, [mixed, others], joined)))
            if node != CONCAT[-1]:
                self._split(nodes[-1], cell.partial, heads, tails)

    def _split(self, node: Map, partial: int, heads: list[Map], tails: list[Map]) -> None:
        """Add the channels of a node that edges mix to `heads`, and those that pass to `tails`."""
        width = node.channels // partial
        heads.append(self._part(node, 0, width))
        tails.append(self._part(node, width, node.channels - width))

    def _part(self, node: Map, first: int, channels: int) -> Map:
        target = Map(channels, node.height, node.width)
        return self._add(Operation(Kind.PART, [node], target, channel=first))

    def _halve(self, tail: Map) -> Map:
        target = Map(tail.channels, tail.height // 2, tail.width // 2)
        return self._add(Operation(Kind.HALVE, [tail], target, stride=2))

    def _given(self, channels: int, height: int, width: int) -> Map:
        given = Map(channels, height, width, given=True)
        self.maps.append(given)
        self.given.append(given)
        return given

    def _add(self, operation: Operation) -> Map:
        self.maps.append(operation.target)
        self.operations.append(operation)
        return operation.target

    def _read(
        self, target: Map, norm: nn.BatchNorm2d, reader: Map | None = None, edge: _Edge | None = None
    ) -> Reading:
        """A reading of `target` behind `norm`: by operations (`reader` None) or by a node."""
        mix, keep = (edge.mix, edge.keep) if edge else (None, None)
        reading = Reading(target, Read.NORMED, reader or target, norm, mix, keep)
        target.readings.append(reading)
        return reading

    def _stem(self, image: Map, conv: nn.Module, norm: nn.Module) -> Map:
        conv, norm = cast(nn.Conv2d, conv), cast(nn.BatchNorm2d, norm)
        target = Map(conv.out_channels, image.height, image.width)
        self._read(target, norm)
        return self._add(Operation(Kind.STEM, [image], target, convs=[conv]))

    def _gather(
        self, inputs: Sequence[Map], module: nn.Module, node: Map | None = None, edge: _Edge | None = None
    ) -> Map:
        """ReLU and 1x1 convolution over maps side by side, halving the map for a factorized reduction."""
        if isinstance(module, FactorizedReduce):
            convs, norm, stride = [module.even, module.odd], module.norm, 2
        else:
            _, conv, norm = cast(
                tuple[nn.Module, nn.Conv2d, nn.BatchNorm2d], tuple(cast(nn.Sequential, module))
            )
            convs, stride = [conv], 1
        channels = sum(conv.out_channels for conv in convs)
        target = Map(channels, inputs[0].height // stride, inputs[0].width // stride)
        self._read(target, norm, node, edge)
        return self._add(Operation(Kind.GATHER, list(inputs), target, stride=stride, convs=convs))

    def _node(self, nodes: Sequence[Map], edges: Sequence[_Edge]) -> Map:
        first = edges[0]
        stride = first.stride
        source = nodes[first.source]
        node = Map(source.channels, source.height // stride, source.width // stride)
        readings = [self._edge(nodes[edge.source], node, edge) for edge in edges]
        return self._add(Operation(Kind.SUM, [], node, readings=readings))

    def _edge(self, source: Map, node: Map, edge: _Edge) -> Reading:
        module = edge.module
        if isinstance(module, nn.Identity):
            reading = Reading(source, Read.IDENTITY, node, None, edge.mix)  # never dropped
            source.readings.append(reading)
            return reading
        if isinstance(module, Pool):
            return self._pool(source, node, edge, module)
        if isinstance(module, FactorizedReduce):
            return self._gather([source], module, node, edge).readings[0]
        layers = list(cast(SeparableConv | DilatedConv, module))
        for first in range(0, len(layers), 4):
            _, depthwise, pointwise, norm = layers[first : first + 4]
            conv = cast(nn.Conv2d, depthwise)
            stride = conv.stride[0]
            target = Map(source.channels, source.height // stride, source.width // stride)
            last = first + 4 == len(layers)
            reading = self._read(
                target, cast(nn.BatchNorm2d, norm), node if last else None, edge if last else None
            )
            convs = [conv, cast(nn.Conv2d, pointwise)]
            self._add(
                Operation(Kind.UNIT, [source], target, conv.kernel_size[0], conv.dilation[0], stride, convs)
            )
            source = target
        return reading

    def _pool(self, source: Map, node: Map, edge: _Edge, module: Pool) -> Reading:
        pool, *norm = module
        kind = Kind.MAX_POOL if isinstance(pool, nn.MaxPool2d) else Kind.AVERAGE_POOL
        key = (source, kind.name, edge.stride)
        target = self._shared_pools.get(key)
        if target is None:
            target = Map(source.channels, source.height // edge.stride, source.width // edge.stride)
            self._shared_pools[key] = target
            self._add(Operation(kind, [source], target, stride=edge.stride))
        if norm:
            return self._read(target, cast(nn.BatchNorm2d, norm[0]), node, edge)
        reading = Reading(target, Read.BARE, node, None, edge.mix, edge.keep)
        target.readings.append(reading)
        return reading


@dataclass(frozen=True)
class _Edge:
    """An operation's module on the edge from one of a cell's nodes."""

    source: int
    module: nn.Module
    mix: int | None
    keep: int

    @property
    def stride(self) -> int:
        """2 where it halves the map."""
        module = self.module
        if isinstance(module, nn.Identity):
            return 1
        if isinstance(module, FactorizedReduce):
            return 2
        stride = cast(nn.Sequential, module)[0 if isinstance(module, Pool) else 1].stride
        return int(stride[0] if isinstance(stride, tuple) else cast(int, stride))
