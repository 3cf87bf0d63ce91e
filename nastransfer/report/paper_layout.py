"""The paper's tables drawn: HTML, LaTeX and CSV of the cells that `nastransfer.report.paper_tables` computes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nastransfer.report.latex import TEXT_LINES, TEXT_WIDTH, fitting, height, latex_file, latex_table, width
from nastransfer.report.markup import html_table
from nastransfer.report.names import method_name, set_name, source_name
from nastransfer.report.paper_tables import PaperTable
from nastransfer.report.sheets import csv_text

# Columns of cells that fit side by side on a page; more go into further blocks below.
_ACROSS = 7
# As many have room for two things on a line.
_FEW, _SPACED = 3, ", "
_EMPTY = "–"
NOTHING = "Nothing to show yet: no network has been trained on a target."

Block = tuple[tuple[str, ...], list[tuple[str, ...]]]


def paper_html(table: PaperTable) -> str:
    """The table as HTML fragments: a cell has a line for the own value, its interval, its n, print and difference."""
    blocks = list(_blocks(table))
    if not blocks:
        return html_table(_caption(table, 0, 1), (), (), (NOTHING,))
    prose = _prose(table)
    last = len(blocks) - 1
    parts = [
        html_table(_caption(table, place, len(blocks)), headers, lines, prose if place == last else ())
        for place, (headers, lines) in enumerate(blocks)
    ]
    return "".join(parts)


def paper_latex(table: PaperTable) -> str:
    """The same as LaTeX tables, each of which fits on a page."""
    blocks = list(_pages(table)) or [((), [])]
    prose = _prose(table) if table.columns else (NOTHING,)
    last = len(blocks) - 1
    return latex_file(
        latex_table(
            _caption(table, place, len(blocks)),
            headers,
            lines,
            prose if place == last else (),
            f"tab:nastransfer-{table.number}-{place + 1}",
        )
        for place, (headers, lines) in enumerate(blocks)
    )


def paper_csv(table: PaperTable) -> str:
    """A line a cell, numbers as numbers; columns `CELL_COLUMNS`."""
    return csv_text(table.cells)


def _blocks(table: PaperTable) -> Iterator[Block]:
    """Blocks of at most `_ACROSS` columns."""
    for start in range(0, len(table.columns), _ACROSS):
        columns = table.columns[start : start + _ACROSS]
        yield _block(table, columns, _SPACED if len(columns) <= _FEW else "\n")


def _pages(table: PaperTable) -> Iterator[Block]:
    """Blocks that fit on a page, in width and in height."""
    between, groups = _SPACED, list(_side_by_side(table, _SPACED))
    if len(groups) > 1:
        between, groups = "\n", list(_side_by_side(table, "\n"))
    for columns in groups:
        headers, lines = _block(table, columns, between)
        for part in fitting(lines, height, TEXT_LINES):
            yield tuple(map(_broken, headers)), part


def _side_by_side(table: PaperTable, between: str) -> Iterator[list[str]]:
    """The columns in groups that fit on a page beside the names of their rows."""
    headers, lines = _block(table, table.columns, between)
    widths = [max(map(width, column)) for column in zip(map(_broken, headers), *lines, strict=True)]
    names = len(table.rows)
    wide = dict(zip(table.columns, widths[names:], strict=True))
    yield from fitting(table.columns, wide.__getitem__, TEXT_WIDTH - sum(widths[:names]))


def _broken(header: str) -> str:
    """A route on two lines."""
    return header.replace(" → ", "\n→ ")


def _block(table: PaperTable, columns: Sequence[str], between: str) -> Block:
    """Headers and lines of some columns, without rows that have nothing there."""
    rows: dict[tuple[str, ...], dict[str, dict[str, Any]]] = {}
    studies = table.cells["study"].drop_nulls().n_unique()
    for cell in table.cells.iter_rows(named=True):
        if cell["column"] in columns:
            rows.setdefault(_row_name(cell, table.rows, studies > 1), {})[cell["column"]] = cell
    shown = _Cells("+" if table.number == 2 else "", between, "published " if _has_own(table) else "")
    lines = [(*name, *(shown.text(cells.get(column)) for column in columns)) for name, cells in rows.items()]
    return (*(_HEADERS[name] for name in table.rows), *columns), lines


_HEADERS = {"target": "target", "method": "method", "source": "searched on"}


def _row_name(cell: dict[str, Any], names: Sequence[str], several_studies: bool) -> tuple[str, ...]:
    marks = [cell["preset"], cell["study"] if several_studies else None]
    shown = {
        "target": set_name(cell["target"]),
        "method": ", ".join(filter(None, [method_name(cell["method"]), *marks])),
        "source": source_name(cell["source"], cell["selection"]),
    }
    return tuple(shown[name] for name in names)


@dataclass(frozen=True)
class _Cells:
    """How cells are written.

    `sign` of values, what stands `between` a value and its n, print and difference, `mark` of numbers in print.
    """

    sign: str
    between: str
    mark: str

    def text(self, cell: dict[str, Any] | None) -> str:
        """A line for each thing that the cell has."""
        if cell is None:
            return _EMPTY
        own = _joined(
            self.between, self._spread(cell["own"], cell["own_std"]), _size(cell["n"], cell["n_random"])
        )
        printed = "" if cell["published"] is None else f"{self.mark}{self._number(cell['published'])}"
        difference = "" if cell["difference"] is None else f"diff. {cell['difference']:+.2f}"
        return _joined("\n", own, self._interval(cell), _joined(self.between, printed, difference))

    def _number(self, value: float) -> str:
        return f"{value:{self.sign}.2f}"

    def _spread(self, mean: float | None, std: float | None) -> str:
        if mean is None:
            return ""
        return self._number(mean) + ("" if std is None else f" ± {std:.2f}")

    def _interval(self, cell: dict[str, Any]) -> str:
        if cell["own"] is None:
            return ""
        ends = cell["own_low"], cell["own_high"]
        return "no interval" if None in ends else " to ".join(map(self._number, ends))


def _size(n: int | None, n_random: int | None) -> str:
    if n is None:
        return ""
    return f"n = {n}" if n_random is None else f"n = {n} against {n_random}"


def _joined(between: str, *parts: str) -> str:
    return between.join(filter(None, parts))


def _has_own(table: PaperTable) -> bool:
    """Whether the table has more than what is in print, or nothing."""
    return table.cells.is_empty() or table.cells["n"].count() > 0


def _caption(table: PaperTable, place: int, blocks: int) -> str:
    caption = (
        f"Table {table.number} of NASTransfer: {table.caption}{'' if _has_own(table) else ', as published'}"
    )
    return caption if blocks == 1 else f"{caption} ({place + 1} of {blocks})"


def _prose(table: PaperTable) -> tuple[str, ...]:
    """Legend, why own values are missing (each reason once), what of the study is missing."""
    reasons = dict.fromkeys(note for note in table.cells["note"] if note is not None)
    return (
        table.legend,
        *(f"{note[0].upper()}{note[1:]}." for note in reasons),
        *filter(None, [table.missing]),
    )
