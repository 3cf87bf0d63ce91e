"""Text and tables as HTML and Markdown, with everything escaped that the reader's program could take for markup."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

# Letters up to which a number with its deviation is not broken into lines.
_KEPT_TOGETHER = 16
# Letters up to which a word is not broken within: names and numbers; a longer one (a path) must not widen the page.
_LONGEST_WORD = 24
# Letters up to which a table with room does not break the lines of a cell that has several, and one line with figures.
_LONGEST_LINE, _LONGEST_FIGURES = 48, 22
# Letters from which a cell is prose that wants some words a line.
_PROSE = 80
# What tables say where there is no value: paler, so that values are seen among it.
_NO_VALUE = frozenset({"none", "not given", "not recorded", "-"})
# The class is named three times to outweigh JupyterLab's rules for tables: columns of equal width, text to the right.
_BOX = ".nt-table.nt-table.nt-table"
_CSS = (
    # What fits depends on the room that a page gives the table, not on the window: a notebook has columns beside it.
    ".nt-table{container-type:inline-size;overflow-x:auto;margin-bottom:1rem}"
    ".nt-table table{border-collapse:collapse;width:100%;table-layout:auto;font-variant-numeric:tabular-nums;"
    "font-size:.9rem}"
    ".nt-table caption{text-align:left;font-weight:600;padding:.25rem 0}"
    ".nt-table th,.nt-table td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;border:0;"
    "overflow-wrap:anywhere;border-bottom:1px solid rgba(128,128,128,.4)}"
    "@container (min-width:721px){.nt-table th,.nt-table td.words{overflow-wrap:normal}"
    ".nt-table td.name{white-space:nowrap}.nt-table td.long{min-width:9rem}}"
    "@container (min-width:961px){.nt-table td.whole{white-space:nowrap}}"
    "@container (min-width:721px) and (max-width:960px){.nt-table table{font-size:.82rem}"
    ".nt-table th,.nt-table td{padding-right:.45rem}}"
    ".nt-table td.missing{color:color-mix(in srgb,currentcolor 65%,transparent)}"
    ".nt-table p{font-size:.8rem;margin:.4rem 0}"
    # Little room: a card for each row, its header cells move to the left of each value.
    "@container (max-width:720px){.nt-table thead{position:absolute;clip-path:inset(50%);width:1px;height:1px}"
    ".nt-table tr{display:block;padding:.4rem 0;border-bottom:1px solid rgba(128,128,128,.6)}"
    ".nt-table td{display:flex;justify-content:space-between;gap:1rem;border:0;padding:.15rem 0;text-align:right}"
    ".nt-table td::before{content:attr(data-label);opacity:.75;text-align:left;flex-shrink:0}}"
).replace(".nt-table", _BOX)


def html_table(
    caption: str, headers: Sequence[str], lines: Iterable[Sequence[str]], below: Sequence[str] = ()
) -> str:
    """A table and paragraphs below it as an HTML fragment that takes on the page's font and colours.

    A line break in a cell stays one.
    """
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in headers)
    body = "".join(f"<tr>{''.join(map(_cell, headers, line))}</tr>" for line in lines)
    prose = "".join(f"<p>{html.escape(text)}</p>" for text in below)
    return (
        f'<style>{_CSS}</style><div class="nt-table"><table><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{prose}</div>"
    )


def markdown_text(text: str) -> str:
    """`text` for a Markdown document or table, where it shows as it is."""
    escaped = "".join(f"\\{sign}" if sign in "\\`*_{}[]#|$:~" else sign for sign in text)
    return html.escape(escaped, quote=False).replace("\n", " ")


def _cell(header: str, text: str) -> str:
    lines = text.split("\n")
    kind = " ".join(name for name, applies in _kinds(lines).items() if applies)
    shown = "<br>".join(map(_line, lines))
    # A narrow screen lays a cell's label and its one other child side by side.
    shown = f"<span>{shown}</span>" if len(lines) > 1 else shown
    return f'<td class="{kind}" data-label="{html.escape(header)}">{shown}</td>'


def _kinds(lines: Sequence[str]) -> dict[str, bool]:
    """Which classes a cell has: where it may be broken, and whether it has a value."""
    words = [word for line in lines for word in line.split()]
    longest = max(map(len, lines))
    figures = any(sign.isdigit() for sign in lines[0])
    return {
        "words": max(map(len, words), default=0) <= _LONGEST_WORD,
        "whole": longest <= _LONGEST_LINE if len(lines) > 1 else figures and longest <= _LONGEST_FIGURES,
        "long": sum(map(len, lines)) >= _PROSE,
        "name": len(words) == 1 and longest <= _LONGEST_WORD,
        "missing": lines[0] in _NO_VALUE and len(lines) == 1,
    }


def _line(text: str) -> str:
    """A line of a cell; a number and its deviation stay together."""
    whole = "±" in text and len(text) <= _KEPT_TOGETHER
    return html.escape(text.replace(" ", "\N{NO-BREAK SPACE}") if whole else text)
