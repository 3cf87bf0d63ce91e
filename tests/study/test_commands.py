"""The commands beside `study` and `report`: on records made by hand, and real tasks where papermill is asked."""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from nastransfer.cli import app, main
from nastransfer.cli.shared import PANELS
from nastransfer.disk import CannotWrite
from nastransfer.processes import lock
from nastransfer.study.batch import command_line
from nastransfer.study.executors.runners import registered
from nastransfer.study.failures import Cause
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.plan import Task
from nastransfer.study.spec import parse_spec
from nastransfer.study.study import Study

STUDY = """
name: light
methods: [darts1]
preset: tiny
sources: [digits]
targets: [digits]
search_seeds: [2]
protocol: tiny
protocol_settings: {cells: 3, channels: 4, epochs: 1, epoch_images: 32, resolution: 8, weight_decay: 1.0e-05}
random: {genotypes: 2}
"""


def task(number: int, *parents: int) -> Task:
    ids = tuple(f"{one:012x}" for one in parents)
    return Task(f"{number:012x}", "augment", f"random-{number}-to-digits", {"seed": 2}, ids, ("random",))


def finish(records: StudyRecords, number: int) -> Path:
    attempt = records.open_attempt(task(number))
    attempt.start(task(number), {})
    values = {"task_id": task(number).id, "result_key": f"key{number}", "linked_to": None}
    attempt.publish({**values, "labels": {"kind": "augment"}, "numbers": {"top1_last": 50.0}})
    return attempt.folder


def fail(records: StudyRecords, number: int) -> Path:
    attempt = records.open_attempt(task(number))
    attempt.start(task(number), {})
    attempt.fail("ValueError: no such set", "the trace\n", cause=Cause.BAD_INPUT)
    return attempt.folder


@pytest.fixture
def records(tmp_path: Path) -> StudyRecords:
    """Task 0 done, 1 failed, 2 pending, 3 needs 1."""
    records = Ledger(tmp_path).study("mine")
    records.write_plan([task(0), task(1), task(2), task(3, 1)])
    finish(records, 0)
    fail(records, 1)
    return records


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., str]:
    """Run a command on the records; what it printed, errors apart."""

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, [*words, "--runs", str(tmp_path)], catch_exceptions=False)
        return result.stdout

    return run


def test_retry_forgets_failures_and_says_whose(records: StudyRecords, command: Callable[..., str]) -> None:
    assert "failed   random-1-to-digits  ValueError: no such set" in command("status", "mine")
    assert records.states()[task(1).id] == "failed"
    assert "none of these tasks has failed" in command("retry", "mine", "random-0-to-digits")
    assert command("retry", "mine") == f"pending  {task(1).id}  augment random-1-to-digits\n"
    assert records.states() == {task(n).id: "done" if n == 0 else "pending" for n in range(4)}
    assert "none of these" in command("retry", "mine", task(1).id[:12])


def test_a_task_is_named_by_slug_or_the_beginning_of_its_id(
    records: StudyRecords, command: Callable[..., str]
) -> None:
    (records.task_folder(task(1)) / "log.txt").write_text("printed by its process\n")
    for named in ("random-1-to-digits", task(1).id):
        said = command("logs", "mine", named)
        assert "printed by its process" in said
        assert "failed: ValueError: no such set\nthe trace" in said
    with pytest.raises(ValueError, match="is more than one task of 'mine'"):
        command("logs", "mine", "0000")
    with pytest.raises(ValueError, match="nearest: random-"):
        command("logs", "mine", "random-1-to-digit")
    with pytest.raises(ValueError, match=r"no study 'other' in .*; studies there: mine"):
        command("logs", "other", "x")


def test_a_study_may_be_named_by_its_folder_and_a_slip_is_pointed_out(
    records: StudyRecords, command: Callable[..., str]
) -> None:
    assert command("status", str(records.folder)) == command("status", "mine")
    with pytest.raises(ValueError, match=r"no study 'mien' in .*; did you mean 'mine'\? studies there: mine"):
        command("status", "mien")
    with pytest.raises(ValueError, match="no study"):
        command("status", str(records.folder.parent.parent / "mine"))


def test_help_begins_with_what_a_newcomer_needs() -> None:
    names = [one.callback.__name__ for one in app.registered_commands]
    assert names[:2] == ["study", "estimate"] and len(set(names)) == len(names) == 18
    groups = [one.rich_help_panel for one in app.registered_commands]
    assert list(dict.fromkeys(groups)) == list(PANELS)


def test_gc_lists_and_removes_only_what_is_in_vain(
    records: StudyRecords, command: Callable[..., str]
) -> None:
    again = finish(records, 1)
    (again / "checkpoint-1.pt").write_bytes(b"state")
    unfinished = fail(records, 2)
    (unfinished / "checkpoint-1.pt").write_bytes(b"state")
    (records.folder / ".plan.jsonl.999999999.aside").write_bytes(b"half")
    records.lock_path("stale").touch()
    with lock(records.lock_path("held")):
        before = sorted(path for path in records.folder.rglob("*") if path.is_file())
        said = command("gc", "mine")
        assert "failed attempt of a finished task" in said and "nothing was removed" in said
        assert sorted(path for path in records.folder.rglob("*") if path.is_file()) == before
        assert "removed 4 things" in command("gc", "mine", "--yes")
        assert [path.name for path in (records.folder / "locks").iterdir()] == ["held"]
    assert [one.folder for one in records.attempts(task(1).id)] == [again]
    assert not list(again.glob("checkpoint-*")) and list(unfinished.glob("checkpoint-*"))
    assert records.results().height == 2
    assert "removed 1 things" in command("gc", "mine", "--yes"), "the lock that was held"


