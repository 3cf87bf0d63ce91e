"""The papers' printed numbers held against each other and against what their texts say of them: computed, not typed.

A finding says what was checked, whether it holds, and the arithmetic that shows it. Claims of the paper that a study of
one's own can test are another matter: see `nastransfer.report.claims.table`.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from nastransfer.report.audit.findings import Finding
from nastransfer.report.audit.tables import TABLE_CHECKS
from nastransfer.report.audit.text import TEXT_CHECKS
from nastransfer.report.text_table import TextTable

CAPTION = "The published numbers against each other"
HEADERS = ("where", "what is said", "what the numbers say", "holds", "arithmetic")


def audit() -> list[Finding]:
    """Every check, those that hold included."""
    return [check() for check in (*TABLE_CHECKS, *TEXT_CHECKS)]


def inconsistencies() -> list[Finding]:
    """Where printed numbers contradict each other, or a text its tables."""
    return [finding for finding in audit() if finding.holds is False]


def audit_frame(findings: Iterable[Finding]) -> pl.DataFrame:
    """A row a finding: key, where, stated, found, holds (null: a doubt), arithmetic (lines)."""
    rows = [{**vars(finding), "arithmetic": "\n".join(finding.arithmetic)} for finding in findings]
    names = {
        "key": pl.String,
        "where": pl.String,
        "stated": pl.String,
        "found": pl.String,
        "holds": pl.Boolean,
    }
    return pl.DataFrame(rows, {**names, "arithmetic": pl.String})


def audit_layout(findings: Iterable[Finding]) -> TextTable:
    """The findings in words."""
    said = {True: "yes", False: "no", None: "doubt"}
    lines = [
        (one.where, one.stated, one.found, said[one.holds], "\n".join(one.arithmetic)) for one in findings
    ]
    return TextTable(CAPTION, HEADERS, lines)


def audit_html(findings: Iterable[Finding]) -> str:
    """The same as an HTML fragment."""
    return audit_layout(findings).html()
