"""A table as words: laid out once, then written as HTML for pages, LaTeX for papers, or plain text for terminals."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from nastransfer.report.latex import latex_file, latex_pages
from nastransfer.report.markup import html_table

NONE = "none"
"""What a cell says that has no value."""

_NARROWEST, _WIDEST = 60, 110


def paragraph(text: str, indent: str = "", further: str | None = None) -> str:
    """Text in lines that fit the terminal, 60 to 110 letters (110 where there is none); `further`: of later lines."""
    width = shutil.get_terminal_size((_WIDEST, 24)).columns
    return textwrap.fill(
        text,
        min(_WIDEST, max(_NARROWEST, width)),
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
    )


@dataclass(frozen=True)
class TextTable:
    """Caption, headers, lines of cells, and paragraphs `below`, all plain text: whoever writes it escapes it.

    Without headers there is nothing to show, and `below` says why.
    """

    caption: str
    headers: Sequence[str]
    lines: Sequence[Sequence[str]]
    below: Sequence[str] = ()

    def html(self) -> str:
        """An HTML fragment that takes on the page's colours; narrow screens get a card a row."""
        return html_table(self.caption, self.headers, self.lines, self.below)

    def terminal(self) -> str:
        """Columns side by side, without the caption; the paragraphs are wrapped."""
        prose = [paragraph(text) for text in self.below]
        if not self.headers:
            return "\n".join(prose)
        widths = [max(map(len, column)) for column in zip(self.headers, *self.lines, strict=True)]
        ruled = [self.headers, ["-" * width for width in widths], *self.lines]
        return "\n".join(["  ".join(map(str.ljust, line, widths)).rstrip() for line in ruled] + ["", *prose])


def tables_html(tables: Iterable[TextTable]) -> str:
    """Tables one below the other, less those that have nothing to show."""
    return "".join(table.html() for table in _shown(tables))


def tables_latex(tables: Iterable[TextTable], name: str) -> str:
    """The same as one file for `\\input`, in parts that fit on a page; labels: `tab:nastransfer-NAME-TABLE-PART`."""
    label = re.sub(r"[^A-Za-z0-9]+", "-", name)
    return latex_file(
        part
        for place, table in enumerate(_shown(tables), 1)
        for part in latex_pages(
            table.caption, table.headers, table.lines, table.below, f"tab:nastransfer-{label}-{place}"
        )
    )


def _shown(tables: Iterable[TextTable]) -> list[TextTable]:
    return [table for table in tables if table.lines or table.below]


def footnotes(notes: Iterable[str | None]) -> tuple[dict[str | None, str], list[str]]:
    """Each note's mark for a cell (` [1]`; nothing for None), and the paragraphs that say what the marks mean."""
    numbered = list(enumerate(dict.fromkeys(note for note in notes if note is not None), 1))
    marks: dict[str | None, str] = {note: f" [{number}]" for number, note in numbered}
    return {**marks, None: ""}, [f"[{number}] {note}" for number, note in numbered]


def noted(
    caption: str,
    headers: tuple[str, ...],
    table: pl.DataFrame,
    line: Callable[[dict[str, Any], str, bool], tuple[str, ...]],
    legend: str,
) -> TextTable:
    """A table with the columns study and note; `line` gives a row's cells, told its mark and whether studies differ."""
    marks, notes = footnotes(table["note"])
    several = table["study"].n_unique() > 1
    lines = [line(row, marks[row["note"]], several) for row in table.iter_rows(named=True)]
    return TextTable(caption, headers, lines, (legend, *notes))


def p_text(p_value: float | None) -> str:
    """A p value with three places."""
    if p_value is None:
        return NONE
    return f"{p_value:.3f}" if p_value >= 0.001 else "< 0.001"
