"""What executors on one machine and on many share: lost machines, shares of a GPU, what was cut off elsewhere."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nastransfer.processes import lock
from nastransfer.study.attempt import Attempt
from nastransfer.study.executors import ray
from nastransfer.study.executors.gpus import CONTEXT_BYTES, FILLED, share
from nastransfer.study.executors.run import Options, run
from nastransfer.study.failures import MOST_PREEMPTED, Cause, wait_before_next
from nastransfer.study.interrupted import release_elsewhere
from nastransfer.study.ledger import Ledger, StudyRecords
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


class Told(ray.Driver):
    """A driver that starts no cluster: one that has what a test says, and notes what it is told."""

    has = ray.Room(64, 8, 80 * GIGABYTE)

    def __init__(self, *_: object) -> None:
        self.told: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []

    def tell(self, message: dict[str, Any]) -> None:
        self.told.append(message)

    def hear(self) -> Iterator[dict[str, Any]]:
        said, self.said = self.said, []
        return iter(said)

    def room(self) -> ray.Room:
        return self.has

    def close(self) -> None:
        """Nothing was started."""


def on_ray(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> tuple[StudyRecords, ray.RayExecutor, Told]:
    """An executor, its records, and the driver that it talks to."""
    driver = Told()
    monkeypatch.setattr(ray, "Driver", lambda *_: driver)
    records = Ledger(folder).study("acted")
    asked = Options(executor="ray", address="head:6379", **options)
    return records, ray.RayExecutor(records, asked, print), driver


def test_tasks_ask_a_cluster_for_what_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 64 cores and 8 GPUs: the cores of a GPU with each; later, of a known peak, as much as lets three share one."""
    records, executor, driver = on_ray(tmp_path, monkeypatch)
    for number, kind in enumerate(("proxy", "search", "augment")):
        assert executor.start(task(number, kind=kind))
    asks = [(one["ask"]["nodes"], one["ask"]["cpus"], one["ask"]["gpus"]) for one in driver.told]
    assert asks == [(1, 8, 0.0), (1, 8, 1.0), (1, 8, 1.0)]
    assert driver.told[1]["work"]["environment"]["OMP_NUM_THREADS"] == "8"
    attempt = records.open_attempt(task(1, kind="search"))
    numbers = {"peak_bytes": 20 * GIGABYTE}
    attempt.publish({"task_id": task(1).id, "labels": {"kind": "search"}, "numbers": numbers})
    executor.learn(task(1, kind="search"), attempt)
    executor.start(task(4, kind="search"))
    assert driver.told[-1]["ask"]["gpus"] == 0.3333


def test_a_training_on_many_devices_asks_for_whole_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, executor, driver = on_ray(tmp_path, monkeypatch, devices=4, nodes=2, threads=3)
    for number, kind in enumerate(("augment", "search")):
        executor.start(task(number, kind=kind))
    assert driver.told[0]["ask"] == {"nodes": 2, "cpus": 12, "gpus": 4.0}
    assert driver.told[0]["work"]["devices"] == 4
    assert driver.told[1]["ask"] == {"nodes": 1, "cpus": 3, "gpus": 1.0}
    assert executor.side_by_side == 1


@pytest.mark.parametrize(("slots", "most"), [(None, 8 + ray.WAITING), (3, 3)])
def test_some_tasks_more_than_fit_wait_at_ray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slots: int | None, most: int
) -> None:
    _, executor, _ = on_ray(tmp_path, monkeypatch, slots=slots)
    started = 0
    while not executor.full():
        executor.start(task(started, kind="search"))
        started += 1
    assert started == len(executor.running) == most


def test_what_the_driver_says_is_what_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, executor, driver = on_ray(tmp_path, monkeypatch)
    executor.start(task(1))
    driver.said = [
        {"room": {"cpus": 8.0, "gpus": 0.0, "gpu_bytes": None}},
        {"notice": "waiting"},
        {
            "ended": task(1).id,
            "status": -9,
            "seconds": 4.0,
            "cause": "preempted",
            "said": "its node was lost",
        },
    ]
    (one,) = executor.ended()
    assert (one.task, one.seconds, one.cause, one.why) == (task(1), 4.0, Cause.PREEMPTED, "its node was lost")
    assert executor.running == [] and executor.ended() == [] and executor.side_by_side == 8
    assert capsys.readouterr().out == "waiting\n"


def test_without_ray_its_executor_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", dict[str, None]().get)
    records = planned(tmp_path, task(1))
    with pytest.raises(ValueError, match=r"needs Ray, which is not installed here: `pip install"):
        run(records, records.plan(), options=Options(executor="ray"))
