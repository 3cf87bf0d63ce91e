"""The RI table against arithmetic, what it refuses, what it leaves out and says so, and its three renderings."""

from __future__ import annotations

import math
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest

from nastransfer.report.arms import TARGET_TEST_SEEN
from nastransfer.report.baselines_table import ri_by_baseline
from nastransfer.report.tables import HEADERS, RI_COLUMNS, ri_html, ri_markdown, ri_table, ri_text
from nastransfer.stats.improvement import relative_improvement
from nastransfer.study import plan
from nastransfer.study.frame import SCHEMA, results_frame
from nastransfer.study.published import published
from tests.report.rows import small_study, study, training


def only(table: pl.DataFrame) -> dict[str, Any]:
    assert table.height == 1
    return table.row(0, named=True)


def test_rows_by_hand() -> None:
    """Means 72 and 75 against 70: RI 2.857 and 7.143 percent; s = sqrt(2) on both, 1 for random sampling."""
    table = ri_table(small_study())
    assert table.schema == pl.Schema({name: dtype for name, (dtype, _) in RI_COLUMNS.items()})
    digits, proxy = table.iter_rows(named=True)
    assert (digits["source"], digits["selection"], proxy["source"], proxy["selection"]) == (
        "digits",
        "all",
        "glyphs",
        "p1",
    )
    for row, mean, ri in ((digits, 72.0, 200 / 70), (proxy, 75.0, 500 / 70)):
        assert (row["n_method"], row["n_random"], row["protocol"], row["note"]) == (2, 3, "tiny", None)
        assert (row["top1_mean"], row["random_mean"], row["random_std"]) == (mean, 70.0, 1.0)
        assert row["top1_std"] == pytest.approx(math.sqrt(2))
        assert row["ri_percent"] == pytest.approx(ri)
        found = relative_improvement([mean - 1, mean + 1], [69.0, 70.0, 71.0])
        assert (row["ri_low"], row["ri_high"]) == (found.low, found.high)


def test_known_networks_come_last_and_change_nothing_else() -> None:
    """Two seeds of one network against 70 +- 1: RI 4.286 percent; a ResNet has no cells, and meets the rest."""
    nothing = dict.fromkeys(("search_seed", "source", "selection", "preset"))
    beside = {**nothing, "feeds": "known"}
    resnet = {**beside, "genotype": None, "cells": None, "channels": None}
    runs = [training("random", seed, 69.0 + seed, augment_seed=2 + seed % 2) for seed in range(3)]
    runs += [training("darts1", 2, 72.0), training("darts1", 3, 74.0)]
    known = [
        {**training("resnet18", 0, top1, augment_seed=seed), **resnet}
        for seed, top1 in ((2, 72.5), (3, 73.5))
    ]
    known.append({**training("DARTS_V2", 0, 71.0), **beside})
    alone, table = ri_table(study(*runs)), ri_table(study(*runs, *known))
    assert table["method"].to_list() == ["darts1", "DARTS_V2", "resnet18"]
    assert table.head(1).equals(alone)
    resnet18 = table.row(2, named=True)
    assert (resnet18["n_method"], resnet18["n_random"], resnet18["top1_mean"]) == (2, 3, 73.0)
    found = relative_improvement([72.5, 73.5], [69.0, 70.0, 71.0])
    assert (resnet18["ri_low"], resnet18["ri_high"]) == (found.low, found.high)
    assert resnet18["note"].startswith("known network, trained beside; n are its augment seeds")
    assert "distinct" not in resnet18["note"]
    assert "from" not in ri_text(table).splitlines()[-1].split("known network")[0]


def test_an_empty_frame_and_an_unfinished_study_give_what_is_there() -> None:
    assert ri_table(results_frame([])).height == 0
    searches = [{**training("darts1", 2, None), "kind": "search", "target": None}]
    assert ri_table(study(*searches, training("random", 0, 70.0), training("darts1", 3, None))).height == 0


def test_one_run_gives_no_interval_and_says_why() -> None:
    row = only(
        ri_table(study(training("darts1", 2, 72.0), training("random", 0, 70.0), training("random", 1, 71.0)))
    )
    assert (row["top1_std"], row["ri_low"], row["ri_high"]) == (None, None, None)
    assert row["ri_percent"] == pytest.approx(100 * (72 / 70.5 - 1))
    assert "2 runs on each side; there are 1 against 2" in row["note"]


def test_no_random_baseline_gives_no_ri_and_says_why() -> None:
    row = only(ri_table(study(training("darts1", 2, 72.0), training("darts1", 3, 74.0))))
    assert (row["top1_mean"], row["n_random"], row["random_mean"], row["ri_percent"]) == (73.0, 0, None, None)
    assert row["note"] == "no random run with augment seed 2 is finished, so there is no RI"


