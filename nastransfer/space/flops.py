"""FLOPs as NSGA-Net counts them: multiply-adds, and the elements that norms, activations and pools touch (no torch).

Its counter listens to the modules of a network while one image passes (methods.md 5.4): a batch norm with scales counts
2 for each element, a ReLU 1 for each of its output, a pool 1 for each of its input, the pool before the classifier
included. Here the same in closed form: the multiply-adds of `cost.macs` and 16 look-ups for the rest.
"""

from functools import lru_cache

from nastransfer.space.cost import EdgeCosts, macs
from nastransfer.space.genotype import CELLS, INPUTS, OPERATIONS, Genotype
from nastransfer.space.skeleton import RESOLUTION, STEM_STRIDE, stack, stem_channels


def flops(
    genotype: Genotype,
    classes: int = 10,
    channels: int = 16,
    cells: int = 8,
    stem: str = "cifar",
    resolution: int | None = None,
) -> int:
    """Counted operations of one image through `Network(genotype, ...)` with affine norms, behind pools too.

    `resolution`: pixels a side; None: 32 with the stem "cifar", 224 with "imagenet".
    """
    multiplied = macs(genotype, classes, channels, cells, stem, resolution)
    fixed, edges = _touched(channels, cells, stem, RESOLUTION[stem] if resolution is None else resolution)
    return multiplied + fixed + _of_edges(genotype, edges)


def largest_flops(
    classes: int = 10,
    channels: int = 16,
    cells: int = 8,
    stem: str = "cifar",
    resolution: int | None = None,
) -> int:
    """What no genotype's `flops` exceed: the larger separable convolution on every edge, from the inputs."""
    node = [("sep_conv_5x5", 0), ("sep_conv_5x5", 1)]
    heaviest = Genotype.parse({kind: [node] * 4 for kind in CELLS})
    return flops(heaviest, classes, channels, cells, stem, resolution)


def _of_edges(genotype: Genotype, touched: EdgeCosts) -> int:
    return sum(
        touched[kind][source < INPUTS][op]
        for kind in CELLS
        for node in genotype.cell(kind)
        for op, source in node
    )


@lru_cache(maxsize=64)
def _touched(channels: int, cells: int, stem: str, resolution: int) -> tuple[int, EdgeCosts]:
    """Elements touched outside the edges, and by each operation on an edge summed over all cells of its kind."""
    side = resolution // STEM_STRIDE[stem]
    fixed = _stem(channels, stem, side)
    edges: EdgeCosts = {kind: (dict.fromkeys(OPERATIONS, 0), dict.fromkeys(OPERATIONS, 0)) for kind in CELLS}
    shapes = stack(channels, cells, stem)
    for shape in shapes:
        older = 2 * side if shape.after_reduction else side
        # Each input: a ReLU on what comes in, a norm on what goes out.
        fixed += shape.inputs0 * older**2 + shape.inputs1 * side**2 + 2 * 2 * shape.width * side**2
        before, side = side, side // 2 if shape.reduction else side
        kind = "reduce" if shape.reduction else "normal"
        for from_input in (True, False):
            entering = shape.width * (before if from_input else side) ** 2
            leaving = shape.width * side**2
            reduces = shape.reduction and from_input
            for op in OPERATIONS:
                edges[kind][from_input][op] += _of_operation(op, entering, leaving, reduces)
    # The pool before the classifier.
    return fixed + shapes[-1].outputs * side**2, edges


def _stem(channels: int, stem: str, side: int) -> int:
    """Elements touched by the stem's norms and ReLUs; `side` is that of the newer map that it gives."""
    if stem == "cifar":
        return 2 * stem_channels(channels, stem) * side**2
    first, second, third = channels // 2 * (4 * side) ** 2, channels * (2 * side) ** 2, channels * side**2
    return (2 + 1) * first + (2 + 1) * second + 2 * third


def _of_operation(op: str, entering: int, leaving: int, reduces: bool) -> int:
    """Elements touched by an operation on a map of `entering` elements that gives one of `leaving`."""
    if op == "skip_connect":
        return entering + 2 * leaving if reduces else 0
    # A ReLU or a pool, a norm; a separable convolution then has both once more.
    once = entering + 2 * leaving
    return once + 3 * leaving if op.startswith("sep") else once
