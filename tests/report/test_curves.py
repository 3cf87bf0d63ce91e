"""Figures of one run: told apart in grey, said in words, no name turns into markup."""

from __future__ import annotations

import plotly.graph_objects as go
import plotly.io as pio
import polars as pl
import pytest

from nastransfer.data.datasets import open_dataset
from nastransfer.report.curves import class_accuracy, class_histogram, learning_curve, search_history
from nastransfer.report.explore import proxy_histogram, sample_images
from nastransfer.report.live import use_in_notebooks
from nastransfer.report.proxy_figures import rank_curves

CLASSES = pl.DataFrame({"class": ["<b>a</b>", "c"], "train": [3, 9], "val": [1, 0], "test": [2, 2]})
CLASSES = CLASSES.with_columns(images="test", correct=pl.Series([1, 2]))


def dashes(figure: go.Figure) -> list[str]:
    return [trace.line.dash for trace in figure.data]


def test_a_trainings_curves_differ_in_more_than_colour_and_end_in_words() -> None:
    history = pl.DataFrame({"epoch": [1, 2], "top1": [40.0, 51.25], "train_top1": [None, 60.0]})
    figure = learning_curve(history)
    assert [list(trace.y) for trace in figure.data] == [[40.0, 51.25], [60.0]]
    assert dashes(figure) == ["solid", "dash"]
    assert figure.layout.meta["alt"] == (
        "Final training, top-1 accuracy at epoch 2: test 51.2%, training images, before each step 60.0%."
    )
    assert "nothing recorded yet" in learning_curve(history.clear()).layout.meta["alt"]


def test_a_searchs_scores_differ_in_more_than_colour() -> None:
    rows = [{"step": step, "val_top1": 40.0, "<i>_top1": 50.0} for step in range(3)]
    figure = search_history(pl.DataFrame(rows))
    assert len(set(dashes(figure))) == 2
    assert figure.layout.meta["alt"] == "Search; 3 steps recorded; at the end validation half 40, <i> 50."
    assert "&lt;i&gt;" in {trace.name for trace in figure.data}


def test_class_figures_say_their_numbers() -> None:
    bars = class_histogram(CLASSES)
    assert len({bar.marker.pattern.shape for bar in bars.data}) == 3
    assert bars.layout.meta["alt"] == "Images of each class: train 12, val 1, test 4, of 2 classes."
    assert bars.data[0].customdata == ("c", "&lt;b&gt;a&lt;/b&gt;")
    figure = class_accuracy(CLASSES)
    assert (
        figure.layout.meta["alt"] == "Accuracy of each class: 2 classes, 50.0 to 100.0% of their test images."
    )


def test_classes_of_equal_size_stand_by_rank() -> None:
    figure = class_accuracy(CLASSES)
    assert figure.layout.xaxis.title.text == "class, from best to worst (2 test images each)"
    assert (list(figure.data[0].x), list(figure.data[0].y)) == ([1, 2], [100.0, 50.0])
    assert figure.data[0].customdata[1] == "&lt;b&gt;a&lt;/b&gt;<br>50.0% of 2 images"
    uneven = class_accuracy(CLASSES.with_columns(images=pl.Series([2, 4])))
    assert uneven.layout.xaxis.title.text == "test images of the class"
    assert sorted(uneven.data[0].x) == [2, 4]


def test_long_titles_are_broken_for_a_phone() -> None:
    figure = class_histogram(CLASSES, "glyphs (synthetic), all classes: images of each class")
    assert figure.layout.title.text == "glyphs (synthetic), all classes: images<br>of each class"
    assert figure.layout.height == class_histogram(CLASSES).layout.height + 20


def test_every_set_has_a_curve_however_many_there_are() -> None:
    figure = rank_curves({f"<{place}>": [place, 1] for place in range(1, 9)}, "sizes")
    assert len(figure.data) == 8
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) >= 6
    assert figure.data[0].name == "&lt;1&gt;"
    assert "<8> 8 down to 1" in figure.layout.meta["alt"]


def test_notebooks_keep_a_figures_words_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pio.renderers, "default", pio.renderers.default)
    use_in_notebooks()
    bundle = class_histogram(CLASSES)._repr_mimebundle_()
    assert bundle["text/plain"].startswith("Images of each class: train 12")
    drawn = bundle["application/vnd.plotly.v1+json"]
    assert len(drawn["data"]) == 3
    assert drawn["config"]["toImageButtonOptions"]["format"] == "svg"


def test_what_sliders_draw_has_words() -> None:
    digits = open_dataset("digits")
    assert "48 of them drawn at random" in sample_images(digits).layout.meta["alt"], "the sheet has no holes"
    assert "Proxy of digits: 3 classes" in proxy_histogram(digits, 3).layout.meta["alt"]
