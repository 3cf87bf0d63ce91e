"""The claims' table: verdicts right in made-up studies, what is lacking, columns, and how it is shown."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import polars as pl
import pytest

from nastransfer.report.claims.shown import claim_rules_html, claims_html, claims_summary, claims_text
from nastransfer.report.claims.table import (
    CLAIM_COLUMNS,
    COMPARISON_COLUMNS,
    CONTRADICTED,
    NOT_TESTABLE,
    RULES,
    SUPPORTED,
    UNDERPOWERED,
    all_claims,
    claim_comparisons,
    claims,
)
from nastransfer.study.frame import results_frame
from tests.report.claims.claim_worlds import DRAWN, WORLDS, World, by_source, only
from tests.report.made_study import made_study
from tests.report.rows import small_study, study, training

MANY = 40


def verdict_on(claim: str, frame: pl.DataFrame, **margin: float) -> dict[str, Any]:
    (row,) = claims(frame, **margin).filter(claim=claim).to_dicts()
    return row


def test_every_claim_has_its_rule_and_its_studies() -> None:
    names = [claim.id for claim in all_claims()]
    assert len(set(names)) == len(names)
    assert set(names) == set(RULES) == set(WORLDS)
    assert all(set(worlds) == {"true", "false", "line"} for worlds in WORLDS.values())
    said = [text for claim in all_claims() for name, text in vars(claim).items() if name != "target"]
    assert all(text.strip() for text in said)


@pytest.mark.parametrize("claim", WORLDS)
def test_enough_runs_tell_a_true_claim_from_a_false_one(claim: str) -> None:
    for truth, verdict in (("true", SUPPORTED), ("false", CONTRADICTED)):
        row = verdict_on(claim, WORLDS[claim][truth].study(np.random.default_rng(2), MANY))
        assert (row["verdict"], row["lacks"], row["runs_needed"]) == (verdict, None, None)
        assert row["n"] >= MANY - 1 and row["comparisons"] >= row["for_it"] + row["against_it"] > 0
        assert row["low_percent"] < row["effect_percent"] < row["high_percent"]


def test_columns_and_a_row_a_claim_and_study() -> None:
    one = made_study(searches=2, genotypes=3)
    table = claims(pl.concat([one, one.with_columns(study=pl.lit("again"))]))
    assert table.schema == pl.Schema({name: dtype for name, (dtype, _) in CLAIM_COLUMNS.items()})
    assert table["study"].to_list() == ["made"] * len(WORLDS) + ["again"] * len(WORLDS)
    first, second = table.partition_by("study", include_key=False)
    assert first.equals(second)
    assert claims(one).equals(claims(one))


def test_comparisons_add_up_to_the_verdicts() -> None:
    frame = made_study(searches=4, genotypes=8)
    table, single = claims(frame), claim_comparisons(frame)
    assert single.schema == pl.Schema({name: dtype for name, (dtype, _) in COMPARISON_COLUMNS.items()})
    for row in table.filter(pl.col("verdict") != NOT_TESTABLE).iter_rows(named=True):
        of_it = single.filter(claim=row["claim"])
        assert of_it.height == row["comparisons"]
        assert of_it["shown"].sum() == row["for_it"]
        assert (~of_it["shown"]).sum() == row["against_it"]
        assert row["decided_by"] in of_it["comparison"].to_list()
        assert set(of_it["runs"].explode()) == set(row["runs"]) <= set(frame["run"])


def test_the_deciding_comparison_by_hand() -> None:
    """Found 71 and 73, and 74 and 76, against random 69, 70, 71: the better arm is the one that may beat it."""
    row = verdict_on("best_pair_beats_random", small_study())
    assert (
        row["decided_by"]
        == "DARTS (1st order) on glyphs (synthetic): glyphs (synthetic) p1 against random sampling"
    )
    assert row["effect_percent"] == pytest.approx(100 * (75 / 70 - 1))
    assert row["margin_percent"] == pytest.approx(100 * (np.exp(1 / 70) - 1))
    assert (row["verdict"], row["n"], row["confidence"], row["comparisons"]) == (UNDERPOWERED, 2, 95.0, 2)
    assert row["tested_on"] == "DARTS (1st order) from digits and glyphs (synthetic) p1 on glyphs (synthetic)"
    assert row["runs_needed"] > 2 and len(row["runs"]) == 7


def test_a_given_margin_takes_the_place_of_the_spread_of_random_sampling() -> None:
    frame = World({"birds": ("few", "some")}, by_source(some=DRAWN)).study(np.random.default_rng(2), MANY)
    assert verdict_on("size", frame)["verdict"] == UNDERPOWERED
    assert verdict_on("size", frame, margin_percent=9.0)["verdict"] == SUPPORTED
    assert verdict_on("size", frame, margin_percent=0.5)["verdict"] == CONTRADICTED


def test_picking_the_best_of_many_arms_is_corrected_for() -> None:
    """The interval of the arm that decides is that of one among 9, not of one."""
    row = verdict_on(
        "best_pair_beats_random", WORLDS["best_pair_beats_random"]["true"].study(np.random.default_rng(2), 40)
    )
    assert row["confidence"] == pytest.approx(100 - 5 / 9)


def test_without_random_sampling_likeness_cannot_be_judged_and_an_order_can() -> None:
    world = World({"birds": ("few", "some", "cut")}, by_source(cut=-6.0))
    frame = world.study(np.random.default_rng(2), 20).filter(pl.col("method") != "random")
    size, whole = verdict_on("size", frame), verdict_on("whole_beat_cut_classes", frame)
    assert (size["verdict"], size["comparisons"]) == (NOT_TESTABLE, None)
    assert (
        size["lacks"]
        == "2 random runs on birds that differ: their spread is the smallest difference that matters"
    )
    assert (whole["verdict"], whole["margin_percent"]) == (SUPPORTED, None)
    assert verdict_on("best_pair_beats_random", frame)["lacks"].startswith(
        "a found genotype and a random one"
    )


def test_without_random_sampling_a_claim_that_takes_it_is_not_half_tested() -> None:
    world = WORLDS["whole_classes_best"]["true"]
    frame = world.study(np.random.default_rng(2), 20).filter(pl.col("method") != "random")
    for claim in ("whole_classes_best", "random_hard_to_beat"):
        row = verdict_on(claim, frame)
        assert row["verdict"] == NOT_TESTABLE and row["lacks"].endswith(
            "random genotypes trained on the target"
        )


def test_settings_are_named_and_what_only_they_compare_is_said() -> None:
    table = claims(WORLDS["proxy_over_protocol"]["true"].study(np.random.default_rng(2), 5))
    (row,) = table.filter(claim="proxy_over_protocol").to_dicts()
    assert row["decided_by"] == "spread over 2 arms less that over 20 and 40 cells, on birds"
    said = "15 trainings on birds (protocol paper+L40 cells 40; those compared: protocol paper cells 20)"
    assert set(table["other_settings"]) == {said}
    assert words(claims_html(table)).count(said) == words(claims_text(table)).count(said) == 1
    plain = claims(small_study())
    assert set(plain["other_settings"]) == {None} and "settings only" not in claims_html(plain)


def test_tricks_are_named_as_settings() -> None:
    routes = {"stones": ("stones", "leaves")}
    settings = {"paper": (20, {}), "paper+cutout16": (20, {}), "paper+L40+cutout16": (40, {})}
    row = verdict_on(
        "proxy_over_protocol", World(routes, settings=settings).study(np.random.default_rng(2), 5)
    )
    what = "20 and 40 cells, training without tricks and with cutout16"
    assert row["decided_by"] == f"spread over 2 arms less that over {what}, on stones"


def test_one_run_an_arm_is_underpowered_and_says_so() -> None:
    world = World({"birds": ("few", "cut")}, by_source(cut=-6.0))
    row = verdict_on("whole_beat_cut_classes", world.study(np.random.default_rng(2), 1, drawn=10))
    assert (row["verdict"], row["n"], row["low_percent"]) == (UNDERPOWERED, 1, None)
    assert row["found"] == "one run on a side shows no noise"
    assert 10 < row["runs_needed"] < 40


def test_equal_runs_show_no_noise() -> None:
    rows = [
        training("enas", seed, 70.0, source="glyphs", selection=label, proxy_images=size, proxy_classes=9)
        for seed in (2, 3)
        for label, size in (("p1", 900), ("p2", 90))
    ]
    row = verdict_on("size", study(*rows), margin_percent=1.0)
    assert (row["verdict"], row["found"]) == (UNDERPOWERED, "the runs of each side are all equal")


def test_the_papers_own_target_is_what_a_claim_is_held_to() -> None:
    """On ImageNet22K CIFAR10 is worse than every proxy, on ImageNet1K better: the claim is about the former."""
    effect = by_source(cifar10=6.0)
    routes = {"imagenet1k": ("cifar10", "imagenet1k-p1"), "imagenet22k": ("cifar10", "imagenet22k-p1")}
    truth = {"searches": 30, "genotypes": 30, "methods": ("darts2",), "ranked": False, "genotype_spreads": {}}

    def found(**kept: tuple[str, ...]) -> dict[str, Any]:
        frame = made_study(
            effect=lambda *arm: effect(*arm) * (-1 if arm[2] == "imagenet22k" else 1), routes=kept, **truth
        )
        return verdict_on("other_set_beats_proxies", frame)

    both, general = found(**routes), found(imagenet1k=routes["imagenet1k"])
    assert (both["verdict"], both["form"], both["comparisons"]) == (CONTRADICTED, "as in the paper", 1)
    assert (general["verdict"], general["form"]) == (SUPPORTED, "general")


def test_a_set_of_the_targets_kind_is_no_other_domain() -> None:
    """Scenes are 6% worse than the target's own images; CIFAR10, of the same kind as CIFAR100, must not dilute that."""
    rows = [training("random", draw, 60.0 + draw % 5, target="cifar100") for draw in range(30)]
    means = {"cifar100": 66.0, "cifar10": 72.0, "scene15": 60.0}
    for source, mean in means.items():
        about = {"target": "cifar100", "source": source, "run": f"demo/augment/{source}"}
        rows += [training("darts1", seed, mean + seed % 3, **about) for seed in range(2, 32)]
    row = verdict_on("other_domains", study(*rows))
    assert (row["verdict"], row["comparisons"]) == (CONTRADICTED, 1) and row["effect_percent"] < -7
    alike = study(*(row for row in rows if row.get("source") != "scene15"))
    assert verdict_on("other_domains", alike)["verdict"] == NOT_TESTABLE


