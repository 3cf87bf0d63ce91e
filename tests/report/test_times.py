"""Search times: the closed form against recorded searches, projection by hand, and statements of unknown subject."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from nastransfer.report.search_work import PREDICTOR_MACS, SearchedSet, search_work
from nastransfer.report.times import DAY, SEARCHED, TIME_COLUMNS, duration, search_times, times_html
from nastransfer.study.frame import results_frame
from nastransfer.study.published import published
from tests.report.rows import study, training

CIFAR10 = SEARCHED[0]


def searched(
    method: str, seed: int, seconds: float | None, macs: int | None, **changed: Any
) -> dict[str, Any]:
    cost = {
        "seconds": seconds,
        "search_macs": macs,
        "images_seen": 1000,
        "device": "a machine",
        "preset": "small",
    }
    return {
        **training(method, seed, None),
        "kind": "search",
        "target": None,
        "augment_seed": None,
        **cost,
        **changed,
    }


def only(table: pl.DataFrame, **where: Any) -> dict[str, Any]:
    found = table.filter(*(pl.col(name).eq_missing(wanted) for name, wanted in where.items()))
    assert found.height == 1, f"{found.height} rows for {where}"
    return found.row(0, named=True)


@pytest.mark.parametrize(
    ("method", "images", "macs", "tolerance"),
    [
        ("darts1", 125_000, 4_815_120_000_000, 0.0),
        ("darts2", 125_000, 12_519_312_000_000, 0.0),
        ("enas", 509_640, 1_896_891_719_680, 0.2),
        ("nao", 675_000, 5_295_496_616_960, 0.1),
        ("nsganet", 520_000, 2_596_262_400_000, 0.2),
    ],
)
def test_the_closed_form_fits_what_searches_recorded(
    method: str, images: int, macs: int, tolerance: float
) -> None:
    """Records of the study methods-cifar, search seed 2: preset small on CIFAR-10 at 16 px."""
    work = search_work(method, CIFAR10, "small")
    assert work is not None and work.images == images
    assert work.macs == pytest.approx(macs, rel=tolerance)


def test_the_papers_searches_by_hand() -> None:
    """DARTS: 50 epochs of 25,000 + 25,000 images. NSGA-Net: 620 networks, each 20 epochs and a judgement of 25,000."""
    darts, nsganet = (search_work(method, CIFAR10) for method in ("darts1", "nsganet"))
    assert darts is not None and nsganet is not None
    assert darts.images == 50 * 50_000 and nsganet.images == 620 * 21 * 25_000
    second = search_work("darts2", CIFAR10)
    assert second is not None and second.macs * 5 == darts.macs * 13
    assert search_work("my-method", CIFAR10) is None
    drawn = search_work("random", CIFAR10)
    assert drawn is not None and (drawn.images, drawn.macs) == (0, 0)


def test_the_predictors_cost_is_that_of_the_search_room() -> None:
    from nastransfer.search.nao_model import MACS

    assert PREDICTOR_MACS == MACS


def test_sets_whose_halves_are_smaller_than_a_preset_asks_for_are_taken_whole() -> None:
    small = search_work("darts1", SearchedSet("x", 1_000, 10, 32, "cifar"), "small")
    assert small is not None and small.images == pytest.approx(1000 * 64 * 2, rel=0.05)


def test_projection_by_hand() -> None:
    """10 and 20 s for 1e12 and 3e12 multiply-adds: 7.5e-12 s each, times those of the paper's search."""
    table = search_times(study(searched("darts1", 2, 10.0, 10**12), searched("darts1", 3, 20.0, 3 * 10**12)))
    assert table.schema == pl.Schema({name: dtype for name, (dtype, _) in TIME_COLUMNS.items()})
    assert table["source"].to_list() == ["cifar10", "imagenet1k", "imagenet22k"]
    row = only(table, source="cifar10")
    work = search_work("darts1", CIFAR10)
    assert work is not None and row["paper_macs"] == work.macs
    assert (row["n"], row["measured_seconds"], row["measured_macs"]) == (2, 15.0, 2e12)
    assert row["measured_std"] == pytest.approx(50**0.5)
    assert row["projected_seconds"] == pytest.approx(7.5e-12 * work.macs)
    assert row["published_seconds"] is row["published_by"] is None


