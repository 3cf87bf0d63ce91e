"""The runner: real task notebooks, executed by papermill, a process each; kills lose nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from nastransfer.study.attempt import Attempt
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.spec import parse_spec
from nastransfer.study.study import Study

ROOT = Path(__file__).parents[2]

# No training longer than a second, yet every kind of task: the notebooks' start-up is what takes the time here.
LIGHT = """
name: light
methods: [darts1]
preset: tiny
settings: {darts1: {steps: 2, search_images: 64, batch: 8, resolution: 8}}
sources: [{dataset: digits, proxy: {selection: random, classes: 4}}]
targets: [digits]
search_seeds: [2]
protocol: tiny
protocol_settings: {cells: 3, channels: 4, epochs: 2, epoch_images: 128, resolution: 8}
random: {genotypes: 2}
"""


def start(folder: Path, slots: int = 2, text: str = LIGHT) -> subprocess.Popen[str]:
    (folder / "light.yaml").write_text(text)
    command = [
        sys.executable,
        "-m",
        "nastransfer",
        "study",
        str(folder / "light.yaml"),
        "--slots",
        str(slots),
        "--retry-after",
        "0,0",
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
    """Processes whose command line or environment names this folder: executors and kernels of its tasks."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            about = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if entry.name.isdigit() and str(folder).encode() in about:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def published(records: StudyRecords) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in records.folder.rglob("result.json")}


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc for processes left behind")
def test_a_study_is_killed_stopped_finished_and_not_run_again(tmp_path: Path) -> None:
    records = Ledger(tmp_path / "runs").study("light")
    tasks = len(Study(parse_spec(LIGHT, "light")).plan())

    first = start(tmp_path)
    wait_for(lambda: len(published(records)) >= 1 and records.status().total("running") > 0)
    first.kill()
    first.communicate()
    wait_for(lambda: kernels(tmp_path) == [] and records.status().total("running") == 0)
    kept = published(records)
    assert 1 <= len(kept) < tasks

    second = start(tmp_path)
    wait_for(lambda: len(published(records)) > len(kept))
    second.send_signal(signal.SIGINT)
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 130, output
    assert "run the same command again" in output
    wait_for(lambda: kernels(tmp_path) == [])
    assert published(records).items() >= kept.items()
    kept = published(records)

    third = start(tmp_path)
    output, _ = third.communicate(timeout=300)
    assert third.returncode == 0, output
    assert "DARTS (1st order)" in output
    assert published(records).items() >= kept.items()
    check_finished(records, tasks)

    before = published(records)
    fourth = start(tmp_path)
    fourth.communicate(timeout=60)
    assert fourth.returncode == 0
    assert published(records) == before


def check_finished(records: StudyRecords, tasks: int) -> None:
    assert records.status().finished
    frame = records.results()
    assert frame.height == tasks
    assert "repeat" not in set(frame["origin"])
    report = records.folder / "report"
    assert (report / "report.html").stat().st_size > 1_000_000  # plotly is inside
    for name in ("accuracy-by-method", "transfer-versus-direct"):
        assert (report / "figures" / f"{name}.html").exists()
    for attempt in records.attempts():
        assert not attempt.notebook_in_progress.exists()
        if attempt.state() == "done":
            notebook = nbformat.read(attempt.notebook, as_version=4)
            outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
            assert "error" not in {output.output_type for output in outputs}
            assert attempt.notebook.stat().st_size < 1_000_000


def test_a_failed_task_is_named_with_its_reason_and_blocks_only_what_needs_it(tmp_path: Path) -> None:
    text = LIGHT.replace("steps: 2", "steps: 2, lr: 1.0e+30")
    process = start(tmp_path, text=text)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "1 tasks failed and 1 could not start" in output
    assert "Diverged" in output
    records = Ledger(tmp_path / "runs").study("light")
    assert records.status().counts["augment"] == {"pending": 1, "running": 0, "done": 2, "failed": 0}
    (failed,) = records.status().failed
    assert "diverged" in failed["error"] and failed["cause"] == "diverged"
    attempt = Attempt(records.folder.parent / failed["run"])
    notebook = nbformat.read(attempt.notebook, as_version=4)
    errors = [cell for cell in notebook.cells if "Diverged" in str(cell.get("outputs"))]
    assert len(errors) == 1 and "papermill-error-cell" in str(notebook.cells), "the failed cell is marked"
    assert "again in" not in output


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc for processes left behind")
def test_a_kernel_that_is_killed_is_tried_again_and_loses_nothing(tmp_path: Path) -> None:
    text = LIGHT.replace("genotypes: 2", "genotypes: 1").replace("epochs: 2", "epochs: 60")
    for searched in ("methods: ", "settings: ", "sources: "):
        text = text.replace(f"\n{searched}", f"\n#{searched}")
    text += "methods: []\n"
    process = start(tmp_path, text=text)
    records = Ledger(tmp_path / "runs").study("light")
    wait_for(lambda: bool(records.status().running and records.status().running[0].get("step")))
    (attempt,) = records.attempts()
    asked = attempt.asked()
    assert asked is not None
    os.kill(asked["owner"]["pid"], signal.SIGKILL)
    output, _ = process.communicate(timeout=300)
    assert "again in 0 s: augment random-0-to-digits-2 (died: DeadKernelError: Kernel died)" in output
    assert records.status().finished
    assert len(published(records)) == 1
    assert kernels(tmp_path) == []
