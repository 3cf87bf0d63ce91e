"""The README and the notebooks' prose against the project: every command is one, every name and link is there."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from pathlib import Path

import nbformat
import pytest
import typer.main
import yaml
from typer.testing import CliRunner

import nastransfer as nt
from nastransfer.cli import app
from nastransfer.study.parameters import MODELS, check
from nastransfer.study.reading import READING, check_reading
from tests.benchmarks.__main__ import NAMES as BENCHMARKS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CLI = "python -m nastransfer "
COMMANDS = typer.main.get_command(app).commands
# Commands that only read: each is really run.
READS = ("schema", "datasets", "decide methods-cifar")


def prose(path: Path) -> str:
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def blocks(language: str) -> list[str]:
    """The README's fenced blocks of a language; without one: what is typed into a shell."""
    return re.findall(rf"^```{language}\n(.*?)^```$", prose(README), re.DOTALL | re.MULTILINE)


def typed() -> list[str]:
    """Every command in a code span or a shell block of README and notebooks, without its remark."""
    text = "\n\n".join(map(prose, [README, ROOT / "runs" / "README.md", *NOTEBOOKS]))
    spans = re.findall(r"`([^`\n]+)`", text)
    # The table of commands is headed by how they all begin.
    rows = re.findall(
        r"^\| (`[^|]+) \|", text.partition("| `python -m nastransfer ...`")[2].partition("\n\n")[0], re.M
    )
    listed = [CLI + span for row in rows for span in re.findall(r"`([^`]+)`", row)]
    lines = [line.partition("#")[0].strip() for block in blocks("") for line in block.splitlines()]
    found = dict.fromkeys([*spans, *listed, *lines])
    return [one for one in found if one.startswith((CLI, "papermill ", "make ", "python -m tests"))]


def test_the_commands_are_found() -> None:
    programs = [one.split()[0] for one in typed()]
    assert programs.count("python") >= 20 and programs.count("make") >= 6 and programs.count("papermill") >= 3


@pytest.mark.parametrize("line", [one for one in typed() if one.startswith(CLI) and "..." not in one])
def test_a_command_of_the_project_is_one_with_these_arguments(line: str) -> None:
    name, *arguments = shlex.split(line.removeprefix(CLI))
    required = [
        one.name for one in COMMANDS[name].params if one.required and one.param_type_name == "argument"
    ]
    # `retry` alone, in a list of commands, stands for the command.
    arguments = arguments or [str(one) for one in required]
    COMMANDS[name].make_context(name, arguments)


@pytest.mark.parametrize("line", READS)
def test_commands_that_only_read_run(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CLI + line in typed()
    monkeypatch.chdir(ROOT)
    ran = CliRunner().invoke(app, shlex.split(line))
    assert ran.exit_code == 0 and len(ran.output.splitlines()) > 3


@pytest.mark.parametrize("line", [one for one in typed() if one.startswith("make ")])
def test_make_has_the_target_and_its_variables(line: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    _, target, *variables = shlex.split(line)
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    for variable in variables:
        assert f"$({variable.partition('=')[0]})" in makefile


def test_benchmarks_that_are_named_are_there() -> None:
    asked = [line.partition("ARGS=")[2].strip('"') for line in typed() if line.startswith("make bench ARGS")]
    asked += [line.partition("tests.benchmarks")[2] for line in typed() if "tests.benchmarks" in line]
    names = {name for one in asked for name in one.split()}
    assert len(names) > 3 and names <= {*BENCHMARKS}


@pytest.mark.parametrize("line", [one for one in typed() if one.startswith("papermill ")])
def test_papermill_is_given_a_notebook_and_parameters_that_it_takes(line: str) -> None:
    _, notebook, _, *options = shlex.split(line)
    assert (ROOT / notebook).is_file()
    assert set(options[::3]) <= {"-p"}
    # papermill reads numbers and leaves words as they are.
    given = {name: yaml.safe_load(value) for name, value in zip(options[1::3], options[2::3], strict=True)}
    kind = Path(notebook).stem
    if kind in READING:
        check_reading(kind, given)
    elif "..." not in line:
        assert check(kind, given).task().kind == kind


@pytest.mark.parametrize("block", blocks("python"))
def test_python_names_what_there_is_and_gives_what_it_takes(block: str) -> None:
    for node in ast.walk(ast.parse(block)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "nt":
            called = getattr(nt, node.func.attr)
            words = {word.arg: None for word in node.keywords if word.arg is not None}
            inspect.signature(called).bind(*node.args, **words)


def test_names_in_prose_are_public() -> None:
    text = "\n".join(map(prose, [README, *NOTEBOOKS]))
    names = set(re.findall(r"\bnt\.([A-Za-z_]+)", text))
    assert len(names) >= 20 and names <= set(nt.__all__)


def test_study_files_load(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    assert nt.Study.load(tmp_path / "mine.yaml").name == "mine"


@pytest.mark.parametrize("path", [README, *NOTEBOOKS], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)\)", prose(path)):
        assert "://" in link or (path.parent / link).exists(), link


def test_every_notebook_stands_in_the_readme() -> None:
    table = prose(README).partition("| notebook |")[2].partition("\n\n")[0]
    linked = re.findall(r"\(notebooks/(\w+)\.ipynb\)", table)
    assert sorted(linked) == sorted({*MODELS, *READING})


def test_variables_of_the_environment_are_read_somewhere() -> None:
    files = [path for room in ("nastransfer", "dashboard") for path in (ROOT / room).rglob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in files)
    for variable in set(re.findall(r"NASTRANSFER_[A-Z_]+", prose(README))):
        assert f'"{variable}"' in code, variable