def test_what_was_not_measured_is_missing_and_said() -> None:
    table = search_times(study(searched("enas", 2, 10.0, None), searched("mine", 2, 10.0, 10**12)))
    enas, mine = (table.filter(method=method) for method in ("enas", "mine"))
    assert enas["projected_seconds"].null_count() == mine["projected_seconds"].null_count() == 3
    assert set(enas["note"]) == {"not all searches recorded their multiply-adds"}
    assert "only a run can tell" in mine["note"][0] and enas["measured_std"].null_count() == 3
    empty = search_times(results_frame([]))
    assert empty.is_empty() and empty.columns == list(TIME_COLUMNS)
    useless = [
        searched("enas", seed, seconds, 1) for seed, seconds in enumerate((None, 0.0, math.nan, math.inf))
    ]
    assert search_times(study(*useless, searched("random", 2, 1.0, 1))).is_empty()


def test_published_times_stand_beside_measured_ones_or_alone() -> None:
    table = search_times(pl.concat([study(searched("enas", 2, 10.0, 10**12)), published()]))
    both = table.filter(method="enas", source="cifar10")
    assert (
        sorted(both["published_seconds"]) == [0.3 * DAY, 0.375 * DAY]
        and both["measured_seconds"].null_count() == 0
    )
    assert "NASTransfer (AAAI 2021), 0.375 days" in both["published_by"].to_list()
    alone = only(table, method="pdarts")
    assert (alone["published_seconds"], alone["projected_seconds"], alone["n"]) == (0.25 * DAY, None, None)
    assert table.filter(method="enas", source="imagenet1k")["published_seconds"].to_list() == [None]


def test_statements_of_unknown_subject_are_said_to_be_so() -> None:
    """Images: 60K, 1.25M, 14.5M. 19 years = 4 days x 241.7 x 7.18; so ENAS on ImageNet1K takes 0.375 x 20.8 x 7.18."""
    unknown = search_times(published()).filter(pl.col("method").is_null())
    assert (
        unknown.height == 4
        and unknown["projected_seconds"].null_count() == unknown["source"].null_count() == 4
    )
    notes = dict(zip(unknown["published_by"], unknown["note"], strict=True))
    assert all("of which method and set is not recorded" in note for note in notes.values())
    by_words = {name.partition(", ")[2]: note for name, note in notes.items()}
    assert by_words["almost two months"].endswith("it would fit ENAS on imagenet1k (56 days)")
    assert (
        "NSGANet on imagenet1k (598 days) or ENAS on imagenet22k (651 days)"
        in by_words["over one year and half"]
    )
    assert by_words["approximately 19 years"].endswith("NSGANet on imagenet22k (6940 days)")
    assert by_words["under 4 GPU-days"].endswith("it fits none of the readings")
    relations = dict(unknown.select("published_seconds", "relation").iter_rows())
    assert relations[19 * 365.25 * DAY] == "about" and relations[4 * DAY] == "below"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (95.0, "95.0 s"),
        (192.0, "3.2 min"),
        (18_000.0, "5.0 h"),
        (2.3 * DAY, "2.3 days"),
        (548 * DAY, "1.5 years"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
    assert duration(18_000.0, 360.0) == "5.0 ± 0.1 h"


def test_html_says_rule_readings_and_what_is_missing() -> None:
    html = times_html(search_times(pl.concat([study(searched("enas", 2, 60.0, 10**12)), published()])))
    plain = html.replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "60.0 s<br>n = 1, small, a machine" in plain and "measured seconds / recorded multiply-adds" in plain
    )
    assert "costs 7.2 times one of CIFAR10" in plain and "about 19.0 years" in plain
    assert "Readings of what" not in times_html(search_times(results_frame([])))
