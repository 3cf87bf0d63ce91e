"""Genotypes of the DARTS space as plain data: what a cell may be, how it is read, written, drawn at random (no torch).

The space is that of DARTS (Liu et al., 2019, section 2.1): nodes 0 and 1 are the outputs of the two cells before,
nodes 2 to 5 each sum the outputs of two operations on two different earlier nodes, and the cell's output is nodes 2
to 5 side by side.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import prod
from typing import Any, NamedTuple

import numpy as np

from nastransfer.space.grammar import Path, PlacedError, describe, read_text

OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""The seven operations, in the order of pt.darts: ids 0 to 6 for every method."""

MIXTURE = (*OPERATIONS, "none")
"""What a supernet's edge mixes: the seven operations, the zero operation last."""

NODES = 4
INPUTS = 2
CONCAT = tuple(range(INPUTS, INPUTS + NODES))
EDGES = tuple((node, source) for node in CONCAT for source in range(node))
"""The 14 possible edges as (node, source), node by node: the row order of a supernet's mixture weights."""

CELLS = ("normal", "reduce")
FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")


class Edge(NamedTuple):
    """One kept edge of a cell: an operation on an earlier node (0 and 1 are the two inputs)."""

    op: str
    source: int


Node = tuple[Edge, Edge]
Cell = tuple[Node, Node, Node, Node]

_LEGAL_NODES: list[list[list[list[Node]]]] = [
    [
        [[(Edge(op, first), Edge(other, second)) for other in OPERATIONS] for op in OPERATIONS]
        for first, second in combinations(range(node), 2)
    ]
    for node in CONCAT
]
"""All legal nodes, by place in the cell, pair of sources, and the two operations: what draws choose from."""

_CHOICES = [len(pairs) for pairs in _LEGAL_NODES] + [len(OPERATIONS)] * (2 * NODES)
"""What a draw of one cell chooses from: a pair of sources for each node, then two operations for each."""

SPACE_SIZE = prod(_CHOICES) ** 2
"""Number of different genotypes: 1,037,664,180 normal cells times as many reduction cells."""


