"""Hours against devices as a picture: a line a kind and set, logarithmic axes, words, a dark page."""

from __future__ import annotations

import polars as pl

from nastransfer.report.scale import hours
from nastransfer.report.scale_figure import NOTHING, scale_figure
from nastransfer.report.style import on_dark
from tests.report.test_scale import BY_HAND, rate

RATES = pl.concat([rate("mine", darts1=1.0, cifar=1.0), rate("half as fast", cifar=0.5)])
TIMED = hours(BY_HAND, RATES, (1, 2, 96), by="dataset")


def test_lines_are_the_hours_by_kind_and_set() -> None:
    figure = scale_figure(TIMED)
    lines = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert [(trace.line.dash, list(trace.x), list(trace.y)) for trace in lines if trace.yaxis == "y"] == [
        ("dash", [1, 2, 96], [3.0, 2.0, 1.0]),
        ("dash", [1, 2, 96], [2.0, 2.0, 2.0]),
        ("solid", [1, 2, 96], [10.0, 5.0, 10 / 96]),
    ]
    (slow,) = [trace for trace in lines if trace.yaxis == "y2"]
    assert slow.y[0] == 20.0 and slow.text[0] == "<b>a</b><br>10 trainings, devices: 1, hours: 20"
    axes = (figure.layout.xaxis, figure.layout.yaxis, figure.layout.xaxis2, figure.layout.yaxis2)
    assert {axis.type for axis in axes} == {"log"} and axes[0].ticktext == ("1", "2", "96")
    assert {trace.name for trace in figure.data if trace.name} == {"a", "b", "trainings", "searches"}


def test_words_say_the_totals_and_an_empty_figure_why() -> None:
    alternative = scale_figure(TIMED).layout.meta["alt"]
    assert "mine: trainings in hours 10 on 1, 0.104 on 96" in alternative
    assert (
        "mine: searches in hours 5 on 1, 2 on 96" in alternative
        and "half as fast: searches" not in alternative
    )
    assert scale_figure(TIMED.clear()).layout.meta["alt"] == NOTHING


def test_lines_hold_on_white_and_on_dark_pages() -> None:
    for figure in (scale_figure(TIMED), on_dark(scale_figure(TIMED))):
        lines = [trace for trace in figure.data if trace.mode == "lines+markers"]
        assert {trace.line.color for trace in lines} == {trace.marker.color for trace in lines}
        for colour in {trace.line.color for trace in lines}:
            red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
            assert 75 < 0.2126 * red + 0.7152 * green + 0.0722 * blue < 200
