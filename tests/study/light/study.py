"""Studies of light tasks, and what a process needs to run one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nbformat
import polars as pl

from nastransfer.study.ledger import StudyRecords

ROOT = Path(__file__).parents[3]
_BEGIN = {
    "proxy": "import nastransfer as nt",
    "search": "import nastransfer as nt",
    "augment": "import nastransfer as nt\nfrom tests.study.light.training import stand_in\nstand_in()",
}
_TEXT = """
name: light
plugins: [guess.py]
methods: [guess]
preset: tiny
sources: [digits, {{dataset: digits, proxy: {{selection: random, classes: 4}}}}]
targets: [digits]
search_seeds: {seeds}
protocol: tiny
random: {{genotypes: {random}}}
"""
# Columns that differ between two runs of the same: when, where and how fast.
WHERE = ("run", "seconds", "peak_bytes", "device", "threads", "versions", "commit")


def write(folder: Path, *, seeds: int, random: int) -> Path:
    """A study file of 1 + 4 * seeds + random tasks, its method and its notebooks."""
    shutil.copy(Path(__file__).with_name("guess.py"), folder)
    for kind, first in _BEGIN.items():
        cells = [
            nbformat.v4.new_code_cell("study = ''", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(f"{first}\ntask = nt.begin('{kind}', nt.parameters(globals()))"),
            nbformat.v4.new_code_cell("for step in task:\n    task.show(step)\ntask.finish()"),
        ]
        notebook = nbformat.v4.new_notebook(cells=cells)
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, folder / f"{kind}.ipynb")
    path = folder / "light.yaml"
    path.write_text(_TEXT.format(seeds=list(range(2, 2 + seeds)), random=random), encoding="utf-8")
    return path


def environment(folder: Path) -> dict[str, str]:
    """Of a process that runs the study which was written to this folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "NASTRANSFER_NOTEBOOKS": str(folder)}


def table(records: StudyRecords) -> pl.DataFrame:
    """All results but what differs between two runs of the same."""
    return records.results().drop(*WHERE).sort(pl.all())
