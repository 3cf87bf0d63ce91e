"""The estimation plot: every run a dot at its accuracy, the interval of RI on the same axis."""

from __future__ import annotations

import math

import polars as pl
import pytest
from scipy import stats

from nastransfer.report.headroom import headroom
from nastransfer.report.panels import accuracy_by_method
from nastransfer.stats.improvement import relative_improvement
from nastransfer.study.published import published
from tests.report.rows import small_study, study, training
from tests.report.seen import dots, legend, means, titles


def test_each_run_is_a_dot_at_its_accuracy() -> None:
    frame = small_study()
    found = dots(accuracy_by_method(frame))
    assert {run: x for run, (x, _) in found.items()} == dict(frame.select("run", "top1_last").iter_rows())
    assert len({y for _, y in found.values()}) == frame.height, "no two dots can cover each other"


def test_means_have_the_interval_of_ri_on_the_axis_of_the_runs() -> None:
    found = relative_improvement([71.0, 73.0], [69.0, 70.0, 71.0])
    first, _, random = means(accuracy_by_method(small_study()))
    assert first.x[0] == pytest.approx(72.0)
    ends = first.x[0] - first.error_x.arrayminus[0], first.x[0] + first.error_x.array[0]
    assert ends == pytest.approx([70.0 * (1 + end / 100) for end in (found.low, found.high)])
    assert f"RI {found.estimate:+.2f}%" in first.text[0]
    assert random.error_x.array[0] == pytest.approx(4.30265 / math.sqrt(3), rel=1e-5), "Student's t"


def test_the_upper_axis_names_the_same_places_by_their_ri() -> None:
    layout = accuracy_by_method(small_study()).layout
    upper = layout.xaxis2
    assert (upper.side, upper.overlaying, upper.matches) == ("top", "x", "x")
    named = dict(zip(upper.ticktext, upper.tickvals, strict=True))
    assert named["RI 0%"] == pytest.approx(70.0)
    assert named["+5%"] == pytest.approx(73.5)
    assert all(layout.xaxis.range[0] <= place <= layout.xaxis.range[1] for place in upper.tickvals)


def test_headroom_and_noise_ceiling_are_drawn() -> None:
    """Genotypes 70, 72 (means of two seeds each): best 72 is 1.41% above 71; seeds leave nothing but 0.5."""
    rows = [
        ("random", 0, 2, 69.5),
        ("random", 0, 3, 70.5),
        ("random", 1, 2, 72.5),
        ("random", 1, 3, 71.5),
    ]
    frame = study(*(training(m, draw, top1, augment_seed=seed) for m, draw, seed, top1 in rows))
    found = headroom(frame)
    assert found is not None and found.noise_percent is not None
    assert found.best_percent == pytest.approx(100 / 71)
    # Left over after both means: +-0.5 in each of 4 runs, 1 degree of freedom, so s = 1; a mean of two has 1 / sqrt(2).
    blom = stats.norm.ppf((2 - 0.375) / 2.25)
    assert found.noise_percent == pytest.approx(100 * blom / math.sqrt(2) / 71)
    assert (found.repeated, found.freedom) == (2, 1)
    points = stats.chi2.ppf([0.975, 0.025], 1)
    assert found.noise_ends == pytest.approx([found.noise_percent / math.sqrt(point) for point in points])
    figure = accuracy_by_method(frame)
    assert [shape.x0 for shape in figure.layout.shapes] == pytest.approx([71.0, 72.0]), (
        "from too few to be drawn"
    )
    assert "best random genotype (headroom)" in legend(figure)
    assert "by chance +0.6% (0.3 to 18.7)" in str(figure.layout.annotations)


def test_the_noise_ceiling_is_drawn_where_enough_genotypes_are_trained_twice() -> None:
    rows = [
        (draw, seed, 70.0 + draw + (0.5 if draw % 2 else -0.5) * seed) for draw in range(9) for seed in (2, 3)
    ]
    frame = study(*(training("random", draw, top1, augment_seed=seed) for draw, seed, top1 in rows))
    found = headroom(frame)
    assert found is not None and found.noise_percent is not None and found.freedom == 8
    figure = accuracy_by_method(frame)
    mean, best, lucky = (shape.x0 for shape in figure.layout.shapes)
    assert lucky == pytest.approx(mean * (1 + found.noise_percent / 100)) and best > mean
    assert "best by chance of seeds alone (noise ceiling)" in legend(figure)


def test_one_seed_has_no_noise_and_one_genotype_no_headroom() -> None:
    found = headroom(small_study().filter(method="random"))
    assert found is not None and found.noise_percent is None
    assert headroom(study(training("random", 0, 70.0), training("random", 0, 71.0, augment_seed=3))) is None


def test_one_run_a_row_has_a_mean_without_an_interval() -> None:
    figure = accuracy_by_method(study(training("darts1", 2, 72.0), training("random", 0, 70.0)))
    assert [mean.error_x.array for mean in means(figure)] == [None, None]
    assert all("no interval" in mean.text[0] for mean in means(figure))


def test_rows_say_method_source_and_n() -> None:
    second = study(*(training("darts2", seed, 72.0 + seed) for seed in (2, 3)))
    figure = accuracy_by_method(pl.concat([small_study(), second]))
    assert [label.replace("\N{NO-BREAK SPACE}", " ") for label in figure.layout.yaxis.ticktext] == [
        "DARTS (1st order),<br>n = 2<br>from digits",
        "DARTS (1st order),<br>n = 2<br>from glyphs<br>(synthetic), p1",
        "DARTS, n = 2<br>from digits",
        "random sampling,<br>n = 3",
    ]
    assert {"DARTS (1st order)", "DARTS"} <= set(legend(figure))


def test_each_target_has_a_panel_with_its_own_range() -> None:
    more = study(training("darts1", 2, 91.0, target="cifar10", run="photograph"))
    figure = accuracy_by_method(pl.concat([small_study(), more]))
    assert titles(figure) == [
        "<b>on cifar10</b>",
        "<b>on glyphs (synthetic)</b><br>best of 3 random ones +1.4%",
    ]
    assert 90 < figure.layout.xaxis.range[0] < 91 < figure.layout.xaxis.range[1] < 92


def test_published_numbers_of_table_3_without_table_4() -> None:
    figure = accuracy_by_method(published().filter(feeds="table 3"))
    assert len(dots(figure)) and "hollow: published" in legend(figure)
    hollow = [trace for trace in figure.data if trace.customdata is not None]
    assert sum(len(trace.x) for trace in hollow) == 16
    assert not means(figure)
