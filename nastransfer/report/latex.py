"""Tables as LaTeX that needs no package, with everything escaped that TeX could take for a command, set to fit a page.

Widths are reckoned for the narrowest usual page, that of the class article at 10 points.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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

    Where the columns do not fit side by side, the widest are broken into lines, and the font is smaller if it must be.
    """
    rows = [headers, *lines]
    columns = _columns(rows) if headers else None  # TeX knows no table without any
    font = columns.font if columns else _FONTS[0]
    return "\n".join(
        [
            r"\begin{table}",
            f"\\caption{{{latex_text(caption)}}}",
            *([f"\\label{{{label}}}"] if label else []),
            rf"\centering{font.command}",
            f"\\setlength{{\\tabcolsep}}{{{font.gap:.0f}pt}}",
            r"\renewcommand{\arraystretch}{1.1}",
            r"\smallskip",
            *(_tabular(rows, columns) if columns else ()),
            *(f"\\par\\smallskip\n\\raggedright {latex_text(text)}" for text in below),
            r"\end{table}",
            "",
        ]
    )


def latex_pages(
    caption: str, headers: Sequence[str], lines: Sequence[Sequence[str]], below: Sequence[str], label: str
) -> Iterator[str]:
    """The table in as many parts as pages need; what stands below it follows the last, on pages of its own if long."""
    lines_of = _columns([headers, *lines]).lines_of if headers else height
    room = TEXT_LINES - (lines_of(headers) if headers else 0)
    parts = list(fitting(lines, lines_of, room)) or [[]]
    left = room - sum(map(lines_of, parts[-1]))
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
    return 2 * _GAP + max(map(_text_width, text.split("\n")))


def height(row: Sequence[str]) -> int:
    """Lines that a row of cells takes where none is broken."""
    return max(text.count("\n") + 1 for text in row)


@dataclass(frozen=True)
class _Font:
    """A size of letters, how large they are beside \\footnotesize, and the points of half a gap between columns."""

    command: str
    scale: float
    gap: float


# Small letters of TeX's own fonts are wider than their height tells.
_FONTS = (
    _Font(r"\footnotesize", 1.0, _GAP),
    _Font(r"\scriptsize", 0.94, 2.0),
    _Font(r"\fontsize{6}{7.2}\selectfont", 0.87, 2.0),
)


@dataclass(frozen=True)
class _Columns:
    """The font of a table and the points of each column's text; None for a column that is as wide as it likes."""

    font: _Font
    points: Sequence[float | None]

    def lines_of(self, row: Sequence[str]) -> int:
        """Lines that a row takes where cells are broken to their columns, about."""
        return max(
            _broken_lines(text, points and points / self.font.scale)
            for text, points in zip(row, self.points, strict=True)
        )


def _columns(rows: Sequence[Sequence[str]]) -> _Columns:
    """Narrow columns as they are, the widest broken into lines between words; a smaller font if words need it."""
    by_column = [[line for text in column for line in text.split("\n")] for column in zip(*rows, strict=True)]
    wishes = [max(map(_text_width, lines)) for lines in by_column]
    # What words take is estimated, and one that sticks out is worse than a column too wide.
    words = [
        1.1 * max(_text_width(word) for line in lines for word in line.split() or [""]) for lines in by_column
    ]
    rooms = {font: (TEXT_WIDTH - 2 * font.gap * len(wishes)) / font.scale for font in _FONTS}
    font = next((one for one, room in rooms.items() if sum(words) <= room), _FONTS[-1])
    room = rooms[font]
    least = [points * min(1.0, room / sum(words)) for points in words]
    level = _level(least, wishes, room)
    wide = [max(level, need) for need in least]
    return _Columns(
        font,
        [None if wish <= points else font.scale * points for wish, points in zip(wishes, wide, strict=True)],
    )


def _level(least: Sequence[float], most: Sequence[float], room: float) -> float:
    """The width of broken columns with which all fill the room, each between what it needs and what it wishes."""
    low, high = 0.0, max(most)
    while high - low > 0.01:
        middle = (low + high) / 2
        fits = sum(min(wish, max(need, middle)) for need, wish in zip(least, most, strict=True)) <= room
        low, high = (middle, high) if fits else (low, middle)
    return high if sum(most) <= room else low


def _tabular(rows: Sequence[Sequence[str]], columns: _Columns) -> list[str]:
    """The columns of a table, headers first."""
    kinds = "".join("l" if points is None else f"p{{{math.floor(points)}pt}}" for points in columns.points)
    first, *others = (
        " & ".join(_cell(text, points) for text, points in zip(row, columns.points, strict=True))
        for row in rows
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


def _broken_lines(text: str, points: float | None) -> int:
    lines = text.split("\n")
    # A broken line ends at a word, on average half a word early.
    room = math.inf if points is None else 0.85 * points
    return sum(max(1, math.ceil(_text_width(line) / room)) for line in lines)


def _lines_of_prose(text: str) -> int:
    return _broken_lines(text, TEXT_WIDTH)


def _text_width(line: str) -> float:
    return sum(map(_sign_width, line))


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
