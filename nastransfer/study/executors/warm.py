"""What a kernel that is started ahead imports before it has its task. It computes nothing: no result depends on it."""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
from pathlib import Path

from nastransfer.processes import end_with_parent
from nastransfer.study.plan import Task

SHIPPED = Path(__file__).parents[3] / "notebooks"
# What the work of a task imports when it starts. Names, not imports: a task of another kind must not pay for them.
_TASK = ("nastransfer.study.task",)
_SUPERNET = ("nastransfer.data.batches", "nastransfer.space.supernet", "nastransfer.train.loop")
_TRAINING = ("nastransfer.train.augment", "nastransfer.train.preflight", "nastransfer.train.profiling")


def needs(notebook: Path, task: Task) -> tuple[str, ...]:
    """Names of the modules that a task's notebook and its work import, as far as that is known before.

    What the work of another notebook than the shipped ones imports is not known.
    """
    given = task.parameters
    if notebook.parent != SHIPPED:
        return (*_imported(notebook), *_TASK)
    # A method of a plug-in, or random sampling, may need no torch.
    searches = task.kind == "search" and not given.get("plugin") and given.get("method") != "random"
    work = _SUPERNET if searches else _TRAINING if task.kind == "augment" else ()
    return (*_imported(notebook), *_TASK, *work)


def _imported(notebook: Path) -> list[str]:
    """Names that the cells of a notebook import: modules, and what may be a module within one."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    found = []
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and not text.startswith(("%", "!")):
            for one in ast.walk(ast.parse(text)):
                if isinstance(one, ast.Import):
                    found += [alias.name for alias in one.names]
                elif isinstance(one, ast.ImportFrom):
                    found += [f"{one.module}.{alias.name}" for alias in one.names]
    return found


def warm(modules: tuple[str, ...]) -> None:
    """In a kernel: die with whoever started it, and import what its task will need."""
    end_with_parent()
    for name in modules:
        with contextlib.suppress(ImportError):  # no module, or the notebook that needs it will say so
            importlib.import_module(name)
