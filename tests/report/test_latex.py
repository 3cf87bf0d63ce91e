"""Tables as LaTeX: every sign is shown, none is a command, columns fit on a page, and TeX takes it all."""

from __future__ import annotations

import shutil
import subprocess
from math import floor
from pathlib import Path

import polars as pl
import pytest

from nastransfer.report.latex import TEXT_WIDTH, latex_table, latex_text, width
from nastransfer.report.paper_layout import paper_latex
from nastransfer.report.paper_tables import TABLES
from nastransfer.report.table1 import Built, table_1, table_1_latex
from nastransfer.study.published import published
from tests.report.made_study import made_study
from tests.report.rows import study, training

SIGNS = r"50% of a_b & {c} #1 $x$ \cmd ~ ^ < > | ±"


def test_latex_shows_every_sign_as_it_is() -> None:
    assert latex_text(SIGNS) == (
        r"50\% of a\_b \& \{c\} \#1 \$x\$ \textbackslash{}cmd \textasciitilde{} \textasciicircum{} "
        r"\textless{} \textgreater{} \textbar{} $\pm$"
    )
    assert latex_text("-0.5 to +2, a-1, x -3") == "$-$0.5 to +2, a-1, x $-$3"
    assert latex_text("a--b\nc → d") == r"a-{}-b c $\rightarrow$ d"


def test_a_latex_table_has_its_rows_and_no_argument_after_a_row() -> None:
    text = latex_table("A & B", ("x", "y"), [("[1]", "*"), ("2 ± 1\nn = 3", "-4")], ("Note_1",), "tab:t")
    lines = text.splitlines()
    assert lines[:3] == [r"\begin{table}", r"\caption{A \& B}", r"\label{tab:t}"]
    air = r"\tabularnewline \noalign{\vskip 3pt}"
    rows = [
        r"\hline",
        r"x & y \tabularnewline",
        r"\hline",
        rf"{{[}}1{{]}} & {{*}} {air}",
        rf"\begin{{tabular}}[t]{{@{{}}l@{{}}}}2 $\pm$ 1 \\ n = 3\end{{tabular}} & $-$4 {air}",
        r"\hline",
    ]
    first = lines.index(r"\begin{tabular}{ll}") + 1
    assert lines[first : first + len(rows)] == rows
    assert lines[-2:] == [r"\raggedright Note\_1", r"\end{table}"] and text.count("{") == text.count("}")
    assert r"\label" not in latex_table("c", ("x",), []) and r"\noalign" not in latex_table(
        "c", ("x",), [("1",)]
    )


def test_columns_that_do_not_fit_leave_narrow_ones_as_they_are() -> None:
    sentence = "a sentence that goes on " * 5
    text = latex_table("c", ("name", "why", "more"), [("cifar10", sentence, sentence + "\nand on")])
    each = (TEXT_WIDTH - width("cifar10")) / 2 - width("")
    assert rf"\begin{{tabular}}{{lp{{{floor(each)}pt}}p{{{floor(each)}pt}}}}" in text
    assert text.count(r"\raggedright a sentence") == 2 and r"\newline and on" in text


@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="there is no pdflatex here to compile tables with"
)
def test_tex_compiles_every_table_and_all_fit_on_pages(tmp_path: Path) -> None:
    made = made_study(searches=2, genotypes=3)
    wild = study(*(training(SIGNS, seed, 70.0 + seed, source=r"\input{x} é") for seed in (2, 3)))
    frames = (published(), pl.concat([made, published()]), wild, study())
    tables = [paper_latex(table(frame)) for table in TABLES.values() for frame in frames]
    tables.append(table_1_latex(table_1([Built("imagenet22k-p2", 13_377, 66_460, 62_335, "class counts")])))
    body = "\\clearpage\n".join(tables)
    document = f"\\documentclass{{article}}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (tmp_path / "tables.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "tables.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout and "too large" not in done.stdout
