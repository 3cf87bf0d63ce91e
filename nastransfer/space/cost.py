"""Parameters and multiply-adds of genotypes in closed form, equal to the built network's to the integer (no torch).

A network's cost is that of its skeleton plus, for each kept edge, that of its operation summed over all cells of its
kind. The sums are made once for a skeleton, so a genotype costs 16 look-ups.
"""

from functools import lru_cache

from nastransfer.space.genotype import CELLS, EDGES, INPUTS, OPERATIONS, Genotype
from nastransfer.space.skeleton import (
    STEM_STRIDE,
    CellShape,
    check_classes,
    check_image_size,
    reductions,
    stack,
    stem_channels,
)

EdgeCosts = dict[tuple[str, bool, str], int]
"""Cost of (cell kind, whether the source is one of the cell's inputs, operation), summed over the cells of the kind."""

AUXILIARY_WIDTHS = (128, 768)


def parameters(
    genotype: Genotype,
    classes: int = 10,
    channels: int = 36,
    cells: int = 20,
    stem: str = "cifar",
    auxiliary: bool = False,
    pool_norm: bool = True,
) -> int:
    """Number of trainable parameters of `Network(genotype, ...)` with the same arguments."""
    check_classes(classes)
    shapes = stack(channels, cells, stem)
    total = _stem_parameters(channels, stem) + _classifier(shapes, classes)
    total += _preprocessing_parameters(channels, cells, stem)
    if auxiliary:
        total += _auxiliary_parameters(shapes[reductions(cells)[1]].outputs, classes)
    return total + _edge_sum(genotype, _edge_parameters(channels, cells, stem, True, pool_norm))


def macs(
    genotype: Genotype,
    classes: int = 10,
    channels: int = 36,
    cells: int = 20,
    stem: str = "cifar",
    resolution: int = 32,
) -> int:
    """Multiply-adds of one image of `resolution` pixels a side: convolutions and the classifier, as papers count them.

    The auxiliary head does not count (it is gone after training); norms, pools and activations do not either.
    """
    check_classes(classes)
    check_image_size(resolution, resolution, stem)
    fixed, edges = _macs(channels, cells, stem, resolution)
    # The classifier's weights; its bias is no multiplication.
    linear = stack(channels, cells, stem)[-1].outputs * classes
    return fixed + linear + _edge_sum(genotype, edges)


def supernet_parameters(
    classes: int = 10, channels: int = 16, cells: int = 8, stem: str = "cifar", affine: bool = False
) -> int:
    """Number of trainable weights of `Supernet(...)` with the same arguments (architecture parameters not counted)."""
    check_classes(classes)
    shapes = stack(channels, cells, stem)
    edges = _edge_parameters(channels, cells, stem, affine, True)
    return (
        _stem_parameters(channels, stem)
        + _classifier(shapes, classes)
        + _preprocessing_parameters(channels, cells, stem, affine)
        + sum(edges[kind, source < INPUTS, op] for kind in CELLS for _, source in EDGES for op in OPERATIONS)
    )


def _edge_sum(genotype: Genotype, costs: EdgeCosts) -> int:
    return sum(
        costs[kind, source < INPUTS, op]
        for kind in CELLS
        for node in genotype.cell(kind)
        for op, source in node
    )


@lru_cache(maxsize=64)
def _edge_parameters(channels: int, cells: int, stem: str, affine: bool, pool_norm: bool) -> EdgeCosts:
    costs = _no_costs()
    for shape in stack(channels, cells, stem):
        kind = "reduce" if shape.reduction else "normal"
        norm = 2 * shape.width if affine else 0
        for from_input in (True, False):
            for op in OPERATIONS:
                if "pool" in op:
                    cost = norm if pool_norm else 0
                elif op == "skip_connect":
                    cost = shape.width**2 + norm if shape.reduction and from_input else 0
                else:
                    kernel, blocks = int(op[-1]), 2 if op.startswith("sep") else 1
                    cost = blocks * (kernel**2 * shape.width + shape.width**2 + norm)
                costs[kind, from_input, op] += cost
    return costs


@lru_cache(maxsize=64)
def _macs(channels: int, cells: int, stem: str, resolution: int) -> tuple[int, EdgeCosts]:
    """Multiply-adds of stem and preprocessing, and of every possible edge."""
    side = resolution // STEM_STRIDE[stem]
    if stem == "cifar":
        fixed = 9 * 3 * stem_channels(channels, stem) * side**2
    else:
        # The three convolutions end at 4, 2 and 1 times the side of the first cell's newer input.
        half = channels // 2
        fixed = 9 * (3 * half * (4 * side) ** 2 + half * channels * (2 * side) ** 2 + channels**2 * side**2)
    costs = _no_costs()
    for shape in stack(channels, cells, stem):
        fixed += (shape.inputs0 + shape.inputs1) * shape.width * side**2
        side = side // 2 if shape.reduction else side
        kind = "reduce" if shape.reduction else "normal"
        for op in OPERATIONS:
            if op == "skip_connect":
                costs[kind, True, op] += shape.width**2 * side**2 if shape.reduction else 0
            elif "conv" in op:
                kernel, blocks = int(op[-1]), 2 if op.startswith("sep") else 1
                for from_input in (True, False):
                    costs[kind, from_input, op] += (
                        blocks * (kernel**2 * shape.width + shape.width**2) * side**2
                    )
    return fixed, costs


def _no_costs() -> EdgeCosts:
    return {(kind, from_input, op): 0 for kind in CELLS for from_input in (True, False) for op in OPERATIONS}


def _stem_parameters(channels: int, stem: str) -> int:
    outputs = stem_channels(channels, stem)
    if stem == "cifar":
        return 9 * 3 * outputs + 2 * outputs
    half = channels // 2
    return 9 * (3 * half + half * channels + channels**2) + 2 * (half + 2 * channels)


@lru_cache(maxsize=64)
def _preprocessing_parameters(channels: int, cells: int, stem: str, affine: bool = True) -> int:
    norms = 4 if affine else 0
    return sum((s.inputs0 + s.inputs1 + norms) * s.width for s in stack(channels, cells, stem))


def _classifier(shapes: list[CellShape], classes: int) -> int:
    return (shapes[-1].outputs + 1) * classes


def _auxiliary_parameters(inputs: int, classes: int) -> int:
    first, second = AUXILIARY_WIDTHS
    return inputs * first + 2 * first + 4 * first * second + 2 * second + (second + 1) * classes
