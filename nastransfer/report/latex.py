"""Tables as LaTeX that needs no package, with everything escaped that TeX could take for a command, set to fit a page.

Widths are reckoned for the narrowest usual page, that of the class article at 10 points.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

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
# Lines of words for which a page has room below a table of TEXT_LINES.
_PROSE_LINES = 8
# Points of a letter in the font of tables (8 points), about: most of them, narrow ones, wide ones.
_LETTER, _NARROW, _WIDE = 4.4, 2.7, 6.6
_NARROW_SIGNS, _WIDE_SIGNS = frozenset(" .,:;'|!ijlft()[]/-"), frozenset("mw±→×+=%<>")
_ABOUT = (
    "% Read as UTF-8; no package is needed. In a document of two columns make it a table*. Names beyond Latin letters\n"
    "% take an engine and a font that have them (lualatex).\n"
)


Part = TypeVar("Part")


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
    return "\n".join(
        [
            r"\begin{table}",
            f"\\caption{{{latex_text(caption)}}}",
            *([f"\\label{{{label}}}"] if label else []),
            r"\centering\footnotesize",
            f"\\setlength{{\\tabcolsep}}{{{_GAP:.0f}pt}}",
            r"\renewcommand{\arraystretch}{1.1}",
            r"\smallskip",
            *(_tabular([headers, *lines]) if headers else ()),
            *(f"\\par\\smallskip\n\\raggedright {latex_text(text)}" for text in below),
            r"\end{table}",
            "",
        ]
    )


def latex_pages(
    caption: str, headers: Sequence[str], lines: Sequence[Sequence[str]], below: Sequence[str], label: str
) -> Iterator[str]:
    """The table in as many parts as pages need; what stands below it follows the last, on pages of its own if long."""
    widths = _widths([headers, *lines])
    room = TEXT_LINES - _lines_of(headers, widths)
    parts = list(fitting(lines, lambda row: _lines_of(row, widths), room)) or [[]]
    left = room - sum(_lines_of(row, widths) for row in parts[-1])
    prose = list(fitting(below, _lines_of_prose, TEXT_LINES))
    beside = prose.pop(0) if prose and sum(map(_lines_of_prose, prose[0])) <= left + _PROSE_LINES else []
    pages = [*((part, []) for part in parts[:-1]), (parts[-1], beside), *(([], texts) for texts in prose)]
    for place, (rows, texts) in enumerate(pages, 1):
        part_of = "" if len(pages) == 1 else f" ({place} of {len(pages)})"
        yield latex_table(f"{caption}{part_of}", headers if rows else (), rows, texts, f"{label}-{place}")


def latex_file(tables: Iterable[str]) -> str:
    """Tables as a file for `\\input`: what a document needs to know of them comes first."""
    return _ABOUT + "\n".join(tables)


def width(text: str) -> float:
    """Points that a column takes which holds this cell, its gaps included, about."""
    return 2 * _GAP + max(sum(map(_sign_width, line)) for line in text.split("\n"))


def height(row: Sequence[str]) -> int:
    """Lines that a row of cells takes where none is broken."""
    return max(text.count("\n") + 1 for text in row)


def _tabular(rows: Sequence[Sequence[str]]) -> list[str]:
    """The columns of a table, headers first: TeX knows none without any."""
    widths = _widths(rows)
    kinds = "".join("l" if width is None else f"p{{{math.floor(width)}pt}}" for width in widths)
    first, *others = (
        " & ".join(_cell(text, width) for text, width in zip(row, widths, strict=True)) for row in rows
    )
    # Rows of several lines need air between them.
    air = r" \noalign{\vskip 3pt}" if any(height(row) > 1 for row in rows[1:]) else ""
    return [
        f"\\begin{{tabular}}{{{kinds}}}",
        r"\hline",
        rf"{first} \tabularnewline",
        r"\hline",
        *(rf"{row} \tabularnewline{air}" for row in others),
        r"\hline",
        r"\end{tabular}",
    ]


def fitting(parts: Sequence[Part], size: Callable[[Part], float], room: float) -> Iterator[list[Part]]:
    """The parts, in order, in groups that do not take more than `room`, but for single ones that do."""
    group: list[Part] = []
    for part in parts:
        if group and sum(map(size, [*group, part])) > room:
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def _lines_of(row: Sequence[str], widths: Sequence[float | None]) -> int:
    """Lines that a row takes where cells are broken to the widths of their columns (None: not broken), about."""
    return max((_broken_lines(text, points) for text, points in zip(row, widths, strict=True)), default=0)


def _broken_lines(text: str, points: float | None) -> int:
    lines = text.split("\n")
    # A broken line ends at a word, on average half a word early.
    room = math.inf if points is None else 0.85 * points
    return sum(max(1, math.ceil(sum(map(_sign_width, line)) / room)) for line in lines)


def _lines_of_prose(text: str) -> int:
    return _broken_lines(text, TEXT_WIDTH)


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
