"""A few numbers that describe a genotype: the hand features of a cheap baseline predictor (no torch)."""

from nastransfer.space.cost import macs, parameters
from nastransfer.space.genotype import CELLS, INPUTS, OPERATIONS, Cell, Genotype


def features(
    genotype: Genotype,
    classes: int = 10,
    channels: int = 36,
    cells: int = 20,
    stem: str = "cifar",
    resolution: int | None = None,
) -> dict[str, float]:
    """Operation counts by cell, depth and edges from inputs by cell, skip share, size and work, by name.

    Size and work (millions of parameters and of multiply-adds) are those of the network that the other arguments
    describe; without a resolution, on images the stem is made for.
    """
    found: dict[str, float] = {}
    for kind in CELLS:
        edges = [edge for pair in genotype.cell(kind) for edge in pair]
        for op in OPERATIONS:
            found[f"{kind}_{op}"] = sum(edge.op == op for edge in edges)
        found[f"{kind}_depth"] = max(depths(genotype.cell(kind)))
        found[f"{kind}_input_edges"] = sum(edge.source < INPUTS for edge in edges)
    found["skip_share"] = genotype.skip_share
    found["parameters_millions"] = parameters(genotype, classes, channels, cells, stem) / 1e6
    found["macs_millions"] = macs(genotype, classes, channels, cells, stem, resolution) / 1e6
    return found


def depths(cell: Cell) -> list[int]:
    """For nodes 0 to 5 the number of operations on the longest path from an input."""
    found = [0] * INPUTS
    for first, second in cell:
        found.append(1 + max(found[first.source], found[second.source]))
    return found
