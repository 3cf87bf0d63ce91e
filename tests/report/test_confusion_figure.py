"""Which classes are taken for which: shares by hand, what is said of them, labels that fit, what is refused."""

from __future__ import annotations

import re

import polars as pl
import pytest

from nastransfer.report.confusion_figure import MOST_CLASSES, confusion

COLUMNS = ("class", "guess", "images")


def pairs(*rows: tuple[str, str, int | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def square(classes: int) -> pl.DataFrame:
    """Each class right 9 times and taken for the next one once."""
    names = [f"class {number}" for number in range(classes)]
    wrong = [(name, names[(place + 1) % classes], 1) for place, name in enumerate(names)]
    return pairs(*((name, name, 9) for name in names), *wrong)


CATS = pairs(
    ("cat", "cat", 8),
    ("cat", "dog", 2),
    ("dog", "cat", 1),
    ("dog", "dog", 3),
    ("dog", "<b>", 4),
    ("<b>", "<b>", 0),
)


def test_rows_are_shares_of_a_class_with_counts_to_hover() -> None:
    figure = confusion(CATS)
    (heat,) = figure.data
    assert heat.x == heat.y == ("cat", "dog", "&lt;b&gt;")
    assert [list(row) for row in heat.z] == [[80.0, 20.0, 0.0], [12.5, 37.5, 50.0], [None, None, None]]
    assert list(heat.customdata[0]) == [[8, 10], [2, 10], [0, 10]]
    assert [list(row) for row in heat.text] == [["80", "20", ""], ["12", "38", "50"], ["", "", ""]]
    assert "%{customdata[0]} of %{customdata[1]} images" in heat.hovertemplate


def test_title_has_n_and_top1_and_words_the_largest_confusions() -> None:
    figure = confusion(CATS)
    title = figure.layout.title.text.replace("<br>", " ").replace("\N{NO-BREAK SPACE}", " ")
    assert title == "Which classes are taken for which: n = 18 test images, top-1 61.1%"
    assert figure.layout.meta["alt"] == (
        f"{title}. The largest confusions: dog taken for <b> (4 of 8 images); cat taken for dog (2 of 10 images); "
        "dog taken for cat (1 of 8 images)."
    )
    one = confusion(pairs(("a", "a", 5), ("b", "b", 4), ("b", "a", 1))).layout.meta["alt"]
    assert one.endswith("The largest confusion: b taken for a (1 of 5 images).")
    assert confusion(pairs(("a", "a", 5))).layout.meta["alt"].endswith("No image is taken for another class.")


def test_the_scale_darkens_all_the_way_and_right_answers_are_framed() -> None:
    figure = confusion(square(3))
    lightness = [
        int(colour[1:3], 16) + int(colour[3:5], 16) + int(colour[5:], 16)
        for _, colour in figure.data[0].colorscale
    ]
    assert lightness == sorted(lightness, reverse=True) and lightness[0] == 3 * 255
    (frame,) = figure.layout.shapes
    corners = re.findall(r"M (-?[\d.]+),(-?[\d.]+) L", frame.path)
    assert corners == [("-0.5", "-0.5"), ("0.5", "0.5"), ("1.5", "1.5")]
    assert figure.layout.yaxis.autorange == "reversed", "the first class is at the top, the diagonal falls"


@pytest.mark.parametrize(("classes", "named"), [(10, 10), (25, 25), (100, 50)])
def test_names_are_as_many_as_have_room(classes: int, named: int) -> None:
    layout = confusion(square(classes)).layout
    assert len(layout.yaxis.ticktext) == named
    assert layout.xaxis.autotickangles == (0, 90), "horizontal where they fit"
    assert layout.height < 900


def test_long_names_leave_room_for_the_cells() -> None:
    long = "a name that is longer than most & more"
    layout = confusion(pairs((long, long, 1), ("b", "b", 1))).layout
    assert layout.xaxis.ticktext == ("a name that is lo…", "b")


def test_without_images_it_says_so() -> None:
    for rows in (pairs(), pairs(("a", "a", 0))):
        assert confusion(rows).layout.meta["alt"] == "No test image has been scored yet."


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (pl.DataFrame({"class": ["a"], "images": [1]}), r"\['guess'\] is missing"),
        (pairs(("a", "b", 1), ("a", "b", 2)), r"the pair \('a', 'b'\) is given twice"),
        (pairs(("a", "b", -1)), "-1 images of 'a' are taken for 'b'"),
        (pairs(("a", "b", None)), "None images of 'a'"),
        (square(MOST_CLASSES + 1), "up to 100 classes; there are 101"),
    ],
)
def test_what_is_no_table_of_confusions_is_refused(rows: pl.DataFrame, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        confusion(rows)
