"""How far two genotypes are from each other: kept edges, operations, and the edit distance of cells (no torch)."""

from itertools import permutations

from nastransfer.space.genotype import CELLS, CONCAT, Cell, Genotype


def edge_distance(first: Genotype, second: Genotype) -> int:
    """Number of kept connections (node, source) of one that the other lacks; 0 to 10.

    Two sources each of 2, 3, 4 and 5: pairs of a node share 2, 1, 0 and 0 of them at least, in both cells.
    """
    return sum(len(_ops(first, kind).keys() - _ops(second, kind).keys()) for kind in CELLS)


def operation_distance(first: Genotype, second: Genotype) -> int:
    """Number of kept edges (node, source, operation) of one that the other lacks; 0 to 16."""
    return sum(len(_ops(first, kind).items() - _ops(second, kind).items()) for kind in CELLS)


def edit_distance(first: Genotype, second: Genotype) -> int:
    """Graph edit distance: that of the normal cells plus that of the reduction cells."""
    return sum(cell_edit_distance(first.cell(kind), second.cell(kind)) for kind in CELLS)


def cell_edit_distance(first: Cell, second: Cell) -> int:
    """Least number of edges to insert, delete or give another operation that turns one cell into the other.

    The names of the four inner nodes do not matter, those of the two inputs do. Exact, by trying the 24 matchings
    of inner nodes: with equal numbers of nodes a deleted and a re-inserted node is never cheaper than a matched one.
    """
    target = _cell_ops(second)
    best = 2 * len(target)
    for names in permutations(CONCAT):
        renamed = dict(enumerate((0, 1, *names)))
        moved = {(renamed[node], renamed[source]): op for (node, source), op in _cell_ops(first).items()}
        shared = moved.keys() & target.keys()
        changed = sum(moved[edge] != target[edge] for edge in shared)
        best = min(best, changed + len(moved) + len(target) - 2 * len(shared))
    return best


def _ops(genotype: Genotype, kind: str) -> dict[tuple[int, int], str]:
    return _cell_ops(genotype.cell(kind))


def _cell_ops(cell: Cell) -> dict[tuple[int, int], str]:
    """The operations of a cell's kept edges, by (node, source)."""
    return {(node, edge.source): edge.op for node, pair in zip(CONCAT, cell, strict=True) for edge in pair}
