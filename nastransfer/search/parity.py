"""Parity cards: for each method what its paper states, what older code does, and what is done here (no torch).

What is done here is filled in from the defaults of the method's settings, so that a card cannot fall behind them.
"""

from __future__ import annotations

from importlib import resources

import polars as pl
import yaml

from nastransfer.search.searcher import make_searcher, searchers
from nastransfer.train.settings import Strict, choose, validate

# Methods that share a card.
_FILES = {"darts1": "darts", "darts2": "darts"}


class Row(Strict):
    """One thing that a method may do in several ways; "same" means as in the column before."""

    item: str
    paper: str
    code: str
    here: str


class Card(Strict):
    """A method's card: full name, paper, the code that was read, and the rows."""

    title: str
    paper: str
    code: str
    rows: tuple[Row, ...]


def card(method: str) -> Card:
    """The card of a built-in method, `{names}` of settings filled in; `ValueError` for a method without one."""
    name = choose("method", method, [known for known in searchers() if _path(known).is_file()])
    values = yaml.safe_load(_path(name).read_text(encoding="utf-8"))
    settings = make_searcher(name, "paper").model_dump()
    rows = [{**row, "here": _filled(row["here"], settings)} for row in values["rows"]]
    return validate(Card, {**values, "rows": tuple(Row(**row) for row in rows)}, f"card of {name}")


def parity_card(method: str) -> pl.DataFrame:
    """The card as a frame with the columns item, paper, older code, here."""
    columns = {"item": "item", "paper": "paper", "code": "older code", "here": "here"}
    return pl.DataFrame([row.model_dump() for row in card(method).rows]).rename(columns)


def _path(method: str) -> resources.abc.Traversable:
    return resources.files("nastransfer.search") / "cards" / f"{_FILES.get(method, method)}.yaml"


def _filled(text: str, settings: dict[str, object]) -> str:
    shown = {name: _shown(value) for name, value in settings.items()}
    return text.format_map(shown)


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
