"""The catalogue as people see it: what is here comes first, what is missing says how to get it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from nastransfer.data.datasets import datasets
from nastransfer.report.catalogue import HEADERS, catalogue_html
from nastransfer.report.markup import html_table


def test_every_set_has_a_row(tmp_path: Path) -> None:
    frame = datasets(tmp_path)
    html = catalogue_html(frame)
    assert html.count("<tr>") == 1 + frame.height and all(f">{name}</th>" in html for name in HEADERS)
    plain = html.replace("\N{NO-BREAK SPACE}", " ")
    assert plain.index(">glyphs (synthetic)<") < plain.index(">cifar10<"), "sets that are here come first"
    assert "yes: embedded" in plain
    assert str(tmp_path) in plain and "to get it: " in plain and "60,000 published" in plain
    assert "open it by nt.folder(path)" in plain
    assert f"looked in {tmp_path}, and there for mit67, MIT67, " in plain, "a folder is named once"


def test_a_part_of_a_set_is_shown_as_such() -> None:
    frame = datasets(count=False).filter(name="digits")
    part = {"form": "pack", "images": 21_000, "published": 60_000, "note": "<a part>"}
    html = catalogue_html(frame.with_columns(pl.lit(value).alias(name) for name, value in part.items()))
    plain = html.replace("\N{NO-BREAK SPACE}", " ")
    assert "21,000 of 60,000" in plain and "&lt;a part&gt;" in plain


def test_only_long_words_may_be_broken() -> None:
    """A path must not widen the page; a number or a name is kept whole where there is room."""
    html = html_table("t", ["a"], [["13,377 / 13,377"], ["/data/" + 30 * "x"], ["imagenet22k-p2-half"]])
    number, path, name = html.split("<tbody>")[1].split("<tr>")[1:]
    assert 'class="words whole"' in number and 'class=""' in path and 'class="words whole name"' in name


def test_tables_outweigh_the_rules_of_jupyterlab() -> None:
    """Its selectors for cells of rendered tables have two classes; fewer here would give columns of one width."""
    html = html_table("t", ["a"], [["b"]])
    rules = html.partition("<style>")[2].partition("</style>")[0]
    assert rules.count(".nt-table") == 3 * rules.count(".nt-table.nt-table.nt-table")
    assert "table-layout:auto" in rules and "text-align:left" in rules
