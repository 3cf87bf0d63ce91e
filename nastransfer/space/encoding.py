"""Genotypes as numbers for searchers and predictors, and back: genes, tokens, one-hot edges, paths (no torch)."""

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nastransfer.space.genotype import (
    CELLS,
    CONCAT,
    EDGES,
    INPUTS,
    NODES,
    OPERATIONS,
    Cell,
    Genotype,
    edge_index,
)

GENE_CHOICES = tuple(
    choices for _ in CELLS for node in CONCAT for choices in (len(OPERATIONS), node, len(OPERATIONS), node)
)
"""How many values each gene may take: NSGA-Net's blocks (operation, source, operation, source), normal cell first."""

START_TOKEN = 0
FIRST_OPERATION_TOKEN = 1 + NODES + 1
VOCABULARY = FIRST_OPERATION_TOKEN + len(OPERATIONS)
"""NAO's tokens in this space: 0 starts a sequence, 1 to 5 are sources 0 to 4, 6 to 12 are operations."""

_TOKEN_RANGES = tuple(
    place
    for _ in CELLS
    for node in CONCAT
    for _ in range(2)
    for place in (range(1, node + 1), range(FIRST_OPERATION_TOKEN, VOCABULARY))
)

LONGEST_PATH = NODES


def to_genes(genotype: Genotype) -> list[int]:
    """32 integers, for each node (operation, source, operation, source); NSGA-Net's encoding in this space."""
    return [gene for op, source in genotype.edges() for gene in (OPERATIONS.index(op), source)]


def from_genes(genes: Sequence[int]) -> Genotype:
    """The genotype of 32 genes in any order inside nodes; ValueError for values outside `GENE_CHOICES`."""
    numbers = _in_ranges(genes, "gene", [range(choices) for choices in GENE_CHOICES])
    return _from_edges(list(zip(numbers[::2], numbers[1::2], strict=True)))


