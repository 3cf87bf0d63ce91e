"""Parity cards: every method has one, complete, with the numbers of its own settings in it."""

from __future__ import annotations

import re
from importlib import resources

import pytest
import yaml

from nastransfer.search.parity import card, parity_card
from nastransfer.search.searcher import make_searcher, searchers


@pytest.mark.parametrize("method", searchers())
def test_every_method_has_a_card_of_whole_rows(method: str) -> None:
    frame = parity_card(method)
    assert frame.columns == ["item", "paper", "older code", "here"]
    assert len(frame) >= 4
    assert frame.null_count().sum_horizontal().item() == 0
    assert frame["item"].n_unique() == len(frame)
    for text in (*frame["here"], card(method).title, card(method).paper, card(method).code):
        assert text
        assert "{" not in text


@pytest.mark.parametrize("name", ["darts", "enas", "nao", "nsganet"])
def test_what_is_done_here_is_filled_in_from_the_settings(name: str) -> None:
    """A number typed into a card could fall behind the settings: most rows name the setting instead."""
    text = (resources.files("nastransfer.search") / "cards" / f"{name}.yaml").read_text()
    named = {found for row in yaml.safe_load(text)["rows"] for found in re.findall(r"\{(\w+)\}", row["here"])}
    assert len(named) >= 6
    assert named <= set(type(make_searcher({"darts": "darts2"}.get(name, name), "paper")).model_fields)


def test_a_card_shows_the_papers_values() -> None:
    rows = {row["item"]: row for row in parity_card("darts2").iter_rows(named=True)}
    assert "50 epochs, batch 64, 0.025 to 0.001" in rows["Weights"]["here"]
    assert "skip_cap none" in rows["Which genotype is the answer"]["here"]


def test_there_is_no_card_of_an_unknown_method() -> None:
    with pytest.raises(ValueError, match="unknown method 'dart2'; did you mean 'darts2'"):
        parity_card("dart2")
