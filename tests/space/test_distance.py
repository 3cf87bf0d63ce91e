"""Distances and features of genotypes."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from nastransfer.space.cost import parameters
from nastransfer.space.distance import cell_edit_distance, edge_distance, edit_distance, operation_distance
from nastransfer.space.features import depths, features
from nastransfer.space.genotype import CONCAT, Cell, Genotype
from nastransfer.space.known import known_genotype, known_genotypes

V1, V2 = known_genotype("DARTS_V1"), known_genotype("DARTS_V2")
RANDOM = [Genotype.random(np.random.default_rng(seed)) for seed in range(12)]
DISTANCES = (edge_distance, operation_distance, edit_distance)


def with_edges(normal: list[tuple[str, int]]) -> Genotype:
    return Genotype.parse({"normal": normal, "reduce": V2.to_dict()["reduce"]})


def test_distances_are_metrics() -> None:
    for distance in DISTANCES:
        table = np.array([[distance(a, b) for b in RANDOM] for a in RANDOM])
        assert (table == table.T).all()
        assert (np.diag(table) == 0).all()
        assert (table[:, None, :] <= table[:, :, None] + table[None, :, :]).all()
        assert table.max() <= (
            10 if distance is edge_distance else 16 if distance is operation_distance else 32
        )
    assert all(operation_distance(a, b) > 0 for a in RANDOM for b in RANDOM if a != b)


def test_distances_by_hand() -> None:
    """The two cells of DARTS: three operations differ on the same normal edges, two reduction edges are others."""
    assert edge_distance(V1, V2) == 2
    assert operation_distance(V1, V2) == 5
    record = V2.to_dict()
    record["normal"][3][1][0] = "sep_conv_5x5"
    assert [distance(V2, Genotype.parse(record)) for distance in DISTANCES] == [0, 1, 1]
    record["normal"][3][1][1] = 4
    assert [distance(V2, Genotype.parse(record)) for distance in DISTANCES] == [1, 1, 2]
    # Nodes 2 and 3 of this cell do the same, so for the graph it is all one which of them node 5 reads.
    record["normal"][3][1][1] = 3
    assert [distance(V2, Genotype.parse(record)) for distance in DISTANCES] == [1, 1, 1]


def test_the_edit_distance_does_not_see_the_names_of_nodes() -> None:
    first = with_edges(
        [("sep_conv_3x3", i) for i in (0, 1)]
        + [("max_pool_3x3", i) for i in (0, 1)]
        + [("skip_connect", i) for i in (0, 2, 0, 3)]
    )
    second = with_edges(
        [("max_pool_3x3", i) for i in (0, 1)]
        + [("sep_conv_3x3", i) for i in (0, 1)]
        + [("skip_connect", i) for i in (0, 3, 0, 2)]
    )
    assert operation_distance(first, second) > 0
    assert cell_edit_distance(first.normal, second.normal) == 0


def test_the_edit_distance_is_that_of_a_general_search() -> None:
    """Networkx may also delete and insert nodes; inputs are never taken for another node."""
    networkx = pytest.importorskip("networkx")

    def graph(cell: Cell) -> Any:
        made = networkx.DiGraph()
        made.add_nodes_from((node, {"name": node if node < 2 else "inner"}) for node in range(6))
        for node, pair in zip(CONCAT, cell, strict=True):
            made.add_edges_from((edge.source, node, {"op": edge.op}) for edge in pair)
        return made

    cells = [V1.normal, V2.normal, V2.reduce, RANDOM[0].normal]
    for first, second in combinations(cells, 2):
        found = networkx.graph_edit_distance(
            graph(first),
            graph(second),
            node_subst_cost=lambda a, b: 0 if a == b else 100,
            edge_match=lambda a, b: a == b,
            upper_bound=16,
        )
        assert cell_edit_distance(first, second) == found


def test_features_say_what_a_cell_is() -> None:
    assert depths(V2.normal) == [0, 0, 1, 1, 1, 2]
    found = features(V2)
    assert found["normal_sep_conv_3x3"] == 5
    assert found["reduce_max_pool_3x3"] == 5
    assert found["normal_depth"] == found["reduce_depth"] == 2
    assert found["normal_input_edges"] == 7
    assert found["skip_share"] == 5 / 16
    assert found["parameters_millions"] == pytest.approx(3.351502)
    assert found["macs_millions"] == pytest.approx(528.35904)
    assert sum(v for name, v in found.items() if name.endswith(("3x3", "5x5", "connect"))) == 16


def test_known_genotypes_have_names_and_sources() -> None:
    assert {"DARTS_V1", "DARTS_V2", "PDARTS", "PC_DARTS_CIFAR", "GDAS_V1", "SNAS"} <= set(known_genotypes())
    digests = [known.genotype.digest for known in known_genotypes().values()]
    assert len(set(digests)) == len(digests)
    assert all(
        "arXiv" in known.paper and known.source.startswith("github.com/")
        for known in known_genotypes().values()
    )
    with pytest.raises(ValueError, match="unknown genotype 'NASNET'; known are DARTS_V1"):
        known_genotype("NASNET")


@pytest.mark.parametrize(
    ("name", "cifar", "imagenet"),
    [
        ("DARTS_V1", 3.2, None),
        ("DARTS_V2", 3.3, 4.7),
        ("GDAS_V1", 3.4, None),
        ("PDARTS", 3.4, 4.9),
        ("PC_DARTS_CIFAR", 3.6, 5.3),
        ("PC_DARTS_IMAGENET", None, 5.3),
    ],
)
def test_published_cells_have_their_papers_sizes(
    name: str, cifar: float | None, imagenet: float | None
) -> None:
    """Millions of parameters as printed: 36 channels and 20 cells; 48 and 14 on ImageNet; bare pools, no extra head."""
    genotype = known_genotype(name)
    if cifar:
        assert abs(parameters(genotype, pool_norm=False) / 1e6 - cifar) < 0.05
    if imagenet:
        assert abs(parameters(genotype, 1000, 48, 14, "imagenet", pool_norm=False) / 1e6 - imagenet) < 0.05
