"""What the sources of a study are: from a proxy's manifest, else from the results."""

from __future__ import annotations

import polars as pl

from nastransfer.data.descriptors import DESCRIPTORS
from nastransfer.data.manifest import Manifest
from nastransfer.report.source_table import EMPTY, described_sources, sources_layout, sources_table
from tests.report.made_study import made_study
from tests.report.rows import study


def test_a_manifest_tells_more_than_the_results() -> None:
    proxy = Manifest.from_counts({"a": 10, "b": 30})
    described = described_sources(made_study(), [proxy])
    assert described.columns == list(DESCRIPTORS)
    by_manifest = described.row(by_predicate=pl.col("dataset") == proxy.dataset, named=True)
    assert (by_manifest["images"], by_manifest["imbalance"]) == (40, 3.0)
    by_results = described.row(by_predicate=pl.col("selection") == "imagenet1k-p1", named=True)
    assert (by_results["images"], by_results["imbalance"]) == (128_000, None)


def test_a_line_a_source_with_what_any_has() -> None:
    shown = sources_layout(described_sources(made_study(), []))
    assert shown.headers == ["source", "images", "classes"]
    assert ["imagenet1k, p1", "128,000", "100"] in shown.lines
    assert shown.below == (f"Images: {DESCRIPTORS['images']}. Classes: {DESCRIPTORS['classes']}.",)


def test_the_table_is_of_what_was_described_and_its_csv_file_has_all() -> None:
    table = sources_table(described := described_sources(made_study(), []))
    made = table.make(study())
    assert made is described
    assert table.files["csv"](made).startswith("dataset,selection,")
    assert EMPTY in sources_table(described_sources(study(), [])).html(described_sources(study(), []))
