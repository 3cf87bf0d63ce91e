"""The whole report: one page that says everything or why not, tables and figures as files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import polars as pl
import pytest

from nastransfer.report.figures import FIGURES
from nastransfer.report.whole import Beside, of_own_targets, report_files, targets_of
from nastransfer.study.published import published
from tests.report.made_study import made_study
from tests.report.rows import small_study, study, training

RI_TABLES = (
    "relative-improvement",
    "ri-by-baseline",
    "published-relative-improvement",
    "tests-against-random",
    "methods-alike",
)
OF_FIGURES = ("transfer-against-direct", "random-by-target", "rank-agreement-table", "tricks")
OTHER_TABLES = ("table-2", "table-3", "table-4", "claims", "search-times", "claims-audit", "published-audit")
TABLES = {
    f"{name}.{ending}" for name in (*RI_TABLES, *OF_FIGURES, *OTHER_TABLES) for ending in ("csv", "tex")
}
ROUTES = {
    "cifar100": ("cifar10", "cifar100"),
    "imagenet1k": ("cifar10", "imagenet1k-p1", "imagenet1k-p2"),
    "imagenet22k": ("cifar10", "imagenet22k-p1"),
}
DRAWN = {*(f"{slug}.html" for slug in FIGURES), "learning-curves.html", "plotly.min.js"}


def names(files: dict[str, str], folder: str) -> set[str]:
    return {name.partition("/")[2] for name in files if name.startswith(f"{folder}/")}


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return report_files(pl.concat([made_study(routes=ROUTES), published()]), "made")


def test_everything_is_on_the_page_and_in_files(made: dict[str, str]) -> None:
    decisions = {f"decision-{target}.{ending}" for target in ROUTES for ending in ("csv", "tex")}
    assert names(made, "tables") == TABLES | decisions
    assert names(made, "figures") == DRAWN
    shown = made["report.html"]
    assert shown.index("What to use for imagenet1k") < shown.index(
        "Relative improvement over random sampling"
    )
    assert all(
        f"<h2>{title}</h2>" in shown
        for title in (
            "Published RI on the same targets",
            "Methods against random, tested together",
            "Do methods rank alike over proxies?",
            "The paper&#x27;s claims against its own tables",
            "The published numbers against each other",
        )
    )
    assert all(entry.title in shown for entry in FIGURES.values())
    assert shown.count("plotly.js v") == 1


def test_every_csv_can_be_read(made: dict[str, str]) -> None:
    for name in names(made, "tables"):
        if name.endswith(".csv"):
            table = pl.read_csv(made[f"tables/{name}"].encode(), infer_schema_length=None)
            assert table.height > 0 or name == "tricks.csv", f"{name}: only tricks are not in the made study"


@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="there is no pdflatex here to compile tables with"
)
def test_tex_compiles_every_table_and_all_fit_on_pages(made: dict[str, str], tmp_path: Path) -> None:
    texts = [made[f"tables/{name}"] for name in sorted(names(made, "tables")) if name.endswith(".tex")]
    body = "\n".join(texts).replace(r"\end{table}", "\\end{table}\n\\clearpage")
    document = f"\\documentclass{{article}}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (tmp_path / "tables.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "tables.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout and "too large" not in done.stdout
    assert "multiply defined" not in done.stdout


def test_figures_share_what_draws_them(made: dict[str, str]) -> None:
    figure = made["figures/accuracy-by-method.html"]
    assert '<script src="plotly.min.js"></script>' in figure
    assert "plotly.js v" not in figure


def test_published_numbers_of_other_targets_are_left_out() -> None:
    frame = of_own_targets(pl.concat([small_study(), published()]))
    assert set(frame.filter(kind="augment")["target"]) == {"glyphs"}
    assert frame.filter(origin="published", kind="search").height > 0


def test_genotypes_ranked_on_a_source_make_it_no_target() -> None:
    on_source = training("random", 0, 60.0, target="digits", source="digits", feeds="rank_agreement")
    assert targets_of(pl.concat([small_study(), study(on_source)])) == ["glyphs"]


def test_several_protocols_are_explained_and_cost_nothing_else() -> None:
    other = training("darts1", 9, 70.0, protocol="small", cells=8)
    files = report_files(pl.concat([small_study(), study(other)]), "mixed")
    assert "2 protocols" in files["report.html"]
    assert "relative-improvement.csv" not in names(files, "tables")
    assert "search-times.csv" in names(files, "tables")
    assert names(files, "figures") == DRAWN


@pytest.mark.parametrize(
    "frame",
    [
        study(),
        study(training("darts1", 2, 70.0)),
        study(*(training("random", draw, 70.0 + draw) for draw in range(3))),
        study(training("darts1", 2, None), training("random", 0, 70.0)),
    ],
    ids=["nothing", "one run, no baseline", "baseline alone", "unfinished"],
)
def test_what_is_there_is_shown(frame: pl.DataFrame) -> None:
    files = report_files(frame, "part")
    assert files["report.html"].endswith("</html>\n")
    assert names(files, "tables") >= TABLES


def test_what_the_folder_knows_besides_the_frame_is_on_the_page() -> None:
    runs = small_study()["run"].to_list()
    history = pl.DataFrame({"epoch": [1, 2], "top1": [50.0, 60.0]})
    beside = Beside(histories={runs[0]: history}, planned={"glyphs": 9}, tasks=(20, 13))
    shown = report_files(small_study(), "part", beside)["report.html"]
    assert "The study is unfinished: 13 of the 20 tasks of its plan are done." in shown
    assert "7 of the 9 planned trainings on this target" in shown
    assert "On glyphs (synthetic), random sampling: 1 run, 60.0% at the end." in shown
    assert f"1 of {len(runs)} trainings have a curve here." in shown
    assert "unfinished" not in report_files(small_study(), "whole", Beside(tasks=(7, 7)))["report.html"]


def test_methods_have_their_cards_and_the_best_genotype_is_drawn(made: dict[str, str]) -> None:
    shown = made["report.html"]
    assert shown.count(": parity card</caption>") == 4, "one a method"
    assert "The most accurate genotype" in shown
    assert "most accurate" not in report_files(small_study(), "unreadable")["report.html"]


def test_accuracies_that_are_none_are_named() -> None:
    files = report_files(study(training("darts1", 2, float("nan")), training("random", 0, 70.0)), "wrong")
    assert "has a top1_last of nan" in files["report.html"]
