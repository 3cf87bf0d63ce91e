"""What the paper concludes, each conclusion tested in a study's own results: supported, contradicted, underpowered, or
not testable, with the comparison that decided and the number of runs that are missing.

The claims are data (`claims.yaml`); their rules are in `proxies` and `training`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import polars as pl
import yaml

from nastransfer.report.claims import proxies, training
from nastransfer.report.claims.evidence import Cell, Evidence, evidence
from nastransfer.report.claims.proxies import Rule
from nastransfer.report.claims.verdicts import Judged, found, judge, judgeable, leaves, outcomes
from nastransfer.report.names import RANDOM, listed
from nastransfer.stats.improvement import percent_change

SUPPORTED, CONTRADICTED = "supported", "contradicted"
UNDERPOWERED, NOT_TESTABLE = "underpowered", "not testable"

# name -> (type, meaning)
CLAIM_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study": (pl.String(), "study; null where there is none with a finished training"),
    "claim": (pl.String(), "name of the claim"),
    "group": (pl.String(), "best practice (with its number in the paper) or result"),
    "statement": (pl.String(), "the claim in its general form, as tested"),
    "where": (pl.String(), "where the paper makes it"),
    "target": (pl.String(), "the one target that the paper makes it for; null: any"),
    "needs": (pl.String(), "what a study must hold to test it"),
    "rule": (pl.String(), "which comparisons are made, and how they are put together"),
    "verdict": (pl.String(), "supported, contradicted, underpowered or not testable"),
    "lacks": (pl.String(), "of not testable: what the study lacks"),
    "decided_by": (pl.String(), "the comparison that decided: of several with its outcome, the closest call"),
    "found": (pl.String(), "what that comparison shows, in words"),
    "effect_percent": (
        pl.Float64(),
        "effect in that comparison: relative difference of mean accuracies, percent",
    ),
    "low_percent": (pl.Float64(), "lower end of its interval; null where runs show no noise"),
    "high_percent": (pl.Float64(), "upper end"),
    "confidence": (
        pl.Float64(),
        "confidence of the interval, percent: above 95 where one of several was enough",
    ),
    "margin_percent": (pl.Float64(), "smallest difference that matters there; null: none is needed or known"),
    "n": (pl.Int64(), "runs of the smaller side of that comparison"),
    "runs_needed": (
        pl.Int64(),
        "of underpowered: runs an arm that would tell with 80% power; null: over a million",
    ),
    "comparisons": (pl.Int64(), "comparisons made"),
    "for_it": (pl.Int64(), "of them, those that show what the claim says"),
    "against_it": (pl.Int64(), "and those that show the opposite"),
    "left_out": (pl.Int64(), "comparisons without a margin, left out"),
    "form": (pl.String(), "as in the paper: on its target; general: on whatever the study has"),
    "tested_on": (pl.String(), "targets, methods and sources, in words"),
    "runs": (pl.List(pl.String()), "runs used"),
    "other_settings": (
        pl.String(),
        "trainings that only claims on settings compare, since most on their target are of another; null: none",
    ),
}

# name -> (type, meaning)
COMPARISON_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study": (pl.String(), "study"),
    "claim": (pl.String(), "name of the claim"),
    "comparison": (pl.String(), "what is compared, in words"),
    "must_be": (pl.String(), "above, alike, differs, not above or not below, as the claim has it"),
    "shown": (pl.Boolean(), "true: the runs show it; false: they show the opposite; null: neither"),
    "effect_percent": (pl.Float64(), "relative difference, percent"),
    "low_percent": (pl.Float64(), "lower end of its interval"),
    "high_percent": (pl.Float64(), "upper end"),
    "confidence": (pl.Float64(), "confidence of the interval, percent"),
    "margin_percent": (pl.Float64(), "smallest difference that matters there"),
    "n": (pl.Int64(), "runs of the smaller side"),
    "runs_needed": (pl.Int64(), "where neither is shown: runs an arm that would tell with 80% power"),
    "runs": (pl.List(pl.String()), "runs used"),
}

_MOST_LISTED = 4
RULES = {rule.__name__: rule for rule in (*proxies.RULES, *training.RULES)}


@dataclass(frozen=True)
class Claim:
    """A claim of the paper; fields as of `CLAIM_COLUMNS`."""

    id: str
    group: str
    statement: str
    where: str
    needs: str
    rule: str
    target: str | None = None

    def in_scope(self, given: Evidence) -> Evidence:
        """What of a study is on the target that the paper speaks of; without one, everything."""
        if self.target is None:
            return given
        return replace(given, searched=tuple(cell for cell in given.searched if cell.target == self.target))

    def tree(self, given: Evidence) -> Rule:
        """The comparisons that test the claim, or what the study lacks.

        A study that has the paper's target is held to the claim there; any other to its general form.
        """
        scope = self.in_scope(given)
        return RULES[self.id](scope if scope.searched else given)

    @property
    def about(self) -> dict[str, str]:
        """What the tables say of the claim itself."""
        return {"claim": self.id, **{name: value for name, value in vars(self).items() if name != "id"}}


@cache
def all_claims() -> tuple[Claim, ...]:
    """The claims of methods.md 9.5b, in the paper's order."""
    text = (resources.files("nastransfer.report.claims") / "claims.yaml").read_text(encoding="utf-8")
    return tuple(Claim(**entry) for entry in yaml.safe_load(text))


