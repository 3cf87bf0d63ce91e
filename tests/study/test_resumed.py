"""A search of a study that was killed goes on from its saved state, in its own folder, to the very same numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import nastransfer as nt
from nastransfer.study.attempt import Attempt
from nastransfer.study.ledger import Ledger
from nastransfer.study.outcome import SAVE_VARIABLE, save_seconds
from nastransfer.study.plan import search_task
from nastransfer.study.records import read_record, write_record
from nastransfer.study.spec import Source
from nastransfer.train.run import Run

ROOT = Path(__file__).parents[2]
STEPS = 24
SETTINGS = {"steps": STEPS, "search_images": 64, "batch": 8, "resolution": 8, "channels": 2, "reports": STEPS}
VALUES: dict[str, Any] = {
    "study": "killed",
    "method": "darts1",
    "source": "digits",
    "preset": "tiny",
    "settings": SETTINGS,
}
# Times and memory are of the machine and the moment.
FLEETING = ("seconds", "peak_bytes", "images_per_second", "device", "commit")


def only(runs: Path) -> Attempt:
    (attempt,) = Ledger(runs).study("killed").attempts()
    return attempt


def run(runs: Path) -> dict[str, Any]:
    task = nt.begin("search", {**VALUES, "runs": str(runs)})
    for step in task:
        task.show(step)
    return task.finish()


def lasting(runs: Path, found: dict[str, Any]) -> tuple[dict[str, Any], pl.DataFrame]:
    """What must be the same again."""
    history = only(runs).read_frame("history")
    assert history is not None
    kept = [name for name in history.columns if not name.startswith(FLEETING)]
    return {name: value for name, value in found.items() if not name.startswith(FLEETING)}, history.select(
        kept
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def half_done(runs: Path) -> bool:
    """Whether a state is saved and some steps after it were told."""
    attempts = list(Ledger(runs).study("killed").attempts())
    events = attempts[0].events() if attempts else []
    return bool(events) and events[-1]["step"] >= 8 and bool(attempts[0].checkpoints())


def kill_in_the_middle(runs: Path) -> None:
    """The same search in a process of its own, killed without warning."""
    values = {**VALUES, "runs": str(runs)}
    code = (
        f"import time, nastransfer as nt\ntask = nt.begin('search', {values!r})\n"
        "for step in task:\n    task.show(step)\n    task._last_event = 0.0\n    time.sleep(0.1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), SAVE_VARIABLE: "0.2"}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=ROOT) as process:
        wait_for(lambda: half_done(runs) or process.poll() is not None)
        process.kill()
    assert process.returncode == -signal.SIGKILL, "it was to be killed before its end"


def test_a_killed_search_ends_as_if_nothing_had_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lasting(tmp_path / "whole", run(tmp_path / "whole"))
    runs = tmp_path / "runs"
    kill_in_the_middle(runs)
    attempt = only(runs)
    assert attempt.state() == "pending"
    # As on a cluster: of a process of another machine, which cannot be asked, only its lock is known to be free.
    path = attempt.folder / "task.json"
    about = read_record(path)
    about["owner"]["host"] = "another-machine"
    write_record(path, about)
    assert attempt.state() == "running"
    told = [event["step"] for event in attempt.events()]
    saved = [path.read_bytes() for path in attempt.checkpoints()]
    assert saved

    done = []
    advance = Run.advance
    monkeypatch.setattr(Run, "advance", lambda run: (done.append(run.done), advance(run))[1])
    numbers, history = lasting(runs, run(runs))
    assert numbers == whole[0]
    assert history.equals(whole[1])
    assert only(runs).folder == attempt.folder
    assert done == list(range(done[0], STEPS)), "each unit once"
    assert 0 < done[0] <= told[-1], "it goes on from what was saved"
    steps = [event["step"] for event in attempt.events()]
    assert steps == sorted(set(steps)), "no step twice"
    assert steps[:4] == told[:4], "the events of the first part are kept"
    assert attempt.checkpoints() == [], "a result makes the states superfluous"


def test_an_interrupted_loop_goes_on_in_the_same_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SAVE_VARIABLE, "0")
    task = nt.begin("search", {**VALUES, "runs": str(tmp_path)})
    for step in task:
        task.show(step)
        if step.step == 5:
            break
    # The cell that begins the task is run again as well.
    task = nt.begin("search", {**VALUES, "runs": str(tmp_path)})
    steps = [step.step for step in task]
    assert steps == list(range(steps[0], STEPS + 1))
    assert steps[0] in (5, 6)
    assert task.finish()["seconds"] >= task.history["seconds"][-1]
    assert only(tmp_path).state() == "done"


@pytest.mark.slow
def test_a_search_whose_kernel_was_killed_goes_on_in_the_next_run_of_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under papermill: the kernel dies (as by the system when memory is short), which is a failure on record."""
    whole = lasting(tmp_path / "whole", run(tmp_path / "whole"))
    monkeypatch.setenv(SAVE_VARIABLE, "0")
    runs = tmp_path / "runs"
    task = search_task("darts1", Source(dataset="digits"), 2, "tiny", SETTINGS)
    records = Ledger(runs).study("killed")
    records.write_plan([task])
    module = "nastransfer.study.executors.notebook"
    command = [sys.executable, "-m", module, str(runs), "killed", task.id]
    with subprocess.Popen(command, cwd=ROOT) as process:
        wait_for(lambda: any(attempt.checkpoints() for attempt in records.attempts()))
        asked = only(runs).asked()
        assert asked is not None
        assert asked["owner"]["pid"] != process.pid
        os.kill(asked["owner"]["pid"], signal.SIGKILL)
    assert process.returncode == 1
    assert only(runs).state() == "failed"
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    result = records.results().row(0, named=True)
    assert result["genotype"] == whole[0]["genotype"]
    history = only(runs).read_frame("history")
    assert history is not None
    assert history.select(whole[1].columns).equals(whole[1])
    assert only(runs).checkpoints() == []


def test_seconds_between_states_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert save_seconds() == 60
    for wrong in ("-1", "nan", "soon"):
        monkeypatch.setenv(SAVE_VARIABLE, wrong)
        with pytest.raises(ValueError, match=f"number of seconds from 0 on .found '{wrong}'"):
            save_seconds()
