"""The index of results: only a shortcut. What it says is never believed over the files, and it may be deleted."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from nastransfer.study.attempt import Attempt
from nastransfer.study.index import ResultIndex, result_index
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.plan import KINDS, Task
from nastransfer.study.records import write_record


def task(number: int) -> Task:
    return Task(f"{number:012x}", "augment", f"random-{number}-to-glyphs", {"seed": 2}, feeds=("random",))


def finish(records: StudyRecords, number: int, top1: float) -> Attempt:
    """A finished attempt whose record is an hour old."""
    attempt = records.open_attempt(task(number))
    attempt.start(task(number), {})
    values = {"task_id": task(number).id, "result_key": f"key{number}", "linked_to": None}
    attempt.publish({**values, "labels": {"kind": "augment"}, "numbers": {"top1_last": top1}})
    age(attempt)
    return attempt


def age(attempt: Attempt, seconds: float = 3600) -> None:
    past = time.time() - seconds
    os.utime(attempt.folder / "result.json", (past, past))


@pytest.fixture
def records(tmp_path: Path) -> StudyRecords:
    records = Ledger(tmp_path / "runs").study("mine")
    for number in range(3):
        finish(records, number, 50.0 + number)
    records.save_index()
    return records


def fresh(records: StudyRecords) -> dict[str, float]:
    """Run name -> accuracy, as a new process reads it."""
    found = ResultIndex(records.folder).found(KINDS)
    return {one.path: one.result["numbers"]["top1_last"] for one in found if one.result is not None}


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Attempt) -> None:
        raise AssertionError(f"{self.folder} was read")

    monkeypatch.setattr(Attempt, "result", refuse)


def test_what_is_written_down_is_not_read_again(
    records: StudyRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_reading(monkeypatch)
    assert sorted(fresh(records).values()) == [50.0, 51.0, 52.0]
    assert records.complete() == {task(number).id for number in range(3)}
    found = records.finished_with_key("augment", "key1")
    assert found is not None
    assert found.folder.parent.name.endswith(task(1).id)
    assert records.finished_with_key("search", "key1") is None


def test_deleting_it_loses_nothing(records: StudyRecords) -> None:
    before = fresh(records)
    (records.folder / "index.jsonl").unlink()
    assert fresh(records) == before
    records.save_index()
    assert fresh(records) == before
    assert (records.folder / "index.jsonl").read_bytes().count(b"\n") == 3


def test_a_changed_record_is_read_anew(records: StudyRecords) -> None:
    attempt = records.finished(task(1).id)
    assert attempt is not None
    result = attempt.result()
    assert result is not None
    write_record(attempt.folder / "result.json", {**result, "numbers": {"top1_last": 99.0}})
    assert sorted(fresh(records).values()) == [50.0, 52.0, 99.0]
    assert sorted(records.results()["top1_last"]) == [50.0, 52.0, 99.0]


def test_a_changed_byte_is_noticed_at_once(tmp_path: Path) -> None:
    """Also within the step in which a system counts time: a young file is read every time."""
    records = Ledger(tmp_path).study("mine")
    attempt = finish(records, 0, 50.0)
    path = attempt.folder / "result.json"
    os.utime(path)
    assert records.results().height == 1
    stamp = path.stat().st_mtime_ns
    path.write_bytes(path.read_bytes().replace(b"50.0", b"60.0"))
    os.utime(path, ns=(stamp, stamp))
    assert records.results().height == 0
    assert "checksum" in records.status().unreadable[0][1]


def test_every_cut_and_flipped_byte_of_the_index_changes_nothing(records: StudyRecords) -> None:
    before, path = fresh(records), records.folder / "index.jsonl"
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place])
        assert fresh(records) == before
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        assert fresh(records) == before


def test_new_results_are_appended_and_an_outdated_index_is_written_anew(
    records: StudyRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = records.folder / "index.jsonl"
    content = path.read_bytes()
    attempt = finish(records, 3, 53.0)
    records.save_index(attempt)
    assert path.read_bytes().startswith(content)
    for number in range(4, 12):
        finish(records, number, 60.0)
    records.save_index()
    assert path.read_bytes().count(b"\n") == 12
    for one in list(records.attempts())[2:]:
        (one.folder / "result.json").unlink()
    records.save_index()
    assert path.read_bytes().count(b"\n") == 2
    forbid_reading(monkeypatch)
    assert len(fresh(records)) == 2


def test_a_study_copied_elsewhere_is_read_anew_and_right(records: StudyRecords, tmp_path: Path) -> None:
    """An index that came along with a folder tells of other files."""
    copied = Ledger(tmp_path / "elsewhere").study("mine")
    attempt = finish(copied, 1, 70.0)
    (copied.folder / "index.jsonl").write_bytes((records.folder / "index.jsonl").read_bytes())
    assert list(fresh(copied).values()) == [70.0]
    assert attempt.result() is not None


def test_a_result_of_another_version_is_said_not_shown(records: StudyRecords) -> None:
    attempt = finish(records, 3, 53.0)
    result = attempt.result()
    assert result is not None
    write_record(attempt.folder / "result.json", {**result, "labels": {"shoe_size": 43}})
    age(attempt)
    assert records.results().height == 3
    assert "shoe_size" in records.status().unreadable[0][1]
    assert result_index(records.folder) is result_index(records.folder)


def test_one_task_of_the_plan_is_found_without_the_others(tmp_path: Path) -> None:
    records = Ledger(tmp_path).study("mine")
    assert records.planned(task(1).id) is None
    records.write_plan([task(number) for number in range(3)])
    assert records.planned(task(1).id) == task(1)
    assert records.planned(task(7).id) is None


def test_the_stamp_changes_with_plan_attempts_and_results_alone(records: StudyRecords) -> None:
    stamps = [records.stamp()]
    attempt = records.open_attempt(task(7))
    attempt.start(task(7), {})
    stamps.append(records.stamp())
    attempt.event({"step": 1})
    assert records.stamp() == stamps[-1], "nothing that results depend on"
    finish(records, 7, 60.0)
    stamps.append(records.stamp())
    write_record(attempt.folder / "result.json", {"task_id": task(7).id})
    stamps.append(records.stamp())
    records.write_plan([task(7)])
    stamps.append(records.stamp())
    shutil.rmtree(attempt.folder)
    stamps.append(records.stamp())
    assert len(set(stamps)) == len(stamps)