@dataclass(frozen=True, repr=False)
class Genotype:
    """A normal and a reduction cell, each of 4 nodes with 2 edges `(op, source)`.

    The order inside a node has no meaning, so edges are kept sorted by source: equal architectures are equal objects,
    with equal digests. Nested and flat sequences are accepted; anything outside the space is a ValueError.
    """

    normal: Cell
    reduce: Cell

    def __post_init__(self) -> None:
        """Check both cells and bring them to their canonical form."""
        for kind in CELLS:
            try:
                object.__setattr__(self, kind, _cell(getattr(self, kind), (kind,)))
            except PlacedError as error:
                raise ValueError(error.explain()) from error

    @classmethod
    def parse(cls, source: "str | Mapping[str, Any] | Genotype") -> "Genotype":
        """Read a genotype from `Genotype(...)` text of the DARTS literature (flat or nested), JSON text, or a dict.

        Text is read by a grammar, never evaluated. A ValueError names the place in the text and what is allowed.
        """
        if isinstance(source, Genotype):
            return source
        text = source if isinstance(source, str) else None
        offsets: dict[Path, int] = {}
        try:
            if text is not None:
                fields, offsets = read_text(text, FIELDS)
            elif isinstance(source, Mapping):
                fields = dict(source)
            else:
                kind = type(source).__name__
                raise PlacedError(
                    (), f"it is read from text, a dict or a Genotype, got {kind}: {describe(source)}"
                )
            return _from_fields(fields)
        except PlacedError as error:
            raise ValueError(error.explain(text, offsets)) from error

    @classmethod
    def from_json(cls, text: str) -> "Genotype":
        """Read what `to_json` wrote (the same as `parse`)."""
        return cls.parse(text)

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Genotype":
        """Draw a genotype uniformly from the space: a pair of distinct sources a node, one of 7 operations an edge.

        This equals the derivation from fresh architecture parameters that NAS-Benchmark uses for its random
        baseline (methods sheet 1.12).
        """
        return cls.draw(rng, 1)[0]

    @classmethod
    def draw(cls, rng: np.random.Generator, count: int) -> "list[Genotype]":
        """The same genotypes as `count` calls of `random` with this generator, many times faster."""
        given: Any = rng
        if not isinstance(given, np.random.Generator):
            rule = "genotypes are drawn by a numpy generator, for instance numpy.random.default_rng(seed)"
            raise ValueError(f"{rule}, got {describe(given)}")
        if _integer(count) is None or count < 0:
            raise ValueError(
                f"the number of genotypes to draw is a whole number from 0 on, got {describe(count)}"
            )
        # Numpy draws row by row: one large table takes the same numbers from the generator as many small ones.
        bounds = np.broadcast_to(_CHOICES * len(CELLS), (count, len(_CHOICES) * len(CELLS)))
        return [cls._of_draws(numbers) for numbers in rng.integers(bounds).tolist()]

    @classmethod
    def _of_draws(cls, numbers: list[int]) -> "Genotype":
        """The genotype of one row of draws; legal and canonical by construction, so nothing is checked again."""
        genotype = object.__new__(cls)
        object.__setattr__(genotype, "normal", _drawn_cell(numbers[: len(_CHOICES)]))
        object.__setattr__(genotype, "reduce", _drawn_cell(numbers[len(_CHOICES) :]))
        return genotype

    @cached_property
    def digest(self) -> str:
        """Identity of the architecture: 16 hex digits of the BLAKE2b hash of its canonical JSON."""
        return hashlib.blake2b(self.to_json().encode(), digest_size=8).hexdigest()

    def to_json(self) -> str:
        """The canonical form as one line of JSON."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    def to_dict(self) -> dict[str, Any]:
        """The record of the DARTS literature as plain lists: normal, normal_concat, reduce, reduce_concat."""
        nodes = {kind: [[list(edge) for edge in node] for node in self.cell(kind)] for kind in CELLS}
        return {field: nodes[field] if field in CELLS else list(CONCAT) for field in FIELDS}

    def cell(self, kind: str) -> Cell:
        """The cell called "normal" or "reduce"."""
        if kind not in CELLS:
            raise ValueError(f"a genotype has the cells {', '.join(CELLS)}, not {kind!r}")
        return self.normal if kind == "normal" else self.reduce

    def edges(self) -> list[Edge]:
        """All 16 edges: the normal cell's, then the reduction cell's, node by node."""
        return [edge for kind in CELLS for node in self.cell(kind) for edge in node]

    @property
    def skip_share(self) -> float:
        """Share of identity or down-sampling skips among the 16 edges."""
        return sum(edge.op == "skip_connect" for edge in self.edges()) / len(self.edges())

    def __str__(self) -> str:
        """The `Genotype(...)` text, nested by node as pt.darts writes it."""
        nodes = {kind: [[tuple(edge) for edge in node] for node in self.cell(kind)] for kind in CELLS}
        parts = [f"{field}={nodes[field] if field in CELLS else list(CONCAT)}" for field in FIELDS]
        return f"Genotype({', '.join(parts)})"

    def _repr_html_(self) -> str:
        """What a notebook shows: both cells as a picture, and a line of figures."""
        from nastransfer.space.picture import genotype_html  # which imports this module

        return genotype_html(self)

    __repr__ = __str__


def edge_index(node: int, source: int) -> int:
    """Row of the edge `source -> node` among the 14 of `EDGES` (graph ids, node 2 to 5)."""
    if node not in CONCAT or not 0 <= source < node:
        raise ValueError(
            f"edge {source} -> {node} is not in the cell: nodes are 2 to 5, sources come before them"
        )
    return node * (node - 1) // 2 - 1 + source


def _from_fields(fields: Mapping[str, Any]) -> Genotype:
    for name in fields:
        if name not in FIELDS:
            raise PlacedError((), f"unknown field {describe(name)}; allowed are {', '.join(FIELDS)}")
    for kind in CELLS:
        if kind not in fields:
            raise PlacedError((), f"the {kind} cell is missing; needed are {', '.join(CELLS)}")
    for name in ("normal_concat", "reduce_concat"):
        # A record may leave it out: in this space it has one legal value.
        if name in fields:
            _check_concat(fields[name], name)
    return Genotype(normal=_cell(fields["normal"], ("normal",)), reduce=_cell(fields["reduce"], ("reduce",)))


def _check_concat(value: Any, name: str) -> None:
    if not isinstance(value, (list, tuple, range)) or [_integer(v) for v in value] != list(CONCAT):
        raise PlacedError(
            (name,), f"the output joins the nodes {list(CONCAT)} in this order, got {describe(value)}"
        )


def _cell(value: Any, path: Path) -> Cell:
    """Check one cell, nested by node or as a flat list of pairs, and sort each node's edges by source."""
    pairs = _sequence(value, path, "a cell is a list of 4 nodes with 2 edges each, or a flat list of 8 edges")
    if pairs and _looks_like_edge(pairs[0]):
        if len(pairs) != 2 * NODES:
            raise PlacedError(path, f"a flat cell has {2 * NODES} edges, 2 a node, got {len(pairs)}")
        placed = [[(pairs[2 * i + j], (*path, 2 * i + j)) for j in (0, 1)] for i in range(NODES)]
    else:
        if len(pairs) != NODES:
            raise PlacedError(path, f"a cell has {NODES} nodes, got {len(pairs)}")
        placed = []
        for i, node in enumerate(pairs):
            here = (*path, i)
            edges = _sequence(node, here, f"node {i + INPUTS} is a list of 2 edges")
            if len(edges) != 2:
                raise PlacedError(here, f"node {i + INPUTS} has exactly 2 edges, got {len(edges)}")
            placed.append([(edge, (*here, j)) for j, edge in enumerate(edges)])
    nodes = [_node(edges, i + INPUTS) for i, edges in enumerate(placed)]
    return (nodes[0], nodes[1], nodes[2], nodes[3])


