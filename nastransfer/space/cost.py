"""Parameters and multiply-adds of genotypes in closed form, equal to the built network's to the integer (no torch).

A network's cost is that of its skeleton plus, for each kept edge, that of its operation summed over all cells of its
kind. The sums are made once for a skeleton, so a genotype costs 16 look-ups.
"""

from functools import lru_cache

from nastransfer.space.genotype import CELLS, EDGES, INPUTS, OPERATIONS, Genotype
from nastransfer.space.skeleton import (
    RESOLUTION,
    STEM_STRIDE,
    check_image_size,
    check_partial,
    check_stem,
    reductions,
    stack,
    stem_channels,
    whole,
)

EdgeCosts = dict[str, tuple[dict[str, int], dict[str, int]]]
"""By cell kind, cost of each operation on an inner node and on an input of the cell, summed over the kind's cells."""

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
    classes, channels, cells = _counts(classes, channels, cells, stem)
    fixed = _fixed_parameters(classes, channels, cells, stem, True)
    if auxiliary:
        fixed += _auxiliary_parameters(stack(channels, cells, stem)[reductions(cells)[1]].outputs, classes)
    return fixed + _edge_sum(genotype, _edge_parameters(channels, cells, stem, True, pool_norm))


def macs(
    genotype: Genotype,
    classes: int = 10,
    channels: int = 36,
    cells: int = 20,
    stem: str = "cifar",
    resolution: int | None = None,
) -> int:
    """Multiply-adds of one image of `resolution` pixels a side: convolutions and the classifier, as papers count them.

    Without a resolution, that of images the stem is made for: 32 ("cifar") or 224 ("imagenet"). The auxiliary head
    does not count (it is gone after training); norms, pools and activations do not either.
    """
    classes, channels, cells = _counts(classes, channels, cells, stem)
    side = RESOLUTION[stem] if resolution is None else whole(resolution, "an image's side has", "pixel")
    check_image_size(side, side, stem)
    fixed, outputs, edges = _macs(channels, cells, stem, side)
    # The classifier's weights; its bias is no multiplication.
    return fixed + outputs * classes + _edge_sum(genotype, edges)


def supernet_macs(
    classes: int = 10,
    channels: int = 16,
    cells: int = 8,
    stem: str = "cifar",
    resolution: int | None = None,
    partial: int = 1,
) -> int:
    """Multiply-adds of one image through all operations on all edges of `Supernet(...)`, counted like `macs`."""
    classes, channels, cells = _counts(classes, channels, cells, stem)
    side = RESOLUTION[stem] if resolution is None else whole(resolution, "an image's side has", "pixel")
    check_image_size(side, side, stem)
    fixed, outputs, _ = _macs(channels, cells, stem, side)
    *_, edges = _macs(channels // check_partial(partial, channels), cells, stem, side)
    return fixed + outputs * classes + _all_edges(edges)


def supernet_parameters(
    classes: int = 10,
    channels: int = 16,
    cells: int = 8,
    stem: str = "cifar",
    affine: bool = False,
    partial: int = 1,
) -> int:
    """Number of trainable weights of `Supernet(...)` with the same arguments (architecture parameters not counted)."""
    classes, channels, cells = _counts(classes, channels, cells, stem)
    edges = _edge_parameters(channels // check_partial(partial, channels), cells, stem, affine, True)
    return _fixed_parameters(classes, channels, cells, stem, affine) + _all_edges(edges)


def _counts(classes: int, channels: int, cells: int, stem: str) -> tuple[int, int, int]:
    """The three counts as plain ints: sums are remembered by them, and numpy's integers would overflow."""
    check_stem(stem)
    return (
        whole(classes, "a classifier has", "class"),
        whole(channels, "a network has", "channel"),
        whole(cells, "a network has", "cell"),
    )


def _edge_sum(genotype: Genotype, costs: EdgeCosts) -> int:
    total = 0
    for kind in CELLS:
        on_nodes, on_inputs = costs[kind]
        for node in genotype.cell(kind):
            for op, source in node:
                total += on_inputs[op] if source < INPUTS else on_nodes[op]
    return total


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
                costs[kind][from_input][op] += cost
    return costs


def _all_edges(costs: EdgeCosts) -> int:
    return sum(costs[kind][source < INPUTS][op] for kind in CELLS for _, source in EDGES for op in OPERATIONS)


@lru_cache(maxsize=64)
def _macs(channels: int, cells: int, stem: str, resolution: int) -> tuple[int, int, EdgeCosts]:
    """Multiply-adds of stem and preprocessing, channels of the last cell, multiply-adds of every possible edge."""
    side = resolution // STEM_STRIDE[stem]
    if stem == "cifar":
        fixed = 9 * 3 * stem_channels(channels, stem) * side**2
    else:
        # The three convolutions end at 4, 2 and 1 times the side of the first cell's newer input.
        half = channels // 2
        fixed = 9 * (3 * half * (4 * side) ** 2 + half * channels * (2 * side) ** 2 + channels**2 * side**2)
    costs = _no_costs()
    shapes = stack(channels, cells, stem)
    for shape in shapes:
        fixed += (shape.inputs0 + shape.inputs1) * shape.width * side**2
        side = side // 2 if shape.reduction else side
        kind = "reduce" if shape.reduction else "normal"
        for op in OPERATIONS:
            if op == "skip_connect":
                costs[kind][True][op] += shape.width**2 * side**2 if shape.reduction else 0
            elif "conv" in op:
                kernel, blocks = int(op[-1]), 2 if op.startswith("sep") else 1
                for from_input in (True, False):
                    work = blocks * (kernel**2 * shape.width + shape.width**2) * side**2
                    costs[kind][from_input][op] += work
    return fixed, shapes[-1].outputs, costs


def _no_costs() -> EdgeCosts:
    return {kind: (dict.fromkeys(OPERATIONS, 0), dict.fromkeys(OPERATIONS, 0)) for kind in CELLS}


def _stem_parameters(channels: int, stem: str) -> int:
    outputs = stem_channels(channels, stem)
    if stem == "cifar":
        return 9 * 3 * outputs + 2 * outputs
    half = channels // 2
    return 9 * (3 * half + half * channels + channels**2) + 2 * (half + 2 * channels)


@lru_cache(maxsize=64)
def _fixed_parameters(classes: int, channels: int, cells: int, stem: str, affine: bool) -> int:
    """What does not depend on the genotype: stem, preprocessing of all cells, classifier."""
    shapes = stack(channels, cells, stem)
    norms = 4 if affine else 0
    preprocessing = sum((s.inputs0 + s.inputs1 + norms) * s.width for s in shapes)
    return _stem_parameters(channels, stem) + preprocessing + (shapes[-1].outputs + 1) * classes


def _auxiliary_parameters(inputs: int, classes: int) -> int:
    first, second = AUXILIARY_WIDTHS
    return inputs * first + 2 * first + 4 * first * second + 2 * second + (second + 1) * classes
