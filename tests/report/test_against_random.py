"""Methods against random sampling by several tests at once: against the tests themselves, and what none can say."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from scipy.stats import dunnett as scipy_dunnett
from scipy.stats import mannwhitneyu

from nastransfer.report import against_random as module
from nastransfer.report.against_random import (
    EMPTY,
    HEADERS,
    TEST_COLUMNS,
    against_random,
    against_random_html,
    against_random_layout,
)
from nastransfer.report.tables import ri_table
from tests.report.rows import small_study, study, training

DIGITS, PROXY, RANDOM = [71.0, 73.0], [74.0, 76.0], [69.0, 70.0, 71.0]


def by_source(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    return {row["source"]: row for row in table.iter_rows(named=True)}


def test_each_test_is_of_the_same_runs() -> None:
    table = against_random(small_study())
    assert table.schema == pl.Schema({name: dtype for name, (dtype, _) in TEST_COLUMNS.items()})
    rows = by_source(table)
    at_once = dict(
        zip(("digits", "glyphs"), scipy_dunnett(DIGITS, PROXY, control=RANDOM, rng=2).pvalue, strict=True)
    )
    for source, own in (("digits", DIGITS), ("glyphs", PROXY)):
        row = rows[source]
        assert (row["n_method"], row["n_random"], row["note"]) == (2, 3, None)
        assert row["p_mann_whitney"] == pytest.approx(mannwhitneyu(own, RANDOM).pvalue)
        assert row["p_dunnett"] == pytest.approx(at_once[source], abs=2e-3)
    assert rows["glyphs"]["p_mann_whitney"] == pytest.approx(2 / 10), "the highest 2 of 5, either way"
    assert rows["glyphs"]["p_dunnett"] < rows["digits"]["p_dunnett"]


def test_permutation_and_holm_are_those_of_the_ri_table() -> None:
    same = ["source", "p_value", "p_holm"]
    assert against_random(small_study()).select(same).equals(ri_table(small_study()).select(same))
    assert against_random(small_study()).equals(against_random(small_study())), "same seed, same figures"


def test_what_cannot_be_tested_is_null_with_the_reason() -> None:
    alone = training("enas", 2, 72.0)
    row = against_random(pl.concat([small_study(), study(alone)])).filter(method="enas").row(0, named=True)
    names = ("p_mann_whitney", "p_dunnett", "p_value", "p_holm")
    assert [row[name] for name in names] == [None] * 4
    assert row["note"] == "a test needs 2 runs on each side; there are 1 against 3"
    (row,) = against_random(study(training("darts1", 2, 72.0), training("darts1", 3, 74.0))).to_dicts()
    assert row["note"] == "a test needs 2 runs on each side; there are 2 against 0"


def test_without_noise_there_is_no_dunnett() -> None:
    rows = [training(method, seed, 70.0) for method in ("darts1", "random") for seed in (2, 3)]
    (row,) = against_random(study(*rows)).to_dicts()
    assert row["p_dunnett"] is None and "no spread to go by" in row["note"]
    assert (row["p_mann_whitney"], row["p_value"]) == (1.0, 1.0)


def test_arms_with_other_random_runs_are_a_family_of_their_own() -> None:
    both = [training("enas", seed, 72.0 + seed + aug, augment_seed=aug) for seed in (2, 3) for aug in (2, 3)]
    random = [training("random", draw, 70.0 + draw, augment_seed=3) for draw in range(3)]
    notes = dict(
        against_random(pl.concat([small_study(), study(*both, *random)])).select("method", "note").iter_rows()
    )
    said = "Dunnett's test is over the {} arms that share the random runs of augment seed {}"
    assert notes == {"darts1": said.format(2, "2"), "enas": said.format(1, "2 and 3")}


def test_too_many_arms_for_dunnett(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ARMS", 1)
    table = against_random(small_study())
    assert table["p_dunnett"].null_count() == 2 and table["p_value"].null_count() == 0
    assert table["note"][0] == "2 arms are too many for Dunnett's test: above 1 it takes minutes"


def test_words() -> None:
    alone = training("enas", 2, 72.0)
    shown = against_random_layout(against_random(pl.concat([small_study(), study(alone)])))
    assert shown.headers == HEADERS
    assert shown.lines[-1][-5:] == ("1 against 3", "none", "none", "none", "none [1]")
    assert shown.below[1] == "[1] a test needs 2 runs on each side; there are 1 against 3"
    assert EMPTY in against_random_html(against_random(study()))


def test_mixed_protocols_are_refused() -> None:
    other = training("darts1", 9, 70.0, protocol="small", cells=8)
    with pytest.raises(ValueError, match="2 protocols"):
        against_random(pl.concat([small_study(), study(other)]))
