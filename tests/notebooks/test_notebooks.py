"""Every notebook runs whole, as papermill runs it; the task notebooks also by plain papermill, without the runner."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from nbclient.exceptions import CellTimeoutError
from papermill.exceptions import PapermillExecutionError

from nastransfer.study.ledger import Ledger
from nastransfer.study.parameters import check
from tests.example_study import write_example

ROOT = Path(__file__).parents[2]
PLOTLY = "application/vnd.plotly.v1+json"


# Pictures of images and the report's dozen figures included.
MOST_BYTES = 2_000_000
# No cell takes a quarter of it.
CELL_SECONDS = 240


def run(name: str, folder: Path, **parameters: Any) -> nbformat.NotebookNode:
    """The executed notebook; it runs in a folder of its own, so that nothing is left in the checkout.

    A cell with widgets can lose its reply between kernel and client for good (nbclient's issue 312), the kernel idle:
    a cell that has not ended in time is no fault of the notebook the first time, and is the second.
    """
    try:
        return _run(name, folder, parameters)
    except CellTimeoutError:
        return _run(name, folder, parameters)


def _run(name: str, folder: Path, parameters: dict[str, Any]) -> nbformat.NotebookNode:
    output = folder / f"{name}.ipynb"
    papermill.execute_notebook(
        str(ROOT / "notebooks" / f"{name}.ipynb"),
        str(output),
        parameters=parameters,
        kernel_name="python3",
        progress_bar=False,
        execution_timeout=CELL_SECONDS,
        cwd=str(folder),
    )
    notebook = nbformat.read(output, as_version=4)
    outputs = [shown for cell in notebook.cells for shown in cell.get("outputs", [])]
    assert not [shown for shown in outputs if shown.get("name") == "stderr"], f"{name} prints warnings"
    assert output.stat().st_size < MOST_BYTES, f"{name} floods its reader"
    return notebook


def figures(notebook: nbformat.NotebookNode) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum(PLOTLY in output.get("data", {}) for output in outputs)


def test_quickstart(tmp_path: Path) -> None:
    light = {"search_steps": 2, "epochs": 1, "epoch_images": 256, "random_genotypes": 1}
    notebook = run("quickstart", tmp_path, **light)
    assert figures(notebook) == 7
    shown = str(notebook.cells)
    assert "%, without an interval: an interval needs 2 runs on each side" in shown
    assert "<td" in shown and "found by DARTS" in shown


def test_report(tmp_path: Path) -> None:
    folder = write_example(tmp_path / "runs").folder
    notebook = run("report", tmp_path, study=str(folder))
    assert figures(notebook) == 13
    shown = str(notebook.cells)
    assert "DARTS (1st order)" in shown and "undecided between" in shown and "claims" in shown
    assert "DARTS: parity card" in shown
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    assert "What to use for glyphs (synthetic)" in page


def test_a_published_study_is_read_without_its_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NASTRANSFER_DATA", str(tmp_path / "none"))
    folder = shutil.copytree(ROOT / "runs" / "methods-cifar", tmp_path / "runs" / "methods-cifar")
    shown = str(run("report", tmp_path, study=str(folder)).cells)
    assert "The targets themselves cannot be described: data set" in shown and "is not here" in shown
    assert "undecided between NSGANet" in shown and (folder / "report" / "report.html").exists()


def test_study(tmp_path: Path) -> None:
    """A study file of three tasks: planned, priced by probes, run, decided, reported."""
    small = "{cells: 3, channels: 4, resolution: 8, batch: 8, epochs: 1, epoch_images: 64}"
    (tmp_path / "small.yaml").write_text(
        "name: small\nmethods: [darts1]\npreset: tiny\n"
        "settings: {darts1: {cells: 3, channels: 4, resolution: 8, batch: 8, search_images: 32, steps: 4}}\n"
        "sources: [digits]\ntargets: [digits]\nsearch_seeds: [2]\nrandom: {genotypes: 1}\n"
        f"protocol: tiny\nprotocol_settings: {small}\n"
    )
    notebook = run("study", tmp_path, study="small.yaml", slots=2)
    assert figures(notebook) == 3
    shown = str(notebook.cells)
    assert "The price of what is left of the study small" in shown and "In all about" in shown
    assert "Predicted against actual" in shown and "wall time" in shown
    records = Ledger(tmp_path / "runs").study("small")
    assert records.status().finished and (records.folder / "report" / "report.html").exists()


def test_own_method(tmp_path: Path) -> None:
    light = {"models": 1, "random_genotypes": 1, "epochs": 1, "epoch_images": 128}
    notebook = run("own_method", tmp_path, **light, runs=str(tmp_path / "runs"))
    assert figures(notebook) == 2
    shown = str(notebook.cells)
    assert "evolution" in shown and "Relative improvement" in shown
    (kept,) = (tmp_path / "runs" / "my-study" / "plugins").glob("*/my_method.py")
    assert kept.read_text() == (tmp_path / "my_method.py").read_text()


def test_task_notebooks_work_alone_and_share_one_ledger(tmp_path: Path) -> None:
    source = {"dataset": "digits", "proxy": {"selection": "random", "classes": 4}}
    light = {"cells": 3, "channels": 4, "epochs": 1, "epoch_images": 128, "resolution": 8}
    proxy = run("proxy", tmp_path, dataset="digits", classes=4)
    assert (
        figures(proxy) == 3 and "random-c4: 7" in str(proxy.cells) and "Gini coefficient" in str(proxy.cells)
    )
    assert figures(run("proxy", tmp_path, source=source)) == 3, "the same proxy: its record is shown"
    assert figures(run("search", tmp_path, method="random", source=source)) >= 1
    records = Ledger(tmp_path / "runs").study("by-hand")
    genotype = records.results().filter(kind="search")["genotype"].item()
    assert figures(run("augment", tmp_path, genotype=genotype, target="digits", settings=light)) == 4
    assert records.results()["kind"].to_list() == ["proxy", "search", "augment"]


def test_proxies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASTRANSFER_CACHE", str(tmp_path / "cache"))
    notebook = run("proxies", tmp_path, dataset="digits", classes=5)
    assert figures(notebook) == 4
    shown = str(notebook.cells)
    assert "to get it: " in shown and "evenly spaced classes" in shown
    assert shown.count("imagenet22k-p2") >= 3 and "13,377" in shown


def test_the_proxy_notebook_asks_for_what_its_parameters_default_to() -> None:
    """A notebook gives every parameter of its cell; `source` is refused beside others that are not the defaults."""
    cells = nbformat.read(ROOT / "notebooks" / "proxy.ipynb", as_version=4).cells
    (cell,) = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    statements = [one for one in ast.parse(cell.source).body if isinstance(one, ast.AnnAssign)]
    given = {ast.unparse(one.target): ast.literal_eval(one.value) for one in statements if one.value}
    assert check("proxy", given).task() == check("proxy", {}).task()


def test_a_mistyped_parameter_stops_the_notebook_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(PapermillExecutionError, match="did you mean 'seed'"):
        run("search", tmp_path, seeed=3)
    with pytest.raises(PapermillExecutionError, match="did you mean 'models'"):
        run("own_method", tmp_path, model=3)
    assert not (tmp_path / "runs").exists() and not (tmp_path / "my_method.py").exists()
