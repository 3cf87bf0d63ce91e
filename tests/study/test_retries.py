"""What the runner makes of tasks that die, fail, fill the disk or are worked on by others; tasks are acted here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nastransfer.disk import CannotWrite
from nastransfer.processes import lock
from nastransfer.study.executors import local, process, runner
from nastransfer.study.executors.run import Options, Stopped, Summary, run
from nastransfer.study.executors.runners import ask_to_stop, runners
from nastransfer.study.failures import Cause
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.plan import Task

ROOT = Path(__file__).parents[2]
RUN = (
    "import sys; from nastransfer.study.executors import process, runner;"
    "from nastransfer.study.executors.run import Options, run; from nastransfer.study.ledger import Ledger;"
    "process.MODULE = 'tests.study.acting'; process.STOP_SECONDS = 600; runner.BUSY_PAUSE_SECONDS = 0.2;"
    "records = Ledger(sys.argv[1]).study('acted'); run(records, records.plan(), 2, Options(2))"
)


def task(number: int, *parents: int, kind: str = "augment", **given: Any) -> Task:
    return Task(f"{number:012x}", kind, f"task-{number}", given, tuple(f"{one:012x}" for one in parents))


@pytest.fixture(autouse=True)
def _acted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MODULE", "tests.study.acting")
    monkeypatch.setattr(runner, "BUSY_PAUSE_SECONDS", 0.2)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def planned(folder: Path, *tasks: Task) -> StudyRecords:
    records = Ledger(folder).study("acted")
    records.write_plan(list(tasks))
    return records


def go(records: StudyRecords, **options: Any) -> Summary:
    return run(records, records.plan(), options=Options(**{"slots": 2, "retries": (0.0, 0.3), **options}))


def tries(records: StudyRecords, number: int) -> list[float]:
    return [float(line) for line in (records.task_folder(task(number)) / "tries").read_text().splitlines()]


def test_a_task_that_dies_is_tried_again_after_longer_and_longer_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = planned(tmp_path, task(1, die=2), task(2, 1))
    summary = go(records)
    assert (len(summary.done), summary.failed, summary.retried[task(1).id]) == (2, [], 2)
    first, second, third = tries(records, 1)
    assert second > first and third - second >= 0.3
    assert "again in 0 s: augment task-1 (died: its process ended with status -9)" in capsys.readouterr().out


def test_a_task_that_always_dies_fails_and_says_so(tmp_path: Path) -> None:
    records = planned(tmp_path, task(1, die=9), task(2, 1), task(3))
    summary = go(records)
    assert (summary.failed, summary.blocked, summary.done) == ([task(1).id], [task(2).id], [task(3).id])
    assert len(tries(records, 1)) == 3
    assert "status -9" in records.status().failed[0]["error"]
    assert [one.cause() for one in records.attempts(task(1).id)] == [Cause.DIED]
    assert go(records, retries=()).failed == [task(1).id], (
        "run again: it is tried anew, as often as is asked for"
    )
    assert len(tries(records, 1)) == 4


@pytest.mark.parametrize(
    ("raised", "count"),
    [
        ("ValueError", 1),
        ("RuntimeError", 1),
        ("FloatingPointError", 1),
        ("MemoryError", 2),
        ("ConnectionResetError", 3),
    ],
)
def test_only_causes_that_can_pass_are_worth_another_try(tmp_path: Path, raised: str, count: int) -> None:
    records = planned(tmp_path, task(1, raises=raised))
    assert go(records, retries=(0.0, 0.0)).failed == [task(1).id]
    assert len(tries(records, 1)) == count
    assert records.status().failed[0]["error"] == f"{raised}: so it is"


def test_a_clock_that_is_set_back_does_not_mix_up_the_tries(tmp_path: Path) -> None:
    causes = ["ConnectionResetError", "ValueError", "ConnectionResetError"]
    records = planned(tmp_path, task(1, raises=causes))
    assert go(records).failed == [task(1).id]
    assert len(tries(records, 1)) == 2, (
        "the second failure cannot pass, though the first one bears a later time"
    )


def test_a_full_disk_stops_the_study_with_one_message(tmp_path: Path) -> None:
    records = planned(
        tmp_path, task(1), task(2, 1, full=True), *(task(n, 1, seconds=600) for n in range(3, 6))
    )
    with pytest.raises(CannotWrite, match="the disk is full: make room"):
        go(records)
    assert records.status().total("done") == 1 and records.status().total("running") == 0
    assert runners(records.folder) == {}


@pytest.mark.parametrize("number", [4, pytest.param(16, marks=pytest.mark.slow)])
def test_runners_share_a_study_and_publish_each_task_once(
    tmp_path: Path, number: int, record_property: Callable[[str, object], None]
) -> None:
    tasks = 3 * number
    records = planned(tmp_path, *(task(n, *([n - number] if n >= number else [])) for n in range(tasks)))
    several = [
        subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], cwd=ROOT, stdout=subprocess.DEVNULL)
        for _ in range(number)
    ]
    assert [one.wait(timeout=60 * number) for one in several] == [0] * number
    assert records.status().finished
    assert len(list(records.folder.rglob("result.json"))) == tasks
    assert sum(len(tries(records, number)) for number in range(tasks)) == tasks
    record_property("runners, tasks, results", [number, tasks, tasks])


def stop_once(records: StudyRecords, condition: Callable[[], bool]) -> threading.Thread:
    """Ask for a stop from another thread as soon as a condition holds; start it."""

    def ask() -> None:
        wait_for(condition)
        assert len(ask_to_stop(records.folder)) == 1

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_a_task_that_another_process_works_on_is_left_to_it(tmp_path: Path) -> None:
    records = planned(tmp_path, task(1), task(2))
    with lock(records.lock_path(task(1).id)):
        thread = stop_once(records, lambda: records.states()[task(2).id] == "done")
        with pytest.raises(Stopped):
            go(records)
        thread.join()
    assert records.states()[task(1).id] == "pending"


def test_asked_to_stop_it_stops_as_after_ctrl_c_and_goes_on_later(tmp_path: Path) -> None:
    records = planned(tmp_path, task(1), task(2, 1, seconds=300))
    thread = stop_once(records, lambda: records.states()[task(2).id] == "running")
    with pytest.raises(KeyboardInterrupt):
        go(records)
    thread.join()
    assert records.status().total("running") == 0
    assert runners(records.folder) == {}
    assert list((records.folder / "locks").glob("ahead-*")) == []
    records.write_plan([task(1), task(2, 1)])
    assert go(records).done == [task(2).id]


def test_a_second_ctrl_c_does_not_wait_for_stubborn_tasks(tmp_path: Path) -> None:
    """They would end after ten minutes, and would be waited for as long."""
    records = planned(tmp_path, *(task(n, stubborn=True, seconds=600) for n in range(2)))
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path)], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as one:
        wait_for(lambda: records.status().total("running") == 2)
        while one.poll() is None:
            one.send_signal(signal.SIGINT)
            time.sleep(0.5)
    wait_for(lambda: records.status().total("running") == 0)
    assert list((records.folder / "locks").glob("runner-*")) == []


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_processes_started_ahead_are_used_and_none_is_left(tmp_path: Path) -> None:
    records = planned(tmp_path, *(task(n, seconds=1.5) for n in range(6)))
    go(records)
    devices = records.results()["device"].to_list()
    assert devices[:2] == ["direct", "direct"] and devices.count("ahead") >= 2
    assert list((records.folder / "locks").glob("ahead-*")) == []
    assert all(len(records.logs(task(n))) == 1 for n in range(6))


def test_a_process_started_ahead_that_dies_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = planned(tmp_path, *(task(n, seconds=1.2) for n in range(3)))
    sent = local.start_ahead

    def dead(*given: Any) -> process.Ahead:
        ahead = sent(*given)
        os.kill(ahead.process.pid, signal.SIGKILL)
        ahead.process.wait()
        return ahead

    monkeypatch.setattr(local, "start_ahead", dead)
    assert len(go(records, slots=1).done) == 3
    assert set(records.results()["device"]) == {"direct"}


def test_a_training_on_several_devices_fills_as_many_slots(tmp_path: Path) -> None:
    records = planned(
        tmp_path, *(task(n, seconds=0.6) for n in range(2)), task(2, kind="search", seconds=0.6)
    )
    started = time.monotonic()
    go(records, devices=2, ahead=False)
    assert time.monotonic() - started >= 1.2, "the two trainings cannot run side by side"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"slots": 0}, "slots"),
        ({"devices": 0}, "devices"),
        ({"retries": (-1.0,)}, "retries"),
        ({"executor": "spark"}, "one of local, ray"),
        ({"nodes": 2}, "need the executor 'ray'"),
        ({"address": "auto"}, "need the executor 'ray'"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Options(**options)
