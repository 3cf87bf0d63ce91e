"""Parity cards as tables."""

from __future__ import annotations

import pytest

from nastransfer.report.parity import parity_html
from nastransfer.search.parity import parity_card


@pytest.mark.parametrize("method", ["darts2", "enas", "nao", "nsganet", "random"])
def test_a_card_shows_all_rows_and_its_sources(method: str) -> None:
    shown = parity_html(method)
    assert shown.count("<tr>") == len(parity_card(method)) + 1
    for header in ("item", "paper", "older code", "here"):
        assert f'<th scope="col">{header}</th>' in shown
    assert "Paper: " in shown
    assert "<script" not in shown


def test_an_own_method_has_none_and_its_name_is_harmless() -> None:
    assert parity_html("my<b>method").startswith("<p>my&lt;b&gt;method is an own method")
