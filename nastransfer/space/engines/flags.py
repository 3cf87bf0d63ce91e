"""What each operation of a plan does in a call: which are computed, which gradients are wanted, which are reached."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nastransfer.space.engines.graph import NUM_MIXES, Graph, Kind, Map, Operation, Read, Reading, mix_place
from nastransfer.space.engines.tables import Flag, Tables
from nastransfer.space.genotype import CELLS, CONCAT, OPERATIONS, Genotype, edge_index


class Wanted(NamedTuple):
    """Which gradients a backward call gives: of weights (norms' too), of mixture weights, of the given maps."""

    weights: bool
    mix: bool
    given: bool


class Flags(NamedTuple):
    """Flags of the operations, and of the readings whether they are read and whether their norm's sums are needed."""

    ops: NDArray[np.int64]
    active: NDArray[np.int64]
    sums: NDArray[np.int64]


class Chooser:
    """Finds the flags of a graph for a path (or for all operations) and for the gradients wanted."""

    def __init__(self, graph: Graph, tables: Tables) -> None:
        """Note once for every operation and reading under which mixture weights it is computed."""
        self._graph = graph
        self._tables = tables
        self._op_index = {operation: index for index, operation in enumerate(tables.operations)}
        self._places: dict[Operation, list[int]] = {}
        of_unit: dict[Map, list[int]] = {}
        for operation in reversed(graph.operations):
            if operation.kind is Kind.SUM:
                continue
            mixes = [
                r.mix for r in operation.target.readings if r.mix is not None and r.kind is not Read.IDENTITY
            ]
            if operation.kind is Kind.UNIT:
                # The first half of a separable convolution is computed where the second is.
                mixes = mixes or of_unit.get(operation.target, [])
                of_unit[operation.inputs[0]] = mixes
            self._places[operation] = mixes

    def __call__(self, wanted: Wanted, genotype: Genotype | None) -> Flags:
        """The flags for all operations, or for those on the path of `genotype`."""
        path = None if genotype is None else path_of(genotype)
        tables = self._tables
        ops = np.zeros(len(tables.operations), np.int64)
        active = np.ones(len(tables.readings), np.int64)
        if path is not None:
            for index, reading in enumerate(tables.readings):
                active[index] = reading.mix is None or path[reading.mix]
        computed = {
            op: path is None or not (places := self._places.get(op)) or any(path[place] for place in places)
            for op in self._graph.operations
        }
        if path is not None:
            for operation in self._graph.operations:
                if not computed[operation]:
                    for reading in operation.target.readings:
                        active[tables.reading_index[reading]] = 0
        for index, operation in enumerate(tables.operations):
            if operation.kind is not Kind.COPY and computed[operation]:
                ops[index] = Flag.FORWARD
        sums = np.zeros(len(tables.readings), np.int64)
        if any(wanted):
            self._backward(wanted, computed, active, ops, sums)
        return Flags(ops, active, sums)

    def _is_active(self, reading: Reading, active: NDArray[np.int64]) -> bool:
        return bool(active[self._tables.reading_index[reading]])

    def _needed(
        self, wanted: Wanted, computed: dict[Operation, bool], active: NDArray[np.int64]
    ) -> dict[Map, bool]:
        """The maps whose gradient leads to one that is wanted."""
        needed = dict.fromkeys(self._graph.given, wanted.given)
        for operation in self._graph.operations:
            if operation.kind is Kind.SUM:
                needed[operation.target] = any(
                    (wanted.mix and reading.mix is not None)
                    or needed[reading.map]
                    or (wanted.weights and reading.norm is not None and reading.norm.affine)
                    for reading in operation.readings
                    if self._is_active(reading, active)
                )
            else:
                learns = wanted.weights and bool(operation.convs)
                needed[operation.target] = computed[operation] and (
                    learns or any(needed[source] for source in operation.inputs)
                )
        return needed

    def _backward(
        self,
        wanted: Wanted,
        computed: dict[Operation, bool],
        active: NDArray[np.int64],
        ops: NDArray[np.int64],
        sums: NDArray[np.int64],
    ) -> None:
        needed = self._needed(wanted, computed, active)
        reached = {node for nodes in self._graph.exports for node in nodes}
        copies = {op.readings[0]: index for op, index in self._op_index.items() if op.kind is Kind.COPY}
        for operation in reversed(self._graph.operations):
            target = operation.target
            if operation.kind is Kind.SUM:
                for reading in operation.readings if target in reached else ():
                    if reading.kind is not Read.IDENTITY or not self._is_active(reading, active):
                        continue
                    flag = Flag(0)
                    if needed[reading.map]:
                        flag |= Flag.SOURCE_GRADIENT
                        reached.add(reading.map)
                    if wanted.mix and reading.mix is not None:
                        flag |= Flag.MIX_GRADIENT
                    ops[copies[reading]] = flag
                continue
            readings = [
                reading
                for reading in target.readings
                if reading.kind is not Read.IDENTITY
                and reading.reader in reached
                and self._is_active(reading, active)
            ]
            if not computed[operation] or not readings:
                continue
            flag = Flag.WEIGHT_GRADIENT if wanted.weights and operation.convs else Flag(0)
            if any(needed[source] for source in operation.inputs):
                flag |= Flag.SOURCE_GRADIENT
                reached.update(operation.inputs)
            ops[self._op_index[operation]] |= flag
            for reading in readings:
                if reading.norm is not None:
                    learns = wanted.weights and reading.norm.affine
                    asked = wanted.mix and reading.mix is not None
                    sums[self._tables.reading_index[reading]] = bool(flag) or learns or asked


def path_of(genotype: Genotype) -> NDArray[np.bool_]:
    """Which of the `NUM_MIXES` operations lie on the genotype's path."""
    path = np.zeros(NUM_MIXES, np.bool_)
    for kind in CELLS:
        for node, pair in zip(CONCAT, genotype.cell(kind), strict=True):
            for op, source in pair:
                path[mix_place(kind == "reduce", edge_index(node, source), OPERATIONS.index(op))] = True
    return path