def test_the_baseline_is_of_the_same_target_study_and_augment_seed() -> None:
    other = [
        training("random", 5, 10.0, target="digits"),
        training("random", 6, 20.0, study="another"),
        training("random", 7, 30.0, augment_seed=3),
        training("random", 8, 40.0, kind="search"),
        training("random", 9, 50.0, origin="repeat"),
    ]
    table = ri_table(pl.concat([small_study(), study(*other)]))
    assert table["random_mean"].to_list() == [70.0, 70.0]


def test_augment_seeds_of_one_genotype_are_averaged_and_not_counted() -> None:
    rows = [
        training("darts1", seed, 70.0 + seed + aug, augment_seed=aug) for seed in (2, 3) for aug in (2, 3)
    ]
    random = [
        training("random", draw, 70.0 + draw + aug, augment_seed=aug) for draw in range(3) for aug in (2, 3)
    ]
    row = only(ri_table(study(*rows, *random)))
    assert (row["n_method"], row["n_random"]) == (2, 3)
    assert (row["top1_mean"], row["random_mean"]) == (75.0, 73.5)
    assert row["note"] == "each search's mean over augment seeds 2 and 3"


def test_augment_seeds_without_a_random_run_are_left_out_and_said() -> None:
    rows = [
        training("darts1", seed, 70.0 + seed + aug, augment_seed=aug) for seed in (2, 3) for aug in (2, 3)
    ]
    row = only(ri_table(study(*rows, training("random", 0, 70.0), training("random", 1, 71.0))))
    assert (row["n_method"], row["top1_mean"]) == (2, 74.5)
    assert row["note"] == (
        "augment seed 3 left out: no random run has it; random sampling: 2 of 4 trainings are finished"
    )


def test_a_search_that_may_have_seen_test_images_is_said_to() -> None:
    seen = training("darts1", 2, 72.0, feeds=f"transfer,{TARGET_TEST_SEEN}")
    frame = study(seen, training("enas", 2, 71.0), training("random", 0, 70.0), training("random", 1, 71.0))
    notes = dict(ri_table(frame).select("method", "note").iter_rows())
    assert "may have seen images of the target's test part" in notes["darts1"]
    assert "may have seen" not in (notes["enas"] or "")
    assert plan.TARGET_TEST_SEEN == TARGET_TEST_SEEN


def test_searches_that_found_one_genotype_count_once_and_it_is_said() -> None:
    """The second training is linked to the first: it shows nothing of how much trainings differ."""
    same = {"genotype": "Genotype(same)"}
    rows = [training("darts1", 2, 72.0, **same), training("darts1", 3, 72.0, origin="linked", **same)]
    random = [training("random", 0, 69.0), training("random", 1, 71.0)]
    row = only(ri_table(study(*rows, *random)))
    assert (row["n_method"], row["top1_mean"], row["top1_std"], row["ri_low"]) == (1, 72.0, None, None)
    assert "2 searches found 1 distinct genotype, counted once, as it was trained" in row["note"]
    other = training("darts1", 4, 73.0)
    table, plain = (
        only(ri_table(study(*some, *random))) for some in ([*rows[::-1], other], [rows[0], other])
    )
    figures = ("n_method", "top1_mean", "ri_percent", "ri_low", "ri_high", "p_value", "p_better")
    assert [table[name] for name in figures] == [plain[name] for name in figures]
    assert "3 searches found 2 distinct genotypes, each counted once" in table["note"]
    # Each search owns one training and is linked to the other's.
    mine, its = ({**same, "augment_seed": seed} for seed in (2, 3))
    crossed = [training("darts1", 2, 72.0, **mine), training("darts1", 3, 72.0, origin="linked", **mine)]
    crossed += [training("darts1", 2, 74.0, origin="linked", **its), training("darts1", 3, 74.0, **its)]
    both = [training("random", draw, 70.0 + draw, augment_seed=seed) for draw in (0, 1) for seed in (2, 3)]
    row = only(ri_table(study(*crossed, *both)))
    assert (row["n_method"], row["top1_mean"]) == (1, 73.0)
    assert only(ri_by_baseline(study(*rows, other, *random)))["n_method"] == 2


