"""The system's own records of a folder against what os.scandir says."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import numpy as np
import pytest

from nastransfer.data import entries, walk
from nastransfer.data.entries import BEST, FILE, FOLDER, LINK, PLAIN, UNKNOWN, Entries


def both(*folders: Path) -> tuple[Entries, Entries]:
    """What each way says of some folders."""
    return tuple(way.together([way.read(str(folder))[0] for folder in folders]) for way in (BEST, PLAIN))


def check(*folders: Path) -> Entries:
    """Asserts that both ways agree; what they say. Sockets and the like have no kind of their own in the plain way."""
    best, plain = both(*folders)
    assert [sorted(files.split(b"/")) for files in best.files] == [
        sorted(files.split(b"/")) for files in plain.files
    ]
    known = {FOLDER, LINK}
    kinds = [(place, name, kind if kind in known else UNKNOWN) for place, name, kind in best.others]
    assert sorted(kinds) == sorted(plain.others)
    return best


def test_all_kinds_and_names(tmp_path: Path) -> None:
    one, two, empty = (tmp_path / name for name in ("one", "two", "empty"))
    for folder in (one, two, empty):
        folder.mkdir()
    # Every length of a name, so that every alignment of records; none, some and all bytes beyond ASCII.
    for length in range(1, 256):
        (one / ("x" * length)).touch()
    for name in (
        "日本.jpg",
        "é",
        "a b\nc\t",
        "..x",
        ".y",
        os.fsdecode(b"\xff\xfe"),
        os.fsdecode(b"\x80.jpg"),
    ):
        (two / name).touch()
    (two / "folder").mkdir()
    (two / "link").symlink_to("nowhere")
    (two / "link to a folder").symlink_to(one)
    os.mkfifo(two / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(two / "socket"))
    found = check(one, empty, two, tmp_path)
    assert [len(files.split(b"/")) for files in found.files] == [255, 1, 7, 1]
    assert found.files[1] == found.files[3] == b""
    assert {name for place, name, _ in found.others if place == 2} == {
        "folder", "link", "link to a folder", "pipe", "socket"
    }  # fmt: skip
    assert check(empty).files == [b""]
    assert BEST.together([]).files == PLAIN.together([]).files == []


def test_more_than_one_buffer(tmp_path: Path) -> None:
    """Random lengths, in folders that take no, one and several calls."""
    rng = np.random.default_rng(1)
    folders = []
    for number in (0, 3, 1500, 4000):
        folder = tmp_path / str(number)
        folder.mkdir()
        folders.append(folder)
        for index in range(number):
            (folder / f"{index}{'é' * rng.integers(0, 40)}").touch()
    (folders[2] / "below").mkdir()
    assert len(BEST.read(str(folders[3]))[0]) > 1
    check(*folders)


def test_a_kind_that_the_file_system_leaves_open_is_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such entries have kind 0 in their records."""
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "below").mkdir()
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    (tmp_path / "odd.jpg").symlink_to("nothing")
    os.mkfifo(tmp_path / "pipe")
    expected = walk.look(str(tmp_path), [walk.read_folder(str(tmp_path), ".", ".")])

    def unknown(path: str) -> tuple[list[bytes], int]:
        parts, size = BEST.read(path)
        (part,) = parts
        content, place = bytearray(part), 0
        while place < len(content):
            content[place + 18] = UNKNOWN
            place += int.from_bytes(content[place + 16 : place + 18], "little")
        return [bytes(content)], size

    monkeypatch.setattr(walk, "BEST", entries.Way(unknown, BEST.together, 1))
    found = walk.look(str(tmp_path), [walk.read_folder(str(tmp_path), ".", ".")])
    assert sorted(found.folders[0][3].split("/")) == sorted(expected.folders[0][3].split("/"))
    assert sorted(expected.folders[0][3].split("/")) == ["a.jpg", "b.jpg", "link.jpg"]
    assert (sorted(found.skipped), found.below) == (sorted(expected.skipped), expected.below)


def test_errors_are_the_systems(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for way in (BEST, PLAIN):
        with pytest.raises(NotADirectoryError):
            way.read(str(tmp_path / "file"))
        with pytest.raises(FileNotFoundError):
            way.read(str(tmp_path / "missing"))


def test_the_kind_of_a_file_is_the_systems_number() -> None:
    kinds = {FILE: stat.S_IFREG, FOLDER: stat.S_IFDIR, LINK: stat.S_IFLNK}
    assert all(mode >> 12 == kind for kind, mode in kinds.items())
