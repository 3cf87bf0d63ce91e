"""Which runs meet in an arm, which are kept apart, and how random genotypes on a source meet those on a target."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from nastransfer.report.arms import arms, baselines, rank_pairs, trainings
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