def claims(frame: pl.DataFrame, margin_percent: float | None = None) -> pl.DataFrame:
    """A verdict on every claim from the results of each study in the frame; columns `CLAIM_COLUMNS`.

    Claims of likeness, and the refutation of an advantage, need a smallest difference that matters: `margin_percent`,
    or (None) the standard deviation of random sampling on the target: a choice of proxy or method that moves accuracy
    by less matters less than which random architecture one happens to draw. Its own noise is counted.

    `ValueError` for accuracies that are none, and for a margin that is not above 0.
    """
    rows = [
        {**_about(given), **claim.about, **_verdict(claim.tree(given)), **_form(claim, given)}
        for given in evidence(frame, margin_percent)
        for claim in all_claims()
    ]
    empty = {"study": None, "verdict": NOT_TESTABLE, "lacks": "a finished training"}
    rows = rows or [{**claim.about, **empty} for claim in all_claims()]
    return pl.DataFrame(rows, {name: dtype for name, (dtype, _) in CLAIM_COLUMNS.items()})


def claim_comparisons(frame: pl.DataFrame, margin_percent: float | None = None) -> pl.DataFrame:
    """Every comparison behind the verdicts of `claims`; columns `COMPARISON_COLUMNS`."""
    rows: list[dict[str, Any]] = []
    for given in evidence(frame, margin_percent):
        for claim in all_claims():
            tree = claim.tree(given)
            kept = None if isinstance(tree, str) else judgeable(tree)
            for judged in outcomes(kept) if kept is not None else ():
                about = {"study": given.study, "claim": claim.id, "comparison": judged.test.about}
                said = {"must_be": judged.test.kind, "shown": judged.outcome}
                runs = {"runs": _runs(judged.test.cells), "runs_needed": judged.runs_needed}
                rows.append({**about, **said, **_figures(judged), **runs})
    return pl.DataFrame(rows, {name: dtype for name, (dtype, _) in COMPARISON_COLUMNS.items()})


def _form(claim: Claim, given: Evidence) -> dict[str, str]:
    known = claim.target is not None and bool(claim.in_scope(given).searched)
    return {"form": "as in the paper" if known else "general"}


def _about(given: Evidence) -> dict[str, str | None]:
    return {"study": given.study, "other_settings": "; ".join(given.left_out) or None}


def _verdict(tree: Rule) -> dict[str, Any]:
    if isinstance(tree, str):
        return {"verdict": NOT_TESTABLE, "lacks": tree}
    kept = judgeable(tree)
    if kept is None:
        lacking = dict.fromkeys(test.lacks for test in leaves(tree) if test.lacks is not None)
        return {"verdict": NOT_TESTABLE, "lacks": "; ".join(lacking)}
    judged = judge(kept)
    single = [one.outcome for one in outcomes(kept)]
    cells = [cell for test in leaves(kept) for cell in test.cells]
    return {
        "verdict": {True: SUPPORTED, False: CONTRADICTED, None: UNDERPOWERED}[judged.outcome],
        "decided_by": judged.test.about,
        "found": found(judged),
        **_figures(judged),
        "runs_needed": judged.runs_needed,
        "comparisons": len(single),
        "for_it": single.count(True),
        "against_it": single.count(False),
        "left_out": len(list(leaves(tree))) - len(single),
        "tested_on": _tested_on(cells),
        "runs": _runs(cells),
    }


def _figures(judged: Judged) -> dict[str, Any]:
    """The effect of a comparison with the interval by which it was judged."""
    effect, margin = judged.test.effect, judged.test.margin
    low, high = effect.limits(judged.alpha) or (None, None)
    return {
        "effect_percent": effect.percent(effect.estimate),
        "low_percent": None if low is None else effect.percent(low),
        "high_percent": None if high is None else effect.percent(high),
        "confidence": 100.0 * (1.0 - 2.0 * judged.alpha),
        "margin_percent": percent_change(margin.width) if margin is not None and margin.width else None,
        "n": effect.n,
    }


def _tested_on(cells: Iterable[Cell]) -> str:
    """Targets, methods and sources, each once."""
    used = list(cells)
    searched = [cell for cell in used if cell.method != RANDOM]
    if not searched:
        return f"random sampling on {_few(used, 'where', 'targets')}"
    methods, sources = _few(searched, "name", "methods"), _few(searched, "origin", "sources")
    return f"{methods} from {sources} on {_few(searched, 'where', 'targets')}"


def _few(cells: Iterable[Cell], name: str, what: str) -> str:
    """The cells' different values of a property, counted where there are many."""
    values = _distinct(getattr(cell, name) for cell in cells)
    return listed(values) if len(values) <= _MOST_LISTED else f"{len(values)} {what}"


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _runs(cells: Iterable[Cell]) -> list[str]:
    return _distinct(run for cell in cells for run in cell.runs)
