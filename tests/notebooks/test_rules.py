"""What holds for every notebook: parameters that a model checks, prose before each step, nothing left over."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from nastransfer.study.parameters import MODELS
from nastransfer.study.reading import INJECTED, READING, check_reading
from nastransfer.study.source import Source
from nastransfer.train.settings import Strict

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ALL: dict[str, type[Strict]] = {**MODELS, **READING}
# What the type of a setting is called in a cell of parameters, where it is not called what it is.
SPELLED = {Source: ("str | dict", "str | dict | None"), dict[str, Any]: ("dict",)}
# Ways to find the package that an installed package does not need, and to change what others find.
TRICKS = ("sys.path", "os.chdir", "os.environ", "pip install", "%cd", "%pip", "%load_ext", "importlib", "!")
PAPERS = ("NASTransfer", "Liu et al. 2019", "Real et al. 2019")


def cells_of(path: Path) -> list[nbformat.NotebookNode]:
    return list(nbformat.read(path, as_version=4).cells)


def parameter_cell(path: Path) -> str:
    (cell,) = [cell for cell in cells_of(path) if "parameters" in cell.metadata.get("tags", [])]
    return str(cell.source)


def name_of(path: Path) -> str:
    return path.stem


def test_every_notebook_has_a_model_of_its_parameters() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(ALL)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_parameters_are_typed_described_and_those_of_the_model(path: Path) -> None:
    fields = ALL[path.stem].model_fields
    source = parameter_cell(path)
    lines = source.splitlines()
    statements = ast.parse(source).body
    assert len(statements) == len(lines), "a line a parameter"
    given = {}
    for statement, line in zip(statements, lines, strict=True):
        assert isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name), line
        assert statement.value is not None, line
        _, sign, described = line.partition("  # ")
        assert sign and len(described) >= 8, f"what is it? {line}"
        name = statement.target.id
        field = fields[name]
        kind = field.annotation
        called = SPELLED.get(kind, (getattr(kind, "__name__", ""), str(kind)))
        assert ast.unparse(statement.annotation) in called, f"{line}: the model says {kind}"
        given[name] = ast.literal_eval(statement.value)
        if not field.is_required():
            assert given[name] == field.default, f"{line}: the model's default is {field.default!r}"
    assert set(given) == set(fields)


@pytest.mark.parametrize("name", READING)
def test_a_reading_notebook_checks_its_parameters_before_anything_else(name: str) -> None:
    code = [
        cell.source for cell in cells_of(ROOT / "notebooks" / f"{name}.ipynb") if cell.cell_type == "code"
    ]
    assert code[1].endswith(f'check_reading("{name}", globals());')


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_the_package_is_found_without_tricks(path: Path) -> None:
    for cell in cells_of(path):
        if cell.cell_type == "code":
            found = [trick for trick in TRICKS if trick in cell.source.replace("!=", "")]
            assert not found, cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_prose_begins_and_says_which_paper_and_where(path: Path) -> None:
    cells = cells_of(path)
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert any(paper in prose for paper in PAPERS) and re.search(r"section|Table|Figure", prose)
    assert all(len(line) <= 130 for line in prose.splitlines()), "lines of prose as in the README"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_no_line_of_code_is_cut_on_a_laptop(path: Path) -> None:
    """JupyterLab shows 102 letters at 1280 pixels, its list of files beside them."""
    lines = [line for cell in cells_of(path) if cell.cell_type == "code" for line in cell.source.splitlines()]
    assert not [line for line in lines if len(line) > 100]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_headings_say_more_than_a_title(path: Path) -> None:
    """Below every heading some words, before the first code: what is done here and why."""
    for cell in cells_of(path):
        if cell.cell_type == "markdown" and cell.source.startswith("#"):
            assert len(cell.source.splitlines()) > 2, f"only a heading: {cell.source}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_nothing_of_a_session_is_committed(path: Path) -> None:
    """No state of widgets, no version of Python, no timings: what JupyterLab writes into a notebook it saves."""
    notebook = nbformat.read(path, as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_names_that_papermill_gave_must_be_known() -> None:
    cells = ["", "seed: int = 2", f"{INJECTED}seed = 3\nepoch = 4\n", "x = 5"]
    namespace = {"In": cells, "seed": 3, "epoch": 4, "x": 5}
    with pytest.raises(
        ValueError, match=r"quickstart\.ipynb: unknown setting 'epoch'.*did you mean 'epochs'"
    ):
        check_reading("quickstart", namespace)
    cells[2] = f"{INJECTED}seed = 3\n"
    assert check_reading("quickstart", namespace).model_dump()["seed"] == 3, "x is somebody's own"


def test_values_of_the_wrong_type_and_notebooks_that_are_not_there_are_named() -> None:
    with pytest.raises(ValueError, match=r"(?s)search_steps: .*found 0.*epochs: .*found '3'"):
        check_reading("quickstart", {"search_steps": 0, "epochs": "3"})
    with pytest.raises(ValueError, match="unknown notebook 'reports'; did you mean 'report'"):
        check_reading("reports", {})
