"""Which runs meet in an arm, which are kept apart, and how random genotypes on a source meet those on a target."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from nastransfer.report.arms import (
    arms,
    arms_of,
    baselines,
    baselines_of,
    by_cells,
    rank_pairs,
    trainings,
)
from nastransfer.report.counterparts import per_search
from nastransfer.report.gaps import gaps, gaps_in_words
from nastransfer.train.protocol import protocol
from tests.report.rows import small_study, study, training


def ranked(draw: int, top1: float, **changed: Any) -> dict[str, Any]:
    """One random genotype trained and scored on proxy p1 of glyphs."""
    about = {"source": "glyphs", "selection": "glyphs-p1", "feeds": "rank_agreement", "protocol": "short"}
    run = f"rank-{draw}-{changed.get('augment_seed', 2)}-{changed.get('source')}"
    return training("random", draw, top1, **{**about, "run": run, **changed})


def both() -> pl.DataFrame:
    """The small study; its random genotypes 0 and 1 were also scored on p1 (1 with two seeds), draw 9 there only."""
    rows = [ranked(1, 41.0), ranked(1, 42.0, augment_seed=3), ranked(0, 40.0), ranked(9, 30.0)]
    return pl.concat([small_study(), study(*rows)])


def test_rank_agreement_rows_are_no_results_on_the_target() -> None:
    """They were trained under another protocol, which would be refused if they met the target's own."""
    assert trainings(both()).equals(trainings(small_study()))
    assert [arm.accuracies for arm in [*arms(both()), *baselines(both())]] == [
        [71.0, 73.0],
        [74.0, 76.0],
        [69.0, 70.0, 71.0],
    ]
    serves_both = training("random", 8, 72.0, feeds="random,rank_agreement")
    assert trainings(study(serves_both, training("random", 9, 73.0, feeds="random"))).height == 2


def test_genotypes_meet_by_their_text() -> None:
    (pair,) = rank_pairs(both())
    assert (pair.study, pair.target, pair.source, pair.selection) == ("demo", "glyphs", "glyphs", "glyphs-p1")
    assert pair.genotypes == tuple(f"Genotype(normal=[draw random-{draw}], reduce=[])" for draw in (0, 1))
    assert pair.proxy == ((40.0,), (41.0, 42.0)) and pair.target_top1 == ((69.0,), (70.0,))
    assert pair.unpaired == 2 and pair.origin == "glyphs (synthetic), p1"


def test_random_runs_of_another_target_serve_as_a_source_of_the_same_study() -> None:
    elsewhere = [training("random", draw, 90.0 + draw, target="digits", run=f"d{draw}") for draw in range(3)]
    other = [{**row, "study": "other", "target": "cifar10"} for row in elsewhere]
    pairs = rank_pairs(pl.concat([small_study(), study(*elsewhere, *other)]))
    assert [(pair.source, pair.selection, pair.target) for pair in pairs] == [
        ("glyphs", "all", "digits"),
        ("digits", "all", "glyphs"),
    ]
    assert pairs[0].proxy == pairs[1].target_top1 == ((69.0,), (70.0,), (71.0,))


def test_scores_on_held_out_images_come_before_those_on_the_test_part() -> None:
    """A whole set so scored is a source of its own target too, and replaces its random runs for other targets."""
    whole = [
        ranked(draw, 50.0 + draw, target="digits", source="digits", selection="all") for draw in range(2)
    ]
    tested = [training("random", draw, 90.0 + draw, target="digits", run=f"d{draw}") for draw in range(2)]
    pairs = {pair.target: pair for pair in rank_pairs(study(*whole, *tested)) if pair.source == "digits"}
    assert pairs["digits"].proxy == ((50.0,), (51.0,)) and pairs["digits"].target_top1 == ((90.0,), (91.0,))
    both_targets = pl.concat([small_study(), study(*whole, *tested)])
    on_glyphs = next(pair for pair in rank_pairs(both_targets) if pair.target == "glyphs")
    assert on_glyphs.proxy == ((50.0,), (51.0,))


def test_runs_of_equal_genotype_and_seed_count_once() -> None:
    again = [
        ranked(0, 40.0, origin="linked", search_seed=7),
        ranked(1, 99.0, origin="repeat", augment_seed=4),
    ]
    assert rank_pairs(pl.concat([both(), study(*again)]))[0].proxy == ((40.0,), (41.0, 42.0))