def test_runs_of_earlier_plans_go_only_when_asked_for(
    records: StudyRecords, command: Callable[..., str]
) -> None:
    records.write_plan([task(1), task(2)])
    assert "earlier" not in command("gc", "mine", "--yes")
    assert "1 of: task of an earlier plan" in command("gc", "mine", "--yes", "--earlier")
    assert not records.task_folder(task(0)).exists() and records.task_folder(task(1)).exists()
    (records.folder / "plan.jsonl").unlink()
    with pytest.raises(ValueError, match="has no plan"):
        command("gc", "mine", "--earlier")


def test_stop_asks_the_runner_and_waits_until_it_has(
    records: StudyRecords, command: Callable[..., str]
) -> None:
    assert command("stop", "mine") == "nobody runs mine\n"
    said: list[str] = []
    with registered(records) as stop_file:
        with pytest.raises(ValueError, match="a runner works on 'mine'"):
            command("gc", "mine")
        thread = threading.Thread(target=lambda: said.append(command("stop", "mine")))
        thread.start()
        while not stop_file.exists():
            time.sleep(0.02)
    thread.join()
    assert said[0].startswith(f"asked to stop: process {os.getpid()} on ")
    assert said[0].endswith("stopped; run the study again to go on from here\n")


def test_the_schema_of_study_files_is_json() -> None:
    printed = CliRunner().invoke(app, ["schema"]).stdout
    assert "methods" in json.loads(printed)["properties"]


def test_printed_tasks_run_by_plain_papermill_into_the_same_ledger(
    tmp_path: Path, command: Callable[..., str]
) -> None:
    path = tmp_path / "light.yaml"
    path.write_text(STUDY)
    plan = Study(parse_spec(STUDY, "light")).plan()
    listed = command("tasks", str(path)).splitlines()
    assert [line.split()[:2] for line in listed] == [[one.id, "pending"] for one in plan]
    lines = command("tasks", str(path), "--pending").splitlines()
    ready = [one for one in plan if not one.parents]
    assert len(lines) == len(ready) == len(plan) - 1
    trained = next(line for line in lines if "augment.ipynb" in line)
    subprocess.run(trained, shell=True, check=True, cwd=tmp_path / "light", capture_output=True)  # noqa: S602
    records = Ledger(tmp_path).study("light")
    (done,) = [one for one in plan if records.states()[one.id] == "done"]
    assert done == ready[lines.index(trained)]
    row = records.results().row(0, named=True)
    assert row["feeds"] == "random" and row["origin"] == "own"
    assert (records.folder / "notebooks" / f"{done.slug}-{done.id}.ipynb").exists()
    assert trained not in command("tasks", str(path), "--pending").splitlines()


def test_a_printed_task_says_its_parameters_exactly(tmp_path: Path) -> None:
    for one in Study(parse_spec(STUDY, "light")).plan():
        words = shlex.split(command_line(Ledger(tmp_path).study("light"), one))
        given = yaml.safe_load(words[words.index("-y") + 1])
        assert given == {**one.parameters, "study": "light", "runs": str(tmp_path)}


def test_single_tasks_are_done_by_hand(tmp_path: Path, command: Callable[..., str]) -> None:
    assert "proxy_classes        4" in command("proxy", "digits", "--classes", "4")
    found = command("search", "random", "{dataset: digits}", "--seed", "5", "--study", "other")
    assert "search_seed          5" in found
    genotype = Ledger(tmp_path).study("other").results()["genotype"].item()
    light = ["cells=3", "channels=4", "epochs=1", "epoch_images=32", "resolution=8"]
    settings = [word for one in light for word in ("--set", one)]
    trained = command("augment", "digits", "--genotype", genotype, *settings)
    assert "top1_last" in trained
    assert Ledger(tmp_path).study("by-hand").results()["kind"].to_list() == ["proxy", "augment"]
    with pytest.raises(ValueError, match="--set takes NAME=VALUE"):
        command("search", "random", "digits", "--set", "cells")
    with pytest.raises(ValueError, match="is not plain data"):
        command("search", "random", "{digits")
    with pytest.raises(ValueError, match="retry-after"):
        command("study", "quickstart", "--retry-after", "soon")


@pytest.mark.parametrize(
    ("number", "said"), [(errno.EROFS, "the file system is read-only"), (errno.ENOSPC, "the disk is full")]
)
def test_records_that_cannot_be_written_are_one_clear_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
    said: str,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "light.yaml").write_text(STUDY)
    words = ["nastransfer", "study", str(tmp_path / "light.yaml"), "--runs", str(tmp_path / "runs")]
    monkeypatch.setattr("sys.argv", words)
    monkeypatch.setattr(Path, "mkdir", refuse)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as left:
        main()
    signal.signal(signal.SIGTERM, before)
    assert left.value.code == 1
    assert capsys.readouterr().err.startswith(f"error: {said}: {tmp_path / 'runs' / 'light' / 'plan.jsonl'}")


def test_a_file_in_place_of_the_runs_folder_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    (tmp_path / "light.yaml").write_text(STUDY)
    words = ["tasks", str(tmp_path / "light.yaml"), "--runs", str(tmp_path / "runs")]
    with pytest.raises(CannotWrite, match="a file is where a folder should be"):
        CliRunner().invoke(app, words, catch_exceptions=False)
