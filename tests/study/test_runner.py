"""The runner: real task notebooks, executed by papermill, a process each; kills lose nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from nastransfer.study.ledger import Ledger
from nastransfer.study.spec import parse_spec
from nastransfer.study.study import Study

ROOT = Path(__file__).parents[2]

# No training longer than a second, yet every kind of task: the notebooks' start-up is what takes the time here.
LIGHT = """
name: light
methods: [darts1]
preset: quickstart
settings: {darts1: {steps: 2, search_images: 64, batch: 8, resolution: 8}}
sources: [{dataset: digits, proxy: {selection: random, classes: 4}}]
targets: [digits]
search_seeds: [2]
protocol: quickstart
protocol_settings: {cells: 3, channels: 4, epochs: 2, epoch_images: 128, resolution: 8}
random: {genotypes: 2}
"""


def start(folder: Path, slots: int = 2) -> subprocess.Popen[str]:
    (folder / "light.yaml").write_text(LIGHT)
    command = [
        sys.executable,
        "-m",
        "nastransfer",
        "study",
        str(folder / "light.yaml"),
        "--slots",
        str(slots),
    ]
    return subprocess.Popen(
        [*command, "--runs", str(folder / "runs")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def kernels(folder: Path) -> list[int]:
    """Processes whose command line or environment names this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(folder).encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc for processes left behind")
def test_a_study_is_killed_finished_and_not_run_again(tmp_path: Path) -> None:
    records = Ledger(tmp_path / "runs").study("light")
    first = start(tmp_path)
    deadline = time.monotonic() + 120
    while (
        not any(attempt.state() == "running" for attempt in records.attempts())
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    while kernels(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert kernels(tmp_path) == []
    done = records.status().total("done")
    tasks = len(Study(parse_spec(LIGHT, "light")).plan())
    assert done < tasks

    second = start(tmp_path)
    output, _ = second.communicate(timeout=300)
    assert second.returncode == 0, output
    assert records.status().finished
    frame = records.results()
    assert frame.height == tasks
    assert "repeat" not in set(frame["origin"])
    assert "DARTS (1st order)" in output
    for name in ("accuracy-by-method", "transfer-versus-direct"):
        assert (records.folder / "report" / f"{name}.html").stat().st_size > 1_000_000  # plotly is inside
    for attempt in records.attempts():
        notebook = nbformat.read(attempt.notebook, as_version=4)
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        assert "error" not in {output.output_type for output in outputs}
        assert attempt.notebook.stat().st_size < 1_000_000

    before = {path: path.stat().st_mtime_ns for path in records.folder.rglob("result.json")}
    third = start(tmp_path)
    third.communicate(timeout=60)
    assert third.returncode == 0
    assert {path: path.stat().st_mtime_ns for path in records.folder.rglob("result.json")} == before