def test_what_has_nothing_to_pair_gives_no_pair() -> None:
    assert rank_pairs(small_study()) == [] == rank_pairs(study())
    assert rank_pairs(study(ranked(0, 40.0), training("random", 1, 70.0))) == []
    assert rank_pairs(study(ranked(0, 40.0), training("random", 0, None))) == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ranked(2, math.nan), "run 'rank-2-2-None' has a top1_last of nan"),
        (
            ranked(2, 40.0, protocol="tiny"),
            "'glyphs' was trained under 2 protocols, .* 'short'; 'tiny'",
        ),
    ],
)
def test_bad_scores_and_mixed_protocols_of_a_source_are_refused(row: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rank_pairs(pl.concat([both(), study(row)]))


def depths() -> pl.DataFrame:
    """The small study at its 5 cells, and draw 0 and search 2 at 8 cells as an ablation, each 5 points lower."""
    deeper = {"cells": 8, "protocol": protocol("tiny", cells=8).label, "feeds": "table 4"}
    rows = [training("random", 0, 64.0, run="r8", **deeper), training("darts1", 2, 66.0, run="d8", **deeper)]
    return pl.concat([small_study(), study(*rows)])


def test_an_ablation_over_depth_has_its_own_way_and_disturbs_no_other_table() -> None:
    assert trainings(depths()).equals(trainings(small_study()))
    found = by_cells(depths())
    assert list(found) == [5, 8] and found[5].height == 7
    (arm,) = arms_of(found[8])
    assert (arm.accuracies, per_search(arm.baseline)) == ([66.0], [64.0])
    assert [one.accuracies for one in baselines_of(found[8])] == [[64.0]]


def test_trainings_with_tricks_disturb_no_table_and_no_depth() -> None:
    cutout = {"protocol": protocol("tiny", cutout=8).label, "feeds": "tricks"}
    tricks = study(
        training("random", 0, 64.0, run="rt", **cutout), training("darts1", 2, 66.0, run="dt", **cutout)
    )
    assert trainings(pl.concat([small_study(), tricks])).equals(trainings(small_study()))
    found = by_cells(pl.concat([depths(), tricks]))
    assert {cells: part["run"].to_list() for cells, part in found.items()} == {
        cells: part["run"].to_list() for cells, part in by_cells(depths()).items()
    }


def test_what_feeds_no_ablation_is_still_refused_elsewhere() -> None:
    unmarked = depths().with_columns(feeds=pl.lit(None, pl.String))
    with pytest.raises(ValueError, match=r"under 2 protocols, .* 'tiny' cells=5; 'tiny\+L8' cells=8"):
        trainings(unmarked)
    assert list(by_cells(unmarked)) == [5, 8]


@pytest.mark.parametrize("changed", [{"protocol": "small"}, {"channels": 16}, {"n_train": 900}])
def test_depths_that_differ_in_more_than_cells_are_refused(changed: dict[str, Any]) -> None:
    more = study(training("darts1", 3, 70.0, cells=11, **changed))
    with pytest.raises(ValueError, match="target 'glyphs' was trained under 2 protocols"):
        by_cells(pl.concat([depths(), more]))


def test_gaps_are_counted_beside_what_other_arms_have() -> None:
    assert gaps(small_study()).is_empty() and gaps(study()).is_empty()
    frame = small_study().filter((pl.col("source") != "digits") | (pl.col("search_seed") != 3))
    searched = {**training("darts1", 4, None), "kind": "search", "target": None}
    rows = [training("random", 0, 68.0, augment_seed=3), searched, {**searched, "method": "enas"}]
    missing = gaps(pl.concat([frame, study(*rows)]))
    counted = missing.select("method", "source", "target", "finished", "expected").rows()
    assert counted == [
        ("darts1", "digits", "glyphs", 1, 6),
        ("darts1", "glyphs", "glyphs", 2, 6),
        ("enas", "digits", None, 0, None),
        ("random", None, "glyphs", 4, 6),
    ]
    assert gaps_in_words(missing) == (
        "Unfinished, by what else the study has: "
        "DARTS (1st order) from digits on glyphs (synthetic), 1 of 6 trainings; "
        "DARTS (1st order) from glyphs (synthetic), p1 on glyphs (synthetic), 2 of 6 trainings; "
        "ENAS from digits, searched and not yet trained; random sampling on glyphs (synthetic), 4 of 6 trainings."
    )


def test_a_repeat_of_some_arms_is_no_gap_of_the_others() -> None:
    again = {"augment_seed": 3, "feeds": "table 3"}
    rows = [training("random", 0, 70.0, run="r3", **again), training("darts1", 2, 71.0, run="d3", **again)]
    assert gaps(pl.concat([small_study(), study(*rows)])).is_empty()
    unsaid = [{**row, "feeds": "random"} for row in rows]
    assert gaps(pl.concat([small_study(), study(*unsaid)])).height == 3


def test_of_many_gaps_some_are_named() -> None:
    rows = [training("enas", seed, 70.0, source=f"set{seed:02}") for seed in range(11)]
    said = gaps_in_words(gaps(study(*rows)))
    assert said.count("1 of 11 trainings") == 8 and said.endswith("; and 3 more arms.")
    assert gaps_in_words(gaps(study())) == ""


def test_arms_with_the_same_random_runs_share_them() -> None:
    """Seeds 2 and 3 of random sampling; one arm has both, two have seed 2 alone, one has none of them."""
    random = [
        training("random", draw, 60.0 + draw + aug, augment_seed=aug) for draw in range(2) for aug in (2, 3)
    ]
    both = [training("nao", 2, 70.0, augment_seed=aug) for aug in (2, 3)]
    others = [
        training("darts1", 2, 70.0),
        training("enas", 2, 70.0),
        training("nsganet", 2, 70.0, augment_seed=9),
    ]
    darts, enas, nao, nsganet = arms(study(*random, *both, *others))
    assert darts.baseline is enas.baseline and darts.random_accuracies == [62.0, 63.0]
    assert nao.random_accuracies == [62.5, 63.5] and nao.baseline.height == nao.all_random.height == 4
    assert nsganet.random_accuracies == [] and nsganet.baseline.is_empty()
