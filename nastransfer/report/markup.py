"""Text and tables as HTML and Markdown, with everything escaped that the reader's program could take for markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

# Letters up to which a cell is not broken into lines: numbers with their deviation, intervals.
_KEPT_TOGETHER = 16
# Letters up to which a word is not broken within: names and numbers; a longer one (a path) must not widen the page.
_LONGEST_WORD = 24
# Letters up to which the lines of a cell that has several are not broken.
_LONGEST_LINE = 48
# The class is named three times to outweigh JupyterLab's rules for tables: columns of equal width, text to the right.
_BOX = ".nt-table.nt-table.nt-table"
_CSS = (
    ".nt-table{overflow-x:auto}"
    ".nt-table table{border-collapse:collapse;width:100%;table-layout:auto;font-variant-numeric:tabular-nums;"
    "font-size:.9rem}"
    ".nt-table caption{text-align:left;font-weight:600;padding:.25rem 0}"
    ".nt-table th,.nt-table td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;border:0;"
    "overflow-wrap:anywhere;border-bottom:1px solid rgba(128,128,128,.4)}"
    "@media (min-width:761px){.nt-table th,.nt-table td.words{overflow-wrap:normal}"
    ".nt-table td.name{white-space:nowrap}}"
    "@media (min-width:1041px){.nt-table td.lines{white-space:nowrap}}"
    ".nt-table p{font-size:.8rem;margin:.4rem 0}"
    # A narrow screen gets a card for each row: its header cells move to the left of each value.
    "@media (max-width:760px){.nt-table thead{position:absolute;clip-path:inset(50%);width:1px;height:1px}"
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
    kinds = {
        "words": max(map(len, text.split()), default=0) <= _LONGEST_WORD,
        "lines": "\n" in text and max(map(len, text.split("\n"))) <= _LONGEST_LINE,
        "name": not re.search(r"\s", text) and len(text) <= _LONGEST_WORD,
    }
    kind = " ".join(name for name, applies in kinds.items() if applies)
    shown = "<br>".join(map(_line, text.split("\n")))
    # A narrow screen lays a cell's label and its one other child side by side.
    shown = f"<span>{shown}</span>" if "\n" in text else shown
    return f'<td class="{kind}" data-label="{html.escape(header)}">{shown}</td>'


def _line(text: str) -> str:
    """A line of a cell; a short one is not broken."""
    return html.escape(text.replace(" ", "\N{NO-BREAK SPACE}") if len(text) <= _KEPT_TOGETHER else text)
