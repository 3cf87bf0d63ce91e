"""The decision table against arithmetic by hand, what it says in words, and studies it cannot decide or must refuse."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import polars as pl
import pytest

from nastransfer.report.decide import DECISION_COLUMNS, Decision, decide, decision
from nastransfer.report.decide_text import HEADERS, decision_html, decision_in_words, decision_text
from nastransfer.stats.decision import ALIKE, RANDOM_ENOUGH, RECOMMENDED, UNDECIDED, best_arm
from nastransfer.stats.improvement import relative_improvement
from nastransfer.study.frame import results_frame
from nastransfer.study.published import published
from tests.report.made_study import made_study, no_effect
from tests.report.rows import small_study, study, training

DIGITS = "DARTS (1st order), from digits"
PROXY = "DARTS (1st order), from glyphs (synthetic), p1"
RANDOM = "random sampling"


def search(seed: int, seconds: float | None, macs: int | None, **changed: Any) -> dict[str, Any]:
    spent = {"seconds": seconds, "search_macs": macs, "feeds": "search"}
    return {**training("darts1", seed, None), "kind": "search", "target": None, **spent, **changed}


def clear_study() -> pl.DataFrame:
    """Searches from digits gain 10%, those from a proxy nothing."""
    proxy = {"source": "glyphs", "selection": "p1"}
    return study(
        *(training("random", draw, top1) for draw, top1 in enumerate((69.0, 70.0, 71.0, 70.5))),
        *(training("darts1", seed, 77.0 + 0.2 * seed) for seed in (2, 3, 4)),
        *(training("darts1", seed, 70.0 + 0.2 * seed, **proxy, run=f"proxy-{seed}") for seed in (2, 3, 4)),
        *(search(seed, 10.0 * seed, 100 * seed) for seed in (2, 3, 4)),
        *(search(seed, 1.0 * seed, 10 * seed, **proxy) for seed in (2, 3, 4)),
        {
            **search(0, 7.0, None, **proxy),
            "kind": "proxy",
            "method": None,
            "preset": None,
            "search_seed": None,
        },
    )


@cache
def paper_like_decision() -> Decision:
    """The decision for ImageNet1K of the made-up study: 28 arms and random sampling."""
    return decision(made_study(), "imagenet1k")


def words(found: Decision) -> str:
    return " ".join(decision_in_words(found))


def test_rows_by_hand() -> None:
    """A row an arm, the likeliest first; RI and its interval as in the RI table, the rest from the pure decision."""
    table = decide(clear_study(), "glyphs")
    assert table.schema == pl.Schema({name: dtype for name, (dtype, _) in DECISION_COLUMNS.items()})
    digits, proxy, random = table.iter_rows(named=True)
    assert [row["pair"] for row in (digits, proxy, random)] == [DIGITS, PROXY, RANDOM]
    assert [row["route"] for row in (digits, proxy, random)] == ["transfer", "direct", "random"]
    assert [row["n"] for row in (digits, proxy, random)] == [3, 3, 4]
    assert [row["verdict"] for row in (digits, proxy, random)] == ["recommended", "worse", "worse"]
    measured = relative_improvement([77.4, 77.6, 77.8], [69.0, 70.0, 71.0, 70.5])
    assert digits["top1_mean"] == pytest.approx(77.6)
    assert [digits[name] for name in ("ri_percent", "ri_low", "ri_high")] == pytest.approx(
        [measured.estimate, measured.low, measured.high]
    )
    runs = {DIGITS: [77.4, 77.6, 77.8], PROXY: [70.4, 70.6, 70.8], RANDOM: [69.0, 70.0, 71.0, 70.5]}
    chance = best_arm(runs, RANDOM).chances[DIGITS]
    assert chance.expected is not None
    assert (digits["p_best"], digits["p_gain"]) == (chance.p_best, chance.p_gain)
    assert digits["expected_ri_percent"] == pytest.approx(chance.expected.estimate)
    assert digits["expected_low"] < digits["expected_ri_percent"] < min(digits["expected_high"], 10.7)
    assert [random[name] for name in ("ri_percent", "expected_ri_percent", "p_gain")] == [None, None, None]
    assert table["p_best"].sum() == pytest.approx(1.0)


def test_random_sampling_counts_with_the_augment_seeds_of_the_searches() -> None:
    """Random genotypes score 9 points more with augment seed 3, with which no searched genotype was trained."""
    frame = clear_study()
    other = [training("random", draw, 79.0 + draw, augment_seed=3, run=f"o-{draw}") for draw in range(4)]
    found = decide(pl.concat([frame, study(*other)]), "glyphs")
    assert found.drop("note").equals(decide(frame, "glyphs").drop("note"))
    notes = dict(found.select("pair", "note").iter_rows())
    assert notes[RANDOM] == "augment seed 3 left out: no searched genotype has it"
    alone = pl.concat([frame.filter(pl.col("method") != "random"), study(*other)])
    assert decide(alone, "glyphs").filter(pair=RANDOM)["top1_mean"].to_list() == [80.5]


def test_costs_are_medians_of_the_searches_with_their_proxys_own() -> None:
    """Searches of 20, 30 and 40 s; 2, 3 and 4 s on a proxy that took 7 s; random sampling searches nothing."""
    rows = {row["pair"]: row for row in decide(clear_study(), "glyphs").iter_rows(named=True)}
    assert [rows[name]["search_seconds"] for name in (DIGITS, PROXY, RANDOM)] == [30.0, 10.0, 0.0]
    assert [rows[name]["search_macs"] for name in (DIGITS, PROXY, RANDOM)] == [300.0, 30.0, 0.0]
    unrecorded = decide(clear_study().filter(pl.col("kind") == "augment"), "glyphs")
    assert unrecorded.filter(pair=DIGITS)["search_seconds"].to_list() == [None]


def test_what_is_recommended_is_said_with_its_gain_its_cost_and_how_sure() -> None:
    found = decision(clear_study(), "glyphs")
    assert (found.choice.verdict, found.choice.taken) == (RECOMMENDED, DIGITS)
    answer, why = decision_in_words(found)
    assert answer.startswith(f"glyphs (synthetic): use {DIGITS}. It is the best of 3 arms with 99")
    assert "Expected gain over random sampling +10" in why and "as measured" in why
    assert why.endswith("One search took 30.0 s, 3.0e+02 multiply-adds.")


def test_random_sampling_that_is_not_beaten_is_recommended() -> None:
    frame = clear_study().with_columns(
        pl.when(pl.col("method") == "random")
        .then(pl.col("top1_last") + 15.0)
        .otherwise("top1_last")
        .alias("top1_last")
    )
    found = decision(frame, "glyphs")
    assert (found.choice.verdict, found.choice.taken) == (RANDOM_ENOUGH, RANDOM)
    assert set(found.rows["verdict"]) == {"recommended", "no gain"}
    assert "random sampling is not beaten: use random sampling." in words(found)
    assert f"The likeliest to: {DIGITS}." in words(found)


def test_what_cannot_be_told_apart_is_undecided_with_the_runs_that_would_decide() -> None:
    found = decision(small_study(), "glyphs")
    assert (found.choice.verdict, set(found.choice.best_set)) == (UNDECIDED, {DIGITS, PROXY})
    rows = {row["pair"]: row for row in found.rows.iter_rows(named=True)}
    assert [rows[name]["verdict"] for name in (PROXY, DIGITS, RANDOM)] == ["undecided", "undecided", "worse"]
    assert rows[DIGITS]["runs_needed"] == found.choice.runs_needed
    needed = f"It would take about {found.choice.runs_needed} runs an arm to tell {PROXY} from those expected more than"
    assert f"{needed} 0.5% below it (now 2 to 3)." in words(found)
    assert "Random sampling is not among them." in words(found)
    assert f"As far as seen, {PROXY} is ahead (better than random sampling with" in words(found)


def test_where_nothing_differs_the_cheapest_breaks_the_tie_and_runs_would_show_that_all_are_alike() -> None:
    found = decision(made_study(effect=no_effect), "cifar100")
    assert found.choice.verdict == UNDECIDED
    assert found.rows.filter("tie_break")["pair"].to_list() == [RANDOM]
    assert "no search is shown to be worth its cost" in words(found)
    needed = f"It would take about {found.choice.runs_needed} runs an arm to show whether those expected closer to "
    assert f"{needed}{found.choice.leader} are within 0.5% of it (now 5 to 10)." in words(found)
    assert "as a tie-break by cost and not by accuracy: random sampling." in words(found)


def alike_study(macs: int | None = None, **proxy_machine: Any) -> pl.DataFrame:
    """Two arms of the same accuracies, 10% above random sampling; searches on the proxy took 5 s, others 10 s."""
    runs = [70.0 + 0.01 * number for number in range(6)]
    proxy = {"source": "glyphs", "selection": "p1"}
    machine = {"device": "fast", "threads": 2}
    return study(
        *(training("random", draw, top1 - 10.0) for draw, top1 in enumerate(runs)),
        *(training("darts1", seed, top1) for seed, top1 in enumerate(runs)),
        *(training("darts1", seed, top1, **proxy, run=f"p-{seed}") for seed, top1 in enumerate(runs)),
        *(search(seed, 10.0, macs, **machine) for seed in range(6)),
        *(search(seed, 5.0, macs and 2 * macs, **(proxy | machine | proxy_machine)) for seed in range(6)),
    )


def test_alike_arms_are_said_to_be_alike_and_the_cheapest_is_taken() -> None:
    found = decision(alike_study(), "glyphs")
    assert (found.choice.verdict, found.choice.taken) == (ALIKE, PROXY)
    assert found.row(DIGITS)["verdict"] == "alike" and found.row(PROXY)["tie_break"]
    assert f"use {PROXY}, the cheapest of them." in words(found)


@pytest.mark.parametrize("changed", [{"device": "slow"}, {"threads": 1}])
def test_seconds_of_several_machines_break_no_tie(changed: dict[str, Any]) -> None:
    found = decision(alike_study(**changed), "glyphs")
    assert (found.choice.verdict, found.choice.cheapest) == (ALIKE, None)
    assert not found.rows["tie_break"].any() and "the cheapest" not in words(found)
    told = "fast with 1 thread and fast with 2 threads" if "threads" in changed else "slow with 2 threads"
    assert "seconds are of several machines (fast with" in words(found) and told in words(found)
    counted = decision(alike_study(100, **changed), "glyphs")  # multiply-adds are the same on any
    assert (counted.choice.cheapest, counted.incomparable) == (DIGITS, None)


def test_costs_that_were_not_recorded_break_no_tie() -> None:
    frame = alike_study().with_columns(seconds=pl.lit(None, pl.Float64))
    assert "Which of the searches is cheaper is not known: it was not recorded." in words(
        decision(frame, "glyphs")
    )


def test_many_runs_are_said_to_be_more_than_it_is_worth() -> None:
    found = paper_like_decision()
    assert found.choice.verdict == UNDECIDED and (found.choice.runs_needed or 0) > 50
    assert "more than it is worth" in words(found)
    assert f"undecided between {len(found.choice.best_set)} arms, first of them" in words(found)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [training("darts1", 2, 72.0), training("darts1", 3, 73.0)],
            "Without a random run it cannot be said",
        ),
        ([training("darts1", 2, 72.0), training("random", 0, 70.0)], "Every arm has a single run"),
        (
            [training("darts1", 2, 79.0), training("random", 0, 70.0), training("random", 1, 70.1)],
            f"{DIGITS} has a single run",
        ),
        ([training("random", 0, 70.0), training("random", 1, 70.1)], "There is nothing to compare"),
    ],
)
def test_what_runs_cannot_decide_is_undecided_and_says_why(rows: list[dict[str, Any]], said: str) -> None:
    found = decision(study(*rows), "glyphs")
    assert (found.choice.verdict, found.choice.taken) == (UNDECIDED, None)
    assert words(found).startswith(f"glyphs (synthetic): undecided. {said}")
    assert set(found.rows["verdict"]) == {"undecided"}
    assert decision_html(found) and decision_text(found)


def test_one_run_an_arm_has_no_interval_and_no_probability() -> None:
    row = decision(study(training("darts1", 2, 72.0), training("random", 0, 70.0)), "glyphs").row(DIGITS)
    assert row["ri_percent"] == pytest.approx(100 * 2 / 70)
    assert [row[name] for name in ("ri_low", "expected_ri_percent", "p_best", "runs_needed")] == [None] * 4
    assert "2 runs on each side" in row["note"]


def test_an_unknown_target_lists_those_there() -> None:
    frame = pl.concat([small_study(), published()])
    with pytest.raises(ValueError, match=r"no training on target 'imagenet1k' is finished; .*: glyphs$"):
        decide(frame, "imagenet1k")
    with pytest.raises(ValueError, match="targets with finished trainings: none"):
        decide(results_frame([]), "glyphs")


def test_nan_mixed_protocols_and_several_studies_are_refused() -> None:
    with pytest.raises(ValueError, match="has a top1_last of nan"):
        decide(study(training("darts1", 2, math.nan)), "glyphs")
    with pytest.raises(ValueError, match=r"trained under 2 protocols.*'tiny'; 'small'"):
        decide(study(training("darts1", 2, 72.0), training("random", 0, 70.0, protocol="small")), "glyphs")
    with pytest.raises(ValueError, match=r"trained on in 2 studies \(another and demo\)"):
        decide(study(training("darts1", 2, 72.0), training("random", 0, 70.0, study="another")), "glyphs")


def test_mixed_protocols_on_another_target_do_not_matter() -> None:
    other = [training("random", seed, 50.0, target="digits", protocol=f"p{seed}") for seed in (2, 3)]
    assert decide(pl.concat([small_study(), study(*other)]), "glyphs").equals(decide(small_study(), "glyphs"))


def test_an_unfinished_study_decides_from_what_is_there_and_says_what_is_missing() -> None:
    cut = clear_study().filter(~((pl.col("run") == "proxy-4") & (pl.col("kind") == "augment")))
    assert decision(clear_study(), "glyphs").missing is None
    found = decision(cut, "glyphs")
    assert found.choice.taken == DIGITS
    assert found.missing is not None and "2 of 3 trainings" in found.missing
    planned = decision(cut, "glyphs", planned=12)
    assert planned.missing == "Unfinished: 9 of the 12 planned trainings on this target are there."
    assert planned.missing in decision_text(planned)
    assert decision(cut, "glyphs", planned=9).missing is None


def test_presets_and_methods_that_are_called_alike_stay_apart() -> None:
    rows = [
        *(
            training("darts1", seed, 72.0 + seed, preset=preset)
            for seed in (2, 3)
            for preset in ("tiny", "short")
        )
    ]
    rows += [training("DARTS (1st order)", seed, 80.0 + seed) for seed in (2, 3)]
    table = decide(study(*rows, training("random", 0, 70.0), training("random", 1, 70.3)), "glyphs")
    assert table["pair"].n_unique() == 4
    assert table.filter(method="darts1")["preset"].sort().to_list() == ["short", "tiny"]


def test_a_smaller_tolerance_decides_less_for_random_sampling() -> None:
    frame = study(
        *(training("random", draw, 70.0 + 0.01 * draw) for draw in range(6)),
        *(training("darts1", seed, 70.2 + 0.01 * seed) for seed in range(6)),
    )
    assert decision(frame, "glyphs").choice.verdict == RANDOM_ENOUGH
    assert decision(frame, "glyphs", tolerance_percent=0.0).choice.verdict == RECOMMENDED


def test_html_escapes_names_and_holds_every_arm() -> None:
    rows = [training("<b>own</b>", seed, 72.0 + seed) for seed in (2, 3)]
    page = decision_html(
        decision(study(*rows, training("random", 0, 70.0), training("random", 1, 70.3)), "glyphs")
    )
    assert "<b>" not in page and "&lt;b&gt;own" in page
    page = decision_html(paper_like_decision())
    assert page.count("<tr>") == 30
    assert all(f'data-label="{header}"' in page for header in ("P(best)", "verdict"))
    assert set(HEADERS) <= {part.split("</th>")[0] for part in page.split('<th scope="col">')[1:]}


def test_text_names_those_that_may_be_best_and_counts_the_rest() -> None:
    found = paper_like_decision()
    text = decision_text(found)
    assert all(f"{name}: undecided" in " ".join(text.split()) for name in found.choice.best_set)
    assert f"and {29 - len(found.choice.best_set) - 1} more, which are not the best" in text
    assert max(map(len, text.splitlines())) <= 110
