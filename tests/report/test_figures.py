"""The figures: every run a dot that carries its run, means where arithmetic puts them, honest when there is nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import plotly.graph_objects as go
import plotly.io as pio
import polars as pl
import pytest
from scipy import stats

from nastransfer.report.figures import accuracy_by_method, alt_text, standalone_html, transfer_versus_direct
from nastransfer.report.style import COLOURS, TEMPLATE, empty_figure, method_colours, on_dark, wrapped
from nastransfer.study.frame import results_frame
from nastransfer.study.published import published
from tests.report.rows import small_study, study, training

FIGURES = [accuracy_by_method, transfer_versus_direct]
Figure = Callable[[pl.DataFrame], go.Figure]
HOSTILE = "<script>alert(1)</script>"


def dots(figure: go.Figure) -> dict[str, tuple[float, float]]:
    """Where the dot of each run is."""
    return {
        run: (x, y)
        for trace in figure.data
        if trace.customdata is not None
        for (run,), x, y in zip(trace.customdata, trace.x, trace.y, strict=True)
    }


def means(figure: go.Figure) -> list[go.Scatter]:
    return [trace for trace in figure.data if trace.text is not None and trace.customdata is None]


def legend(figure: go.Figure) -> list[str]:
    return [trace.name for trace in figure.data if trace.showlegend is not False]


def test_accuracy_has_a_dot_for_every_run_at_its_accuracy() -> None:
    frame = small_study()
    found = dots(accuracy_by_method(frame))
    assert {run: x for run, (x, _) in found.items()} == dict(frame.select("run", "top1_last").iter_rows())
    assert len({y for _, y in found.values()}) == frame.height, "no two dots can cover each other"


def test_accuracy_has_means_with_students_interval() -> None:
    """Random sampling, last of three rows: mean 70, s = 1, n = 3, so 4.30265 / sqrt(3) on both sides."""
    *_, random = means(accuracy_by_method(small_study()))
    assert random.x[0] == 70.0
    assert random.error_x.array[0] == pytest.approx(4.30265 / math.sqrt(3), rel=1e-5)
    assert "n = 3" in random.text[0]


def test_the_band_is_the_interval_of_randoms_mean() -> None:
    figure = accuracy_by_method(small_study())
    band = next(shape for shape in figure.layout.shapes if shape.type == "rect")
    assert (band.x0, band.x1) == pytest.approx(stats.t.interval(0.95, 2, 70.0, 1 / math.sqrt(3)))


def test_one_run_a_row_has_a_mean_without_an_interval() -> None:
    figure = accuracy_by_method(study(training("darts1", 2, 72.0), training("random", 0, 70.0)))
    assert [mean.error_x.array for mean in means(figure)] == [None, None]
    assert all("no interval" in mean.text[0] for mean in means(figure))


def test_rows_say_method_and_source_and_legends_tell_the_orders_of_darts_apart() -> None:
    second = study(*(training("darts2", seed, 72.0 + seed) for seed in (2, 3)))
    figure = accuracy_by_method(pl.concat([small_study(), second]))
    assert list(figure.layout.yaxis.ticktext) == [
        "DARTS (1st order)<br>from digits",
        "DARTS (1st order)<br>from glyphs<br>(synthetic), p1",
        "DARTS<br>from digits",
        "random sampling",
    ]
    assert {"DARTS (1st order)", "DARTS"} <= set(legend(figure))


def test_each_target_has_a_panel() -> None:
    more = study(training("darts1", 2, 91.0, target="cifar10", run="photograph"))
    figure = accuracy_by_method(pl.concat([small_study(), more]))
    assert [note.text for note in figure.layout.annotations] == ["on cifar10", "on glyphs (synthetic)"]
    low, high = figure.layout.xaxis.range
    assert low < 91 < high
    assert high - low < 20


def test_transfer_crosses_lie_at_both_means_and_no_run_is_paired() -> None:
    """Transfer runs 71, 73 stand at the direct mean 75; direct runs 74, 76 at the transfer mean 72."""
    figure = transfer_versus_direct(small_study())
    found = dots(figure)
    assert {found["demo/augment/darts1-2/2"], found["demo/augment/darts1-3/2"]} == {
        (75.0, 71.0),
        (75.0, 73.0),
    }
    assert {found["proxy-2"], found["proxy-3"]} == {(74.0, 72.0), (76.0, 72.0)}
    assert [found[f"demo/augment/random-{draw}/2"] for draw in range(3)] == [
        (69.0, 69.0),
        (70.0, 70.0),
        (71.0, 71.0),
    ]
    (mean,) = means(figure)
    assert (mean.x[0], mean.y[0]) == (75.0, 72.0)
    half = 12.706205 * math.sqrt(2) / math.sqrt(2)
    assert (mean.error_x.array[0], mean.error_y.array[0]) == pytest.approx((half, half))


def test_transfer_has_the_diagonal_and_equal_axes() -> None:
    figure = transfer_versus_direct(small_study())
    line = next(shape for shape in figure.layout.shapes if shape.type == "line")
    assert (line.x0, line.x1) == (line.y0, line.y1) == figure.layout.xaxis.range == figure.layout.yaxis.range
    assert (
        figure.layout.xaxis.title.text.replace("<br>", " ") == "direct: from glyphs (synthetic), p1, top-1, %"
    )
    assert figure.layout.yaxis.title.text == "transfer: from digits, top-1, %"


def test_published_numbers_are_hollow_and_named() -> None:
    accuracy = accuracy_by_method(published())
    assert "published" in legend(accuracy)
    hollow = [trace for trace in accuracy.data if trace.customdata is not None]
    assert {trace.marker.symbol for trace in hollow} == {"square-open"}
    assert sum(len(trace.x) for trace in hollow) == 16, "Table 3; Table 4 varies the cells"
    assert all("NASTransfer (AAAI 2021), table 3" in text for trace in hollow for text in trace.text)
    assert not means(accuracy)


def test_published_transfer_pairs_share_the_augment_seed() -> None:
    """ENAS at augment seed 3: 72.69 from CIFAR10 against 64.70 from Proxy 1. NSGANet has no direct number."""
    places = {
        (x, y)
        for trace in transfer_versus_direct(published()).data
        if trace.customdata is not None
        for x, y in zip(trace.x, trace.y, strict=True)
    }
    darts, enas, nao = (
        {(71.89, 71.58), (71.68, 72.01)},
        {(69.4, 56.58), (64.7, 72.69)},
        {(64.98, 68.24), (61.85, 64.52)},
    )
    assert places == darts | enas | nao | {(70.45, 70.45), (71.35, 71.35)}


@pytest.mark.parametrize("draw", FIGURES)
def test_published_rows_keep_their_place_beside_own_ones(draw: Figure) -> None:
    own, both = dots(draw(small_study())), dots(draw(pl.concat([small_study(), published()])))
    assert own.items() <= both.items()


@pytest.mark.parametrize("draw", FIGURES)
def test_nothing_to_draw_is_said_in_a_figure(draw: Figure) -> None:
    for frame in (results_frame([]), study(training("darts1", 2, None))):
        figure = draw(frame)
        assert not figure.data
        assert "yet" in figure.layout.annotations[0].text
        assert figure.layout.title.text


def test_transfer_needs_both_sides() -> None:
    figure = transfer_versus_direct(small_study().filter(pl.col("selection").ne_missing("p1")))
    assert "Nothing to compare yet" in figure.layout.annotations[0].text


@pytest.mark.parametrize("draw", FIGURES)
def test_names_cannot_become_markup(draw: Figure) -> None:
    renamed = small_study().with_columns(method=pl.col("method").replace("darts1", HOSTILE))
    renamed = renamed.with_columns(run=pl.lit(HOSTILE), genotype=pl.lit(HOSTILE), study=pl.lit(HOSTILE))
    renamed = renamed.with_columns(target=pl.col("target").replace("glyphs", HOSTILE))
    renamed = renamed.with_columns(source=pl.col("source").replace("glyphs", HOSTILE))
    figure = draw(renamed)
    seen = figure.to_plotly_json()
    texts = [text for trace in seen["data"] for text in (*trace.get("text", []), trace.get("name", ""))]
    assert not [text for text in texts if "<script" in text]
    assert "<script" not in str(seen["layout"].get("annotations")) + str(seen["layout"].get("yaxis"))
    body = standalone_html(figure).partition("<body>")[2]
    assert body.count("<script>alert") == 0


@pytest.mark.parametrize("draw", FIGURES)
def test_mixed_protocols_are_refused(draw: Figure) -> None:
    with pytest.raises(ValueError, match="trained under 2 protocols"):
        draw(pl.concat([small_study(), study(training("darts1", 9, 80.0, protocol="short"))]))


def test_alternatives_say_the_numbers() -> None:
    assert alt_text("accuracy_by_method", small_study()) == (
        "Top-1 accuracy by method and source. "
        "DARTS (1st order), from digits, on glyphs (synthetic): mean 72.0% of 2, 95% interval 59.3 to 84.7; "
        "DARTS (1st order), from glyphs (synthetic), p1, on glyphs (synthetic): mean 75.0% of 2, "
        "95% interval 62.3 to 87.7; "
        "random sampling, on glyphs (synthetic): mean 70.0% of 3, 95% interval 67.5 to 72.5."
    )
    assert "transfer mean 72.0% of 2" in alt_text("transfer_versus_direct", small_study())
    assert "8 published numbers on imagenet1k" in alt_text("transfer_versus_direct", published())
    assert "yet" in alt_text("transfer_versus_direct", results_frame([]))
    with pytest.raises(ValueError, match=r"no figure is called 'pie'; known are \['accuracy_by_method'"):
        alt_text("pie", small_study())


@pytest.mark.parametrize("draw", FIGURES)
def test_pages_stand_alone(draw: Figure) -> None:
    figure = draw(small_study())
    page = standalone_html(figure)
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "width=device-width" in page
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="http', page)
    assert len(page) > 1_000_000, "plotly.js is inside"
    assert f'aria-label="{alt_text(draw.__name__, small_study())}"' in page
    assert standalone_html(figure).count(str(figure.layout.title.text)) >= 1


def test_one_template_and_colours_that_stay_with_their_method() -> None:
    assert TEMPLATE in pio.templates
    assert all(draw(small_study()).layout.template == pio.templates[TEMPLATE] for draw in FIGURES)
    papers = method_colours(["darts1", "darts2", "enas", "nao", "nsganet", "random"])
    assert len(set(papers.values())) == 6
    assert method_colours(["own", "darts2"])["darts2"] == papers["darts2"]
    assert method_colours(["own", "darts2"])["own"] not in papers["darts2"]
    assert set(method_colours([f"own-{place}" for place in range(9)]).values()) == set(COLOURS)


def test_dark_pages_and_long_words() -> None:
    figure = on_dark(empty_figure("nothing"))
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert wrapped("a < b and more", 6) == "a &lt; b<br>and<br>more"
