"""One layout, three ways to write it: HTML, LaTeX in parts that fit on a page, and lines for a terminal."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from nastransfer.report.text_table import TextTable, paragraph, tables_html, tables_latex

WORDS = "a sentence of some length that goes on " * 6
SMALL = TextTable(
    "Caption", ("name", "value"), [("a", "1.00"), ("bcdef", "2")], ("What it means.", "[1] why")
)
LONG = TextTable("Long", ("name", "why", "more"), [(str(n), WORDS, WORDS) for n in range(40)], [WORDS] * 50)
EMPTY = TextTable("Nothing", (), (), ("There is nothing yet.",))


def test_terminal_aligns_columns_and_says_why_there_are_none() -> None:
    assert SMALL.terminal().splitlines() == [
        "name   value",
        "-----  -----",
        "a      1.00",
        "bcdef  2",
        "",
        "What it means.",
        "[1] why",
    ]
    assert EMPTY.terminal() == "There is nothing yet."


def test_html_has_every_table() -> None:
    shown = tables_html([SMALL, EMPTY])
    assert shown.count("<table>") == 2 and "<caption>Caption</caption>" in shown and "[1] why" in shown


def test_latex_keeps_a_small_table_whole_and_breaks_a_long_one() -> None:
    small = tables_latex([SMALL], "small")
    assert small.count(r"\begin{table}") == 1 and r"\caption{Caption}" in small
    assert r"\label{tab:nastransfer-small-1-1}" in small
    parts = tables_latex([LONG], "long").split(r"\begin{table}")[1:]
    assert len(parts) > 2
    assert all(rf"\caption{{Long ({place} of {len(parts)})}}" in part for place, part in enumerate(parts, 1))
    rows = [part.count("& \\raggedright a sentence") // 2 for part in parts]
    assert sum(rows) == 40 and rows[-1] == 0, "what stands below has pages of its own"
    assert "".join(parts).count("\\raggedright a sentence") == 2 * 40 + 50


@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="there is no pdflatex here to compile tables with"
)
def test_tex_fits_every_part_on_a_page(tmp_path: Path) -> None:
    body = tables_latex([SMALL, LONG, EMPTY], "all").replace(r"\end{table}", "\\end{table}\n\\clearpage")
    document = f"\\documentclass{{article}}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (tmp_path / "tables.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "tables.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout and "too large" not in done.stdout


@pytest.mark.parametrize(("columns", "most"), [("20", 60), ("72", 72), ("300", 110)])
def test_paragraphs_fit_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: str, most: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = paragraph("word " * 100, "  ", "    ").splitlines()
    assert most - 5 < max(map(len, lines)) <= most
    assert lines[0].startswith("  word") and all(line.startswith("    word") for line in lines[1:])
