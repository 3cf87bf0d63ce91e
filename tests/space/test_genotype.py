"""Genotypes: every spelling is read, every break of the rules is refused with its place, draws are uniform."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nastransfer.space.genotype import (
    CELLS,
    CONCAT,
    EDGES,
    OPERATIONS,
    SPACE_SIZE,
    Edge,
    Genotype,
    edge_index,
)
from nastransfer.space.known import known_genotype

FLAT = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
    "normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), "
    "('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
    "reduce_concat=[2, 3, 4, 5])"
)
LAST_SOURCE = FLAT.index("2)], normal_concat") + 1
NODES = st.tuples(*[st.tuples(*[st.sampled_from(OPERATIONS)] * 2) for _ in CONCAT])
PAIRS = st.tuples(*[st.sampled_from(list(combinations(range(node), 2))) for node in CONCAT])


def cell_of(
    ops: tuple[tuple[str, str], ...], pairs: tuple[tuple[int, int], ...]
) -> list[list[tuple[str, int]]]:
    return [[(op, source) for op, source in zip(*node, strict=True)] for node in zip(ops, pairs, strict=True)]


CELL = st.builds(cell_of, NODES, PAIRS)
GENOTYPES = st.builds(lambda normal, reduce: Genotype.parse({"normal": normal, "reduce": reduce}), CELL, CELL)


def swapped(genotype: Genotype, which: list[bool]) -> dict[str, Any]:
    """The record of a genotype with the edges of some of its 8 nodes in the other order."""
    record = genotype.to_dict()
    nodes = [record[kind][i] for kind in CELLS for i in range(len(CONCAT))]
    for node, turn in zip(nodes, which, strict=True):
        if turn:
            node.reverse()
    return record


def test_flat_nested_and_json_spellings_are_one_genotype() -> None:
    genotype = Genotype.parse(FLAT)
    assert genotype == known_genotype("DARTS_V2")
    spellings = [
        str(genotype),
        FLAT.replace("[2, 3, 4, 5]", "range(2, 6)"),
        "DARTS_V2 = " + FLAT,
        FLAT.replace("'", '"').replace(", ", " ,\n\t"),
        FLAT.replace("normal=", "")
        .replace("normal_concat=", "")
        .replace("reduce=", "")
        .replace("reduce_concat=", ""),
        FLAT.replace("[(", "((").replace(")]", "),)"),
        genotype.to_json(),
        json.dumps(genotype.to_dict(), indent=4),
    ]
    for text in spellings:
        assert Genotype.parse(text) == genotype, text
    assert Genotype.parse(genotype.to_dict()) == genotype
    assert Genotype.parse(genotype) is genotype
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert Genotype(normal=genotype.normal, reduce=genotype.reduce) == genotype


def test_the_digest_is_fixed_for_ever() -> None:
    assert known_genotype("DARTS_V2").digest == "550e2d00658d5c44"
    assert str(known_genotype("DARTS_V2")).startswith(
        "Genotype(normal=[[('sep_conv_3x3', 0), ('sep_conv_3x3', 1)], "
    )


@pytest.mark.parametrize(
    ("old", "new", "place", "allowed"),
    [
        (
            "('dil_conv_3x3', 2)",
            "('dil_conv_3x3', 5)",
            f"normal[7][1] at line 1, column {LAST_SOURCE}",
            "0 to 4",
        ),
        ("('dil_conv_3x3', 2)", "('dil_conv_3x3', -1)", "normal[7][1]", "0 to 4"),
        ("('dil_conv_3x3', 2)", "('dil_conv_3x3', '2')", "normal[7][1]", "0 to 4"),
        ("('dil_conv_3x3', 2)", "('dil_conv_3x3', 0)", "normal[7][1]", "must differ"),
        ("('dil_conv_3x3', 2)", "('dil_conv_7x7', 2)", "normal[7][0]", "dil_conv_5x5"),
        ("('dil_conv_3x3', 2)", "('none', 2)", "normal[7][0]", "skip_connect"),
        ("('dil_conv_3x3', 2)", "('dil_conv_3x3',)", "normal[7]", "pair (operation, source)"),
        (", ('dil_conv_3x3', 2)", "", "normal at line 1", "8 edges"),
        ("normal_concat=[2, 3, 4, 5]", "normal_concat=[2, 3, 4]", "normal_concat at line 1", "[2, 3, 4, 5]"),
        ("normal_concat=[2, 3, 4, 5]", "normal_concat=range(2, 5)", "normal_concat", "[2, 3, 4, 5]"),
        ("reduce_concat", "reduces", f"line 1, column {FLAT.index('reduce_concat') + 1}", "reduce_concat"),
        ("reduce_concat=[2, 3, 4, 5]", "reduce=[]", "reduce at line 1", "given twice"),
        ("Genotype(", "Genotyp(", "line 1, column 1", "Genotype(...)"),
        ("Genotype(", "__import__('os').system(", "line 1, column 17", "unexpected character '.'"),
        ("[2, 3, 4, 5])", "[2, 3, 4, 5]", f"column {len(FLAT)}", "','"),
        ("[2, 3, 4, 5])", "[2, 3, 4, 5]) + 1", "unexpected character", "'+'"),
        ("[2, 3, 4, 5])", "[2, 3, 4, 5]) 1", f"column {len(FLAT) + 2}", "the end of the text, found '1'"),
        ("[2, 3, 4, 5])", "[2, 3, 4, 5])\n)", "line 2, column 1", "the end of the text, found ')'"),
        (
            "('sep_conv_3x3', 0)",
            "(sep_conv_3x3, 0)",
            f"column {FLAT.index('(') + len('(normal=[(') + 1}",
            "quoted operation",
        ),
        (
            "2)], normal",
            "2)], [2], normal",
            f"column {LAST_SOURCE + 5}",
            "a field name (normal, normal_concat",
        ),
        ("Genotype(normal=", "Genotype(0, 0, 0, 0, ", "line 1, column 22", "at most 4 fields"),
        ("[2, 3, 4, 5]", "range(2, 100)", "normal_concat at line 1", "two integers from 0 to 99"),
        ("[2, 3, 4, 5]", "[2, 3, 4, 5_0]", f"column {FLAT.index('4, 5]') + 5}", "',' or ']'"),
        ("[2, 3, 4, 5]", "[2, 3, 4, 12345678901]", "normal_concat[3]", "got 11 digits"),
        ("[2, 3, 4, 5]", "[5, 4, 3, 2]", "normal_concat", "in this order"),
    ],
)
def test_a_broken_rule_is_named_with_its_place_and_what_is_allowed(
    old: str, new: str, place: str, allowed: str
) -> None:
    text = FLAT.replace(old, new, 1)
    assert text != FLAT
    with pytest.raises(ValueError) as caught:
        Genotype.parse(text)
    assert place in str(caught.value)
    assert allowed in str(caught.value)


def test_places_count_lines_and_columns() -> None:
    lines = json.dumps(known_genotype("DARTS_V2").to_dict(), indent=2).splitlines()
    row = next(number for number, line in enumerate(lines) if "max_pool" in line)
    lines[row] = lines[row].replace("max_pool_3x3", "max_pool_5x5")
    column = lines[row].index('"') + 1
    place = rf"reduce\[0\]\[0\]\[0\] at line {row + 1}, column {column}: unknown operation 'max_pool_5x5'; allowed are "
    with pytest.raises(ValueError, match=place + ", ".join(OPERATIONS)):
        Genotype.parse("\n".join(lines))
    nested = str(known_genotype("DARTS_V2"))
    longer = nested.replace("('sep_conv_3x3', 1)]", "('sep_conv_3x3', 1), ('none', 0)]", 1)
    column = nested.index("[(") + 1
    with pytest.raises(
        ValueError, match=rf"normal\[0\] at line 1, column {column}: node 2 has exactly 2 edges, got 3"
    ):
        Genotype.parse(longer)


HOSTILE = [
    "",
    "   ",
    "{}",
    "[]",
    "Genotype()",
    "Genotype",
    "x =",
    "{'normal':",
    "\x00",
    "1" * 5000,
    "x" * 30_000,
]
HOSTILE += ["[" * 5000, "Genotype(" + "[" * 5000, f"Genotype([{'9' * 4400}])", "Genotype(range(0, 99999999))"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="genotype"):
        Genotype.parse(text)


def test_records_of_other_shapes_are_refused_with_their_place() -> None:
    record = known_genotype("DARTS_V2").to_dict()
    cases: list[tuple[Any, str]] = [
        ({**record, "cells": 20}, "unknown field 'cells'"),
        ({"normal": record["normal"]}, "the reduce cell is missing"),
        ({**record, "normal": record["normal"][:3]}, "normal: a cell has 4 nodes, got 3"),
        (
            {**record, "normal": [*record["normal"][:3], record["normal"][3][:1]]},
            r"normal\[3\]: node 5 has exactly 2",
        ),
        ({**record, "reduce": None}, "reduce: a cell is a list"),
        (
            {**record, "reduce": [[["skip_connect", True], ["skip_connect", 0]], *record["reduce"][1:]]},
            "illegal edge True",
        ),
        ({**record, "normal_concat": 5}, "normal_concat: the output joins"),
        (7, "got int"),
        (None, "got NoneType"),
    ]
    for value, message in cases:
        with pytest.raises(ValueError, match=message):
            Genotype.parse(value)
    with pytest.raises(ValueError, match="normal"):
        Genotype(normal=(), reduce=())


@given(GENOTYPES)
def test_text_and_json_read_back_what_was_written(genotype: Genotype) -> None:
    assert Genotype.parse(str(genotype)) == genotype
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert len(genotype.digest) == 16


@given(GENOTYPES, st.lists(st.booleans(), min_size=8, max_size=8))
def test_order_inside_a_node_is_meaningless(genotype: Genotype, which: list[bool]) -> None:
    other = Genotype.parse(swapped(genotype, which))
    assert other == genotype
    assert other.digest == genotype.digest
    assert hash(other) == hash(genotype)


@given(GENOTYPES, st.integers(0, 15), st.sampled_from(OPERATIONS))
def test_another_operation_is_another_genotype(genotype: Genotype, index: int, op: str) -> None:
    record = genotype.to_dict()
    edge = record[CELLS[index // 8]][index % 8 // 2][index % 2]
    same = edge[0] == op
    edge[0] = op
    assert (Genotype.parse(record).digest == genotype.digest) == same


@given(GENOTYPES, st.integers(0, 15), st.integers(0, 4))
def test_another_source_is_another_genotype_or_illegal(genotype: Genotype, index: int, source: int) -> None:
    record = genotype.to_dict()
    node = record[CELLS[index // 8]][index % 8 // 2]
    edge, partner = node[index % 2], node[1 - index % 2]
    before, edge[1] = edge[1], source
    if source >= index % 8 // 2 + 2 or source == partner[1]:
        with pytest.raises(ValueError, match="genotype"):
            Genotype.parse(record)
    else:
        assert (Genotype.parse(record).digest == genotype.digest) == (source == before)


@given(st.text(alphabet="Genotype(normal=[('sep_conv_3x3', 0), range{}\":", max_size=80))
def test_any_text_is_a_genotype_or_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="genotype"):
        Genotype.parse(text)


def test_the_size_of_the_space() -> None:
    assert SPACE_SIZE == 1_037_664_180**2


def test_edges_are_numbered_node_by_node() -> None:
    assert len(EDGES) == 14
    assert [edge_index(node, source) for node, source in EDGES] == list(range(14))
    for node, source in ((1, 0), (6, 0), (2, 2), (3, -1)):
        with pytest.raises(ValueError, match="not in the cell"):
            edge_index(node, source)


def test_cells_and_skip_share() -> None:
    genotype = known_genotype("DARTS_V2")
    assert genotype.cell("normal")[3] == (Edge("skip_connect", 0), Edge("dil_conv_3x3", 2))
    assert len(genotype.edges()) == 16
    assert genotype.skip_share == 5 / 16
    with pytest.raises(ValueError, match="'middle'"):
        genotype.cell("middle")
