"""Maps, how they are read, and operations: what the graph of a network is made of.

A *map* is a tensor [n, height, width, channels] as it is before its batch norm. A *reading* is a map as a node sees it:
behind a norm of its own, weighted, dropped. Identities are readings too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from torch import nn

from nastransfer.space.genotype import EDGES, OPERATIONS


class Kind(IntEnum):
    """What an operation computes; numbers as in cpp/plan.h."""

    UNIT = 0
    GATHER = 1
    MAX_POOL = 2
    AVERAGE_POOL = 3
    SUM = 4
    STEM = 5
    COPY = 6
    PART = 7
    HALVE = 8
    SHUFFLE = 9


MOVES = (Kind.PART, Kind.HALVE, Kind.SHUFFLE)
"""They only move numbers: their maps have no norm, and are known, or hand their gradient on, in the same phase."""


class Read(IntEnum):
    """How a map is read; numbers as in cpp/plan.h."""

    BARE = 0
    NORMED = 1
    IDENTITY = 2


@dataclass(eq=False)
class Map:
    """A tensor of the graph: channels, side in pixels, and all that read it (an operation's own reading first)."""

    channels: int
    height: int
    width: int
    readings: list[Reading] = field(default_factory=list)
    given: bool = False

    @property
    def normed(self) -> bool:
        """Whether it is read through a batch norm."""
        return any(reading.kind is Read.NORMED for reading in self.readings)

    @property
    def size(self) -> int:
        """Numbers of one image."""
        return self.channels * self.height * self.width


@dataclass(eq=False)
class Reading:
    """A map as one reader sees it. `reader` is the node that sums it, or the map itself where operations read it.

    `mix` is its place among the mixture weights, `keep` its row of drop-path masks; None: it counts once.
    """

    map: Map
    kind: Read
    reader: Map
    norm: nn.BatchNorm2d | None = None
    mix: int | None = None
    keep: int | None = None


@dataclass(eq=False)
class Operation:
    """One operation: maps in (readings for SUM and COPY), a map out, and the convolutions that hold its weights.

    `channel`: the first one that a PART takes.
    """

    kind: Kind
    inputs: list[Map]
    target: Map
    kernel: int = 0
    dilation: int = 0
    stride: int = 1
    convs: list[nn.Conv2d] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    channel: int = 0


NUM_MIXES = 2 * len(EDGES) * (len(OPERATIONS) + 1)
"""Mixture weights of a supernet: normal cells' 14 x 8, then reduction cells'. Partial channels have 14 + 14 more."""


def mix_place(reduction: bool, edge: int, op: int) -> int:
    """Place of an operation's weight among the `NUM_MIXES`."""
    return (int(reduction) * len(EDGES) + edge) * (len(OPERATIONS) + 1) + op


def pass_place(reduction: bool, edge: int) -> int:
    """Place, behind the `NUM_MIXES`, of the weight of what passes an edge."""
    return NUM_MIXES + int(reduction) * len(EDGES) + edge