def _node(placed: list[tuple[Any, Path]], node: int) -> Node:
    first, second = (_edge(value, path, node) for value, path in placed)
    if first.source == second.source:
        path = (*placed[1][1], 1)
        raise PlacedError(
            path, f"node {node} takes both inputs from node {first.source}; its two sources must differ"
        )
    return (first, second) if first.source < second.source else (second, first)


def _edge(value: Any, path: Path, node: int) -> Edge:
    pair = _sequence(value, path, "an edge is a pair (operation, source)")
    if len(pair) != 2:
        raise PlacedError(path, f"an edge is a pair (operation, source), got {len(pair)} values")
    op, source = pair[0], _integer(pair[1])
    if not isinstance(op, str) or op not in OPERATIONS:
        raise PlacedError(
            (*path, 0), f"unknown operation {describe(op)}; allowed are {', '.join(OPERATIONS)}"
        )
    if source is None or not 0 <= source < node:
        rule = f"allowed sources of node {node} are 0 to {node - 1}"
        raise PlacedError((*path, 1), f"illegal edge {describe(pair[1])} -> {node}; {rule}")
    return Edge(str(op), source)


def _looks_like_edge(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0 and isinstance(value[0], str)


def _sequence(value: Any, path: Path, rule: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise PlacedError(path, f"{rule}, got {describe(value)}")
    return list(value)


def _integer(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        return None
    return int(value)


def _drawn_cell(numbers: list[int]) -> Cell:
    ops = numbers[NODES:]
    nodes = [
        _LEGAL_NODES[index][numbers[index]][ops[2 * index]][ops[2 * index + 1]] for index in range(NODES)
    ]
    return (nodes[0], nodes[1], nodes[2], nodes[3])
