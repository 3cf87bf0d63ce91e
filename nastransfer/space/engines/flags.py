"""What each operation of a plan does in a call: which are computed, which gradients are wanted, which are reached."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nastransfer.space.engines.graph import Graph
from nastransfer.space.engines.maps import MOVES, Kind, Map, Operation, Read, Reading, mix_place
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
    """Finds the flags of a graph for a path (or for all operations) and for the gradients wanted.

    Sampled paths ask anew for every batch, so this works with sets and plain integers.
    """

    def __init__(self, graph: Graph, tables: Tables) -> None:
        """Note once for every operation under which mixture weights it is computed."""
        self._graph = graph
        self._tables = tables
        self._op_index = {operation: index for index, operation in enumerate(tables.operations)}
        self._copy_index = {
            op.readings[0]: index for op, index in self._op_index.items() if op.kind is Kind.COPY
        }
        self._places: dict[Operation, frozenset[int]] = {}
        of_unit: dict[Map, frozenset[int]] = {}
        for operation in reversed(graph.operations):
            read = [r for r in operation.target.readings if r.kind is not Read.IDENTITY]
            mixes = frozenset(r.mix for r in read if r.mix is not None)
            if operation.kind is Kind.UNIT:
                # The first half of a separable convolution is computed where the second is.
                mixes = mixes or of_unit.get(operation.target, frozenset())
                of_unit[operation.inputs[0]] = mixes
            self._places[operation] = mixes

    def __call__(self, wanted: Wanted, genotype: Genotype | None) -> Flags:
        """The flags for all operations, or for those on the path of `genotype`."""
        path = None if genotype is None else path_of(genotype)
        computed, active = self._graph.operations, set(self._tables.readings)
        if path is not None:
            computed = [op for op in computed if not (on := self._places[op]) or not on.isdisjoint(path)]
            active = {reading for reading in active if reading.mix is None or reading.mix in path}
            # A first half that is not computed has a reading without a weight of its own.
            active -= {r for op in self._graph.operations for r in op.target.readings} - {
                r for op in computed for r in op.target.readings
            }
        flags = _Wave(computed, active, wanted, {node for nodes in self._graph.exports for node in nodes})
        flags.need(self._graph.given)
        flags.reach()
        ops, sums = np.zeros(len(self._op_index), np.int64), np.zeros(len(self._tables.readings), np.int64)
        for operation in computed:
            ops[self._op_index[operation]] = Flag.FORWARD.value | flags.ops.get(operation, 0)
        for reading, flag in flags.copies.items():
            ops[self._copy_index[reading]] = flag
        index = self._tables.reading_index
        sums[[index[reading] for reading in flags.sums]] = 1
        read = np.zeros(len(index), np.int64)
        read[[index[reading] for reading in active]] = 1
        return Flags(ops, read, sums)


class _Wave:
    """Which gradients are needed, found forward, and which are reached, found backward."""

    def __init__(
        self, computed: list[Operation], active: set[Reading], wanted: Wanted, reached: set[Map]
    ) -> None:
        self.computed, self.active, self.wanted, self.reached = computed, active, wanted, reached
        self.needed: set[Map] = set()
        self.ops: dict[Operation, int] = {}
        self.copies: dict[Reading, int] = {}
        self.sums: list[Reading] = []

    def need(self, given: list[Map]) -> None:
        """The maps whose gradient leads to one that is wanted."""
        weights, mix, asked = self.wanted
        self.needed = set(given) if asked else set()
        for operation in self.computed:
            if operation.kind is Kind.SUM:
                needs = any(
                    (mix and reading.mix is not None)
                    or reading.map in self.needed
                    or (weights and reading.norm is not None and reading.norm.affine)
                    for reading in operation.readings
                    if reading in self.active
                )
            else:
                needs = (weights and bool(operation.convs)) or not self.needed.isdisjoint(operation.inputs)
            if needs:
                self.needed.add(operation.target)

    def reach(self) -> None:
        """From the last operation to the first: what each does with the gradient that reaches it."""
        if not any(self.wanted):
            return
        for operation in reversed(self.computed):
            if operation.kind in MOVES:
                self._reach_move(operation)
            elif operation.kind is not Kind.SUM:
                self._reach_operation(operation)
            elif operation.target in self.reached:
                for reading in operation.readings:
                    if reading.kind is Read.IDENTITY and reading in self.active:
                        self._reach_identity(reading)

    def _reach_identity(self, reading: Reading) -> None:
        flag = 0
        if reading.map in self.needed:
            flag |= Flag.SOURCE_GRADIENT.value
            self.reached.add(reading.map)
        if self.wanted.mix and reading.mix is not None:
            flag |= Flag.MIX_GRADIENT.value
        self.copies[reading] = flag

    def _reach_move(self, operation: Operation) -> None:
        if operation.target in self.reached and not self.needed.isdisjoint(operation.inputs):
            self.ops[operation] = Flag.SOURCE_GRADIENT.value
            self.reached.update(operation.inputs)

    def _reach_operation(self, operation: Operation) -> None:
        readings = [
            reading
            for reading in operation.target.readings
            if reading.kind is not Read.IDENTITY and reading.reader in self.reached and reading in self.active
        ]
        if not readings:
            return
        flag = Flag.WEIGHT_GRADIENT.value if self.wanted.weights and operation.convs else 0
        if not self.needed.isdisjoint(operation.inputs):
            flag |= Flag.SOURCE_GRADIENT.value
            self.reached.update(operation.inputs)
        self.ops[operation] = flag
        for reading in readings:
            if reading.norm is not None and (
                flag
                or (self.wanted.weights and reading.norm.affine)
                or (self.wanted.mix and reading.mix is not None)
            ):
                self.sums.append(reading)


def path_of(genotype: Genotype) -> set[int]:
    """The places, among the `NUM_MIXES`, of the operations on the genotype's path."""
    return {
        mix_place(kind == "reduce", edge_index(node, source), OPERATIONS.index(op))
        for kind in CELLS
        for node, pair in zip(CONCAT, genotype.cell(kind), strict=True)
        for op, source in pair
    }
