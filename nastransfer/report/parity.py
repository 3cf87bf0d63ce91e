"""A method's parity card for people: what its paper states, what older code does, what is done here (no torch)."""

from __future__ import annotations

import html

import polars as pl

from nastransfer.report.markup import html_table
from nastransfer.search.parity import card, parity_card


def cards_html(frame: pl.DataFrame) -> str:
    """The cards of all methods whose searches `frame` (a results frame) has; methods that share a card have it once."""
    methods = frame.filter(kind="search")["method"].drop_nulls().unique().sort()
    cards = dict.fromkeys(parity_html(method) for method in methods)
    return "".join(cards) or "<p>No search has finished yet.</p>"


def parity_html(method: str) -> str:
    """The card of a built-in method as an HTML fragment; for an own method a line that says it has none."""
    try:
        about, rows = card(method), parity_card(method)
    except ValueError:
        return f"<p>{html.escape(method)} is an own method: there is no paper's card to hold it against.</p>"
    below = (f"Paper: {about.paper}. Older code: {about.code}.",)
    return html_table(f"{about.title}: parity card", rows.columns, rows.iter_rows(), below)
