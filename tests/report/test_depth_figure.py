"""Accuracy by number of cells: the paper's Table 4 and own depths."""

from __future__ import annotations

from nastransfer.report.depth_figure import accuracy_by_cells
from nastransfer.study.published import published
from tests.report.rows import study, training
from tests.report.seen import means, titles


def test_table_4_has_a_panel_for_each_source_with_random_in_both() -> None:
    figure = accuracy_by_cells(published())
    assert titles(figure) == [
        "<b>on imagenet1k</b><br>from cifar10",
        "<b>on imagenet1k</b><br>from imagenet1k, p1",
    ]
    random = [t for t in figure.data if t.customdata is not None and t.marker.symbol == "x-open"]
    assert [list(trace.y) for trace in random] == [[70.45, 65.52, 52.82]] * 2
    assert list(figure.layout.xaxis.ticktext) == ["20", "40", "60"]


def test_own_means_by_depth() -> None:
    frame = study(
        *(training("enas", s, 70.0 + s, run=f"a{s}") for s in (2, 3)),
        *(training("enas", s, 60.0 + s, cells=10, feeds="table 4", run=f"b{s}") for s in (2, 3)),
    )
    figure = accuracy_by_cells(frame)
    assert [mean.y[0] for mean in means(figure)] == [72.5, 62.5]
    assert dict(zip(figure.layout.xaxis.ticktext, figure.layout.xaxis.tickvals, strict=True)) == {
        "5": 0,
        "10": 1,
    }
