"""What holds for every figure: dots carry their run, nothing to draw is said, no name turns into markup."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from html import unescape

import plotly.graph_objects as go
import plotly.io as pio
import polars as pl
import pytest

from nastransfer.report.figures import FIGURES, genotype_map, standalone_html
from nastransfer.report.style import (
    COLOURS,
    TEMPLATE,
    empty_figure,
    method_looks,
    on_dark,
    target_looks,
    wrapped,
)
from nastransfer.study.frame import results_frame
from nastransfer.study.published import published
from tests.report.made_study import made_study
from tests.report.rows import small_study, study, training
from tests.report.seen import titles

HOSTILE = "<script>alert(1)</script>"
Draw = Callable[[pl.DataFrame], go.Figure]
EVERY = pytest.mark.parametrize("draw", [entry.draw for entry in FIGURES.values()], ids=list(FIGURES))
OF_PAIRS = {"ri-map", "rank-agreement", "descriptors", "variance-components"}  # no mark of theirs is one run
OF_RUNS = {name: entry.draw for name, entry in FIGURES.items() if name not in OF_PAIRS}
EVERY_OF_RUNS = pytest.mark.parametrize("draw", OF_RUNS.values(), ids=OF_RUNS)


OWN = made_study(searches=2, genotypes=3, cells=(40,))
WHOLE = pl.concat([OWN, published()])


@cache
def drawn(draw: Draw) -> go.Figure:
    """The figure of a study that every figure has something to draw of, and of what papers printed."""
    return draw(WHOLE)


def runs_of(figure: go.Figure) -> Iterator[str]:
    for trace in figure.data:
        for about in trace.customdata if trace.customdata is not None else ():
            yield about[0]


def texts(figure: go.Figure) -> str:
    """Whatever plotly may take for markup: names, hover texts, labels, notes."""
    seen = figure.to_plotly_json()
    data = [(trace.get("text"), trace.get("name")) for trace in seen["data"]]
    layout = {name: value for name, value in seen["layout"].items() if name not in ("meta", "template")}
    return f"{data}{layout}"


@EVERY_OF_RUNS
def test_dots_carry_runs_of_the_frame(draw: Draw) -> None:
    runs = list(runs_of(drawn(draw)))
    assert runs
    assert set(runs) <= set(WHOLE["run"])


@EVERY
def test_every_figure_has_the_template_a_title_and_words_with_numbers(draw: Draw) -> None:
    figure = drawn(draw)
    assert figure.layout.template == pio.templates[TEMPLATE]
    assert figure.layout.title.text
    assert re.search(r"\d", figure.layout.meta["alt"])
    assert 200 < figure.layout.height < 6000


@EVERY
def test_titles_and_notes_fit_a_phone(draw: Draw) -> None:
    """At 400 pixels a line of the note has room for about 50 letters, the title's larger ones for 40."""
    title, *note = re.sub(r"<span[^>]*>|</span>", "", unescape(drawn(draw).layout.title.text)).split("<br>")
    assert len(title) <= 40
    assert note and max(map(len, note)) <= 50


# A map of genotypes has no mean, components name their levels, the spread's rows and the cells of RI have their own.
OTHERWISE = {"accuracy-by-method", "ri-map", "genotype-map", "spread-of-random", "variance-components"}


@pytest.mark.parametrize("name", sorted(set(FIGURES) - OTHERWISE))
def test_panels_say_how_many_runs_their_means_rest_on(name: str) -> None:
    counts = [text for text in titles(FIGURES[name].draw(OWN)) if text.startswith("<b>")]
    assert counts and all(re.search(r"<br>n = \d", text) for text in counts)


@pytest.mark.parametrize(
    "name",
    [
        "accuracy-by-method",
        "transfer-by-source",
        "direct-against-random",
        "transfer-versus-direct",
        "spread-of-random",
        "search-cost",
    ],
)
def test_unfinished_studies_say_how_much_is_missing(name: str) -> None:
    gone = pl.col("run").str.contains("darts2-imagenet1k.*-to-", literal=False) & (pl.col("search_seed") == 2)
    figure = FIGURES[name].draw(OWN.filter(~gone))
    said = f"By what else the study has, trainings missing: {OWN.filter(gone, pl.col('feeds') != 'table 4').height}."
    assert said in figure.layout.title.text.replace("<br>", " ")
    assert figure.layout.meta["alt"].endswith(said)
    assert "missing" not in drawn(FIGURES[name].draw).layout.meta["alt"]


def test_pairs_that_are_searched_and_not_trained_are_counted() -> None:
    idle = (pl.col("kind") == "augment") & (pl.col("method") == "enas") & (pl.col("source") == "cifar10")
    alt = FIGURES["accuracy-by-method"].draw(OWN.filter(~idle.fill_null(False))).layout.meta["alt"]
    assert alt.endswith(
        "By what else the study has, pairs of method and source searched and not yet trained: 1."
    )


@EVERY
def test_published_numbers_are_hollow_and_named(draw: Draw) -> None:
    papers = set(published()["run"])
    traces = [trace for trace in drawn(draw).data if trace.customdata is not None]
    of_papers = [trace for trace in traces if trace.customdata[0][0] in papers]
    assert all(trace.marker.symbol.endswith("-open") for trace in of_papers)
    assert all("published" in text for trace in of_papers for text in trace.text)


@EVERY
def test_published_numbers_take_no_place_of_own_runs(draw: Draw) -> None:
    assert set(runs_of(draw(OWN))) == set(runs_of(drawn(draw))) - set(published()["run"])