@pytest.mark.parametrize("claim", ["mean_falls", "spread_grows"])
def test_targets_of_nearly_one_size_say_nothing_of_scale(claim: str) -> None:
    def frame(largest: int) -> pl.DataFrame:
        sizes = {"flowers102": 6_507, "cifar100": largest}
        return study(
            *(
                training("random", draw, top1 + draw % 3, target=target, n_train=size)
                for (target, size), top1 in zip(sizes.items(), (60.0, 30.0), strict=True)
                for draw in range(20)
            )
        )

    assert verdict_on(claim, frame(16_000))["verdict"] == NOT_TESTABLE
    assert verdict_on(claim, frame(50_000))["verdict"] == SUPPORTED
    small = study(*(training("random", draw, 50.0 + draw, target="mit67", n_train=500) for draw in range(2)))
    beside = verdict_on("spread_grows", pl.concat([frame(16_000), small]))
    assert beside["verdict"] == NOT_TESTABLE, "two runs show no spread, so their target is none of them"


def test_a_study_without_any_training_lacks_it() -> None:
    table = claims(results_frame([]))
    assert table["verdict"].to_list() == [NOT_TESTABLE] * len(WORLDS)
    assert set(table["lacks"]) == {"a finished training"}
    assert "19 not testable" in claims_text(table)
    assert claims_html(table).count("<tr>") == len(WORLDS) + 2


