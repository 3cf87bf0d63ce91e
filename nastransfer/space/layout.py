"""Where to draw the nodes and the labels of a cell so that every edge can be followed (no torch).

Sizes are those of a picture of 368 pixels, which fits a screen of 400: what is apart there stays apart when it grows.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from nastransfer.space.features import depths
from nastransfer.space.genotype import CONCAT, INPUTS, Cell

OUTPUT = max(CONCAT) + 1
"""The output's id in a layout; nodes 0 to 5 keep theirs."""

WIDTH, HEIGHT = 368, 222
"""Pixels of a cell's picture; the origin is its lower left corner."""

RADIUS = 12
"""Of a node, pixels."""

LABEL = (48, 15)
"""Width and height that a label takes at most, pixels."""

Point = tuple[float, float]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_MARGIN = RADIUS + 2
_GAP = 2
_COLUMN_GAP = 50
"""Least distance between the nodes of one column."""

_HEIGHTS = np.linspace(_MARGIN, HEIGHT - _MARGIN, 7)
_INPUT_HEIGHTS = (0.7 * HEIGHT, 0.3 * HEIGHT)
_LAST_STEP = 0.6
"""The step to the output, in those between other columns: its lines have no labels."""

_PLACES = np.linspace(0.2, 0.8, 13)
"""Where along its edge the middle of a label may be."""

_OVERLAP = 20.0
"""How much worse than a middle place on the edge it is that a label covers a node or another label."""

_SHORT_LIST = 24
"""Arrangements whose labels are placed; the others are too cluttered to be worth it."""


@dataclass(frozen=True)
class Layout:
    """Points (x to the right, y up, pixels): of the nodes 0 to 5 and the output (6), and of the middle of each label.

    Labels are in the order of the cell's edges, node by node.
    """

    nodes: dict[int, Point]
    labels: tuple[Point, ...]


@lru_cache(maxsize=256)
def cell_layout(cell: Cell) -> Layout:
    """The clearest of the arrangements in which a node's column is its depth, so that data flows to the right.

    Of up to 7^4 heights those are kept that have no line through a node, few crossings, short lines, in this order of
    weight; of these the one whose labels, moved along their edges, hide least of each other, of nodes and of lines.
    """
    nodes, kept, lines = _arrangements(cell)
    clutter = _clutter(nodes, lines)
    best = np.argsort(clutter, kind="stable")[:_SHORT_LIST]
    labels, hidden = _place_labels(nodes[best], kept, lines)
    chosen = int(np.argmin(clutter[best] + hidden))
    points = [(float(x), float(y)) for x, y in nodes[best[chosen]]]
    return Layout(dict(enumerate(points)), tuple((float(x), float(y)) for x, y in labels[chosen]))


def _arrangements(cell: Cell) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
    """Nodes [arrangement, 7, 2], and the lines (from, to): the kept edges [8, 2], then also the output's [12, 2]."""
    columns = np.array(depths(cell))
    span = columns.max() + _LAST_STEP
    across = np.append(columns, span) * (WIDTH - 2 * _MARGIN) / span + _MARGIN
    heights = _heights()
    inner = columns[INPUTS:]
    for first, second in zip(*np.triu_indices(len(CONCAT), 1), strict=True):
        if inner[first] == inner[second]:
            heights = heights[np.abs(heights[:, first] - heights[:, second]) >= _COLUMN_GAP]
    nodes = np.empty((len(heights), OUTPUT + 1, 2))
    nodes[:, :, 0] = across
    nodes[:, :INPUTS, 1] = _INPUT_HEIGHTS
    nodes[:, INPUTS:OUTPUT, 1] = heights
    nodes[:, OUTPUT, 1] = HEIGHT / 2
    kept = [(edge.source, node) for node, pair in zip(CONCAT, cell, strict=True) for edge in pair]
    return nodes, np.array(kept), np.array(kept + [(node, OUTPUT) for node in CONCAT])


@cache
def _heights() -> Floats:
    return np.array(list(product(_HEIGHTS, repeat=len(CONCAT))))


