"""Table 1, published and built here: every row, and the differences in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from nastransfer.data.manifest import Manifest
from nastransfer.data.planned import FILES
from nastransfer.data.proxies import proxies
from nastransfer.report.sheets import csv_text
from nastransfer.report.table1 import (
    HEADERS,
    NO_DIFFERENCE,
    NOT_HERE,
    Built,
    build_here,
    table_1,
    table_1_html,
    table_1_latex,
)
from nastransfer.study.published import published_sets

RANDOM_DRAW = "the draw of the paper is not published, and classes differ in size"
PRINTED_TOTALS = "the printed totals, which leave fewer classes with 2 images in both parts"


def row(*built: Built) -> dict[str, object]:
    return table_1(built).filter(set=built[0].name).row(0, named=True)


def test_every_set_and_proxy_has_a_row_and_what_is_missing_says_so() -> None:
    table = table_1([])
    assert set(table["set"]) == set(published_sets()["name"]) | set(proxies()) and table.height == 16
    assert set(table["difference"]) == {NOT_HERE}
    assert table["built_train"].null_count() == 16 and table["published_train"].null_count() == 0
    assert table["set"].to_list()[10:13] == ["imagenet22k-p2", "imagenet22k-p2-half", "imagenet22k-p2-35k"]


@pytest.mark.parametrize(
    ("built", "difference"),
    [
        (Built("flowers102", 102, 6507, 1682, "images"), NO_DIFFERENCE),
        (Built("imagenet1k-p1", 100, 127_600, 5000, "class counts"), NO_DIFFERENCE),
        (
            Built("imagenet1k-p1", 100, 130_000, 5000, "class counts"),
            "130,000 train images, 1.6% above the printed 128K; " + RANDOM_DRAW,
        ),
        (
            Built("cifar100", 100, 16_000, 10_000, "images"),
            "16,000 train images, 32% of the printed 50K; what is here holds 43% of the set's images",
        ),
        (
            Built("imagenet22k-p2-35k", 10_807, 35_000, 35_000, "class counts"),
            "10,807 classes instead of 13,377; " + PRINTED_TOTALS,
        ),
        (Built("cifar10", 9, 50_000, 10_000, "images"), "9 classes instead of 10"),
    ],
)
def test_differences_in_words(built: Built, difference: str) -> None:
    assert row(built)["difference"] == difference


def test_p2_is_nearly_twice_as_large_as_printed() -> None:
    found = row(Built("imagenet22k-p2", 13_377, 66_460, 62_335, "class counts"))
    assert str(found["difference"]).startswith(
        "66,460 train images, 1.9 times the printed 35K; 62,335 val images, 1.8 times the printed 35K; 0.97% of each"
    )


def test_the_val_column_is_the_test_part_where_there_is_no_val_part() -> None:
    manifest = Manifest.from_counts({"a": 10, "b": 20}, test_share=0.2)
    assert Built.of("x", manifest, "images") == Built("x", 2, 24, 6, "images")


def test_what_the_counts_in_a_folder_allow_is_built(tmp_path: Path) -> None:
    counts = "\n".join(["wnid,count", *(f"n{number:03},{732 + number}" for number in range(320))])
    (tmp_path / FILES["imagenet1k"]).write_text(counts, encoding="utf-8")
    found = {built.name: built for built in build_here(tmp_path)}
    assert sorted(found) == ["imagenet1k", *(f"imagenet1k-p{number}" for number in range(1, 6))]
    assert found["imagenet1k-p3"].classes == 300 and found["imagenet1k-p3"].val == 15_000
    assert found["imagenet1k-p4"].val == 200 * 25
    assert {built.origin for built in found.values()} == {"class counts"}


def test_html_shows_every_row() -> None:
    html = table_1_html(table_1([Built("imagenet22k-p2", 13_377, 66_460, 62_335, "class counts")]))
    assert html.count("<tr>") == 17 and all(f">{name}</th>" in html for name in HEADERS)
    plain = html.replace("\N{NO-BREAK SPACE}", " ")
    assert ">13,377 / 13,377<" in plain and ">35K / 66,460<" in plain


def test_latex_and_csv_hold_every_row() -> None:
    table = table_1([Built("imagenet22k-p2", 13_377, 66_460, 62_335, "class counts")])
    latex = table_1_latex(table)
    assert latex.count(r" \tabularnewline") == 17 and r"35K / 66,460" in latex and r"0.97\%" in latex
    assert "Built from class counts: imagenet22k-p2." in latex
    assert "imagenet1k-p1, imagenet1k-p2" in latex and latex.count("not here: neither") == 1
    text = csv_text(table)
    assert text.count("imagenet22k-p2,uniform,13377,35K,35K,class counts,13377,66460,62335") == 1
    assert text.startswith("set,selection,published_classes") and text.count("\n") == 17