def mutate(genotype: Genotype, rng: np.random.Generator) -> Genotype:
    """A neighbour of a genotype: one edge gets another operation or another source, one as likely as the other.

    The two mutations of regularized evolution (Real et al. 2019, section 3.2), never the identity. The edges of a first
    node have no other source: there it is always the operation.
    """
    genes = to_genes(genotype)
    place = 2 * int(rng.integers(len(genes) // 2))
    taken = {genes[place + 1], genes[(place ^ 2) + 1]}
    sources = [source for source in range(GENE_CHOICES[place + 1]) if source not in taken]
    if sources and rng.integers(2):
        genes[place + 1] = sources[rng.integers(len(sources))]
    else:
        genes[place] = (genes[place] + 1 + int(rng.integers(len(OPERATIONS) - 1))) % len(OPERATIONS)
    return from_genes(genes)


def to_tokens(genotype: Genotype) -> list[int]:
    """NAO's 32 tokens: for each edge its source and its operation; normal cell first, without the start token."""
    return [
        token
        for op, source in genotype.edges()
        for token in (source + 1, FIRST_OPERATION_TOKEN + OPERATIONS.index(op))
    ]


def from_tokens(tokens: Sequence[int]) -> Genotype:
    """The genotype of 32 tokens; ValueError where a token does not fit its place."""
    numbers = _in_ranges(tokens, "token", _TOKEN_RANGES)
    return _from_edges(
        [
            (op - FIRST_OPERATION_TOKEN, source - 1)
            for source, op in zip(numbers[::2], numbers[1::2], strict=True)
        ]
    )


def _in_ranges(values: Sequence[Any], thing: str, ranges: Sequence[range]) -> list[int]:
    """The values as plain ints; ValueError names the place of the first one outside its range."""
    if len(values) != len(ranges):
        raise ValueError(f"a genotype has {len(ranges)} {thing}s, got {len(values)}")
    numbers = [_whole(value) for value in values]
    for place, (number, allowed) in enumerate(zip(numbers, ranges, strict=True)):
        if number not in allowed:
            bounds = f"an integer from {allowed.start} to {allowed.stop - 1}"
            raise ValueError(f"{thing} {place} is {bounds}, got {values[place]!r}")
    return [number for number in numbers if number is not None]


def _whole(value: Any) -> int | None:
    """The value as a plain int where it is a whole number; arrays of genes may hold floats."""
    if isinstance(value, (float, np.floating)):
        return int(value) if value.is_integer() else None
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def _from_edges(edges: Sequence[tuple[int, int]]) -> Genotype:
    """The genotype of 16 pairs (operation id, source), normal cell first."""
    pairs = [(OPERATIONS[op], source) for op, source in edges]
    return Genotype.parse({"normal": pairs[: 2 * NODES], "reduce": pairs[2 * NODES :]})


def to_one_hot(genotype: Genotype) -> NDArray[np.float32]:
    """Array [2 cells, 14 edges, 7 operations] with a one for every kept edge, rows as in `genotype.EDGES`."""
    hot = np.zeros((len(CELLS), len(EDGES), len(OPERATIONS)), dtype=np.float32)
    for cell, kind in enumerate(CELLS):
        for node, pair in zip(CONCAT, genotype.cell(kind), strict=True):
            for op, source in pair:
                hot[cell, edge_index(node, source), OPERATIONS.index(op)] = 1.0
    return hot


def from_one_hot(hot: NDArray[np.floating]) -> Genotype:
    """The genotype of such an array; ValueError where it does not hold two single ones a node."""
    hot = np.asarray(hot)
    expected = (len(CELLS), len(EDGES), len(OPERATIONS))
    if hot.shape != expected or not np.isin(hot, (0, 1)).all():
        raise ValueError(
            f"a one-hot genotype is an array {expected} of zeros and ones, got shape {hot.shape}"
        )
    nodes: dict[str, list[list[tuple[str, int]]]] = {}
    for cell, kind in enumerate(CELLS):
        kept = [(*EDGES[edge], OPERATIONS[op]) for edge, op in np.argwhere(hot[cell])]
        nodes[kind] = [[(op, source) for at, source, op in kept if at == node] for node in CONCAT]
    return Genotype.parse(nodes)


def path_names(longest: int = LONGEST_PATH) -> list[tuple[str, int, tuple[str, ...]]]:
    """What `path_features` counts: (cell kind, input, operations along the path), shortest paths first."""
    longest = _check_longest(longest)
    sequences: list[tuple[str, ...]] = [()]
    names = []
    for _ in range(longest):
        sequences = [(*head, op) for head in sequences for op in OPERATIONS]
        names += [(kind, source, ops) for kind in CELLS for source in range(INPUTS) for ops in sequences]
    return names


def path_features(genotype: Genotype, longest: int = LONGEST_PATH) -> NDArray[np.float32]:
    """How often each sequence of operations leads from a cell's input to a node (White et al., BANANAS, 2021).

    Every node is part of the cell's output, so every path to a node counts. Array of `len(path_names(longest))`:
    28, 224, 1,596 or 11,200 for paths of at most 1 to 4 operations.
    """
    longest = _check_longest(longest)
    counts = np.zeros(
        2 * INPUTS * sum(len(OPERATIONS) ** length for length in range(1, longest + 1)), np.float32
    )
    for cell, kind in enumerate(CELLS):
        for source, ops in _paths(genotype.cell(kind)):
            if len(ops) <= longest:
                counts[_path_place(cell, source, ops)] += 1
    return counts


def _check_longest(longest: int) -> int:
    number = _whole(longest)
    if number is None or not 1 <= number <= LONGEST_PATH:
        raise ValueError(f"paths have 1 to {LONGEST_PATH} operations, got longest={longest!r}")
    return number


def _paths(cell: Cell) -> Iterator[tuple[int, tuple[int, ...]]]:
    """All paths of a cell as (input, operation ids), one for each way to each node."""
    reached: list[list[tuple[int, tuple[int, ...]]]] = [[(source, ())] for source in range(INPUTS)]
    for pair in cell:
        ends = [
            (start, (*ops, OPERATIONS.index(op))) for op, source in pair for start, ops in reached[source]
        ]
        reached.append(ends)
        yield from ends


def _path_place(cell: int, source: int, ops: tuple[int, ...]) -> int:
    """Place of a path in the order of `path_names`."""
    shorter = 2 * INPUTS * sum(len(OPERATIONS) ** length for length in range(1, len(ops)))
    number = 0
    for op in ops:
        number = number * len(OPERATIONS) + op
    return shorter + (cell * INPUTS + source) * len(OPERATIONS) ** len(ops) + number
