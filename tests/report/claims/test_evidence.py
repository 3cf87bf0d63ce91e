"""What claims are judged by: kinds of proxies told apart, margins, main settings, genotypes under several settings."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from nastransfer.report.claims.evidence import Cell, cut_short, domain, evidence, pairs, whole_classes, within
from nastransfer.report.claims.settings import VARIED, main_setting, varied
from nastransfer.stats.contrast import Side
from nastransfer.study.frame import results_frame
from tests.report.rows import small_study, study, training


def cell(selection: str, images: int, classes: int, **changed: Any) -> Cell:
    given = {"target": "imagenet1k", "source": "imagenet1k", "method": "enas", **changed}
    return Cell(
        "s",
        given["target"],
        given["method"],
        None,
        given["source"],
        selection,
        Side(0.0, 0.1, 5),
        images,
        classes,
    )


P1, P3 = cell("imagenet1k-p1", 128_000, 100), cell("imagenet1k-p3", 384_000, 300)
P4, P5 = cell("imagenet1k-p4", 128_000, 200), cell("imagenet1k-p5", 128_000, 1_000)
UNKNOWN = cell("p1", 128_000, 100)
PROXIES = (P1, P3, P4, P5)


def test_cells_of_a_small_study_by_hand() -> None:
    (given,) = evidence(small_study())
    assert [(one.method, one.origin, one.own, one.whole) for one in given.searched] == [
        ("darts1", "digits", False, True),
        ("darts1", "glyphs (synthetic) p1", True, False),
    ]
    digits = given.searched[0]
    assert digits.side == Side(pytest.approx(math.log(72.0)), pytest.approx(math.sqrt(2) / 72), 2)
    assert digits.random is not None and digits.random.side.n == 3
    assert [(one.target, one.top1, one.target_images) for one in given.random] == [
        ("glyphs", (69.0, 70.0, 71.0), 4000)
    ]
    assert len(digits.runs) == 2 and digits.runs[0].startswith("demo/augment/darts1")


def test_the_margin_is_the_spread_of_random_sampling_unless_given() -> None:
    (given,) = evidence(small_study())
    margin = given.margin(given.searched[0])
    assert margin is not None and (margin.width, margin.n) == (pytest.approx(1 / 70), 3)
    assert given.margin(given.random[0]) == margin
    (given,) = evidence(small_study(), 2.0)
    margin = given.margin(given.searched[0])
    assert margin is not None and (margin.width, margin.n) == (pytest.approx(math.log(1.02)), None)
    (alone,) = evidence(study(training("darts1", 2, 70.0), training("random", 0, 70.0)))
    assert alone.margin(alone.searched[0]) is None


@pytest.mark.parametrize("margin", [0.0, -1.0, math.nan, math.inf])
def test_a_margin_is_above_0(margin: float) -> None:
    with pytest.raises(ValueError, match="the margin is"):
        evidence(small_study(), margin)


def test_kinds_of_proxies_by_label_and_by_numbers() -> None:
    assert [one.rule for one in (P1, P4, P5, UNKNOWN, cell("all", 1_281_167, 1_000))] == [
        "random",
        "random",
        "uniform",
        None,
        "all",
    ]
    assert cell("uniform-f0.1", 9, 9).rule == "uniform"
    assert cell("imagenet1k-p1", 500, 7).rule is None, "another proxy under a registered name"
    assert [whole_classes(one, PROXIES) for one in PROXIES] == [True, True, False, False]
    assert whole_classes(UNKNOWN, [UNKNOWN, P5]) and not whole_classes(P5, [P5])
    assert [cut_short(few, P5) for few in PROXIES] == [True, True, True, False]
    assert not cut_short(P5, P1)
    assert not cut_short(P1, cell("p5", 128_000, 1_000, source="other"))


def test_own_images_include_those_of_a_part_of_the_set() -> None:
    assert P1.own and cell("imagenet1k-p1", 9, 9, target="imagenet22k").own
    assert not cell("all", 9, 9, source="cifar10").own


def test_sizes_that_are_not_known_are_not_alike() -> None:
    assert within(100, 150, 1.5) and not within(100, 151, 1.5)
    assert not within(None, 3, 9.0) and not within(0, 0, 9.0)


def test_domains_are_those_of_the_catalogue() -> None:
    assert domain("cifar10") == domain("imagenet1k") != domain("mit67")
    assert domain("mine") == "mine" and domain(None) is None


def test_pairs_differ_in_their_source_only() -> None:
    other = cell("all", 9, 9, method="nao")
    assert list(pairs([P1, P5, other])) == [(P1, P5), (P5, P1)]


def test_of_several_settings_a_target_shows_the_one_with_most_runs() -> None:
    rows = [training("random", draw, 70.0 + draw, run=f"r{draw}") for draw in range(3)]
    longer = [
        training("random", draw, 80.0 + draw, run=f"l{draw}", protocol="small", feeds=feeds)
        for draw, feeds in enumerate((None, "random", "table 4"))
    ]
    kept, left_out = main_setting(study(*rows, *longer))
    assert kept["run"].to_list() == ["r0", "r1", "r2", "l2"], "an ablation is no further setting"
    said = "2 trainings on glyphs (synthetic) (protocol small; those compared: protocol tiny)"
    assert left_out == [said] and main_setting(study(*rows))[1] == []
    (given,) = evidence(study(*rows, *longer))
    assert given.random[0].top1 == (70.0, 71.0, 72.0) and given.left_out == (said,)


def test_each_study_has_main_settings_of_its_own() -> None:
    first = [training("random", draw, 70.0 + draw) for draw in range(3)]
    other = [training("random", draw, 80.0 + draw, study="other", protocol="small") for draw in range(2)]
    found = {given.study: given.random[0].top1 for given in evidence(study(*first, *other))}
    assert found == {"demo": (70.0, 71.0, 72.0), "other": (80.0, 81.0)}


def test_genotypes_under_settings_are_averaged_over_augment_seeds() -> None:
    rows = [
        training(
            "enas", 2, 70.0 + seed, augment_seed=seed, protocol=protocol, cells=cells, run=f"{protocol}{seed}"
        )
        for seed in (2, 4)
        for protocol, cells in (("tiny", 5), ("tiny+L8", 8), ("tiny+px32+drop_path0.2+cutout8", 5))
    ]
    found = varied(study(*rows, training("enas", 3, None)))
    assert found.schema == pl.Schema(VARIED)
    assert found.select("cells", "tricks", "top1").rows() == [
        (5, "", 73.0),
        (8, "", 73.0),
        (5, "drop_path0.2+cutout8", 73.0),
    ]
    assert found["common"].n_unique() == 2, "pixels are no trick"
    assert found["runs"].to_list()[0] == ["tiny2", "tiny4"]


def test_what_is_no_accuracy_is_refused_under_any_setting() -> None:
    rows = [training("random", draw, 70.0 + draw) for draw in range(3)]
    with pytest.raises(ValueError, match="has a top1_last of nan"):
        evidence(study(*rows, training("random", 5, math.nan, protocol="tiny+L8", cells=8)))


def test_scores_for_rank_agreement_are_no_trainings() -> None:
    ranked = training("random", 0, 55.0, feeds="rank_agreement", protocol="short")
    assert varied(study(ranked)).is_empty()
    assert evidence(study(ranked)) == evidence(results_frame([])) == []
