"""The paper's claims held against the paper's own printed tables, by the rules that test a study's results.

No table prints a spread or a number of runs, so nothing can be shown: a claim is consistent with the signs of the
printed differences, contradicted by one of them, or cannot be told where it needs a spread.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any as Value

import polars as pl

from nastransfer.report.audit.derived import IMPLIED, NASTRANSFER, derived
from nastransfer.report.claims.evidence import Cell, Evidence
from nastransfer.report.claims.settings import VARIED
from nastransfer.report.claims.table import RULES, Claim, all_claims
from nastransfer.report.claims.verdicts import AllOf, Comparison, Node, leaves
from nastransfer.report.names import RANDOM
from nastransfer.report.text_table import TextTable
from nastransfer.stats.contrast import Side
from nastransfer.study import published

CONSISTENT, CONTRADICTED = "consistent", "contradicted"
CANNOT_BE_TOLD, NOT_PRINTED = "cannot be told", "not printed"

# name -> (type, meaning)
AUDIT_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "claim": (pl.String(), "name of the claim"),
    "statement": (pl.String(), "the claim in its general form, as tested"),
    "where": (pl.String(), "where the paper makes it"),
    "verdict": (pl.String(), "consistent, contradicted, cannot be told or not printed"),
    "tables": (pl.List(pl.String()), "printed tables that it was held against"),
    "comparisons": (pl.Int64(), "printed differences that the rule asks for"),
    "for_it": (pl.Int64(), "of them, those on the claim's side"),
    "against_it": (pl.Int64(), "and those on the other"),
    "says": (pl.String(), "what the printed numbers say"),
}
CAPTION = "What the paper concludes, held against its own tables"
HEADERS = ("claim", "where", "its own tables", "differences for / against", "what they say")

_UNITS = {"K": 1e3, "M": 1e6}
_MOST_NAMED = 3


def claims_audit(margin_percent: float | None = None) -> pl.DataFrame:
    """Every claim against NASTransfer's Tables 2 to 4 and what they imply; columns `AUDIT_COLUMNS`.

    With a margin, claims of likeness are judged by the printed differences alone; without one they cannot be told.
    """
    tables = list(_printed(margin_percent))
    rows = [_row(claim, tables) for claim in all_claims()]
    return pl.DataFrame(rows, {name: dtype for name, (dtype, _) in AUDIT_COLUMNS.items()})


def claims_audit_layout(table: pl.DataFrame) -> TextTable:
    """The audit in words."""
    lines = [
        (
            row["statement"],
            row["where"],
            row["verdict"],
            f"{row['for_it']} / {row['against_it']} of {row['comparisons']}"
            if row["comparisons"]
            else "none",
            row["says"],
        )
        for row in table.iter_rows(named=True)
    ]
    said = "By the rules that test a study. No table prints a spread or a number of runs: signs are all there is."
    return TextTable(CAPTION, HEADERS, lines, (said,))


def claims_audit_html(table: pl.DataFrame) -> str:
    """The same as an HTML fragment."""
    return claims_audit_layout(table).html()


def _row(claim: Claim, tables: list[Evidence]) -> dict[str, Value]:
    scopes = [claim.in_scope(given) for given in tables]
    trees = {given.study: tree for given in scopes if not isinstance(tree := RULES[claim.id](given), str)}
    outcomes = {study: _outcome(tree) for study, tree in trees.items()}
    tests = [(study, test) for study, tree in trees.items() for test in leaves(tree)]
    single = [_outcome(test) for _, test in tests]
    if not trees:
        verdict, says = NOT_PRINTED, "the numbers that it takes are in figures only, or nowhere"
    elif False in outcomes.values():
        verdict = CONTRADICTED
        says = _named([(s, t) for s, t in tests if outcomes[s] is False and _outcome(t) is False])
    elif True in outcomes.values():
        verdict, says = CONSISTENT, _named([(s, t) for s, t in tests if outcomes[s] and _outcome(t)])
    else:
        verdict = CANNOT_BE_TOLD
        away = sorted(test.effect.percent(test.effect.estimate) for _, test in tests)
        says = f"no spread is printed to hold the differences against: {away[0]:+.1f} to {away[-1]:+.1f}%"
    return {
        "claim": claim.id,
        "statement": claim.statement,
        "where": claim.where,
        "verdict": verdict,
        "tables": list(trees),
        "comparisons": len(tests),
        "for_it": single.count(True),
        "against_it": single.count(False),
        "says": says,
    }


def _named(tests: list[tuple[str, Comparison]]) -> str:
    """The comparisons that are plainest, each with its table and its printed difference."""
    plainest = sorted(tests, key=lambda one: -abs(one[1].effect.estimate))
    named = [
        f"{study}, {test.about}: {test.effect.percent(test.effect.estimate):+.1f}%"
        for study, test in plainest
    ]
    more = [f"and {len(named) - _MOST_NAMED} more"] if len(named) > _MOST_NAMED else []
    return "; ".join([*named[:_MOST_NAMED], *more])


def _outcome(node: Node) -> bool | None:
    """What printed numbers say of a tree: as `judge`, with nothing but the signs."""
    if isinstance(node, Comparison):
        return _sign(node)
    found = [_outcome(member) for member in node.members]
    every = isinstance(node, AllOf)
    if (not every) in found:
        return not every
    return None if None in found else every


def _sign(test: Comparison) -> bool | None:
    """Which side a printed difference lies on; None on the line, and where only a margin could tell."""
    estimate = test.effect.estimate
    if test.kind == "above":
        return estimate > 0.0 if estimate else None
    known = {"not above": estimate <= 0.0, "not below": estimate >= 0.0}
    if known.get(test.kind):
        return True
    if test.margin is None:
        return None
    away = {"not above": estimate, "not below": -estimate}.get(test.kind, abs(estimate))
    return (away < test.margin.width) != (test.kind == "differs")


def _printed(margin_percent: float | None) -> Iterator[Evidence]:
    """Each printed table as a study of its own: tables do not share a baseline (67.57 and 70.45 on ImageNet1K)."""
    rows = published.published().filter(study=NASTRANSFER, kind="augment")
    none = pl.DataFrame(schema=VARIED)
    table_2 = [_cell(row, math.log1p(row["ri_percent"] / 100.0)) for row in _of(rows, "table 2")]
    baseline = [
        Cell(NASTRANSFER, target, RANDOM, None, None, None, Side(0.0, None, 0))
        for target in dict.fromkeys(cell.target for cell in table_2)
    ]
    yield Evidence("Table 2", _beside(table_2, baseline), (), none, margin_percent)
    for seed in (2, 3):
        cells = [_cell(row, math.log(row["top1_last"])) for row in _of(rows, "table 3", augment_seed=seed)]
        random = [cell for cell in cells if cell.method == RANDOM]
        found = _beside([cell for cell in cells if cell.method != RANDOM], random)
        yield Evidence(f"Table 3 (augment seed {seed})", found, tuple(random), none, margin_percent)
    yield Evidence("Table 4", (), (), _table_4(rows), margin_percent)
    implied = derived().filter(pl.col("source").is_null(), quantity="random_top1", baseline=IMPLIED)
    random = [
        _cell({**row, "method": RANDOM}, math.log(row["value"])) for row in implied.iter_rows(named=True)
    ]
    yield Evidence("what Table 2 implies", (), tuple(random), none, margin_percent)


def _of(rows: pl.DataFrame, table: str, **where: Value) -> list[dict[str, Value]]:
    return rows.filter(feeds=table, **where).to_dicts()


def _beside(cells: list[Cell], random: list[Cell]) -> tuple[Cell, ...]:
    """Cells with the printed random sampling of their target."""
    known = {cell.target: cell for cell in random}
    return tuple(Cell(**{**vars(cell), "random": known.get(cell.target)}) for cell in cells)


def _cell(row: dict[str, Value], level: float) -> Cell:
    sets = {entry["name"]: entry for entry in published.published_sets().iter_rows(named=True)}
    searched = sets.get(row["source"] if row["selection"] == "all" else row["selection"])
    return Cell(
        NASTRANSFER,
        row["target"],
        row["method"],
        None,
        row["source"],
        row["selection"],
        Side(level, None, 0),
        images=_size(searched["train"]) if searched is not None else None,
        classes=searched["classes"] if searched is not None else None,
        target_images=_size(sets[row["target"]]["train"]),
    )


def _size(printed: str) -> int:
    """`7.5M` as a number."""
    return round(float(printed[:-1]) * _UNITS[printed[-1]])


def _table_4(rows: pl.DataFrame) -> pl.DataFrame:
    """Table 4 as `varied` gives a study's trainings: a row an arm and number of cells."""
    top1 = rows.filter(feeds="table 4").with_columns(
        common=pl.lit(""), tricks=pl.lit(""), top1=pl.col("top1_last"), runs=pl.concat_list("run")
    )
    return top1.select(list(VARIED)).cast(pl.Schema(VARIED))
