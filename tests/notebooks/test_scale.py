"""notebooks/scale.ipynb runs whole, with the paper's study, with and without rates."""

from __future__ import annotations

from pathlib import Path

from nastransfer.study.record_sizes import record_sizes
from tests.notebooks.test_notebooks import ROOT, figures, run

LIGHT = {"tasks": 1_500, "done_share": 0.02}


def test_the_papers_study_is_counted_priced_and_rehearsed(tmp_path: Path) -> None:
    results = str(ROOT / "tests" / "benchmarks" / "results")
    notebook = run(
        "scale",
        tmp_path,
        results=results,
        runs=str(ROOT / "runs"),
        images_per_second=400.0,
        efficiency=0.8,
        **LIGHT,
    )
    assert figures(notebook) == 1
    measured = record_sizes(ROOT / "runs")
    assert set(measured["kind"]) == {"proxy", "search", "augment"}
    shown = str(notebook.cells)
    for said in (
        "as stated: 400 images a second",
        "measured: ",
        "No GPU has been measured.",
        "hours on 96",
        "efficiency of 0.8, as stated",
        "0.375 days",
        *(f"of {studies}" for studies in measured["studies"]),
        "every result read",
    ):
        assert said in shown, said


def test_without_rates_and_records_it_says_so(tmp_path: Path) -> None:
    notebook = run("scale", tmp_path, study="small-cifar", **LIGHT)
    shown = str(notebook.cells)
    assert "No machine has been measured" in shown and "No rate is stated." in shown
    assert "No rate is known" in shown and "no record to measure" in shown
    assert not (tmp_path / "runs").exists()
