"""Tables 2 to 4 against arithmetic: own, published, difference; what is missing; and their three renderings."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from nastransfer.report.paper_layout import NOTHING, paper_csv, paper_html, paper_latex
from nastransfer.report.paper_tables import CELL_COLUMNS, TABLES, PaperTable, table_2, table_3, table_4
from nastransfer.stats.improvement import relative_improvement
from nastransfer.stats.sample import sample
from nastransfer.study.frame import results_frame
from nastransfer.study.published import published
from tests.report.made_study import made_study
from tests.report.rows import CELL, small_study, study, training

EVERY = pytest.mark.parametrize("make", TABLES.values())


def imagenet(method: str, seed: int, top1: float, **changed: Any) -> dict[str, Any]:
    """A training in the paper's setting: found on cifar10, trained on imagenet1k."""
    source = {} if method == "random" else {"source": "cifar10", "selection": "all"}
    same = {"target": "imagenet1k", "cells": 20, "run": f"{method}-{seed}-{changed.get('augment_seed', 2)}"}
    return training(method, seed, top1, **{**source, **same, **changed})


def paper_like() -> pl.DataFrame:
    """Random 50 and 52, ENAS from CIFAR10 50 and 56: RI 3.92; both with seed 3 too, one point higher; and print."""
    rows = [
        imagenet(method, draw, top1 + seed - 2, augment_seed=seed)
        for seed in (2, 3)
        for method, tops in (("random", (50.0, 52.0)), ("enas", (50.0, 56.0)))
        for draw, top1 in enumerate(tops)
    ]
    return pl.concat([study(*rows), published()])


def cell(table: PaperTable, **where: Any) -> dict[str, Any]:
    found = table.cells.filter(*(pl.col(name).eq_missing(wanted) for name, wanted in where.items()))
    assert found.height == 1, f"{found.height} cells for {where}"
    return found.row(0, named=True)


def test_table_2_by_hand() -> None:
    """Means over both seeds: ENAS 50.5 and 56.5, random 50.5 and 52.5; RI 100 (53.5 / 51.5 - 1) = 3.88."""
    table = table_2(paper_like())
    found = cell(table, method="enas", column="cifar10 → imagenet1k")
    ri = relative_improvement([50.5, 56.5], [50.5, 52.5])
    assert found["own"] == pytest.approx(100 * (53.5 / 51.5 - 1)) and (found["n"], found["n_random"]) == (
        2,
        2,
    )
    assert (found["own_low"], found["own_high"]) == (ri.low, ri.high)
    assert found["own_std"] == pytest.approx(100 * math.sqrt(18) / 51.5)
    assert found["published"] == -16.26 and found["difference"] == pytest.approx(found["own"] + 16.26)
    assert table.cells.schema == pl.Schema({name: dtype for name, (dtype, _) in CELL_COLUMNS.items()})


def test_the_papers_shape_comes_first_then_what_the_study_has() -> None:
    table = table_2(pl.concat([paper_like(), small_study()]))
    routes = [
        ("cifar10", "cifar100"),
        ("flowers102", "imagenet1k"),
        ("mit67", "imagenet1k"),
        ("cifar10", "imagenet1k"),
        ("cifar100", "imagenet1k"),
        ("cifar10", "imagenet22k"),
        ("imagenet1k", "imagenet22k"),
    ]
    assert table.columns[:7] == tuple(" → ".join(route) for route in routes)
    assert table.columns[7:] == ("digits → glyphs (synthetic)", "glyphs (synthetic), p1 → glyphs (synthetic)")
    assert list(dict.fromkeys(table.cells.filter(target="imagenet1k")["method"])) == [
        "nsganet",
        "enas",
        "darts2",
        "nao",
    ]
    assert table.cells["published"].count() == 27 and table_2(small_study()).cells["published"].count() == 0


