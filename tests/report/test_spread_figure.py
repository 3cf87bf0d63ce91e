"""Figure 4: random sampling's standard deviation, in points and relative to the mean."""

from __future__ import annotations

import pytest

from nastransfer.report.spread_figure import spread_of_random
from tests.report.made_study import made_study
from tests.report.rows import small_study
from tests.report.seen import means


def test_one_standard_deviation_in_points_and_relative_to_the_mean() -> None:
    figure = spread_of_random(small_study())
    top1, relative = means(figure)
    assert (top1.x[0], top1.error_x.array[0]) == (70.0, pytest.approx(1.0))
    assert (relative.x[0], relative.error_x.array[0]) == (0.0, pytest.approx(100 / 70))
    assert "std/mean 1.43%" in figure.layout.yaxis2.ticktext[0]
    assert "standard deviation 1.00 points, 1.43% of the mean" in figure.layout.meta["alt"]


def test_targets_go_from_high_to_low_and_spreads_are_tested() -> None:
    figure = spread_of_random(made_study(searches=1, genotypes=30))
    assert [label.partition("<br>")[0] for label in figure.layout.yaxis.ticktext] == [
        "cifar100",
        "imagenet1k",
        "imagenet22k",
    ]
    assert "(Brown-Forsythe)" in figure.layout.meta["alt"]
