"""The house's rules: imports point one way, readers need no torch, files and notebook cells stay small."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nastransfer

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("data", "space", "train", "search", "stats", "study", "report", "cli")
STRANGERS = {("data", "space"), ("space", "data")}
REPORT_MAY_KNOW = {
    "nastransfer.study",
    "nastransfer.study.frame",
    "nastransfer.study.frame.COLUMNS",
    "nastransfer.study.published",
}
PACKAGE = sorted((ROOT / "nastransfer").rglob("*.py"))
DASHBOARD = sorted((ROOT / "dashboard").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TORCH_FREE = (
    "nastransfer",
    "nastransfer.cli",
    "nastransfer.search.darts",
    "nastransfer.search.enas",
    "nastransfer.search.nao",
    "nastransfer.search.nsga2",
    "nastransfer.search.nsganet",
    "nastransfer.search.random_sampling",
    "nastransfer.search.searcher",
    "nastransfer.search.workers",
    "nastransfer.space.cost",
    "nastransfer.space.distance",
    "nastransfer.space.encoding",
    "nastransfer.space.export",
    "nastransfer.space.features",
    "nastransfer.space.flops",
    "nastransfer.space.genotype",
    "nastransfer.space.grammar",
    "nastransfer.space.known",
    "nastransfer.space.layout",
    "nastransfer.space.picture",
    "nastransfer.space.predictor",
    "nastransfer.space.skeleton",
    "nastransfer.study.frame",
    "nastransfer.study.ledger",
    "nastransfer.study.outcome",
    "nastransfer.study.plan",
    "nastransfer.study.published",
    "nastransfer.study.spec",
    "nastransfer.train.architecture",
    "nastransfer.train.protocol",
    "nastransfer.train.run",
    "nastransfer.train.saving",
)
# Of the room of images, all the others are free of torch: planning and the dashboard open sets and build proxies.
DATA_WITH_TORCH = {
    f"nastransfer.data.{name}"
    for name in ("batches", "colour", "passes", "resample", "resident", "stream", "threads", "transforms")
}
MAX_FILE_LINES = 300
MAX_CELL_LINES = 12
# The one notebook that writes a file, and what that file may be: a search method of less than 40 lines.
WRITES, WRITTEN, MAX_WRITTEN_LINES = "own_method.ipynb", "%%writefile my_method.py\n", 39
KERNELS = sorted((ROOT / "nastransfer" / "space" / "engines" / "cpp").iterdir())
MAX_LETTERS = 120


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file may import, at its top or in a function: `from a import b` gives a and a.b.

    A name taken from the lazy public face (`nt.results`) counts as an import of the module it comes from.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module_name(path).split(".") + ([""] if path.stem == "__init__" else [])
    faces = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            faces |= {alias.asname or alias.name for alias in node.names if alias.name == "nastransfer"}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level] if node.level else []
            origin = ".".join([*start, *([node.module] if node.module else [])])
            yield origin
            for alias in node.names:
                home = nastransfer._HOMES.get(alias.name) if origin == "nastransfer" else None
                yield f"{origin}.{home or alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in faces:
            home = nastransfer._HOMES.get(node.attr)
            yield f"nastransfer.{home}" if home else "nastransfer"


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "nastransfer" and parts[1] in ROOMS else None


@pytest.mark.parametrize("path", [p for p in PACKAGE if room_of(module_name(p))], ids=name_of)
def test_a_room_imports_only_rooms_above_it(path: Path) -> None:
    room = room_of(module_name(path))
    assert room is not None
    for module in imports(path):
        other = room_of(module)
        if other is None or other == room:
            assert not module.startswith("dashboard"), f"{path} imports {module}"
            assert module != "nastransfer.bootstrap", f"{path} imports {module}"
            continue
        assert ROOMS.index(other) < ROOMS.index(room), f"{room} imports {module}, of a room below it"
        assert (room, other) not in STRANGERS, f"{room} imports {module}: these rooms do not know each other"
        assert room != "report" or other != "study" or module in REPORT_MAY_KNOW, f"report imports {module}"


def test_what_runs_before_the_installation_needs_the_standard_library_only() -> None:
    for module in imports(ROOT / "nastransfer" / "bootstrap.py"):
        assert module.split(".")[0] in {*sys.stdlib_module_names, "__future__"}


def test_what_readers_use_is_free_of_torch() -> None:
    """In a fresh process with warnings as errors: import one after the other, stop where torch came in."""
    rooms = [module_name(path) for path in PACKAGE if room_of(module_name(path)) in ("stats", "report")]
    pages = {module for path in DASHBOARD for module in imports(path) if room_of(module)}
    assert not {m for path in DASHBOARD for m in imports(path) if m.split(".")[0] in ("torch", "torchvision")}
    files = {module_name(path) for path in PACKAGE}
    data = {module for module in files if room_of(module) == "data"} - DATA_WITH_TORCH
    modules = sorted({*TORCH_FREE, *rooms, *data, *(pages & files)})
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    assert 'torch' not in sys.modules, f'torch came in with {name}'\n"
    )
    command = [sys.executable, "-W", "error", "-c", code, *modules]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_public_names_mean_the_same_whatever_was_imported_before() -> None:
    """A room's name must not hide a public function of the same name (`nt.search`)."""
    code = (
        "import nastransfer as nt, importlib, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "missing = [name for name in nt.__all__ if not hasattr(nt, name)]\n"
        "modules = [name for name in nt.__all__ if not callable(getattr(nt, name))]\n"
        "assert not missing and not modules, (missing, modules)\n"
    )
    modules = [module_name(path) for path in PACKAGE if room_of(module_name(path))]
    command = [sys.executable, "-c", code, *modules]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("path", [*PACKAGE, *DASHBOARD, *TESTS], ids=name_of)
def test_files_say_what_they_are_and_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
    assert len(text.splitlines()) <= MAX_FILE_LINES, f"{path}: a thing in it wants a name of its own"


@pytest.mark.parametrize("path", KERNELS, ids=name_of)
def test_kernels_say_what_they_are_and_stay_readable(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("// "), f"{path} has no header"
    assert len(lines) <= MAX_FILE_LINES, f"{path}: a thing in it wants a name of its own"
    assert not [line for line in lines if len(line) > MAX_LETTERS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebooks_hold_calls_and_prose(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    tagged = [cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]
    assert len(tagged) == 1, f"{path}: one cell is tagged 'parameters', found {len(tagged)}"
    sources = ["".join(cell["source"]) for cell in code]
    written = [source.removeprefix(WRITTEN) for source in sources if source.startswith(WRITTEN)]
    assert len(written) == (path.name == WRITES), f"{path}: only {WRITES} writes a file, and one"
    for text in written:
        assert ast.get_docstring(ast.parse(text)), f"{path}: the file says what it is"
        assert len(text.splitlines()) <= MAX_WRITTEN_LINES, f"{path}: {text}"
    for cell, source in zip(code, sources, strict=True):
        assert cell["outputs"] == [], f"{path} is committed with outputs; clear them"
        assert cell["execution_count"] is None, f"{path} is committed with execution counts; clear them"
        if source.startswith(WRITTEN):
            continue
        lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
        found = {type(node).__name__ for node in ast.walk(ast.parse("\n".join(lines)))}
        assert not found & {"FunctionDef", "AsyncFunctionDef", "ClassDef"}, f"{path}: {source}"
        # Of the one cell of parameters each line is one of them.
        assert cell in tagged or len(source.splitlines()) <= MAX_CELL_LINES, f"{path}: {source}"
        assert "%%" not in source, f"{path}: {source}"
