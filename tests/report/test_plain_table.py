"""Small frames and records as tables: what a value looks like, where rows end, nothing of a name is markup."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import pytest
from IPython.core.formatters import DisplayFormatter

from nastransfer.report import live
from nastransfer.report.plain_table import MOST_ROWS, frame_table, record_table, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        (2, "2"),
        (117_532, "117,532"),
        (17_365_142_914_866_932_873, "17365142914866932873"),
        (67.70612, "67.71"),
        (0.01253, "0.01253"),
        (2.0794415, "2.079"),
        (12_345.678, "12,346"),
        ([1, None, 2.5], "1, -, 2.5"),
        ("glyphs", "glyphs"),
        ("1,234", "1,234"),
    ],
)
def test_values_are_short(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_long_frame_ends_after_some_rows_and_says_so() -> None:
    short = frame_table(pl.DataFrame({"top1_last": [67.7061] * MOST_ROWS}))
    assert short.headers == ["top1 last"] and short.below == () and short.lines[-1] == ("67.71",)
    long = frame_table(pl.DataFrame({"x": range(MOST_ROWS + 1_000)}))
    assert len(long.lines) == MOST_ROWS
    assert long.below == (f"the first {MOST_ROWS} of 1,020 rows",)


def test_a_record_says_what_its_values_mean_and_leaves_out_what_is_missing() -> None:
    table = record_table({"top1_last": 50.123, "top5_last": None, "own": "<b>"})
    assert table.lines[0] == (
        "top1_last",
        "50.12",
        "top-1 accuracy on the test part after the last epoch (headline)",
    )
    assert [line[0] for line in table.lines] == ["top1_last", "own"]
    long = record_table({"genotype": "x" * 100, "seconds": 2.0})
    assert [line[0] for line in long.lines] == ["seconds"] and long.below == [f"genotype: {'x' * 100}"]
    (line,) = record_table({"versions": "python=3.11,torch=2.14"}).lines
    assert line[1] == "python=3.11, torch=2.14"
    assert "&lt;b&gt;" in table.html() and "<b>" not in table.html()


def test_a_cell_that_ends_with_a_frame_shows_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    formatter = DisplayFormatter()
    monkeypatch.setattr(live, "get_ipython", lambda: SimpleNamespace(display_formatter=formatter))
    live.use_in_notebooks()
    data, _ = formatter.format(pl.DataFrame({"<i>": ["a"]}))
    assert data["text/html"].count("nt-table") > 0 and "&lt;i&gt;" in data["text/html"]
    assert "shape: (1, 1)" in data["text/plain"]


def test_a_record_has_words_where_its_table_is_not_shown() -> None:
    shown = live.record({"top1_last": 50.123, "own": "<b>"})
    data, _ = DisplayFormatter().format(shown)
    assert "&lt;b&gt;" in data["text/html"]
    assert data["text/plain"].startswith("name") and "top1_last  50.12" in data["text/plain"]
