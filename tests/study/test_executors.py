"""What executors on one machine and on many share: lost machines, shares of a GPU, what was cut off elsewhere."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from nastransfer.processes import lock
from nastransfer.study.attempt import Attempt
from nastransfer.study.executors.gpus import CONTEXT_BYTES, FILLED, share
from nastransfer.study.executors.run import Options, run
from nastransfer.study.failures import MOST_PREEMPTED, Cause, wait_before_next
from nastransfer.study.interrupted import release_elsewhere
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.records import read_record, write_record
from tests.study.test_retries import planned, task

WAITS = (5.0, 30.0)
GIGABYTE = 10**9


def test_a_lost_machine_takes_no_try_from_a_task_and_waits_grow() -> None:
    lost, died = Cause.PREEMPTED, Cause.DIED
    assert [wait_before_next([lost] * n, WAITS) for n in range(1, 5)] == [5.0, 30.0, 30.0, 30.0]
    assert wait_before_next([lost, lost, died], WAITS) == 5.0, "the first try that it lost by itself"
    assert wait_before_next([died, lost, died], WAITS) == 30.0
    assert wait_before_next([died, lost, died, died], WAITS) is None
    assert wait_before_next([Cause.MEMORY, lost, Cause.MEMORY], WAITS) is None


def test_a_task_that_loses_machine_after_machine_is_given_up() -> None:
    assert wait_before_next([Cause.PREEMPTED] * MOST_PREEMPTED, WAITS) == 30.0
    assert wait_before_next([Cause.PREEMPTED] * (MOST_PREEMPTED + 1), WAITS) is None
    assert wait_before_next([Cause.PREEMPTED], ()) is None, "one try was asked for"


@pytest.mark.parametrize(("fit", "expected"), [(1, 1.0), (2, 0.5), (3, 0.3333), (7, 0.1428), (64, 0.0156)])
def test_as_many_tasks_share_a_gpu_as_fit_into_its_memory(fit: int, expected: float) -> None:
    total = 80 * GIGABYTE
    peak = int(FILLED * total / fit) - CONTEXT_BYTES
    asked = share(total, peak)
    assert asked == expected
    assert int(1.0 / asked) == fit and fit * asked <= 1.0


def test_a_task_whose_memory_is_not_known_or_too_large_gets_a_whole_gpu() -> None:
    assert share(80 * GIGABYTE, None) == share(None, GIGABYTE) == share(80 * GIGABYTE, 90 * GIGABYTE) == 1.0


def begun(records: StudyRecords, host: str | None) -> Attempt:
    """An attempt with a saved state, of a process of this machine or another one."""
    attempt = records.open_attempt(task(1))
    attempt.start(task(1), {})
    (attempt.folder / "checkpoint-1.pt").touch()
    path = attempt.folder / "task.json"
    about = read_record(path)
    if host is not None:
        about["owner"]["host"] = host
    write_record(path, about)
    return attempt


def test_what_was_cut_off_on_another_machine_goes_on_at_once(tmp_path: Path) -> None:
    records = planned(tmp_path, task(1))
    attempt = begun(records, "another-machine")
    assert attempt.state() == "running" and not attempt.resumable(), "it was heard of a moment ago"
    with lock(records.lock_path(task(1).id)):
        release_elsewhere(records, task(1))
        assert records.open_attempt(task(1)) == attempt


def test_what_runs_on_this_machine_is_not_taken_from_it(tmp_path: Path) -> None:
    records = planned(tmp_path, task(1))
    attempt = begun(records, None)
    release_elsewhere(records, task(1))
    assert attempt.state() == "running"


def test_damaged_records_hinder_nobody(tmp_path: Path) -> None:
    records = planned(tmp_path, task(1))
    attempt = begun(records, "another-machine")
    (attempt.folder / "task.json").write_text(json.dumps({"owner": 1}))
    release_elsewhere(records, task(1))
    assert records.open_attempt(task(1)) != attempt


def test_without_ray_its_executor_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", dict[str, None]().get)
    records = planned(tmp_path, task(1))
    with pytest.raises(ValueError, match=r"needs Ray, which is not installed here: `pip install"):
        run(records, records.plan(), options=Options(executor="ray"))