def test_table_3_by_hand() -> None:
    """Each seed by itself: mean 53, standard deviation sqrt(18), Student's interval; 56.58 and 72.69 in print."""
    table = table_3(paper_like())
    assert table.columns == ("seed 2", "seed 3") and table.cells["published"].count() == 16
    for seed, mean, printed in ((2, 53.0, 56.58), (3, 54.0, 72.69)):
        found = cell(table, method="enas", source="cifar10", column=f"seed {seed}")
        assert (found["own"], found["n"], found["published"]) == (mean, 2, printed)
        assert found["own_std"] == pytest.approx(math.sqrt(18))
        assert (found["own_low"], found["own_high"]) == sample("", [mean - 3, mean + 3]).mean_interval()
        assert found["difference"] == pytest.approx(mean - printed) and found["n_random"] is None
    assert cell(table, method="random", column="seed 2", target="imagenet1k")["difference"] == pytest.approx(
        51 - 70.45
    )


def test_table_4_has_the_ablation_and_averages_augment_seeds() -> None:
    """At 40 cells ENAS has 60 and 62 (seed 2) and 61 and 63 (seed 3): 60.5 and 62.5, in print 72.5."""
    deeper = [
        imagenet(
            "enas",
            draw,
            top1 + seed - 2,
            augment_seed=seed,
            cells=40,
            feeds="table 4",
            protocol="tiny+L40",
        )
        for seed in (2, 3)
        for draw, top1 in enumerate((60.0, 62.0))
    ]
    table = table_4(pl.concat([paper_like(), study(*deeper)]))
    assert table.columns == ("20 cells", "40 cells", "60 cells")
    found = cell(table, method="enas", source="cifar10", column="40 cells")
    assert (found["own"], found["n"], found["published"], found["difference"]) == (61.5, 2, 72.5, -11.0)
    assert cell(table, method="enas", source="cifar10", column="20 cells")["own"] == 53.5
    assert cell(table, method="nsganet", column="20 cells")["published"] == 68.38
    assert table_4(small_study()).columns == ("5 cells",)


def test_presets_are_told_apart_only_where_there_are_several() -> None:
    assert set(table_3(small_study()).cells["preset"]) == {None}
    more = study(training("darts1", 2, 75.0, preset="short", run="again"))
    named = table_3(pl.concat([small_study(), more])).cells.filter(method="darts1")["preset"]
    assert sorted(set(named)) == ["short", "tiny"]


@EVERY
def test_an_empty_frame_gives_an_empty_table_that_says_so(make: Callable[[pl.DataFrame], PaperTable]) -> None:
    table = make(results_frame([]))
    assert table.cells.is_empty() and table.columns == () and table.missing == ""
    assert NOTHING in paper_html(table) and NOTHING in paper_latex(table)
    assert paper_csv(table) == ",".join(CELL_COLUMNS) + "\n"


@EVERY
@pytest.mark.parametrize("value", [math.nan, -1.0, 100.1])
def test_what_is_no_accuracy_is_refused(make: Callable[[pl.DataFrame], PaperTable], value: float) -> None:
    with pytest.raises(ValueError, match=f"has a top1_last of {value}"):
        make(pl.concat([small_study(), study(training("random", 7, value))]))


@EVERY
def test_mixed_protocols_are_refused_and_named(make: Callable[[pl.DataFrame], PaperTable]) -> None:
    with pytest.raises(ValueError, match=r"target 'glyphs' was trained under 2 protocols.*'tiny'; 'short'"):
        make(pl.concat([small_study(), study(training("darts1", 9, 80.0, protocol="short"))]))


@EVERY
def test_one_run_has_no_interval_and_it_is_said(make: Callable[[pl.DataFrame], PaperTable]) -> None:
    table = make(study(training("darts1", 2, 72.0), training("random", 0, 70.0), training("random", 1, 71.0)))
    found = cell(table, method="darts1")
    assert (found["own_low"], found["own_high"], found["own_std"], found["n"]) == (None, None, None, 1)
    html = paper_html(table).replace("\N{NO-BREAK SPACE}", " ")
    assert "no interval" in html and found["note"][1:] in html


