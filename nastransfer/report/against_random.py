"""Methods against random sampling, tested together: what each of several tests says of each arm, side by side.

RI's table shows one of them, the permutation test after Holm's correction. The others assume other things: Mann-Whitney
asks for ranks only, Dunnett for one spread of all arms, which it makes up for by using all runs at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl

from nastransfer.report.arms import Arm, arms
from nastransfer.report.names import listed, method_with, set_name, source_name
from nastransfer.report.ri_statistics import holm_by_target
from nastransfer.report.text_table import TextTable, noted, p_text
from nastransfer.stats.estimate import FEWEST_RUNS
from nastransfer.stats.permutations import permutation_tests
from nastransfer.stats.significance import dunnett, mann_whitney

# name -> (type, meaning)
TEST_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study": (pl.String(), "study"),
    "target": (pl.String(), "data set trained and tested on"),
    "method": (pl.String(), "search method"),
    "preset": (pl.String(), "settings of the search, where a study has several of a method"),
    "source": (pl.String(), "data set searched on"),
    "selection": (pl.String(), "how it was cut down; all: not at all"),
    "n_method": (pl.Int64(), "searches whose genotype was trained"),
    "n_random": (pl.Int64(), "random genotypes compared with"),
    "p_mann_whitney": (pl.Float64(), "two-sided Mann-Whitney U test"),
    "p_dunnett": (pl.Float64(), "Dunnett's test, two-sided, corrected for the arms that share random runs"),
    "p_value": (pl.Float64(), "two-sided permutation test of Welch's t"),
    "p_holm": (pl.Float64(), "the same, Holm-corrected over the study's arms on the target"),
    "note": (pl.String(), "why something is missing, and what was left out"),
}
CAPTION = "Methods against random sampling, tested together"
HEADERS = ("target", "method", "searched on", "n", "Mann-Whitney", "Dunnett", "permutation", "Holm")
LEGEND = (
    "Two-sided p values; n: searches against random genotypes. Mann-Whitney: by ranks, of this arm alone. Dunnett: all "
    "arms on the target at once, as if they had one spread, corrected for their number. Permutation: of Welch's t, of "
    "this arm alone; Holm: the same, corrected for the arms on the target, as in the table of RI."
)
EMPTY = "Nothing to test yet: no network that a search found has been trained on a target."
MOST_ARMS = 32
"""Arms up to which Dunnett's test is made: scipy integrates over as many dimensions, for 100 arms in four minutes."""

_NO_NOISE = "the runs of each arm are all equal: Dunnett's test has no spread to go by"


def against_random(frame: pl.DataFrame, *, seed: int = 2) -> pl.DataFrame:
    """The tests of each arm against random sampling of its target; columns `TEST_COLUMNS`.

    `seed` is of the permutations and of Dunnett's integration. `ValueError` as in `nastransfer.report.tables.ri_table`.
    """
    found = arms(frame)
    permuted = permutation_tests([(arm.accuracies, arm.random_accuracies) for arm in found], seed)
    corrected = holm_by_target(found, permuted)
    at_once = _dunnett(found, seed)
    rows = [
        {
            **_about(arm),
            "p_mann_whitney": mann_whitney(arm.accuracies, arm.random_accuracies),
            "p_dunnett": p_dunnett,
            "p_value": p_value,
            "p_holm": p_holm,
            "note": "; ".join(filter(None, [said, *arm.notes])) or None,
        }
        for arm, p_value, p_holm, (p_dunnett, said) in zip(found, permuted, corrected, at_once, strict=True)
    ]
    return pl.DataFrame(rows, {name: dtype for name, (dtype, _) in TEST_COLUMNS.items()})


def against_random_layout(table: pl.DataFrame) -> TextTable:
    """The table in words."""
    if table.is_empty():
        return TextTable(CAPTION, (), (), (EMPTY,))
    return noted(CAPTION, HEADERS, table, _line, LEGEND)


def against_random_html(table: pl.DataFrame) -> str:
    """The table as an HTML fragment."""
    return against_random_layout(table).html()


def _about(arm: Arm) -> dict[str, Any]:
    names = ("study", "target", "method", "preset", "source", "selection")
    sizes = {"n_method": len(arm.accuracies), "n_random": len(arm.random_accuracies)}
    return {name: getattr(arm, name) for name in names} | sizes


def _dunnett(found: Sequence[Arm], seed: int) -> list[tuple[float | None, str | None]]:
    """P value of each arm, or why it has none; or which arms it was corrected for, where these are not all."""
    families: dict[tuple[str, str, frozenset[int]], list[int]] = {}
    for place, arm in enumerate(found):
        families.setdefault((arm.study, arm.target, frozenset(arm.baseline["augment_seed"])), []).append(
            place
        )
    of_target = Counter((study, target) for study, target, _ in families)
    answers: list[tuple[float | None, str | None]] = [(None, None)] * len(found)
    for (study, target, seeds), places in families.items():
        of_seeds = listed(sorted(seeds, key=str))
        over = f"Dunnett's test is over the {len(places)} arms that share the random runs of augment seed {of_seeds}"
        said = over if of_target[study, target] > 1 else None
        for place, p in zip(places, _family([found[place] for place in places], seed), strict=True):
            answers[place] = p, said if p is not None else _why_not(found[place], len(places))
    return answers


def _family(family: Sequence[Arm], seed: int) -> list[float | None]:
    """Dunnett's p values of arms that have the same random runs."""
    if len(family) > MOST_ARMS:
        return [None] * len(family)
    sides = {str(place): arm.accuracies for place, arm in enumerate(family)}
    return list(dunnett(sides, family[0].random_accuracies, seed).values())


def _why_not(arm: Arm, arms_at_once: int) -> str:
    n_method, n_random = len(arm.accuracies), len(arm.random_accuracies)
    if min(n_method, n_random) < FEWEST_RUNS:
        return f"a test needs {FEWEST_RUNS} runs on each side; there are {n_method} against {n_random}"
    if arms_at_once > MOST_ARMS:
        return f"{arms_at_once} arms are too many for Dunnett's test: above {MOST_ARMS} it takes minutes"
    return _NO_NOISE


def _line(row: dict[str, Any], mark: str, several: bool) -> tuple[str, ...]:
    return (
        set_name(row["target"]),
        method_with(row["method"], row["preset"], row["study"] if several else None),
        source_name(row["source"], row["selection"]),
        f"{row['n_method']} against {row['n_random']}",
        p_text(row["p_mann_whitney"]),
        p_text(row["p_dunnett"]),
        p_text(row["p_value"]),
        f"{p_text(row['p_holm'])}{mark}",
    )