def test_presets_are_told_apart_only_where_there_are_several() -> None:
    assert ri_table(small_study())["preset"].to_list() == [None, None]
    more = study(training("darts1", 2, 75.0, preset="short", run="again"))
    table = ri_table(pl.concat([small_study(), more]))
    assert sorted(map(str, table["preset"])) == ["short", "tiny", "tiny"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"protocol": "short"}, "'tiny'; 'short'"),
        ({"cells": 8, "channels": 16}, "'tiny' cells=5 channels=8; 'tiny' cells=8 channels=16"),
        ({"n_train": 900}, "'tiny' n_train=4000; 'tiny' n_train=900"),
        ({"bn_group": 32}, "'tiny' bn_group=None; 'tiny' bn_group=32"),
    ],
)
def test_mixed_protocols_on_one_target_are_refused_and_named(changed: dict[str, Any], said: str) -> None:
    mixed = pl.concat([small_study(), study(training("darts1", 9, 80.0, **changed))])
    with pytest.raises(ValueError, match="target 'glyphs' was trained under 2 protocols") as error:
        ri_table(mixed)
    assert said in str(error.value)
    assert "Filter the results" in str(error.value)
    other_target = mixed.with_columns(
        target=pl.when(top1_last=80.0).then(pl.lit("digits")).otherwise("target")
    )
    assert ri_table(other_target).height == 3


@pytest.mark.parametrize("value", [math.nan, -1.0, 100.1, math.inf])
def test_what_is_no_accuracy_is_refused_and_its_run_named(value: float) -> None:
    with pytest.raises(ValueError, match=rf"run 'demo/augment/random-7/2' has a top1_last of {value}"):
        ri_table(study(training("random", 7, value)))


def test_published_rows_are_no_rows_of_the_study() -> None:
    assert ri_table(pl.concat([small_study(), published()])).equals(ri_table(small_study()))


def test_text() -> None:
    lines = ri_text(ri_table(small_study())).splitlines()
    assert lines[0].startswith("target ")
    assert "DARTS (1st order)" in lines[2]
    assert "glyphs (synthetic)" in lines[2]
    assert "2 against 3  72.00 ± 1.41  70.00 ± 1.00  +2.86" in lines[2]
    legend = " ".join(lines[lines.index("") + 1 :])
    assert "Interval: Welch t on log(Acc_m/Acc_r)." in legend and "P(better): probability that" in legend
    assert "p: permutation test of Welch's t" in legend and "Final training: tiny." in legend
    assert ri_text(ri_table(results_frame([]))).startswith("Nothing to compare yet")


def test_notes_are_numbered_and_shared() -> None:
    rows = [training("darts1", 2, 72.0), training("enas", 2, 71.0), training("nao", 2, 70.0, target="digits")]
    text = ri_text(ri_table(study(*rows, training("random", 0, 70.0, target="digits"))))
    assert text.count("none [2]") == 2 and text.count("none [1]") == 1
    assert text.splitlines()[-2:] == [
        "[1] an interval needs 2 runs on each side; there are 1 against 1",
        "[2] no random run with augment seed 2 is finished, so there is no RI",
    ]


class Tags(HTMLParser):
    """Which tags a fragment has, and the text between them."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.feed(fragment)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


HOSTILE = "<script>alert('x')</script>|`*_[a](b)$1$"


def hostile_table() -> pl.DataFrame:
    rows = [
        training(HOSTILE, seed, 70.0, source=HOSTILE, target=HOSTILE, selection=HOSTILE) for seed in (2, 3)
    ]
    return ri_table(study(*rows))


def test_html_escapes_names_and_keeps_them_readable() -> None:
    found = Tags(ri_html(hostile_table()))
    assert set(found.tags) == {"style", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "p"}
    assert found.tags.count("td") == found.tags.count("th") == len(HEADERS)
    assert HOSTILE in found.text
    assert "Nothing to compare yet" in ri_html(ri_table(results_frame([])))


def test_markdown_escapes_names() -> None:
    header, rule, row, *_ = ri_markdown(hostile_table()).splitlines()
    assert header.count("|") == rule.count("|") == row.replace("\\|", "").count("|") == len(HEADERS) + 1
    assert "<script" not in row
    assert all(f"\\{sign}" in row for sign in "`*_[]$|")
    assert ri_markdown(ri_table(results_frame([]))).startswith("Nothing to compare yet")


def test_the_frames_columns_used_here_exist() -> None:
    assert set(small_study().columns) == set(SCHEMA)


def test_searches_that_collapsed_are_counted_in_a_note() -> None:
    searched = [
        {
            **training("darts1", seed, None),
            "kind": "search",
            "target": None,
            "augment_seed": None,
            "collapsed_at": step,
        }
        for seed, step in ((2, 40), (3, None))
    ]
    table = ri_table(pl.concat([small_study(), study(*searched)]))
    notes = dict(zip(table["source"], table["note"], strict=True))
    assert notes["digits"] == "1 of 2 searches collapsed into skip connections, first at step 40 (seed 2)"
    assert notes["glyphs"] is None
    assert "collapsed into skip connections" in ri_text(table)