def test_bad_accuracies_are_refused() -> None:
    with pytest.raises(ValueError, match="an accuracy in percent is 0 to 100"):
        claims(study(training("darts1", 2, float("nan"))))
    with pytest.raises(ValueError, match="the margin is 0"):
        claims(small_study(), margin_percent=0.0)


def test_an_arm_that_got_no_image_right_is_left_out() -> None:
    rows = [training("darts1", seed, 0.0) for seed in (2, 3)]
    table = claims(study(*rows, *(training("random", draw, 70.0 + draw) for draw in range(3))))
    assert set(table["verdict"]) == {NOT_TESTABLE}


def test_names_are_escaped_and_every_claim_is_shown() -> None:
    wild = small_study().with_columns(pl.col("source").str.replace("digits", "<script>alert(1)</script>"))
    table = claims(wild)
    page = claims_html(table)
    assert "<script>" not in page and "&lt;script&gt;" in page
    text, shown, rules = (words(said) for said in (claims_text(table), page, claim_rules_html()))
    for claim in all_claims():
        assert claim.statement in text and claim.statement in shown
        assert claim.where in rules and claim.rule in rules and claim.needs in rules


def words(shown: str) -> str:
    """Text as it reads: entities resolved, white space single."""
    return " ".join(html.unescape(shown).split())


def test_the_summary_counts_verdicts() -> None:
    table = claims(
        World({"birds": ("few", "cut")}, only("darts2", "few", 9.0)).study(np.random.default_rng(2), 30)
    )
    counts = {
        name: table.filter(verdict=name).height
        for name in (SUPPORTED, CONTRADICTED, UNDERPOWERED, NOT_TESTABLE)
    }
    parts = [f"{number} {name}" for name, number in counts.items() if number]
    assert claims_summary(table) == f"Of 19 claims: {', '.join(parts[:-1])} and {parts[-1]}."
    assert claims_text(table).splitlines()[0] == claims_summary(table)
