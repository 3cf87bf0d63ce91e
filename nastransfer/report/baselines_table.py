"""RI with each choice of the random runs to compare with, and where what it says hangs on that choice.

The table of RI and all figures take the runs of the augment seeds that both sides have; the others are in
`nastransfer.stats.baselines`.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from nastransfer.report.arms import Arm, arms
from nastransfer.report.counterparts import trained_once
from nastransfer.report.names import listed, method_with, set_name, source_name
from nastransfer.report.ri_statistics import by_augment_seed
from nastransfer.report.text_table import NONE, TextTable, noted
from nastransfer.stats.baselines import RECURRING, BaselineChoices, BySeed, baseline_choices

SAME_SEED, POOLED, PAIRED = "same_seed", "pooled", "paired"
CHOICES = {SAME_SEED: "same augment seeds", POOLED: "all random runs", PAIRED: "seed by seed"}
"""Choice to its name for people; the first is that of all other tables and figures."""
MEANINGS = {
    SAME_SEED: "runs with augment seeds that both sides have, a search's mean over them counting once",
    POOLED: "all runs of both sides, whatever their augment seed",
    PAIRED: "RI within each augment seed, averaged over seeds; without an interval, since searches recur in each",
}

_FIGURES = {
    f"{choice}_{end}": (pl.Float64(), f"{end} of RI, percent: {meaning}")
    for choice, meaning in MEANINGS.items()
    for end in (("ri",) if choice == PAIRED else ("ri", "low", "high"))
}
# name -> (type, meaning)
BASELINE_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study": (pl.String(), "study"),
    "target": (pl.String(), "data set trained and tested on"),
    "method": (pl.String(), "search method"),
    "preset": (pl.String(), "settings of the search, where a study has several of a method"),
    "source": (pl.String(), "data set searched on"),
    "selection": (pl.String(), "how it was cut down; all: not at all"),
    "n_method": (pl.Int64(), "searches whose genotype was trained"),
    "n_random": (pl.Int64(), "random genotypes trained"),
    **_FIGURES,
    "sign_depends": (pl.Boolean(), "whether RI's sign depends on the choice"),
    "zero_depends": (
        pl.Boolean(),
        "whether 0 is in the interval by one choice and not by the other",
    ),
    "note": (pl.String(), "why a figure is missing"),
}
CAPTION = "RI by choice of the random runs"
LEGEND = "95% intervals below. " + " ".join(
    f"{CHOICES[choice]}: {said}." for choice, said in MEANINGS.items()
)
EMPTY = (
    "Nothing to compare yet: it takes what a search found and a random genotype, both trained on a target."
)
SIGN, ZERO = "the sign", "whether 0 is within the interval"
_MOST_NAMED = 4


def ri_by_baseline(frame: pl.DataFrame) -> pl.DataFrame:
    """A row for each arm that has random runs on its target; columns `BASELINE_COLUMNS`.

    `ValueError` as `arms.trainings` says.
    """
    random: dict[tuple[str, str], BySeed] = {}
    rows = []
    for arm in arms(frame):
        place = arm.study, arm.target
        if place not in random:
            random[place] = by_augment_seed(arm.all_random)
        # Random runs that got no image right are no baseline.
        if any(value for values in random[place].values() for value in values):
            rows.append(_row(arm, random[place]))
    return pl.DataFrame(rows, {name: dtype for name, (dtype, _) in BASELINE_COLUMNS.items()})


def baselines_layout(table: pl.DataFrame) -> TextTable:
    """The table in words."""
    if table.is_empty():
        return TextTable(CAPTION, (), (), (EMPTY,))
    headers = (
        "target",
        "method",
        "searched on",
        "n",
        *(f"RI, %: {name}" for name in CHOICES.values()),
        "depends",
    )
    return noted(CAPTION, headers, table, _line, LEGEND)


def what_depends(table: pl.DataFrame) -> list[str]:
    """Sentences for a warning: which arms' sign, and which arms' interval about 0, hang on the choice; none is well."""
    said = []
    for column, what in (
        ("sign_depends", "the sign of RI"),
        ("zero_depends", "whether RI's interval holds 0"),
    ):
        rows = table.filter(pl.col(column))
        if not rows.is_empty():
            names = [_named(row) for row in rows.head(_MOST_NAMED).iter_rows(named=True)]
            more = [f"{rows.height - _MOST_NAMED} more"] if rows.height > _MOST_NAMED else []
            said.append(
                f"In {rows.height} of {table.height} rows {what} depends on the random runs compared with: "
                f"{listed([*names, *more])}."
            )
    return said


def _named(row: dict[str, Any]) -> str:
    method = method_with(row["method"], row["preset"])
    return f"{method} from {source_name(row['source'], row['selection'])} on {set_name(row['target'])}"


def _row(arm: Arm, random: BySeed) -> dict[str, Any]:
    found = baseline_choices(by_augment_seed(arm.all_runs), random)
    by_choice = {SAME_SEED: found.same_seed, POOLED: found.pooled, PAIRED: found.paired}
    row = {
        name: getattr(arm, name) for name in ("study", "target", "method", "preset", "source", "selection")
    }
    row |= {"n_method": _searches(arm.all_runs), "n_random": _searches(arm.all_random)}
    row |= {f"{choice}_ri": one.estimate for choice, one in by_choice.items()}
    for choice in (SAME_SEED, POOLED):
        row |= {f"{choice}_low": by_choice[choice].low, f"{choice}_high": by_choice[choice].high}
    reasons = dict.fromkeys(
        f"{CHOICES[choice]}: {one.reason}"
        for choice, one in by_choice.items()
        if one.reason and one.reason != RECURRING
    )
    return {**row, **_depends(found), "note": "; ".join(reasons) or None}


def _depends(found: BaselineChoices) -> dict[str, bool]:
    beside_zero = {
        one.low > 0.0 or one.high < 0.0
        for one in (found.same_seed, found.pooled)
        if one.low is not None and one.high is not None
    }
    return {"sign_depends": found.sign_depends, "zero_depends": len(beside_zero) > 1}


def _searches(runs: pl.DataFrame) -> int:
    return trained_once(runs).select("search_seed", "genotype").n_unique()


def _line(row: dict[str, Any], mark: str, several: bool) -> tuple[str, ...]:
    depends = [name for column, name in (("sign_depends", SIGN), ("zero_depends", ZERO)) if row[column]]
    return (
        set_name(row["target"]),
        method_with(row["method"], row["preset"], row["study"] if several else None),
        source_name(row["source"], row["selection"]),
        f"{row['n_method']} against {row['n_random']}",
        *(_figure(row, choice) for choice in CHOICES),
        f"{listed(depends) or 'nothing'}{mark}",
    )


def _figure(row: dict[str, Any], choice: str) -> str:
    estimate, low, high = (row.get(f"{choice}_{end}") for end in ("ri", "low", "high"))
    if estimate is None:
        return NONE
    if choice == PAIRED:
        return f"{estimate:+.2f}"
    return f"{estimate:+.2f}\n{'no interval' if low is None else f'{low:+.2f} to {high:+.2f}'}"
