"""The tables that the C++ engine reads: rows of 64-bit numbers, as declared in cpp/plan.h."""

from __future__ import annotations

import ctypes
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from nastransfer.space.engines.graph import Graph
from nastransfer.space.engines.maps import Kind, Read
from nastransfer.space.engines.schedule import Schedule

Table = NDArray[np.int64]

MAP = (
    *(
        "channels",
        "height",
        "width",
        "value",
        "gradient",
        "value_step",
        "gradient_step",
        "by_thread",
        "begun",
    ),
    *("statistics", "first_reading", "readings"),
)
READING = (
    *("map", "kind", "reader", "channel", "mix", "keep", "active", "sums"),
    *("gamma", "beta", "gamma_gradient", "beta_gradient", "running_mean", "running_var", "tracked"),
)
OP = ("kind", "target", "kernel", "dilation", "stride", "channel", "weights", "first", "count", "flags")
INPUT = ("index", "add")
PIECE = ("address", "gradient", "offset", "rows", "mid", "inner", "op")
ROWS = (MAP, READING, OP, INPUT, PIECE)

_COUNTS = (
    *(
        "images",
        "threads",
        "pad",
        "training",
        "maps",
        "readings",
        "pieces",
        "weights",
        "statistics",
        "channels",
    ),
    *("mixes", "forward_phases", "backward_phases"),
)
_POINTERS = (
    *("map", "reading", "op", "input", "piece", "forward_start", "forward_order", "backward_start"),
    *("backward_order", "sums_start", "sums_order", "mix", "keep", "theta", "mean", "rstd", "gamma", "beta"),
    *("scale", "shift", "flipped", "behind", "mix_gradient"),
)


MOST_TERMS = 64
"""Readings of a node that the engine has room for."""


class Call(ctypes.Structure):
    """One call of the engine."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in _COUNTS),
        *((name, ctypes.c_void_p) for name in _POINTERS),
        ("momentum", ctypes.c_double),
        ("epsilon", ctypes.c_double),
    )


class Flag(IntFlag):
    """What an operation does in a call; numbers as in cpp/plan.h."""

    FORWARD = 1
    WEIGHT_GRADIENT = 2
    SOURCE_GRADIENT = 4
    MIX_GRADIENT = 8


def column(names: tuple[str, ...], name: str) -> int:
    """Place of a column in a table."""
    return names.index(name)


class Tables:
    """The tables of a graph as far as they do not depend on a call: shapes, places, orders."""

    def __init__(self, graph: Graph, plan: Schedule) -> None:
        """Number maps, readings, operations and weights."""
        self.readings = [reading for map_ in graph.maps for reading in map_.readings]
        self.operations = [*graph.operations, *plan.copies]
        self.map_index = {map_: index for index, map_ in enumerate(graph.maps)}
        self.reading_index = {reading: index for index, reading in enumerate(self.readings)}
        self._op_index = {operation: index for index, operation in enumerate(self.operations)}
        self.channels = sum(reading.map.channels for reading in self.readings)
        self.statistics = sum(map_.channels for map_ in graph.maps if map_.normed)
        self.maps = self._maps(graph)
        self.reading_rows = self._readings()
        self.pieces, self.conv_of_piece, first_weights, self.weights = self._pieces()
        self.ops, self.inputs = self._ops(first_weights)
        self.forward_start, self.forward_order = _phases(plan.forward, self._op_index)
        self.backward_start, self.backward_order = _phases(plan.backward, self._op_index)
        self.sums_start, self.sums_order = _phases(plan.sums, self.reading_index)
        kernels = [op.dilation * (op.kernel // 2) for op in graph.operations if op.kind is Kind.UNIT]
        self.pad = max([1, *kernels])

    def _maps(self, graph: Graph) -> Table:
        rows = np.zeros((len(graph.maps), len(MAP)), np.int64)
        statistics = readings = 0
        for index, map_ in enumerate(graph.maps):
            rows[index] = [
                *(map_.channels, map_.height, map_.width, 0, 0, map_.size, map_.size, 0, 0),
                *(statistics if map_.normed else -1, readings if map_.readings else -1, len(map_.readings)),
            ]
            statistics += map_.channels if map_.normed else 0
            readings += len(map_.readings)
        return rows

    def _readings(self) -> Table:
        rows = np.zeros((len(self.readings), len(READING)), np.int64)
        channel = 0
        for index, reading in enumerate(self.readings):
            rows[index, :6] = [
                *(self.map_index[reading.map], reading.kind, self.map_index[reading.reader], channel),
                *(-1 if number is None else number for number in (reading.mix, reading.keep)),
            ]
            channel += reading.map.channels
        return rows

    def _pieces(self) -> tuple[Table, list, list[int], int]:
        """Weights in the engine's order: of each operation its convolutions, one after the other."""
        rows, convs, firsts, offset = [], [], [], 0
        for index, operation in enumerate(self.operations):
            firsts.append(offset)
            for conv in operation.convs:
                outputs, mid, *taps = conv.weight.shape
                rows.append([0, 0, offset, outputs, mid, taps[0] * taps[1], index])
                convs.append(conv)
                # The stem's 27 inputs get a zero beside them, to make them a multiple of 4.
                offset += conv.weight.numel() + (outputs if operation.kind is Kind.STEM else 0)
        return np.array(rows, np.int64).reshape(-1, len(PIECE)), convs, firsts, offset

    def _ops(self, first_weights: list[int]) -> tuple[Table, Table]:
        rows = np.zeros((len(self.operations), len(OP)), np.int64)
        inputs: list[int] = []
        for index, operation in enumerate(self.operations):
            read = [self.reading_index[reading] for reading in operation.readings]
            assert len(read) <= MOST_TERMS
            indices = read or [self.map_index[source] for source in operation.inputs]
            rows[index] = [
                *(operation.kind, self.map_index[operation.target], operation.kernel, operation.dilation),
                *(operation.stride, operation.channel, first_weights[index], len(inputs), len(indices), 0),
            ]
            inputs += indices
        table = np.zeros((len(inputs), len(INPUT)), np.int64)
        table[:, 0] = inputs
        return rows, table

    def norms(self) -> list[int]:
        """The readings behind a norm, by number."""
        return [index for index, reading in enumerate(self.readings) if reading.kind is Read.NORMED]


def _phases(phases: list, index: dict) -> tuple[Table, Table]:
    """Where each phase starts, and all members by number."""
    start = np.cumsum([0, *(len(phase) for phase in phases)])
    order = [index[member] for phase in phases for member in phase]
    return start.astype(np.int64), np.array(order, np.int64)