@EVERY
def test_nothing_to_draw_is_said_in_a_figure(draw: Draw) -> None:
    for frame in (results_frame([]), study(training("darts1", 2, None))):
        figure = draw(frame)
        assert not figure.data
        assert "yet" in figure.layout.meta["alt"]
        assert figure.layout.title.text


@EVERY
@pytest.mark.parametrize(
    "frame",
    [
        study(training("darts1", 2, 71.0)),
        study(training("random", 2, 71.0)),
        study(training("darts1", 2, 71.0, source="glyphs", selection="glyphs-p1")),
        study(training("random", 1, 0.0), training("darts1", 2, 0.0)),
        study(training("random", 1, 70.0), training("random", 2, 70.0), training("darts1", 2, 70.0)),
        study(training("random", 1, 100.0), training("darts1", 2, 100.0), training("darts1", 3, 1.0)),
        small_study(),
        made_study(searches=1, genotypes=1, augment_seeds=(2,), methods=("enas",)),
        made_study(searches=2, genotypes=2).filter(pl.col("method") != "random"),
        made_study(searches=2, genotypes=2).filter(pl.col("kind") == "search"),
        made_study(searches=3, genotypes=4).sample(fraction=0.3, seed=2),
    ],
    ids=[
        "one run",
        "one random run",
        "one direct run",
        "all wrong",
        "all equal",
        "all right",
        "small",
        "one of each",
        "no random run",
        "searches only",
        "unfinished",
    ],
)
def test_few_data_break_nothing(draw: Draw, frame: pl.DataFrame) -> None:
    assert draw(frame).layout.meta["alt"]


@EVERY
def test_names_cannot_become_markup(draw: Draw) -> None:
    names = {name: name + HOSTILE for name in ("cifar10", "imagenet1k", "enas")}
    made = made_study(searches=1, genotypes=2)
    made = made.with_columns(pl.col("method", "source", "target").replace(names))
    made = made.with_columns(
        pl.format("{}{}", pl.lit(HOSTILE), "run").alias("run"), study=pl.lit(HOSTILE), preset=pl.lit(HOSTILE)
    )
    assert "<script" not in texts(draw(made))


@EVERY
def test_two_studies_are_told_apart(draw: Draw) -> None:
    other = OWN.with_columns(pl.col("run").str.replace("made", "other"), study=pl.lit("other"))
    both = Counter(runs_of(draw(pl.concat([OWN, other]))))
    one = Counter(run for run in runs_of(drawn(draw)) if run.startswith("made"))
    assert both == one + Counter(run.replace("made", "other", 1) for run in one.elements())


@pytest.mark.parametrize("draw", [entry.draw for entry in FIGURES.values() if entry.draw != genotype_map])
def test_mixed_protocols_are_refused(draw: Draw) -> None:
    """A map of genotypes compares no accuracies."""
    with pytest.raises(ValueError, match="trained under 2 protocols"):
        draw(pl.concat([small_study(), study(training("darts1", 9, 80.0, protocol="short"))]))


def test_pages_stand_alone() -> None:
    figure = drawn(next(iter(OF_RUNS.values())))
    page = standalone_html(figure)
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "width=device-width" in page
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="http', page)
    assert len(page) > 1_000_000, "plotly.js is inside"
    assert f"<title>{figure.layout.title.text.partition('<br>')[0]}</title>" in page
    figure.update_layout(title_text=HOSTILE, meta={"alt": HOSTILE})
    assert standalone_html(figure).partition("<body>")[2].count("<script>alert") == 0


def test_one_look_for_each_method_that_stays_with_it() -> None:
    papers = method_looks(["darts1", "darts2", "enas", "nao", "nsganet", "random"])
    assert len({look.colour for look in papers.values()}) == 6
    assert len({look.symbol for look in papers.values()}) == 6, "told apart in grey"
    mixed = method_looks(["own", "darts2"])
    assert mixed["darts2"] == papers["darts2"]
    assert mixed["own"].colour != papers["darts2"].colour
    assert mixed["own"].hollow == f"{mixed['own'].symbol}-open"
    many = method_looks(f"own-{place}" for place in range(9))
    assert {look.colour for look in many.values()} == set(COLOURS)


def test_looks_come_in_the_order_of_rows_random_sampling_last() -> None:
    assert list(method_looks(["random", "own", "nao", "darts1", "darts2"])) == [
        "darts1",
        "darts2",
        "nao",
        "own",
        "random",
    ]


def test_no_button_sends_a_figure_away_or_covers_its_title() -> None:
    bar = pio.templates[TEMPLATE].layout.modebar
    assert {"sendChartToCloud", "zoom", "pan", "zoomIn", "zoomOut", "autoScale"} <= set(bar.remove)
    assert bar.orientation == "v", "narrow: beside the title"
    page = standalone_html(drawn(next(iter(OF_RUNS.values()))))
    assert '"showSendToCloud": false' in page


def test_dark_pages_and_long_words() -> None:
    figure = on_dark(empty_figure("nothing"))
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert wrapped("a < b and more", 6) == "a &lt; b<br>and<br>more"
    pairs = on_dark(FIGURES["descriptors"].draw(OWN))
    assert "#332288" in target_looks(["cifar100"])["cifar100"].colour
    assert "#332288" not in {trace.marker.color for trace in pairs.data}, "indigo is not seen on a dark page"
    lit = on_dark(FIGURES["accuracy-by-method"].draw(small_study()))
    bars = [trace for trace in lit.data if trace.error_x.color is not None]
    assert bars
    assert all(trace.error_x.color == trace.marker.color for trace in bars)
