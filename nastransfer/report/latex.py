"""Tables as LaTeX that needs no package, with everything escaped that TeX could take for a command."""

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
    """A `table` environment, and a paragraph for each text in `below`. A line break in a cell stays one.

    The file that it is put into must be read as UTF-8. Names in scripts that its fonts lack need other fonts.
    """
    rows = [" & ".join(map(_cell, line)) + r" \\" for line in (headers, *lines)]
    return "\n".join(
        [
            r"\begin{table}",
            f"\\caption{{{latex_text(caption)}}}",
            *([f"\\label{{{label}}}"] if label else []),
            f"\\begin{{tabular}}{{{'l' * len(headers)}}}",
            r"\hline",
            rows[0],
            r"\hline",
            *rows[1:],
            r"\hline",
            r"\end{tabular}",
            *(f"\n\\noindent {latex_text(text)}" for text in below),
            r"\end{table}",
            "",
        ]
    )


def _cell(text: str) -> str:
    lines = [latex_text(line) for line in text.split("\n")]
    if len(lines) == 1:
        return lines[0]
    return r"\begin{tabular}[t]{@{}l@{}}" + r" \\ ".join(lines) + r"\end{tabular}"
