"""How methods, data sets and selections are called where people read them."""

from __future__ import annotations

import pytest

from nastransfer.data.datasets import datasets, label_of
from nastransfer.report.names import SYNTHETIC, listed, method_name, set_name, source_name


def test_methods_and_lists() -> None:
    assert (method_name("darts1"), method_name("darts2")) == ("DARTS (1st order)", "DARTS")
    assert method_name("own-method") == "own-method"
    assert [listed(range(n)) for n in range(4)] == ["", "0", "0 and 1", "0, 1 and 2"]


@pytest.mark.parametrize(
    ("dataset", "options", "called"),
    [
        ("cifar10", {}, "cifar10"),
        ("glyphs", {}, "glyphs (synthetic)"),
        ("glyphs", {"classes": 300, "pixels": 32}, "glyphs (synthetic), classes300-pixels32"),
        ("glyphs", {"split": "40-40-20"}, "glyphs (synthetic), split 40-40-20"),
        ("scene15", {"split": "40-40-20"}, "scene15, split 40-40-20"),
        ("mit67", {"split": "nas_benchmark"}, "mit67, split nas_benchmark"),
        ("folder", {"root": "my-photos"}, "folder-my-photos"),
    ],
)
def test_sets_are_called_with_their_options(dataset: str, options: dict[str, object], called: str) -> None:
    assert set_name(label_of(dataset, options)) == called


def test_sources_are_called_with_what_was_cut_down() -> None:
    assert source_name("imagenet1k", "imagenet1k-p1") == "imagenet1k, p1"
    assert source_name("glyphs", "all") == "glyphs (synthetic)"
    assert source_name(None, None) == "no search"


def test_synthetic_sets_are_those_of_the_catalogue() -> None:
    assert set(datasets().filter("synthetic")["name"]) == SYNTHETIC
