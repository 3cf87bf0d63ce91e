"""Records on disk: whole or absent, and self-checking."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from nastransfer.study.records import CorruptRecord, append_line, read_lines, read_record, write_record

VALUES = {"task_id": "0123456789ab", "numbers": {"top1_last": 61.5, "top5_last": None}, "text": "µ <script>"}


def test_a_record_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "result.json"
    write_record(path, VALUES)
    assert read_record(path) == VALUES
    assert [entry.name for entry in path.parent.iterdir()] == ["result.json"]


def test_every_cut_of_a_record_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_record(path, VALUES)
    content = path.read_bytes()
    for length in range(len(content) - 1):  # only the final newline may be missing
        path.write_bytes(content[:length])
        with pytest.raises(CorruptRecord, match=r"result\.json"):
            read_record(path)


def test_every_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_record(path, VALUES)
    content = path.read_bytes()
    noticed = 0
    for _ in range(500):
        flipped = bytearray(content)
        flipped[random.Random(noticed).randrange(len(content))] ^= 1 << random.Random(noticed + 1).randrange(
            8
        )
        path.write_bytes(flipped)
        try:
            assert read_record(path) == VALUES  # white space between values carries nothing
        except CorruptRecord:
            noticed += 1
    assert noticed > 400


def test_a_failed_write_leaves_the_old_record(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_record(path, VALUES)
    with pytest.raises(TypeError):
        write_record(path, {"not json": object()})
    assert read_record(path) == VALUES


def test_torn_and_foreign_event_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for step in range(3):
        append_line(path, {"step": step})
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    assert [event["step"] for event in read_lines(path)] == [0, 1]
    path.write_bytes(b"not an event\n" + content.replace(b'"step":1', b'"step":7'))
    assert [event["step"] for event in read_lines(path)] == [0, 2]
    assert read_lines(tmp_path / "absent.jsonl") == []