def _clutter(nodes: Floats, lines: NDArray[np.intp]) -> Floats:
    """How hard the lines of each arrangement are to follow; lower is better."""
    starts, ends = nodes[:, lines[:, 0]], nodes[:, lines[:, 1]]
    # Columns are the same in all arrangements, so what lies apart in them needs no look.
    left, right = starts[0, :, 0], ends[0, :, 0]
    columns = nodes[0, :, 0]
    line, other = np.nonzero((left[:, None] < columns) & (columns < right[:, None]))
    near = _distance(nodes[:, other], starts[:, line], ends[:, line]) < RADIUS + 6
    first, second = np.triu_indices(len(lines), 1)
    # Lines with an end in common meet there and nowhere else, unless one runs through the other's node.
    joined = (lines[first][:, :, None] == lines[second][:, None, :]).any(axis=(1, 2))
    beside = np.maximum(left[first], left[second]) < np.minimum(right[first], right[second])
    first, second = first[beside & ~joined], second[beside & ~joined]
    crossed = _cross(starts[:, first], ends[:, first], starts[:, second], ends[:, second])
    lengths = np.abs(starts[:, :, 1] - ends[:, :, 1]).sum(axis=1)
    clutter: Floats = 10.0 * near.sum(axis=1) + 1.0 * crossed.sum(axis=1) + 0.002 * lengths
    return clutter


def _place_labels(nodes: Floats, kept: NDArray[np.intp], lines: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Labels [arrangement, 8, 2], and what they hide [arrangement]."""
    starts, ends = nodes[:, kept[:, 0], None], nodes[:, kept[:, 1], None]
    middles = starts + (ends - starts) * _PLACES[:, None]
    box = np.array(LABEL) / 2 + _GAP
    outside = np.maximum(np.abs(middles[:, :, :, None] - nodes[:, None, None]) - box, 0.0)
    on_node = (outside**2).sum(axis=-1) < RADIUS**2
    on_line = _through(
        middles[:, :, :, None],
        box,
        nodes[:, None, None, lines[:, 0]],
        nodes[:, None, None, lines[:, 1]],
    )
    weights = np.repeat([2.0, 0.3], [len(kept), len(lines) - len(kept)])
    own = np.arange(len(kept))
    on_line[:, own, :, own] = False
    alone = _OVERLAP * on_node.sum(axis=-1) + on_line @ weights + 2.0 * np.abs(_PLACES - 0.5)
    near = [
        np.abs(middles[:, :, :, None, None, axis] - middles[:, None, None, :, :, axis]) < LABEL[axis] + _GAP
        for axis in (0, 1)
    ]
    together = near[0] & near[1]
    together[:, own, :, own] = False
    return _settle(middles, alone, together)


def _settle(middles: Floats, alone: Floats, together: Bools) -> tuple[Floats, Floats]:
    """Choose a place for each label: each in turn takes the best for where the others are, until none moves.

    `alone` [arrangement, 8, places] is what a label hides there, `together` [arrangement, 8, places, 8, places] says
    which places overlap.
    """
    rows, labels = np.arange(len(alone))[:, None], np.arange(alone.shape[1])
    places = alone.argmin(axis=2)
    for _ in labels:
        before = places.copy()
        for label in labels:
            overlaps = together[rows, labels, places, label].sum(axis=1)
            places[:, label] = (alone[:, label] + _OVERLAP * overlaps).argmin(axis=1)
        if (places == before).all():
            break
    pairs = together[rows, labels, places][rows, :, labels, places].sum(axis=(1, 2)) / 2
    hidden: Floats = alone[rows, labels, places].sum(axis=1) + _OVERLAP * pairs
    return middles[rows, labels, places], hidden


def _through(middle: Floats, half: Floats, a: Floats, b: Floats) -> Bools:
    """Whether the line from a to b runs through the box around `middle`."""
    step = np.where(a == b, 1e-9, b - a)
    first, second = (middle - half - a) / step, (middle + half - a) / step
    enter = np.minimum(first, second).max(axis=-1)
    leave = np.maximum(first, second).min(axis=-1)
    through: Bools = np.maximum(enter, 0.0) < np.minimum(leave, 1.0)
    return through


def _distance(point: Floats, a: Floats, b: Floats) -> Floats:
    """Distance of a point from the line between a and b."""
    step = b - a
    along = ((point - a) * step).sum(axis=-1) / (step * step).sum(axis=-1)
    away = point - a - np.clip(along, 0.0, 1.0)[..., None] * step
    distance: Floats = np.sqrt((away * away).sum(axis=-1))
    return distance


def _cross(a: Floats, b: Floats, c: Floats, d: Floats) -> Bools:
    """Whether the lines a-b and c-d cross."""
    crossed: Bools = (_side(a, b, c) * _side(a, b, d) < 0) & (_side(c, d, a) * _side(c, d, b) < 0)
    return crossed


def _side(a: Floats, b: Floats, p: Floats) -> Floats:
    side: Floats = (b[..., 0] - a[..., 0]) * (p[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
        p[..., 0] - a[..., 0]
    )
    return side
