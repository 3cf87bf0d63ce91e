"""A table as words: laid out once, then written as HTML for pages, LaTeX for papers, or plain text for terminals."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from nastransfer.report.latex import latex_file, latex_pages
from nastransfer.report.markup import html_table

_WIDTH = 110


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
        prose = [textwrap.fill(text, _WIDTH) for text in self.below]
        if not self.headers:
            return "\n".join(prose)
        widths = [max(map(len, column)) for column in zip(self.headers, *self.lines, strict=True)]
        ruled = [self.headers, ["-" * width for width in widths], *self.lines]
        return "\n".join(["  ".join(map(str.ljust, line, widths)).rstrip() for line in ruled] + ["", *prose])


def tables_html(tables: Sequence[TextTable]) -> str:
    """Tables one below the other."""
    return "".join(table.html() for table in tables)


def tables_latex(tables: Sequence[TextTable], name: str) -> str:
    """Tables as one file for `\\input`, in parts that fit on a page; labels: `tab:nastransfer-NAME-TABLE-PART`."""
    return latex_file(
        part
        for place, table in enumerate(tables, 1)
        for part in latex_pages(
            table.caption, table.headers, table.lines, table.below, f"tab:nastransfer-{name}-{place}"
        )
    )
