"""Do methods rank alike over proxies: whether the best method on one source is the best on another too.

Each source that was searched on ranks the methods by the mean top-1 that their networks reach on one target; Kendall's
W says how far these rankings agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from nastransfer.report.arms import Arm, arms
from nastransfer.report.names import method_with, set_name
from nastransfer.report.text_table import NONE, TextTable, noted, p_text
from nastransfer.stats.agreement import kendalls_w

# name -> (type, meaning)
ALIKE_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study": (pl.String(), "study"),
    "target": (pl.String(), "data set trained and tested on"),
    "kendalls_w": (pl.Float64(), "Kendall's W: 1 all sources rank the methods alike, 0 no accord"),
    "p_value": (pl.Float64(), "permutation test of no accord"),
    "n_sources": (pl.Int64(), "sources that rank: those searched on by every method"),
    "n_methods": (pl.Int64(), "methods ranked"),
    "sources": (pl.String(), "these sources"),
    "methods": (pl.String(), "these methods"),
    "note": (pl.String(), "why W is missing, and which sources were left out"),
}
CAPTION = "Do methods rank alike over proxies?"
HEADERS = ("target", "Kendall's W", "p", "sources", "methods", "ranked by", "ranked")
LEGEND = (
    "Kendall's W of the rankings of methods by mean top-1 on the target, one ranking a source: 1 where all sources "
    "rank the methods alike, 0 without accord. p: of no accord, by permutation. The noise of runs lowers W too."
)
EMPTY = "Nothing to rank yet: no network that a search found has been trained on a target."
FEWEST_SOURCES, FEWEST_METHODS = 2, 3


def methods_alike(frame: pl.DataFrame, *, seed: int = 2) -> pl.DataFrame:
    """Accord of the sources' rankings of methods, a row a study and target; columns `ALIKE_COLUMNS`.

    Null with the reason below two sources and three methods. `seed` is of the permutations. `ValueError` as in
    `nastransfer.report.tables.ri_table`.
    """
    together: dict[tuple[str, str], list[Arm]] = {}
    for arm in arms(frame):
        together.setdefault((arm.study, arm.target), []).append(arm)
    rows = [
        {"study": study, "target": target, **_accord(group, seed)}
        for (study, target), group in together.items()
    ]
    return pl.DataFrame(rows, {name: dtype for name, (dtype, _) in ALIKE_COLUMNS.items()})


def methods_alike_layout(table: pl.DataFrame) -> TextTable:
    """The table in words."""
    if table.is_empty():
        return TextTable(CAPTION, (), (), (EMPTY,))
    return noted(CAPTION, HEADERS, table, _line, LEGEND)


def methods_alike_html(table: pl.DataFrame) -> str:
    """The table as an HTML fragment."""
    return methods_alike_layout(table).html()


def _accord(group: Sequence[Arm], seed: int) -> dict[str, Any]:
    """W of the arms on one target, with the sources and methods that it rests on."""
    scores = {(arm.origin, method_with(arm.method, arm.preset)): arm.summary.mean for arm in group}
    sources, methods = (list(dict.fromkeys(names)) for names in zip(*scores, strict=True))
    complete = [source for source in sources if all((source, method) in scores for method in methods)]
    sizes = {"n_sources": len(complete), "n_methods": len(methods)}
    named = {"sources": "; ".join(complete) or None, "methods": "; ".join(methods)}
    left = [source for source in sources if source not in complete]
    said = f"left out, for not every method searched there: {'; '.join(left)}" if left else None
    if len(complete) < FEWEST_SOURCES or len(methods) < FEWEST_METHODS:
        needs = f"rankings to compare take {FEWEST_SOURCES} sources that {FEWEST_METHODS} methods searched on"
        there = f"{needs}; there are {len(complete)} that all of {len(methods)} did"
        return {**sizes, **named, "note": "; ".join(filter(None, [there, said]))}
    found = kendalls_w([[scores[source, method] for method in methods] for source in complete], seed=seed)
    reasons = "; ".join(filter(None, [found.reason, said])) or None
    return {**sizes, **named, "kendalls_w": found.w, "p_value": found.p, "note": reasons}


def _line(row: dict[str, Any], mark: str, several: bool) -> tuple[str, ...]:
    return (
        f"{set_name(row['target'])}, {row['study']}" if several else set_name(row["target"]),
        NONE if row["kendalls_w"] is None else f"{row['kendalls_w']:.2f}",
        f"{p_text(row['p_value'])}{mark}",
        str(row["n_sources"]),
        str(row["n_methods"]),
        row["sources"] or NONE,
        row["methods"],
    )
