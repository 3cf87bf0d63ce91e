"""Genotypes of a study: what found them, how accurate they are, and two of them edge by edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from nastransfer.report.genotypes_table import (
    GENOTYPE_COLUMNS,
    OTHER_OPERATION,
    SAME,
    accuracy_table,
    distance_table,
    edges_table,
    genotype_table,
    study_genotypes,
)
from nastransfer.space.cost import parameters
from nastransfer.space.genotype import Edge, Genotype
from nastransfer.space.known import known_genotype
from nastransfer.study.frame import results_frame

FIRST, SECOND, THIRD = Genotype.draw(np.random.default_rng(2), 3)


def run(number: int, genotype: Genotype | str | None, **columns: Any) -> dict[str, Any]:
    given = {"kind": "augment", "method": "random", "target": "digits", "top1_last": 50.0, "protocol": "tiny"}
    about = {"run": f"s/augment/r-{number}/x", "study": "s", "origin": "own", "feeds": "random"}
    return {**about, **given, "genotype": str(genotype) if genotype else None, **columns}


SEARCHED = {
    "method": "darts2",
    "source": "cifar10",
    "selection": "all",
    "search_seed": 4,
    "feeds": "transfer",
}
FRAME = results_frame(
    [
        run(0, FIRST, search_seed=3, params=100, macs=200, cells=3, channels=4),
        run(1, FIRST, search_seed=3, top1_last=60.0, augment_seed=3),
        run(2, SECOND, target="glyphs", top1_last=70.0, **SEARCHED),
        run(3, SECOND, kind="search", target=None, top1_last=None, protocol=None, **SEARCHED),
        run(
            4,
            THIRD,
            kind="search",
            target=None,
            top1_last=None,
            protocol=None,
            **(SEARCHED | {"search_seed": 5}),
        ),
        run(5, "no genotype"),
        run(6, None),
        run(7, known_genotype("SNAS"), origin="published"),
        run(8, known_genotype("DARTS_V1"), feeds="rank_agreement"),
        run(9, known_genotype("DARTS_V2"), method="DARTS_V2", feeds="known", top1_last=80.0),
    ]
)


def test_genotypes_are_named_by_what_found_them() -> None:
    found = study_genotypes(FRAME)
    assert {digest: one.found for digest, one in found.items()} == {
        FIRST.digest: "random genotype 3",
        known_genotype("DARTS_V2").digest: "DARTS_V2",
        SECOND.digest: "DARTS from cifar10, seed 4",
        THIRD.digest: "DARTS from cifar10, seed 5",
    }
    assert found[FIRST.digest].name == f"random genotype 3 ({FIRST.digest[:8]})"


def test_many_ways_to_the_same_genotype_are_counted() -> None:
    frame = results_frame([run(seed, FIRST, search_seed=seed) for seed in range(5)])
    (one,) = study_genotypes(frame).values()
    assert one.found == "random genotype 0; random genotype 1 and 3 more"


def test_accuracies_stand_in_a_column_a_target() -> None:
    table = genotype_table(study_genotypes(FRAME))
    assert table.columns == [
        "found",
        "top1_digits",
        "top1_glyphs",
        *(name for name in GENOTYPE_COLUMNS if name != "found"),
    ]
    assert table["top1_digits"].to_list() == [80.0, 55.0, None, None]
    first = table.filter(digest=FIRST.digest).row(0, named=True)
    assert (first["trainings"], first["searches"]) == (2, 0)
    assert first["params"] == parameters(FIRST)
    second = table.filter(digest=SECOND.digest).row(0, named=True)
    assert (second["top1_glyphs"], second["trainings"], second["searches"]) == (70.0, 1, 1)


def test_without_genotypes_there_is_an_empty_table() -> None:
    table = genotype_table(study_genotypes(FRAME.clear()))
    assert table.is_empty()
    assert set(table.columns) == set(GENOTYPE_COLUMNS)


def test_searches_alone_have_no_accuracy() -> None:
    table = genotype_table(study_genotypes(FRAME.filter(kind="search")))
    assert table["trainings"].to_list() == [0, 0]
    assert set(table.columns) == set(GENOTYPE_COLUMNS)


def test_trainings_of_one_genotype_by_target() -> None:
    found = study_genotypes(FRAME)
    assert accuracy_table(found[FIRST.digest]).lines == [
        ("digits", "55.00", "2", "100", "200", "3 cells of 4 channels")
    ]
    assert accuracy_table(found[SECOND.digest]).lines == [
        ("glyphs (synthetic)", "70.00", "1", "not recorded", "not recorded", "not recorded")
    ]
    assert not accuracy_table(found[THIRD.digest]).lines


def changed(genotype: Genotype, **edges: Edge) -> Genotype:
    """With another first edge of node 2 in the cells named."""
    cells = {kind: [list(node) for node in genotype.cell(kind)] for kind in ("normal", "reduce")}
    for kind, edge in edges.items():
        cells[kind][0][0] = edge
    return Genotype.parse(cells)


def test_one_other_operation_is_seen_in_distance_and_edges() -> None:
    edge = FIRST.normal[0][0]
    other = changed(
        FIRST, normal=Edge("skip_connect" if edge.op != "skip_connect" else "max_pool_3x3", edge.source)
    )
    values = [value for _, value, _ in distance_table(FIRST, other).lines]
    assert values[:2] == ["0 of 10", "1 of 16"]
    assert int(values[2]) == 1
    table = edges_table(FIRST, other, ("a", "b"))
    said = [line[-1] for line in table.lines]
    assert (said.count(SAME), said.count(OTHER_OPERATION), said.count("no")) == (15, 1, 0)
    assert table.lines[0][:2] == ("normal cell", "k-2 → 0")


@pytest.mark.parametrize("seed", range(5))
def test_edges_agree_with_the_distances(seed: int) -> None:
    one, other = Genotype.draw(np.random.default_rng(seed), 2)
    said = [line[-1] for line in edges_table(one, other, ("a", "b")).lines]
    connections, operations = (int(value.split()[0]) for _, value, _ in distance_table(one, other).lines[:2])
    assert said.count("no") == 2 * connections
    assert said.count(SAME) == 16 - operations


def test_published_rows_are_no_genotypes_of_the_study() -> None:
    assert not study_genotypes(FRAME.filter(pl.col("origin") == "published"))