def test_without_random_runs_there_is_no_ri_and_it_is_said() -> None:
    rows = study(training("darts1", 2, 72.0), training("darts1", 3, 74.0))
    found = cell(table_2(rows), method="darts1")
    assert (found["own"], found["n"], found["n_random"]) == (None, 2, 0)
    html = paper_html(table_2(rows)).replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "n = 2 against 0" in html
        and "No random run with augment seed 2 is finished, so there is no RI." in html
    )
    assert cell(table_3(rows), method="darts1")["own"] == cell(table_4(rows), method="darts1")["own"] == 73.0


@EVERY
def test_what_an_unfinished_study_lacks_is_said(make: Callable[[pl.DataFrame], PaperTable]) -> None:
    frame = small_study().filter((pl.col("source") != "digits") | (pl.col("search_seed") != 3))
    assert make(small_study()).missing == ""
    table = make(frame)
    assert "DARTS (1st order) from digits on glyphs (synthetic), 1 of 2 trainings" in table.missing
    assert table.missing.split(":")[0] in paper_html(table) and "1 of 2 trainings" in paper_latex(table)


def test_a_cell_has_a_line_for_each_thing() -> None:
    html = paper_html(table_2(paper_like())).replace("\N{NO-BREAK SPACE}", " ")
    ri = relative_improvement([50.5, 56.5], [50.5, 52.5])
    lines = ["+3.88 ± 8.24", "n = 2 against 2", f"{ri.low:+.2f} to {ri.high:+.2f}", "published -16.26"]
    assert "<br>".join([*lines, "diff. +20.14"]) in html
    assert "standard deviation (ddof 1)" in html
    few = paper_html(table_3(paper_like())).replace("\N{NO-BREAK SPACE}", " ")
    assert "53.00 ± 4.24, n = 2<br>" in few and "<br>published 56.58, diff. -3.58" in few


def test_many_columns_stand_in_blocks_and_every_cell_in_one_of_them() -> None:
    table = table_2(pl.concat([made_study(searches=2, genotypes=3), published()]))
    html = paper_html(table)
    assert len(table.columns) == 14 and html.count("<table") == 2 and "(2 of 2)" in html
    assert html.count("published") == 27 + 1  # the legend says it too, with a capital
    latex = paper_latex(table)
    assert latex.count("published") == 27 + 1 and latex.count(r"\begin{table}") == 4 and "(4 of 4)" in latex


@EVERY
def test_the_own_protocol_is_named_beside_print(make: Callable[[pl.DataFrame], PaperTable]) -> None:
    assert "Own final training: tiny, which is not the paper's" in make(paper_like()).legend
    assert "Own final training" not in make(published()).legend


def test_what_is_all_in_print_needs_no_mark_at_each_number() -> None:
    html = paper_html(table_2(published()))
    assert "as published" in html and "published +" not in html and ">+1.38<" in html


def test_csv_keeps_numbers_and_disarms_names() -> None:
    rows = [training("=cmd()", seed, 70.0 + seed, source="+x", genotype=CELL.format(seed)) for seed in (2, 3)]
    text = paper_csv(table_3(study(*rows)))
    header, first = csv.reader(io.StringIO(text))
    assert header == list(CELL_COLUMNS)
    found = dict(zip(header, first, strict=True))
    assert (found["method"], found["source"], found["own"], found["published"]) == (
        "'=cmd()",
        "'+x",
        "72.5",
        "",
    )


def test_names_cannot_become_markup() -> None:
    rows = [training("<script>x</script>", seed, 70.0 + seed, source="\\input{a}_") for seed in (2, 3)]
    assert "<script" not in paper_html(table_3(study(*rows)))
    assert r"\input" not in paper_latex(table_3(study(*rows)))
