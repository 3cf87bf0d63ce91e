"""Where to draw the nodes of a cell so that edges and their labels stay readable (no torch)."""

from functools import lru_cache
from itertools import product

from nastransfer.space.features import depths
from nastransfer.space.genotype import CONCAT, INPUTS, Cell

OUTPUT = max(CONCAT) + 1
"""The output's id in a layout; nodes 0 to 5 keep theirs."""

Point = tuple[float, float]

_HEIGHTS = (0.0, -0.7, 0.7, -1.4, 1.4)
_INPUT_HEIGHTS = (0.7, -0.7)
_CLEARANCE = 0.3
"""Closer than this (in units of one step to the right) a line touches a node."""

_LABEL = (0.6, 0.2)
"""Width and height of a label in the middle of an edge."""


@lru_cache(maxsize=256)
def cell_layout(cell: Cell) -> dict[int, Point]:
    """Coordinates (x, y) of the nodes 0 to 5 and of the output (6), data flowing to the right.

    x is the node's depth. Heights are the best of 5^4 arrangements: no line through a node, no label on another, few
    crossings, short lines, in this order of weight.
    """
    columns = [float(depth) for depth in depths(cell)]
    inputs = {source: (0.0, _INPUT_HEIGHTS[source]) for source in range(INPUTS)}
    output = (max(columns) + 1, 0.0)
    arrangements = (
        {
            **inputs,
            **{node: (columns[node], y) for node, y in zip(CONCAT, heights, strict=True)},
            OUTPUT: output,
        }
        for heights in product(_HEIGHTS, repeat=len(CONCAT))
        if len({(columns[node], y) for node, y in zip(CONCAT, heights, strict=True)}) == len(CONCAT)
    )
    return min(arrangements, key=lambda points: _clutter(points, cell))


def _clutter(points: dict[int, Point], cell: Cell) -> float:
    """How hard an arrangement is to read; lower is better."""
    kept = [(edge.source, node) for node, pair in zip(CONCAT, cell, strict=True) for edge in pair]
    lines = kept + [(node, OUTPUT) for node in CONCAT]
    touches = sum(
        _distance(points[other], points[a], points[b]) < _CLEARANCE
        for a, b in lines
        for other in points
        if other not in (a, b)
    )
    labels = [_middle(points[a], points[b]) for a, b in kept]
    collisions = sum(_near(p, q) for i, p in enumerate(labels) for q in labels[:i])
    crossings = sum(
        _cross(points[a], points[b], points[c], points[d])
        for i, (a, b) in enumerate(lines)
        for c, d in lines[:i]
        if len({a, b, c, d}) == 4
    )
    lengths = sum(abs(points[a][1] - points[b][1]) for a, b in lines)
    return 10.0 * touches + 4.0 * collisions + 1.0 * crossings + 0.1 * lengths


def _middle(a: Point, b: Point) -> Point:
    return ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)


def _near(p: Point, q: Point) -> bool:
    return abs(p[0] - q[0]) < _LABEL[0] and abs(p[1] - q[1]) < _LABEL[1]


def _distance(point: Point, a: Point, b: Point) -> float:
    """Distance of a point from the line between a and b."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    along = ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / (dx * dx + dy * dy)
    along = min(1.0, max(0.0, along))
    ex, ey = point[0] - a[0] - along * dx, point[1] - a[1] - along * dy
    return (ex * ex + ey * ey) ** 0.5


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the lines a-b and c-d cross."""
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: Point, b: Point, p: Point) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
