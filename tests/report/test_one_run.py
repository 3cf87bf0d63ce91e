"""One run in words and numbers: every kind, what is missing, and the interval of one accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nastransfer.report.one_run import (
    OF_ONE_NETWORK,
    accuracy_interval,
    details_table,
    run_in_words,
    run_label,
    run_table,
    run_title,
)
from nastransfer.space.genotype import Genotype
from nastransfer.space.known import known_genotype

SEARCH = {
    "kind": "search",
    "method": "darts2",
    "preset": "small",
    "source": "glyphs",
    "selection": "glyphs-p1",
    "search_seed": 4,
    "proxy_images": 1500,
    "proxy_classes": 150,
}
TRAINING = {**SEARCH, "kind": "augment", "target": "digits", "protocol": "tiny", "augment_seed": 2}

ON = "glyphs (synthetic), p1"
FOUND_ON = f"on {ON} (search seed 4), on digits with protocol tiny (augment seed 2)."
LINKED = "Its numbers are those of another run of the study that depends on the very same things."


@pytest.mark.parametrize(
    ("row", "title", "said"),
    [
        (
            SEARCH,
            "DARTS from glyphs (synthetic), p1, seed 4",
            f"Search by DARTS with preset small (search seed 4) on {ON} (1,500 images of 150 classes).",
        ),
        (
            TRAINING,
            "DARTS from glyphs (synthetic), p1, seed 4, on digits",
            f"Final training of what DARTS with preset small found {FOUND_ON}",
        ),
        (
            {"kind": "augment", "method": "random", "search_seed": 3, "target": "digits"},
            "random sampling 3, on digits",
            "Final training of random genotype 3 on digits.",
        ),
        (
            {"kind": "augment", "method": "DARTS_V2", "target": "digits", "origin": "linked"},
            "DARTS_V2, on digits",
            f"Final training of DARTS_V2 on digits. {LINKED}",
        ),
        (
            {"kind": "proxy", "source": "cifar100", "selection": "c50"},
            "proxy cifar100, c50",
            "Proxy of cifar100, c50.",
        ),
    ],
)
def test_a_run_is_said_in_words(row: dict[str, Any], title: str, said: str) -> None:
    assert run_title(row) == title
    assert run_in_words(row) == said


def test_trainings_of_one_genotype_are_told_apart() -> None:
    assert run_label(TRAINING) == "DARTS from glyphs (synthetic), p1, seed 4, on digits, augment seed 2"
    assert run_label(SEARCH) == run_title(SEARCH)


def test_numbers_come_with_what_they_mean() -> None:
    row = {"top1_last": 50.0, "n_test": 400, "seconds": 150.0, "peak_bytes": 2_500_000, "params": 12345}
    table = run_table(row, finished_at=0.0)
    shown = {what: value for what, value, _ in table.lines}
    assert shown["top-1"] == "50.00% (95% interval 45.12 to 54.88)"
    assert shown["time"] == "2.5 min"
    assert shown["peak memory"] == "2 MB"
    assert shown["parameters"] == "12,345"
    assert shown["finished"] == "1970-01-01 00:00 UTC"
    assert all(meaning for *_, meaning in table.lines)
    assert table.below == (OF_ONE_NETWORK,)


def test_how_it_was_computed_stands_apart() -> None:
    row = {"top1_last": 50.0, "threads": 2, "versions": "python=3.11,torch=2.14", "seconds_scoring": 3.0}
    assert [what for what, *_ in run_table(row).lines] == ["top-1"]
    assert [(what, value) for what, value, _ in details_table(row).lines] == [
        ("- scoring", "3.0 s"),
        ("threads", "2"),
        ("versions", "python=3.11, torch=2.14"),
    ]


def test_what_is_missing_is_left_out() -> None:
    assert not run_table({}).lines
    assert not details_table({}).lines
    assert not run_table({"top1_last": 50.0}).below
    assert [line[1] for line in run_table({"top1_last": 50.0, "genotype": "damaged"}).lines] == ["50.00%"]


def test_the_architecture_is_named_by_its_digest() -> None:
    drawn = Genotype.random(np.random.default_rng(2))
    assert ("digest", drawn.digest, "identity of the architecture") in run_table(
        {"genotype": str(drawn)}
    ).lines
    assert drawn.digest != known_genotype("DARTS_V2").digest


@pytest.mark.parametrize(("top1", "n"), [(None, 100), (50.0, None), (50.0, 0)])
def test_without_accuracy_or_images_there_is_no_interval(top1: float | None, n: int | None) -> None:
    assert accuracy_interval(top1, n) is None


def test_the_interval_is_wilsons() -> None:
    # (p + z^2/2n ± z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) with p = 0.9, n = 100, z = 1.959964
    assert accuracy_interval(90.0, 100) == pytest.approx((82.5634, 94.4771), abs=1e-3)
    low, high = accuracy_interval(100.0, 10) or (0.0, 0.0)
    assert low == pytest.approx(72.2467, abs=1e-3)
    assert high == 100.0
