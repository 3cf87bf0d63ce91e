"""Records that were cut or changed on disk: each is noticed, none is believed, and no other is hidden by it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from nastransfer.study.attempt import Attempt
from nastransfer.study.index import ResultIndex
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.plan import KINDS, Task
from nastransfer.study.records import CorruptRecord, checked, self_checking

TASKS = 6
FINISHED = 4


def task(number: int) -> Task:
    return Task(f"{number:012x}", "augment", f"random-{number}-to-glyphs", {"seed": 2}, feeds=("random",))


@pytest.fixture
def records(tmp_path: Path) -> StudyRecords:
    """Four finished tasks with tables, one that failed, one begun by a process that is gone."""
    records = Ledger(tmp_path).study("mine")
    records.write_plan([task(number) for number in range(TASKS)])
    for number in range(TASKS):
        attempt = records.open_attempt(task(number))
        attempt.start(task(number), {"device": "a CPU", "threads": 1})
        attempt.event({"step": 1, "steps": 2})
        if number < FINISHED:
            attempt.write_frame("history", pl.DataFrame({"epoch": [1, 2], "top1": [40.0, 50.0 + number]}))
            labels = {"kind": "augment", "method": "random", "target": "glyphs", "augment_seed": 2}
            values = {"task_id": task(number).id, "result_key": f"key{number}", "linked_to": None}
            attempt.publish({**values, "labels": labels, "numbers": {"top1_last": 50.0 + number}})
        elif number == FINISHED:
            attempt.fail("ValueError: no", "trace")
        else:
            attempt.release()
    records.save_index()
    return records


def seen(records: StudyRecords) -> tuple[dict[str, float], set[str]]:
    """Accuracy by run, and what the status calls unreadable: both as a new process finds them."""
    found = ResultIndex(records.folder).found(KINDS)
    results = {one.path: one.result["numbers"]["top1_last"] for one in found if one.result is not None}
    assert records.results().height == len(results)
    return results, {Path(path).name for path, _ in records.status().unreadable}


def check(records: StudyRecords, path: Path, whole: dict[str, float], plan: list[Task]) -> bool:
    """Whether damage in a file was noticed; asserts that it was not believed and hides nothing else."""
    results, unreadable = seen(records)
    own = path.parent.relative_to(records.folder).as_posix()
    assert results.items() <= whole.items(), "nothing that was not written is believed"
    assert whole.keys() - results.keys() <= {own}, "nothing else is hidden"
    if path.name == "plan.jsonl":
        if path.name in unreadable:
            return True
        assert records.plan() == plan
        return False
    if path.suffix == ".parquet":
        try:
            frame = Attempt(path.parent).read_frame(path.stem)
        except CorruptRecord:
            return True
        pytest.fail(f"{path} is believed: {frame}")
    if path.name == "events.jsonl":
        return Attempt(path.parent).events() == []
    if results.keys() != whole.keys():
        assert path.parent.name in unreadable
    return path.parent.name in unreadable


def damage(records: StudyRecords, damages: list[tuple[Path, Callable[[bytes], bytes]]]) -> list[bool]:
    """Do each to its file, look, and put the file back; whether each was noticed."""
    whole, unreadable = seen(records)
    assert (len(whole), unreadable) == (FINISHED, set())
    plan, noticed = records.plan(), []
    for path, change in damages:
        content = path.read_bytes()
        path.write_bytes(change(content))
        noticed.append(check(records, path, whole, plan))
        path.write_bytes(content)
    assert seen(records) == (whole, set())
    return noticed


def recorded(records: StudyRecords) -> list[Path]:
    names = ("result.json", "failure.json", "plan.jsonl", "events.jsonl", "history.parquet")
    return sorted(path for path in records.folder.rglob("*") if path.name in names)


def flip(place: int, bit: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


def cut(length: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:length]


def flips(records: StudyRecords, count: int) -> list[tuple[Path, Callable[[bytes], bytes]]]:
    rng, paths = random.Random(count), recorded(records)
    chosen = [rng.choice(paths) for _ in range(count)]
    return [(path, flip(rng.randrange(path.stat().st_size), rng.randrange(8))) for path in chosen]


def cuts(records: StudyRecords, every: int) -> list[tuple[Path, Callable[[bytes], bytes]]]:
    """One file of each kind, cut after every so manieth byte; the last of a text is a new line and says nothing."""
    kinds = {path.name: path for path in recorded(records)}
    return [
        (path, cut(length)) for path in kinds.values() for length in range(1, path.stat().st_size - 1, every)
    ]


def test_flipped_bits_are_noticed_and_hide_no_other_record(records: StudyRecords) -> None:
    noticed = damage(records, flips(records, 120))
    # What is not noticed says the same as before: white space between values, the name of a check.
    assert sum(noticed) > 100


def test_cut_records_are_noticed_and_hide_no_other_record(records: StudyRecords) -> None:
    assert all(damage(records, cuts(records, 61)))


@pytest.mark.slow
def test_a_thousand_flipped_bits(
    records: StudyRecords, record_property: Callable[[str, object], None]
) -> None:
    noticed = damage(records, flips(records, 1000))
    record_property("flips", len(noticed))
    record_property("noticed", sum(noticed))
    record_property("believed or hiding others", 0)
    assert sum(noticed) > 900


@pytest.mark.slow
def test_records_cut_at_every_byte(
    records: StudyRecords, record_property: Callable[[str, object], None]
) -> None:
    damages = cuts(records, 1)
    noticed = damage(records, damages)
    record_property("cuts", len(noticed))
    record_property("noticed", sum(noticed))
    record_property("believed or hiding others", 0)
    assert all(noticed)


def test_a_line_of_the_plan_checks_itself() -> None:
    line = self_checking({"seed": 2, "text": 'of ,"crc":"00000000" itself'})
    assert checked(line) == {"seed": 2, "text": 'of ,"crc":"00000000" itself'}
    assert checked(b'{"seed": 2}') == {"seed": 2}, "plans of earlier versions have no check"
    with pytest.raises(ValueError, match="changed after it was written"):
        checked(line.replace(b'"seed":2', b'"seed":3'))
    with pytest.raises(ValueError):
        checked(line[:-5])
