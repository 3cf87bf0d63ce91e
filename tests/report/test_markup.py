"""Tables as HTML and CSV: what they hold, and that no name becomes markup or a formula."""

from __future__ import annotations

import csv
import io

import polars as pl
import pytest

from nastransfer.report.markup import html_table
from nastransfer.report.sheets import csv_text


def test_line_breaks_of_a_cell_stay_and_its_text_is_escaped() -> None:
    html = html_table("<c>", ("a&b", "x"), [("1.0 ± 2\n<b>", "plain")], ("p<q",))
    assert "<caption>&lt;c&gt;</caption>" in html and '<th scope="col">a&amp;b</th>' in html
    assert "<span>1.0\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}2<br>&lt;b&gt;</span></td>" in html
    assert 'data-label="x">plain</td>' in html and html.endswith("<p>p&lt;q</p></div>")


def test_only_short_lines_are_kept_whole() -> None:
    def kinds(text: str) -> set[str]:
        cell = html_table("", ("h",), [(text,)]).partition("<tbody>")[2]
        return set(cell.partition('class="')[2].partition('"')[0].split())

    assert "whole" in kinds("short\nlines") and "whole" not in kinds("a\n" + "b " * 30)
    assert "whole" in kinds("-0.43 to +1.25 [1]") and "whole" not in kinds("no figures")
    assert "whole" not in kinds("2 of 5 searches collapsed, first at step 40")
    assert "name" in kinds("imagenet1k") and "name" not in kinds("two\nlines") and "name" not in kinds("")
    assert "missing" in kinds("not given") and "missing" not in kinds("none [1]")
    assert "long" in kinds("prose " * 20) and "long" not in kinds("a few words")
    assert "words" in kinds("two words") and "words" not in kinds("a/" * 20)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_name_becomes_no_formula_and_numbers_stay_numbers(start: str) -> None:
    name = f'{start}HYPERLINK("http://x","y")'
    text = csv_text(pl.DataFrame({"name": [name, "plain", None], start + "top1": [-0.5, None, 3.0]}))
    header, first, second, third = csv.reader(io.StringIO(text, newline=""))
    assert header == ["name", "'" + start + "top1"] and first == ["'" + name, "-0.5"]
    assert second == ["plain", ""] and third == ["", "3.0"]


def test_what_no_cell_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match=r"columns \['runs'\] hold lists"):
        csv_text(pl.DataFrame({"runs": [[1, 2]]}))
