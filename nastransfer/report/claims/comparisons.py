"""The comparisons that claims are made of: two arms, an arm and random sampling, groups of arms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nastransfer.report.claims.evidence import Cell, Evidence
from nastransfer.report.claims.verdicts import Comparison, Kind
from nastransfer.report.names import listed
from nastransfer.stats.contrast import Contrast

NEEDS_MARGIN = ("alike", "not above", "not below")


def against(kind: Kind, first: Cell, second: Cell, given: Evidence) -> Comparison:
    """The first arm's mean accuracy over the second's."""
    effect = Contrast(((1.0, first.side), (-1.0, second.side)))
    return compared(kind, _pair(first, second), effect, (first, second), given)


def over_random(kind: Kind, cell: Cell, given: Evidence) -> Comparison | None:
    """RI of an arm; None without a baseline."""
    if cell.random is None:
        return None
    effect = Contrast(((1.0, cell.side), (-1.0, cell.random.side)))
    about = f"{cell.name} on {cell.where}: {cell.origin} against random sampling"
    return compared(kind, about, effect, (cell, cell.random), given)


def groups(kind: Kind, first: Sequence[Cell], second: Sequence[Cell], given: Evidence) -> Comparison:
    """The average over some arms against the average over others, of the same method and target."""
    sides = [(1.0, first), (-1.0, second)]
    parts = tuple((sign / len(cells), cell.side) for sign, cells in sides for cell in cells)
    names = [listed([cell.origin for cell in cells]) for _, cells in sides]
    about = f"{first[0].name} on {first[0].where}: {names[0]} against {names[1]}"
    return compared(kind, about, Contrast(parts), (*first, *second), given)


def average_over_random(kind: Kind, cells: Sequence[Cell], random: Cell, given: Evidence) -> Comparison:
    """The average RI of arms with one baseline."""
    parts = tuple((1.0 / len(cells), cell.side) for cell in cells)
    about = f"average of {len(cells)} arms on {random.where} against random sampling"
    effect = Contrast((*parts, (-1.0, random.side)))
    return compared(kind, about, effect, (*cells, random), given)


def compared(
    kind: Kind, about: str, effect: Contrast, cells: tuple[Cell, ...], given: Evidence
) -> Comparison:
    """A comparison with the margin of the first arm's target."""
    margin = given.margin(cells[0])
    lacks = None
    if margin is None and kind in NEEDS_MARGIN:
        where = cells[0].where
        lacks = f"2 random runs on {where} that differ: their spread is the smallest difference that matters"
    return Comparison(about, kind, effect, margin, cells, lacks)


def by(cells: Iterable[Cell], *keys: str) -> dict[tuple[object, ...], list[Cell]]:
    """Cells by some of their fields, in order."""
    found: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        found.setdefault(tuple(getattr(cell, key) for key in keys), []).append(cell)
    return found


def _pair(first: Cell, second: Cell) -> str:
    """What differs between two arms, in words."""
    if first.origin == second.origin:
        return f"{first.name} against {second.name} on {first.where}, both from {first.origin}"
    return f"{first.name} on {first.where}: {first.origin} against {second.origin}"
