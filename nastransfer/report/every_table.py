"""Every table of the report: made from the frame once, then shown on the page and written to files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from nastransfer.report.against_random import against_random, against_random_layout
from nastransfer.report.audit.checks import audit, audit_frame, audit_layout
from nastransfer.report.audit.findings import Finding
from nastransfer.report.baselines_table import CAPTION as BASELINES
from nastransfer.report.baselines_table import baselines_layout, ri_by_baseline
from nastransfer.report.claims.audit import claims_audit, claims_audit_layout
from nastransfer.report.claims.shown import claims_layout, lacks_layout
from nastransfer.report.claims.table import claims
from nastransfer.report.crosses_table import CAPTION as CROSSINGS
from nastransfer.report.crosses_table import crossings, crossings_layout
from nastransfer.report.decide import Decision, decision
from nastransfer.report.decide_text import decision_layout
from nastransfer.report.methods_alike import methods_alike, methods_alike_layout
from nastransfer.report.names import set_name
from nastransfer.report.paper_layout import paper_csv, paper_html, paper_latex
from nastransfer.report.paper_tables import TABLES
from nastransfer.report.published_ri import published_ri, published_ri_layout
from nastransfer.report.random_table import CAPTION as SPREAD
from nastransfer.report.random_table import random_spread, random_spread_layout
from nastransfer.report.rank_table import CAPTION as RANKS
from nastransfer.report.rank_table import rank_layout, rank_table
from nastransfer.report.sheets import csv_text
from nastransfer.report.tables import ri_layout, ri_table
from nastransfer.report.text_table import TextTable, tables_html, tables_latex
from nastransfer.report.times import search_times, times_layout
from nastransfer.report.tricks_table import CAPTION as TRICKS
from nastransfer.report.tricks_table import tricks, tricks_layout

OWN = pl.col("origin") != "published"


@dataclass(frozen=True)
class Table:
    """A table of the report: how it is made of the frame, shown on the page, and written to files by their ending."""

    title: str
    make: Callable[[pl.DataFrame], Any]
    html: Callable[[Any], str]
    files: Mapping[str, Callable[[Any], str]]


def first_tables(targets: Sequence[str], planned: Mapping[str, int | None]) -> dict[str, Table]:
    """File name to table of those that come before the figures: the decision for each target, RI and its tests.

    `planned`: target -> trainings that the study's plan has on it.
    """
    decisions = {f"decision-{target}": decision_table(target, planned.get(target)) for target in targets}
    return {
        **decisions,
        "relative-improvement": laid_out(
            "relative-improvement", "Relative improvement over random sampling", ri_table, ri_layout
        ),
        "ri-by-baseline": laid_out("baselines", BASELINES, ri_by_baseline, baselines_layout),
        "published-relative-improvement": laid_out(
            "published-ri", "Published RI on the same targets", published_ri, published_ri_layout
        ),
        "tests-against-random": laid_out(
            "tests", "Methods against random, tested together", against_random, against_random_layout
        ),
        "methods-alike": laid_out(
            "methods-alike", "Do methods rank alike over proxies?", methods_alike, methods_alike_layout
        ),
    }


def last_tables() -> dict[str, Table]:
    """The same of those after the figures: figures in numbers, the paper's tables and claims, search times, audits."""
    papers = {f"table-{number}": _paper_table(number) for number in TABLES}
    return {
        "transfer-against-direct": laid_out("crossings", CROSSINGS, crossings, crossings_layout),
        "random-by-target": laid_out("random", SPREAD, random_spread, random_spread_layout),
        "rank-agreement-table": laid_out("rank-agreement", RANKS, rank_table, rank_layout),
        "tricks": laid_out("tricks", TRICKS, tricks, tricks_layout),
        **papers,
        "claims": laid_out("claims", "The paper's claims", _own_claims, claims_layout, lacks_layout),
        "search-times": laid_out("search-times", "Search times", search_times, times_layout),
        "claims-audit": laid_out(
            "claims-audit",
            "The paper's claims against its own tables",
            _audited_claims,
            claims_audit_layout,
        ),
        "published-audit": laid_out(
            "audit",
            "The published numbers against each other",
            _audited_numbers,
            audit_layout,
            csv=_audit_csv,
        ),
    }


def laid_out(
    label: str,
    title: str,
    make: Callable[[pl.DataFrame], Any],
    *layouts: Callable[[Any], TextTable],
    csv: Callable[[Any], str] | None = None,
) -> Table:
    """A table in words: the page and the LaTeX file have `layouts`, the CSV file has the frame that `make` gives.

    `label` is that of the LaTeX file; `csv` for what is no frame.
    """

    def html(made: Any) -> str:
        return tables_html(layout(made) for layout in layouts)

    def latex(made: Any) -> str:
        return tables_latex((layout(made) for layout in layouts), label)

    return Table(title, make, html, {"csv": csv or _flat_csv, "tex": latex})


def _flat_csv(table: pl.DataFrame) -> str:
    return csv_text(table.with_columns(pl.selectors.list().list.join("; ")))


def _own_claims(frame: pl.DataFrame) -> pl.DataFrame:
    return claims(frame.filter(OWN))


def _audited_claims(_: pl.DataFrame) -> pl.DataFrame:
    return claims_audit()


def _audited_numbers(_: pl.DataFrame) -> list[Finding]:
    return audit()


def _audit_csv(findings: list[Finding]) -> str:
    return csv_text(audit_frame(findings))


def decision_table(target: str, planned: int | None) -> Table:
    """What to use for a target. `planned`: trainings on it that the study's plan has."""

    def make(frame: pl.DataFrame) -> Decision:
        return decision(frame.filter(OWN), target, planned=planned)

    def write(made: Decision) -> str:
        return csv_text(made.rows)

    title = f"What to use for {set_name(target)}"
    return laid_out(f"decision-{target}", title, make, decision_layout, csv=write)


def _paper_table(number: int) -> Table:
    return Table(
        f"Table {number} of the paper", TABLES[number], paper_html, {"csv": paper_csv, "tex": paper_latex}
    )
