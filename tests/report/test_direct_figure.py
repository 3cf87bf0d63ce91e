"""Figure 2: runs at random sampling's quantiles, means at both means."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from nastransfer.report.direct_figure import direct_against_random, random_at_same_rank
from nastransfer.study.published import published
from tests.report.made_study import made_study
from tests.report.rows import small_study, study, training
from tests.report.seen import dots, means, titles


def test_runs_stand_at_random_samplings_run_of_the_same_rank() -> None:
    assert random_at_same_rank([5.0, 3.0, 4.0], [1.0, 2.0, 9.0]) == [9.0, 1.0, 2.0]
    # Hazen: ranks 1 and 2 of 2 are the quantiles 1/4 and 3/4; of 3 values that is 1/4 below and above the middle.
    assert random_at_same_rank([74.0, 76.0], [69.0, 70.0, 71.0]) == pytest.approx([69.25, 70.75])
    found = dots(direct_against_random(small_study()))
    assert found == {"proxy-2": (pytest.approx(69.25), 74.0), "proxy-3": (pytest.approx(70.75), 76.0)}


def test_means_stand_at_both_means() -> None:
    (mean,) = means(direct_against_random(small_study()))
    assert (mean.x[0], mean.y[0]) == (70.0, 75.0)
    assert mean.error_y.array[0] == pytest.approx(12.7062, rel=1e-4)


def test_equal_samples_lie_on_the_diagonal() -> None:
    rng = np.random.default_rng(2)
    draws = [float(value) for value in rng.uniform(60, 70, 7)]
    frame = study(
        *(training("random", draw, top1) for draw, top1 in enumerate(draws)),
        *(training("enas", draw, top1, source="glyphs") for draw, top1 in enumerate(draws)),
    )
    assert all(x == pytest.approx(y) for x, y in dots(direct_against_random(frame)).values())


def test_axes_are_equal_and_the_same_for_all_proxies_of_a_target() -> None:
    layout = direct_against_random(made_study(searches=2, genotypes=3)).layout
    assert titles(go.Figure(layout=layout))[0] == "<b>cifar100, whole</b><br>n = 2, random 3"
    for number in (2, 3, 4):
        assert layout[f"xaxis{number}"].range == layout[f"yaxis{number}"].range == layout.xaxis2.range
    line = layout.shapes[0]
    assert (line.x0, line.x1) == (line.y0, line.y1) == layout.xaxis.range


def test_published_direct_numbers_stand_against_random_of_the_same_table_and_seed() -> None:
    traces = [t for t in direct_against_random(published()).data if t.customdata is not None]
    places = {(x, y) for trace in traces for x, y in zip(trace.x, trace.y, strict=True)}
    second, third = (70.45, (69.4, 71.89, 64.98)), (71.35, (64.7, 71.68, 61.85))
    assert places == {(random, direct) for random, found in (second, third) for direct in found}
