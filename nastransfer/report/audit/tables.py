"""Checks of the papers' tables against each other and against what is known of their data."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from nastransfer.report.audit.derived import BESIDE, FILES, IMPLIED, derived, implied_random_top1
from nastransfer.report.audit.findings import (
    Finding,
    arm_name,
    printed_images,
    printed_size,
    printed_top1,
    sum_of,
)
from nastransfer.report.names import RANDOM, listed, method_name, set_name, source_name
from nastransfer.study import published

# Images of the release that the set is made of; the paper's two parts of it are printed in Table 1.
_FALL_2011_IMAGES = 14_197_114
# Two decimals in print, three in the files: what rounding can leave between them.
_PRINTED_FROM_FILES = 0.02


def sign_flips() -> pl.DataFrame:
    """Arms on ImageNet1K whose RI changes its sign with the accuracy of random sampling that it is taken against.

    Columns: method, source, selection, ri_implied (against the one that Table 2 implies) and ri_printed (against the
    one that Tables 3 and 4 print), percent, main setting of augment seed and cells.
    """
    printed = printed_top1(method=RANDOM, feeds="table 3", augment_seed=2)
    implied, *_ = implied_random_top1("imagenet1k")
    values = derived().filter(pl.col("baseline") == IMPLIED, target="imagenet1k")
    of_table_2 = values.filter(quantity="top1_last").select("method", "source", "selection", top1="value")
    direct = published.published().filter(
        pl.col("method") != RANDOM, feeds="table 3", augment_seed=2, source="imagenet1k"
    )
    arms = pl.concat([of_table_2, direct.select("method", "source", "selection", top1="top1_last")])
    both = arms.with_columns(
        ri_implied=100 * (pl.col("top1") / implied - 1), ri_printed=100 * (pl.col("top1") / printed - 1)
    ).drop("top1")
    return both.filter(pl.col("ri_implied") * pl.col("ri_printed") < 0)


def _common_baseline() -> Finding:
    arms = derived().filter(pl.col("source").is_not_null(), quantity="random_top1", target="imagenet1k")
    value, low, high = implied_random_top1("imagenet1k")
    return Finding(
        "one_baseline_in_table_2",
        "Tables 2 and 3",
        "Table 2's RI from CIFAR10 and Table 3's accuracies (augment seed 2) are of the same runs",
        f"all {arms.height} methods imply random sampling at {value}%: their ranges meet in {low:.3f} to {high:.3f}",
        True,
        tuple(f"{method_name(row['method'])}: {sum_of(row)}" for row in arms.iter_rows(named=True)),
    )


def _two_baselines() -> Finding:
    value, *_ = implied_random_top1("imagenet1k")
    printed = printed_top1(method=RANDOM, feeds="table 3", augment_seed=2)
    flips = sign_flips()
    methods = [method_name(method) for method in flips.filter(source="cifar10")["method"]]
    lines = [
        f"{arm_name(row)}: {row['ri_implied']:+.2f} and {row['ri_printed']:+.2f}"
        for row in flips.iter_rows(named=True)
    ]
    return Finding(
        "two_random_baselines",
        "Table 2 against Tables 3 and 4",
        f"random sampling on ImageNet1K is at {printed}%",
        f"Table 2 was computed with {value}%. The choice turns the sign of RI from CIFAR10 for {listed(methods)}, and "
        f"of {flips.height} arms in all",
        False,
        (f"RI against {value} and {printed}, augment seed 2", *lines),
    )


def _nsganet() -> Finding:
    others = {"method": "nsganet", "cells": 20, "augment_seed": 2}
    first, second = (printed_top1(**others, feeds=table) for table in ("table 3", "table 4"))
    arm = {"method": "nsganet", "source": "cifar10", "target": "imagenet1k"}
    implied = derived().filter(quantity="top1_last", **arm)["value"].item()
    return Finding(
        "nsganet_20_cells",
        "Table 3 against Table 4",
        f"NSGANet from CIFAR10 with 20 cells reaches {first}% on ImageNet1K",
        f"Table 4 prints {second} for the same setting; {first} is the one that fits Table 2",
        False,
        (f"{first} - {second} = {first - second:.2f} points", f"Table 2 implies {implied:.2f}"),
    )


def _caption() -> Finding:
    lines, rising = [], []
    for (method, source), rows in (
        published.published().filter(feeds="table 4").group_by("method", "source", maintain_order=True)
    ):
        tops = [f"{top1:.2f}" for top1 in rows.sort("cells")["top1_last"]]
        name = f"{method_name(str(method))}, {source_name(source, rows['selection'][0])}"
        lines.append(f"{name}: {' / '.join(tops)}")
        rising += [name] if float(tops[-1]) > float(tops[0]) else []
    return Finding(
        "table_4_caption",
        "Table 4, caption",
        "more cells lead to better accuracy",
        f"{len(lines) - len(rising)} of {len(lines)} rows fall from 20 to 60 cells; only {listed(rising)} rises. "
        "The caption is best read as a slip for the opposite",
        False,
        ("top-1 at 20 / 40 / 60 cells", *lines),
    )


def _proxy_2() -> Finding:
    sets = {row["name"]: row for row in published.published_sets().iter_rows(named=True)}
    percent = published.statements().filter(source="imagenet22k", unit="percent")["value"].item()
    proxy = printed_images(sets["imagenet22k-p2"])
    val = printed_size(sets["imagenet22k"]["val"])
    return Finding(
        "table_1_p2",
        "Table 1, Proxy 2 of ImageNet22K",
        f"{percent}% of the images of each class, {proxy / 1e3:.0f}K in all",
        f"{percent}% of the set are about twice as many images; the size fits {percent}% of one of its two parts",
        False,
        (
            f"{percent}% x {_FALL_2011_IMAGES / 1e6:.1f}M = {percent / 100 * _FALL_2011_IMAGES / 1e3:.0f}K",
            f"{percent}% x {val / 1e6:.1f}M = {percent / 100 * val / 1e3:.0f}K",
        ),
    )


def _whole_22k() -> Finding:
    (row,) = published.published_sets().filter(name="imagenet22k").to_dicts()
    return Finding(
        "table_1_imagenet22k",
        "Table 1, ImageNet22K",
        f"{row['train']} + {row['val']} images",
        f"the fall-2011 release of this set has {_FALL_2011_IMAGES:,} images in {row['classes']:,} classes",
        False,
        (
            f"{row['train']} + {row['val']} = {printed_images(row) / 1e6:.1f}M > {_FALL_2011_IMAGES / 1e6:.1f}M",
        ),
    )


def _enas_seed() -> Finding:
    changes = {}
    for (method, source), rows in (
        published.published().filter(feeds="table 3").group_by("method", "source", maintain_order=True)
    ):
        first, second = rows.sort("augment_seed")["top1_last"]
        changes[f"{method_name(str(method))}, {source_name(source, rows['selection'][0])}"] = (first, second)
    name, (first, second) = max(changes.items(), key=lambda item: abs(item[1][1] - item[1][0]))
    noise = published.statements().filter(pl.col("about").str.starts_with("largest change"))["value"].item()
    return Finding(
        "one_seed_moves_enas",
        "Table 3",
        "accuracies of one genotype with two augment seeds",
        f"{name} moves by {abs(second - first):.1f} points; on CIFAR10 the largest of 32 such changes is {noise} "
        "(NAS-Benchmark). One of the two trainings may have failed, and with it the RI that Table 2 has of it",
        None,
        tuple(
            f"{name}: {first:.2f} to {second:.2f}, {second - first:+.2f}"
            for name, (first, second) in changes.items()
        ),
    )


def _depth_against_random() -> Finding:
    """Table 4 read as RI: its random sampling falls with depth too."""
    ri = derived().filter(baseline=f"{BESIDE} (table 4)")
    lines, rising = [], 0
    for (method, source), rows in ri.group_by("method", "source", maintain_order=True):
        first, *_, last = found = rows.sort("cells")["value"].to_list()
        rising += last > first
        shown = " / ".join(f"{value:+.2f}" for value in found)
        lines.append(f"{method_name(str(method))}, {source_name(source, rows['selection'][0])}: {shown}")
    return Finding(
        "depth_against_random",
        "Table 4",
        "accuracies by depth, random sampling's among them",
        f"random sampling falls faster: of {len(lines)} arms, RI of {rising} is higher at 60 cells than at 20",
        None,
        ("RI at 20 / 40 / 60 cells, random of equal depth", *lines),
    )


def _nas_benchmark() -> Finding:
    printed = published.published().filter(feeds="table 1")
    both = printed.join(derived().filter(baseline=FILES), on=["method", "source", "target"])
    off = both.filter((pl.col("ri_percent") - pl.col("value")).abs() > _PRINTED_FROM_FILES)
    lines = [
        f"{method_name(row['method'])}, {set_name(row['target'])}: {row['ri_percent']:.2f} in print, {sum_of(row)}"
        for row in off.iter_rows(named=True)
    ]
    return Finding(
        "nas_benchmark_table_1",
        "NAS-Benchmark, Table 1",
        f"{both.height} values of RI",
        f"{off.height} are not those of the authors' files; on Flowers102 the two look swapped",
        False,
        tuple(lines),
    )


TABLE_CHECKS: tuple[Callable[[], Finding], ...] = (
    _common_baseline,
    _two_baselines,
    _nsganet,
    _caption,
    _depth_against_random,
    _enas_seed,
    _proxy_2,
    _whole_22k,
    _nas_benchmark,
)
