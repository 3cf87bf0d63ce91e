"""The verdicts on the paper's claims for people: a table for a page, lines for a terminal, and how each is tested."""

from __future__ import annotations

from typing import Any

import polars as pl

from nastransfer.report.claims.table import CONTRADICTED, NOT_TESTABLE, SUPPORTED, UNDERPOWERED, all_claims
from nastransfer.report.markup import html_table
from nastransfer.report.names import listed
from nastransfer.report.text_table import TextTable, paragraph, tables_html

CAPTION = "What the paper concludes, tested in this study"
HEADERS = ("claim", "verdict", "effect, %", "interval, %", "n", "decided by", "tested on")
LACKS_CAPTION = "Claims that this study cannot test"
LACKS_HEADERS = ("claim", "what is lacking")
RULES_CAPTION = "How each claim is tested"
RULE_HEADERS = ("claim", "in the paper", "comparisons", "what a study must hold")
_ORDER = (SUPPORTED, CONTRADICTED, UNDERPOWERED, NOT_TESTABLE)
_LEGEND = (
    (
        "Effect: relative difference of mean accuracies (or of spreads, where it says so) in the comparison that "
        "decided. Interval: 95%, wider where one of several comparisons was enough (Bonferroni). n: runs of the "
        "smaller side."
    ),
    (
        "Likeness, and the refutation of an advantage, are held against the margin, the smallest difference that "
        "matters: the standard deviation of random sampling on the target, unless one is given. Needs: runs an arm "
        "that would tell with 80% power, were the claim true (a directional one by the margin)."
    ),
)


def claims_layout(table: pl.DataFrame) -> TextTable:
    """The verdicts on claims that the study could test, with the comparisons that decided."""
    several = table["study"].n_unique() > 1
    tested = table.filter(pl.col("verdict") != NOT_TESTABLE)
    lines = [
        (
            _claim(row, several),
            _verdict(row),
            f"{row['effect_percent']:+.2f}",
            _interval(row),
            str(row["n"]),
            _decided(row),
            _tested(row),
        )
        for row in tested.iter_rows(named=True)
    ]
    below = [claims_summary(table), *_left_out(table), *(_LEGEND if lines else ())]
    return TextTable(CAPTION, HEADERS if lines else (), lines, below)


def lacks_layout(table: pl.DataFrame) -> TextTable:
    """The claims that it could not test, and what it lacks for each."""
    several = table["study"].n_unique() > 1
    lacking = table.filter(verdict=NOT_TESTABLE).iter_rows(named=True)
    return TextTable(LACKS_CAPTION, LACKS_HEADERS, [(_claim(row, several), row["lacks"]) for row in lacking])


def claims_html(table: pl.DataFrame) -> str:
    """Both as an HTML fragment that takes on the page's colours; narrow screens get a card a claim."""
    return tables_html([claims_layout(table), lacks_layout(table)])


def claim_rules_html() -> str:
    """Where the paper makes each claim, and what is compared to test it."""
    lines = [(claim.statement, claim.where, claim.rule, claim.needs) for claim in all_claims()]
    return html_table(RULES_CAPTION, RULE_HEADERS, lines)


def claims_text(table: pl.DataFrame) -> str:
    """`claims` for a terminal: a paragraph a claim."""
    several = table["study"].n_unique() > 1
    said = [claims_summary(table), *(line for text in _left_out(table) for line in _wrapped(text, "")), ""]
    for row in table.iter_rows(named=True):
        said += _wrapped(f"{_verdict(row)}: {_claim(row, several)}", "")
        if row["verdict"] == NOT_TESTABLE:
            said += _wrapped(f"lacks {row['lacks']}", "    ")
            continue
        said += _wrapped(
            f"{_decided(row)}: {row['effect_percent']:+.2f}%, {_interval(row)}, n {row['n']}", "    "
        )
        said += _wrapped(_tested(row), "    ")
    return "\n".join([*said, "", *(line for text in _LEGEND for line in _wrapped(text, ""))])


def claims_summary(table: pl.DataFrame) -> str:
    """How many claims have which verdict, in a sentence."""
    counts = [f"{number} {name}" for name in _ORDER if (number := table.filter(verdict=name).height)]
    return f"Of {table.height} claims: {listed(counts)}."


def _left_out(table: pl.DataFrame) -> list[str]:
    """Trainings that most claims leave out, if any, in a sentence."""
    found = table["other_settings"].drop_nulls().unique(maintain_order=True).to_list()
    return [f"Compared by claims on settings only: {'; '.join(found)}."] if found else []


def _claim(row: dict[str, Any], several: bool) -> str:
    """The claim, whose it is in the paper, and the study where a table has several."""
    return f"{row['statement']} ({row['group']}{', ' + row['study'] if several else ''})"


def _verdict(row: dict[str, Any]) -> str:
    if row["verdict"] != UNDERPOWERED:
        return str(row["verdict"])
    needed = "over a million" if row["runs_needed"] is None else f"{row['runs_needed']:,}"
    return f"{UNDERPOWERED}, needs {needed} runs an arm"


def _interval(row: dict[str, Any]) -> str:
    if row["low_percent"] is None:
        return "none"
    level = "" if row["confidence"] < 95.05 else f", at {row['confidence']:.1f}%"
    return f"{row['low_percent']:+.2f} to {row['high_percent']:+.2f}{level}"


def _decided(row: dict[str, Any]) -> str:
    """The comparison, what it shows, and the margin that it is held against."""
    margin = "" if row["margin_percent"] is None else f"; margin {row['margin_percent']:.2f}%"
    return f"{row['decided_by']}: {row['found']}{margin}"


def _tested(row: dict[str, Any]) -> str:
    """What was compared, and how many comparisons are on which side."""
    general = "general form; " if row["target"] is not None and row["form"] == "general" else ""
    if row["comparisons"] == 1:
        return f"{general}{row['tested_on']}"
    counted = f"{row['comparisons']} comparisons, {row['for_it']} for and {row['against_it']} against"
    left = f", {row['left_out']} left out without a margin" if row["left_out"] else ""
    return f"{general}{counted}{left}; {row['tested_on']}"


def _wrapped(text: str, indent: str) -> list[str]:
    return paragraph(text, indent, f"{indent}    ").splitlines()
