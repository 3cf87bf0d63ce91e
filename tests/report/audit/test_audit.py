"""Derived values and the audit of the papers' tables, against the arithmetic of methods.md 9.5 done by hand."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from nastransfer.report.audit.checks import audit, audit_frame, audit_html, inconsistencies
from nastransfer.report.audit.derived import (
    BESIDE,
    DERIVED_COLUMNS,
    FILES,
    IMPLIED,
    derived,
    implied_random_top1,
    ri_range,
    rounded,
)
from nastransfer.report.audit.findings import Finding
from nastransfer.report.audit.tables import sign_flips
from nastransfer.study.published import published


def value(**where: Any) -> float:
    found = derived().filter(*(pl.col(name).eq_missing(wanted) for name, wanted in where.items()))
    assert found.height == 1, f"{found.height} rows for {where}"
    return float(found["value"].item())


def finding(key: str) -> Finding:
    return next(found for found in audit() if found.key == key)


def test_tables_2_and_3_give_one_random_accuracy_for_all_four_methods() -> None:
    """Acc_r = Acc_m / (1 + RI / 100) = 67.57; the ranges that rounding leaves meet in 67.565 to 67.576."""
    for method in ("nsganet", "enas", "darts2", "nao"):
        found = value(quantity="random_top1", method=method, target="imagenet1k")
        assert round(found, 2) == 67.57
    top1, low, high = implied_random_top1("imagenet1k")
    assert (top1, round(low, 3), round(high, 3)) == (67.57, 67.565, 67.576)
    assert implied_random_top1("imagenet22k")[0] == 29.04
    with pytest.raises(
        ValueError, match="no accuracy of random sampling follows for target 'cifar100'; known are"
    ):
        implied_random_top1("cifar100")


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("flowers102", "imagenet1k", (61.38, 71.71, 72.01, 69.30)),
        ("mit67", "imagenet1k", (62.83, 70.84, 68.17, 68.85)),
        ("cifar10", "imagenet1k", (69.86, 56.58, 71.58, 68.24)),
        ("cifar100", "imagenet1k", (68.19, 59.63, 54.93, 65.76)),
        ("cifar10", "imagenet22k", (28.83, 30.83, 29.93, 30.91)),
        ("imagenet1k", "imagenet22k", (None, 29.51, 29.63, 30.62)),
    ],
)
def test_accuracies_that_table_2_implies(
    source: str, target: str, expected: tuple[float | None, ...]
) -> None:
    for method, wanted in zip(("nsganet", "enas", "darts2", "nao"), expected, strict=True):
        if wanted is not None:
            found = value(quantity="top1_last", method=method, source=source, target=target)
            assert found == pytest.approx(wanted, abs=0.006)


@pytest.mark.parametrize(
    ("baseline", "where", "expected"),
    [
        (IMPLIED, {"selection": "imagenet1k-p1"}, {"enas": 2.71, "darts2": 6.39, "nao": -3.83}),
        (
            f"{BESIDE} (table 3)",
            {"source": "cifar10", "augment_seed": 2},
            {"nsganet": -0.84, "enas": -19.69, "darts2": 1.60, "nao": -3.14},
        ),
        (
            f"{BESIDE} (table 3)",
            {"selection": "imagenet1k-p1", "augment_seed": 2},
            {"enas": -1.49, "darts2": 2.04, "nao": -7.76},
        ),
        (
            f"{BESIDE} (table 3)",
            {"selection": "imagenet1k-p1", "augment_seed": 3},
            {"enas": -9.32, "darts2": 0.46, "nao": -13.31},
        ),
    ],
)
def test_ri_against_either_baseline(baseline: str, where: dict[str, Any], expected: dict[str, float]) -> None:
    for method, wanted in expected.items():
        found = value(quantity="ri_percent", baseline=baseline, method=method, **where)
        assert found == pytest.approx(wanted, abs=0.006)


def test_derived_values_are_kept_apart_from_printed_ones() -> None:
    frame = derived()
    assert frame.schema == pl.Schema({name: dtype for name, (dtype, _) in DERIVED_COLUMNS.items()})
    assert "origin" not in frame.columns and frame["formula"].null_count() == 0
    assert not set(frame["value"]) & set(published()["ri_percent"].drop_nulls())
    within = frame.drop_nulls("low").select(pl.col("value").is_between("low", "high"))
    assert within.to_series().all() and within.height == frame.filter(pl.col("baseline") != FILES).height


def test_rounding_ranges() -> None:
    """70 +- 0.005 over 50 +- 0.005: 100 (69.995 / 50.005 - 1) to 100 (70.005 / 49.995 - 1)."""
    low, high = ri_range(rounded(70.0), rounded(50.0))
    assert low == pytest.approx(39.9760, abs=1e-4) and high == pytest.approx(40.0240, abs=1e-4)


def test_which_signs_depend_on_the_baseline() -> None:
    """Every arm whose implied accuracy lies between 67.57 and 70.45; from CIFAR10 those are NSGANet and NAO."""
    flips = sign_flips()
    assert sorted(flips.filter(source="cifar10")["method"]) == ["nao", "nsganet"]
    assert flips.filter(source="imagenet1k")["method"].to_list() == ["enas"]
    assert flips.height == 7 and (flips["ri_implied"] > 0).all() and (flips["ri_printed"] < 0).all()


@pytest.mark.parametrize(
    ("key", "holds", "found", "arithmetic"),
    [
        ("one_baseline_in_table_2", True, "67.565 to 67.576", "NSGANet: 69.86 / (1 + 3.39 / 100) = 67.57"),
        (
            "two_random_baselines",
            False,
            "for NSGANet and NAO, and of 7 arms",
            "NSGANet, cifar10: +3.39 and -0.84",
        ),
        ("nsganet_20_cells", False, "Table 4 prints 68.38", "69.86 - 68.38 = 1.48 points"),
        ("table_4_caption", False, "7 of 8 rows fall", "ENAS, cifar10: 56.58 / 72.50 / 72.55"),
        ("table_1_p2", False, "twice as many images", "0.97% x 14.2M = 138K"),
        ("table_1_imagenet22k", False, "14,197,114", "7.5M + 7M = 14.5M > 14.2M"),
        (
            "small_sets_beat_cifar100",
            False,
            "not NSGANet",
            "NSGANet: -9.16 from flowers102, -7.02 from mit67, +0.92 from cifar100",
        ),
        (
            "only_darts_gains_from_cifar10",
            False,
            "NSGANet is, DARTS is not",
            "DARTS: +5.93 from cifar10, +6.57 from flowers102, +0.89 from mit67",
        ),
        (
            "cifar10_beats_cifar100",
            True,
            "3 fit; not ENAS",
            "ENAS: -16.26 from cifar10, -11.75 from cifar100",
        ),
        ("below_random_from_cifar100", True, "ENAS, DARTS and NAO", "NSGANet: +0.92 from cifar100"),
        ("cifar10_is_good_for_all", False, "3 of its 12 arms", "NAO, cifar10 on cifar100: -0.89"),
        ("direct_ranking", True, "DARTS > ENAS > NAO", "NAO: 64.98"),
        ("one_seed_moves_enas", None, "by 16.1 points", "ENAS, cifar10: 56.58 to 72.69, +16.11"),
        ("depth_against_random", None, "RI of 7 is higher", "NAO, cifar10: -3.14 / -2.52 / +10.83"),
        (
            "nas_benchmark_table_1",
            False,
            "3 are not",
            "PDARTS, cifar100: 1.20 in print, 100 (82.456 / 80.841 - 1) = 2.00",
        ),
    ],
)
def test_findings(key: str, holds: bool | None, found: str, arithmetic: str) -> None:
    one = finding(key)
    assert one.holds is holds and found in one.found and arithmetic in one.arithmetic


def test_only_what_fails_is_an_inconsistency() -> None:
    assert {found.key for found in inconsistencies()} == {
        found.key for found in audit() if found.holds is False
    }
    frame = audit_frame(audit())
    assert frame.height == 15 and frame["holds"].null_count() == 2 and frame["key"].is_unique().all()
    assert audit_frame([]).columns == frame.columns


def test_html_has_a_cell_for_everything() -> None:
    html = audit_html(audit())
    assert html.count("<td") == 15 * 5 and html.count(">doubt<") == 2 and html.count(">no<") == 9
