"""The ledger: states, results, and bad records that hide nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nastransfer.study.attempt import Attempt
from nastransfer.study.frame import SCHEMA
from nastransfer.study.ledger import Ledger, StudyRecords, results
from nastransfer.study.plan import Task

MACHINE = {"device": "a CPU", "threads": 1}


def task(number: int) -> Task:
    return Task(f"{number:012x}", "augment", f"random-{number}-to-glyphs", {"seed": 2}, feeds=("random",))


def finish(records: StudyRecords, number: int, top1: float, linked_to: str | None = None) -> Attempt:
    attempt = records.open_attempt(task(number))
    attempt.start(task(number), MACHINE)
    labels = {"kind": "augment", "method": "random", "target": "glyphs", "augment_seed": 2}
    values = {"task_id": task(number).id, "result_key": f"key{number}", "linked_to": linked_to}
    attempt.publish({**values, "labels": labels, "numbers": {"top1_last": top1, "threads": 1}})
    return attempt


@pytest.fixture
def records(tmp_path: Path) -> StudyRecords:
    records = Ledger(tmp_path / "runs").study("mine")
    records.write_plan([task(number) for number in range(4)])
    return records


def test_an_empty_root_has_no_studies(tmp_path: Path) -> None:
    assert Ledger(tmp_path).studies() == []
    assert Ledger(tmp_path / "absent").studies() == []
    with pytest.raises(ValueError, match="there is no study folder"):
        results(tmp_path / "absent")


def test_names_cannot_leave_the_root(tmp_path: Path) -> None:
    for name in ("../other", "/etc", "a/b", "", ".hidden", "<script>"):
        with pytest.raises(ValueError, match="must match"):
            Ledger(tmp_path).study(name)


def test_states_from_start_to_result(records: StudyRecords) -> None:
    assert records.status().counts["augment"] == {"pending": 4, "running": 0, "done": 0, "failed": 0}
    attempt = records.open_attempt(task(0))
    attempt.start(task(0), MACHINE)
    attempt.event({"step": 3, "steps": 9})
    status = records.status()
    assert status.total("running") == 1
    assert status.running[0]["step"] == 3
    attempt.fail("ValueError: no", "trace")
    assert records.status().failed[0]["error"] == "ValueError: no"
    finish(records, 0, 50.0)
    assert records.status().counts["augment"] == {"pending": 3, "running": 0, "done": 1, "failed": 0}
    assert not records.status().finished


def test_a_killed_attempt_is_pending_and_taken_up_in_its_place(records: StudyRecords, tmp_path: Path) -> None:
    code = (
        "import signal; from tests.study.test_ledger import MACHINE, Ledger, task;"
        f"records = Ledger({str(tmp_path / 'runs')!r}).study('mine'); attempt = records.open_attempt(task(1));"
        "attempt.start(task(1), MACHINE); print(attempt.folder.name, flush=True); signal.pause()"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert records.status().total("running") == 1
        assert records.open_attempt(task(1)).folder.name != name
        os.kill(process.pid, signal.SIGKILL)
    assert records.status().total("running") == 0
    assert name in {attempt.folder.name for attempt in records.attempts(task(1).id)}
    assert records.open_attempt(task(1)).state() == "pending"


def test_the_frame_has_every_column_and_tells_repeats_and_links(records: StudyRecords) -> None:
    finish(records, 0, 50.0)
    finish(records, 0, 51.0)
    finish(records, 1, 50.0, linked_to=task(0).id)
    frame = records.results()
    assert dict(frame.schema) == SCHEMA
    assert frame["origin"].to_list() == ["own", "repeat", "linked"]
    assert frame["top1_last"].to_list() == [50.0, 51.0, 50.0]
    assert frame["top5_last"].null_count() == 3
    assert records.finished_with_key("augment", "key0") is not None
    assert records.finished_with_key("augment", "key1") is None  # a link is not linked to


def test_published_numbers_are_rows_of_the_same_frame(records: StudyRecords) -> None:
    finish(records, 0, 50.0)
    frame = results(records.folder)
    assert dict(frame.schema) == SCHEMA
    assert set(frame["origin"]) == {"own", "published"}
    assert results(records.folder, published=False).height == 1


def test_a_corrupt_record_is_listed_hides_no_other_and_can_be_run_again(records: StudyRecords) -> None:
    finish(records, 0, 50.0)
    broken = finish(records, 1, 60.0)
    (broken.folder / "result.json").write_text('{"top1_last": 99}')
    assert records.results()["top1_last"].to_list() == [50.0]
    status = records.status()
    assert [path for path, _ in status.unreadable] == [records.run_name(broken)]
    assert status.counts["augment"]["done"] == 1
    assert records.finished(task(1).id) is None
    assert finish(records, 1, 61.0).folder != broken.folder
    assert sorted(records.results()["top1_last"]) == [50.0, 61.0]


def test_a_record_with_columns_of_another_version_is_listed_and_hides_no_other(records: StudyRecords) -> None:
    finish(records, 0, 50.0)
    attempt = records.open_attempt(task(1))
    values = {"task_id": task(1).id, "result_key": "key1", "linked_to": None, "labels": {"shoe_size": 43}}
    attempt.publish({**values, "numbers": {"top1_last": 60.0}})
    assert records.results()["top1_last"].to_list() == [50.0]
    assert "shoe_size" in records.status().unreadable[0][1]


def test_runs_of_an_earlier_plan_are_not_mixed_in(records: StudyRecords) -> None:
    for number in range(3):
        finish(records, number, 50.0 + number)
    records.write_plan([task(2)])
    assert records.results()["top1_last"].to_list() == [52.0]
    assert records.results(earlier=True).height == 3
    assert results(records.folder, published=False).height == 1


def test_in_the_notebooks_folder_runs_are_the_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("notebooks", "nastransfer"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert Ledger("runs").root == tmp_path / "runs"
    assert Ledger("/elsewhere").root == Path("/elsewhere")
    monkeypatch.chdir(tmp_path)
    assert Ledger("runs").root == tmp_path / "runs"


def test_a_corrupt_plan_is_listed_too(records: StudyRecords) -> None:
    finish(records, 0, 50.0)
    (records.folder / "plan.jsonl").write_text('{"id": ')
    status = records.status()
    assert [path for path, _ in status.unreadable] == ["mine/plan.jsonl"]
    assert records.results().height == 1


def test_two_peoples_folders_merge_by_copying(records: StudyRecords, tmp_path: Path) -> None:
    finish(records, 0, 50.0)
    other = Ledger(tmp_path / "elsewhere").study("mine")
    moved = finish(other, 1, 40.0)
    moved.folder.parent.rename(records.folder / "augment" / moved.folder.parent.name)
    assert sorted(records.results()["top1_last"]) == [40.0, 50.0]
