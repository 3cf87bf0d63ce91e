"""Tables as LaTeX that needs no package, with everything escaped that TeX could take for a command, set to fit a page.

Widths are reckoned for the narrowest usual page, that of the class article at 10 points.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "\N{NO-BREAK SPACE}": "~",
    # After a row's end, these would be read as its arguments.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}
_MINUS = re.compile(r"(?<![\w.)])-(?=\d)")

TEXT_WIDTH, TEXT_LINES = 345.0, 38
"""Points across a page, and lines of a table on it that leave room for its caption and what stands below it."""

_GAP = 3.0
# Points of a letter in the font of tables (8 points), about: most of them, narrow ones, wide ones.
_LETTER, _NARROW, _WIDE = 4.4, 2.7, 6.6
_NARROW_SIGNS, _WIDE_SIGNS = frozenset(" .,:;'|!ijlft()[]/-"), frozenset("mw±→×+=%<>")
_ABOUT = (
    "% Read as UTF-8; no package is needed. In a document of two columns make it a table*. Names beyond Latin letters\n"
    "% take an engine and a font that have them (lualatex).\n"
)


def latex_text(text: str) -> str:
    """`text` as it is, within a paragraph or a cell; a minus before a number gets its length."""
    escaped = "".join(_SIGNS.get(sign, sign) for sign in text.replace("\n", " "))
    # Two hyphens would become a dash.
    return _MINUS.sub("$-$", escaped.replace("--", "-{}-"))


def latex_table(
    caption: str,
    headers: Sequence[str],
    lines: Iterable[Sequence[str]],
    below: Sequence[str] = (),
    label: str = "",
) -> str:
    """A `table` environment with a paragraph for each text in `below`. A line break in a cell stays one.

    Where the columns do not fit side by side, the widest are broken into lines.
    """
    rows = [headers, *lines]
    widths = _widths(rows)
    kinds = "".join("l" if width is None else f"p{{{width:.0f}pt}}" for width in widths)
    first, *others = (
        " & ".join(_cell(text, width) for text, width in zip(row, widths, strict=True)) for row in rows
    )
    # Rows of several lines need air between them.
    air = r" \noalign{\vskip 3pt}" if any(height(row) > 1 for row in rows[1:]) else ""
    return "\n".join(
        [
            r"\begin{table}",
            f"\\caption{{{latex_text(caption)}}}",
            *([f"\\label{{{label}}}"] if label else []),
            r"\centering\footnotesize",
            f"\\setlength{{\\tabcolsep}}{{{_GAP:.0f}pt}}",
            r"\renewcommand{\arraystretch}{1.1}",
            r"\smallskip",
            f"\\begin{{tabular}}{{{kinds}}}",
            r"\hline",
            rf"{first} \tabularnewline",
            r"\hline",
            *(rf"{row} \tabularnewline{air}" for row in others),
            r"\hline",
            r"\end{tabular}",
            *(f"\\par\\smallskip\n\\raggedright {latex_text(text)}" for text in below),
            r"\end{table}",
            "",
        ]
    )


def latex_file(tables: Iterable[str]) -> str:
    """Tables as a file for `\\input`: what a document needs to know of them comes first."""
    return _ABOUT + "\n".join(tables)


def width(text: str) -> float:
    """Points that a column takes which holds this cell, its gaps included, about."""
    return 2 * _GAP + max(sum(map(_sign_width, line)) for line in text.split("\n"))


def height(row: Sequence[str]) -> int:
    """Lines that a row of cells takes where none is broken."""
    return max(text.count("\n") + 1 for text in row)


def _widths(rows: Sequence[Sequence[str]]) -> list[float | None]:
    """For each column the points of its text, None where it is as wide as it likes: narrow ones leave their room."""
    natural = [max(map(width, column)) for column in zip(*rows, strict=True)]
    room, left = TEXT_WIDTH, len(natural)
    for points in sorted(natural):
        if points > room / left:
            return [None if one < points else room / left - 2 * _GAP for one in natural]
        room, left = room - points, left - 1
    return [None] * len(natural)


def _sign_width(sign: str) -> float:
    if sign in _NARROW_SIGNS:
        return _NARROW
    return _WIDE if sign.isupper() or sign in _WIDE_SIGNS else _LETTER


def _cell(text: str, points: float | None) -> str:
    lines = [latex_text(line) for line in text.split("\n")]
    if points is not None:
        return r"\raggedright " + r" \newline ".join(lines)
    if len(lines) == 1:
        return lines[0]
    return r"\begin{tabular}[t]{@{}l@{}}" + r" \\ ".join(lines) + r"\end{tabular}"
