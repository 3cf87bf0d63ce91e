"""Layouts: data flows to the right, lines keep clear of nodes, labels lie on their edges and cover nothing."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from nastransfer.space.genotype import CONCAT, Cell, Genotype
from nastransfer.space.known import known_genotypes
from nastransfer.space.layout import HEIGHT, LABEL, OUTPUT, RADIUS, WIDTH, Point, cell_layout

KNOWN = {name: known.genotype for name, known in known_genotypes().items()}
RANDOM = {f"seed {seed}": Genotype.random(np.random.default_rng(seed)) for seed in range(30)}
CELLS = [
    pytest.param(genotype.cell(kind), id=f"{name} {kind}")
    for name, genotype in (KNOWN | RANDOM).items()
    for kind in ("normal", "reduce")
]


def edges(cell: Cell) -> list[tuple[int, int]]:
    return [(edge.source, node) for node, pair in zip(CONCAT, cell, strict=True) for edge in pair]


def from_line(point: Point, start: Point, end: Point) -> float:
    """Distance of a point from a line, by its foot on the line."""
    step, to = np.subtract(end, start), np.subtract(point, start)
    along = min(1.0, max(0.0, float(step @ to / (step @ step))))
    return math.dist(point, np.add(start, along * step))


@pytest.mark.parametrize("cell", CELLS)
def test_data_flows_to_the_right_and_no_line_runs_through_a_node(cell: Cell) -> None:
    points = cell_layout(cell).nodes
    assert sorted(points) == [*range(6), OUTPUT]
    lines = edges(cell) + [(node, OUTPUT) for node in CONCAT]
    for source, node in lines:
        assert points[source][0] < points[node][0]
        others = set(points) - {source, node}
        assert min(from_line(points[other], points[source], points[node]) for other in others) > RADIUS
    assert min(math.dist(a, b) for a, b in combinations(points.values(), 2)) > 2 * RADIUS
    for x, y in points.values():
        assert RADIUS <= x <= WIDTH - RADIUS
        assert RADIUS <= y <= HEIGHT - RADIUS


@pytest.mark.parametrize("cell", CELLS)
def test_labels_lie_on_their_edges_and_cover_no_label_and_no_node(cell: Cell) -> None:
    layout = cell_layout(cell)
    width, height = LABEL
    for (source, node), label in zip(edges(cell), layout.labels, strict=True):
        assert from_line(label, layout.nodes[source], layout.nodes[node]) < 1e-9
    for a, b in combinations(layout.labels, 2):
        assert abs(a[0] - b[0]) >= width or abs(a[1] - b[1]) >= height
    for x, y in layout.labels:
        for node_x, node_y in layout.nodes.values():
            away = max(abs(x - node_x) - width / 2, 0), max(abs(y - node_y) - height / 2, 0)
            assert math.hypot(*away) >= RADIUS


def test_a_layout_follows_from_the_edges_alone() -> None:
    cell = KNOWN["DARTS_V2"].normal
    first = cell_layout(cell)
    cell_layout.cache_clear()
    assert cell_layout(cell) == first
    renamed = Genotype.parse(str(KNOWN["DARTS_V2"]).replace("sep_conv_3x3", "dil_conv_5x5")).normal
    assert renamed != cell
    assert cell_layout(renamed) == first
