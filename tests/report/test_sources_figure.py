"""Figure 1: RI by source set, top-1 where random sampling is missing."""

from __future__ import annotations

import polars as pl
import pytest

from nastransfer.report.sources_figure import transfer_by_source
from nastransfer.study.published import published
from tests.report.rows import small_study
from tests.report.seen import dots, means, titles


def test_marks_are_ri_and_runs_are_placed_against_randoms_mean() -> None:
    figure = transfer_by_source(small_study())
    found = dots(figure)
    assert sorted(x for x, _ in found.values()) == pytest.approx([100 / 70, 300 / 70])
    (mean,) = means(figure)
    assert mean.x[0] == pytest.approx(200 / 70)
    assert figure.layout.xaxis.title.text == "RI over random sampling, %"
    assert list(figure.layout.yaxis.ticktext) == ["digits"], "the proxy of the target is no transfer"


def test_without_random_runs_top1_is_drawn() -> None:
    figure = transfer_by_source(small_study().filter(pl.col("method") != "random"))
    assert sorted(x for x, _ in dots(figure).values()) == [71.0, 73.0]
    assert figure.layout.xaxis.title.text == "top-1 accuracy, %"
    assert not figure.layout.shapes


def test_rows_have_room_for_their_labels() -> None:
    long = small_study().with_columns(selection=pl.lit("a-selection-with-a-very-long-name"))
    short, long = transfer_by_source(small_study()).layout, transfer_by_source(long).layout
    lines = long.yaxis.ticktext[0].count("<br>") + 1
    assert lines == 3 and long.height - short.height >= 17 * lines - 40


def test_table_2_is_what_the_papers_figure_shows() -> None:
    figure = transfer_by_source(published())
    assert titles(figure) == [f"<b>to {target}</b>" for target in ("cifar100", "imagenet1k", "imagenet22k")]
    values = sorted(x for trace in figure.data if trace.customdata is not None for x in trace.x)
    table_2 = published().filter(pl.col("ri_percent").is_not_null(), pl.col("feeds") == "table 2")
    assert values == sorted(table_2["ri_percent"])
    assert "imagenet1k, DARTS published +2.03%" in figure.layout.meta["alt"]
