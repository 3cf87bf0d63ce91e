"""Parity cards as tables."""

from __future__ import annotations

import pytest

from nastransfer.report.parity import cards_html, parity_html
from nastransfer.search.parity import parity_card
from nastransfer.study.frame import results_frame


@pytest.mark.parametrize("method", ["darts2", "enas", "nao", "nsganet", "random"])
def test_a_card_shows_all_rows_and_its_sources(method: str) -> None:
    shown = parity_html(method)
    assert shown.count("<tr>") == len(parity_card(method)) + 1
    for header in ("item", "paper", "older code", "here"):
        assert f'<th scope="col">{header}</th>' in shown
    assert "Paper: " in shown
    assert "<script" not in shown


def test_a_studys_methods_have_a_card_each_those_that_share_one_once() -> None:
    searches = [{"kind": "search", "method": method} for method in ("darts2", "darts1", "enas", "enas")]
    assert cards_html(results_frame(searches)).count("parity card</caption>") == 2
    assert cards_html(results_frame([])) == "<p>No search has finished yet.</p>"


def test_an_own_method_has_none_and_its_name_is_harmless() -> None:
    assert parity_html("my<b>method").startswith("<p>my&lt;b&gt;method is an own method")
