"""Tars listed in place: images and rejects, several archives, what is kept between runs, hostile names."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nastransfer.data import archives, pieces
from nastransfer.data.archives import Tar, inner_tars, list_members, whole_tar
from tests.data.tars import tar_of

IMAGE = b"an image"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NASTRANSFER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write_tar(root: Path, name: str, content: bytes, modified: float = 1e9) -> Tar:
    """A tar that has been at rest since then."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (modified, modified))
    found = whole_tar(os.path.realpath(root), name)
    assert isinstance(found, Tar)
    return found


def listed(root: Path, tars: list[Tar]) -> pl.DataFrame:
    return list_members(os.path.realpath(root), tars, progress=False)


def reasons(table: pl.DataFrame) -> dict[str | None, str]:
    return dict(table.drop_nulls("reason").select("name", "reason").iter_rows())


def test_images_by_place_and_all_others_by_reason(tmp_path: Path) -> None:
    names = ["a.JPEG", "./b.jpg", "n0/c.png", "日 é.webp", "notes.txt", "._a.JPEG", ".hidden/d.jpg", "e.jpg"]
    files = [(name, f"{name}'s bytes".encode()) for name in names]
    tar = write_tar(tmp_path, "set/n0.tar", tar_of(files))
    table = listed(tmp_path, [tar])
    images = table.filter(pl.col("reason").is_null())
    assert images["name"].to_list() == ["a.JPEG", "b.jpg", "n0/c.png", "日 é.webp", ".hidden/d.jpg", "e.jpg"]
    content = (tmp_path / "set" / "n0.tar").read_bytes()
    stored = {name.removeprefix("./"): some for name, some in files}
    for name, offset, length in images.select("name", "offset", "length").iter_rows():
        assert content[offset : offset + length] == stored[name]
    assert reasons(table) == {"notes.txt": "not an image by its name's ending", "._a.JPEG": "hidden"}
    assert len(table) == len(names) and table["tar"].unique().to_list() == [tar.key]


def test_names_that_leave_the_root_or_stand_twice_or_are_no_text(tmp_path: Path) -> None:
    hostile = ["/etc/x.jpg", "../x.jpg", "a/../../x.jpg", "a/..", "a//b.jpg", "a/./c.jpg"]
    files = [(name, IMAGE) for name in hostile]
    files += [
        ("twice.jpg", b"first"),
        ("once.jpg", IMAGE),
        ("./twice.jpg", b"the last"),
        ("caf\udce9.jpg", b"x"),
    ]
    table = listed(tmp_path, [write_tar(tmp_path, "n0.tar", tar_of(files))])
    images = table.filter(pl.col("reason").is_null())
    assert images["name"].to_list() == ["a/b.jpg", "a/c.jpg", "once.jpg", "twice.jpg"]
    assert images["length"][3] == len(b"the last")
    found = reasons(table)
    for name in hostile[:4]:
        assert found[name].startswith("leaves the root")
    assert found["twice.jpg"].startswith("its name stands again later") and len(found) == 6
    assert found["caf\\xe9.jpg"] == "its name is not UTF-8"


def test_a_cut_archive_among_others(tmp_path: Path) -> None:
    content = tar_of({f"{number}.jpg": bytes(700) for number in range(4)})
    cut, whole = (write_tar(tmp_path, f"n{n}.tar", content[:end]) for n, end in ((0, 5500), (1, None)))
    table = listed(tmp_path, [cut, whole])
    assert table.filter(pl.col("reason").is_null())["tar"].to_list() == 3 * [cut.key] + 4 * [whole.key]
    assert reasons(table) == {
        "3.jpg": "cut: the archive ends within it",
        None: "cut: it ends at byte 5500, within a member",
    }
    (tmp_path / "n0.tar").unlink()
    gone = listed(tmp_path, [Tar("n0.tar", "", 0, 5501, 5501, 1)])
    assert reasons(gone) == {None: "unreadable: No such file or directory"}


def test_a_tar_of_tars(tmp_path: Path) -> None:
    inside = {
        f"n{number}.tar": tar_of({f"n{number}_{k}.JPEG": IMAGE for k in range(3)}) for number in range(5)
    }
    outer = write_tar(
        tmp_path, "all.tar", tar_of({**inside, "readme.txt": b"hello", "n9.tar": b"no tar" * 200})
    )
    tars, others = inner_tars(os.path.realpath(tmp_path), outer)
    assert [tar.name for tar in tars] == ["n0", "n1", "n2", "n3", "n4", "n9"]
    assert reasons(others) == {"readme.txt": "not an image by its name's ending"}
    table = listed(tmp_path, tars)
    images = table.filter(pl.col("reason").is_null())
    content = (tmp_path / "all.tar").read_bytes()
    assert len(images) == 15
    assert {content[o : o + n] for o, n in images.select("offset", "length").iter_rows()} == {IMAGE}
    assert reasons(table).keys() == {None} and len({tar.key for tar in tars}) == len(tars)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the tars that are read from now on; everything read is kept."""
    seen: list[str] = []
    read = archives._read

    def spy(base: str, tar: Tar) -> Any:
        seen.append(tar.container)
        return read(base, tar)

    monkeypatch.setattr(archives, "_read", spy)
    monkeypatch.setattr(pieces, "KEEP_SECONDS", 0)
    return seen


def test_only_changed_archives_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = counted(monkeypatch)
    names = [f"n{number}.tar" for number in range(40)]
    content = tar_of({"a.jpg": IMAGE, "b.txt": b"x"})
    first = listed(tmp_path, [write_tar(tmp_path, name, content) for name in names])
    assert sorted(seen) == sorted(names)
    seen.clear()
    tars = [write_tar(tmp_path, name, content) for name in names]
    assert listed(tmp_path, tars).sort("tar", "name").equals(first.sort("tar", "name")) and not seen
    tars[3] = write_tar(tmp_path, "n3.tar", tar_of({"a.jpg": IMAGE, "c.jpg": IMAGE, "d.jpg": bytes(10_000)}))
    tars[5] = write_tar(tmp_path, "n5.tar", content, modified=1.1e9)
    again = listed(tmp_path, tars)
    assert sorted(seen) == ["n3.tar", "n5.tar"]
    assert len(again.filter(pl.col("reason").is_null())) == 42
    seen.clear()
    assert len(listed(tmp_path, tars)) == len(again) and not seen


def test_an_interrupted_listing_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tars = [write_tar(tmp_path, f"n{n:02}.tar", tar_of({f"{n}.jpg": IMAGE})) for n in range(30)]
    read, left = archives._read, iter(range(20))

    def interrupted(base: str, tar: Tar) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return read(base, tar)

    monkeypatch.setattr(archives, "_waits", lambda: 0)
    monkeypatch.setattr(pieces, "KEEP_SECONDS", 0)
    monkeypatch.setattr(archives, "_read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        listed(tmp_path, tars)
    monkeypatch.setattr(archives, "_read", read)
    seen = counted(monkeypatch)
    assert sorted(listed(tmp_path, tars)["name"]) == sorted(f"{n}.jpg" for n in range(30))
    assert seen == [tar.container for tar in tars[20:]]


@pytest.mark.parametrize("waiting", [False, True])
def test_several_threads_read_where_the_system_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waiting: bool
) -> None:
    seen: list[int] = []
    read = archives._read

    def spy(base: str, tar: Tar) -> Any:
        seen.append(threading.get_ident())
        time.sleep(0.001)
        return read(base, tar)

    monkeypatch.setattr(archives, "_read", spy)
    monkeypatch.setattr(archives, "_ROUND", 16)
    monkeypatch.setattr(archives, "_waits", iter(range(0, 10**9, 10**6) if waiting else [0] * 1000).__next__)
    tars = [write_tar(tmp_path, f"n{n:02}.tar", tar_of({f"{n}.jpg": IMAGE})) for n in range(80)]
    assert listed(tmp_path, tars)["name"].to_list() == [f"{n}.jpg" for n in range(80)]
    # Each of the five rounds begins in this thread, which says how many others take the rest.
    assert (len(set(seen)) > 6) == waiting and seen.count(threading.get_ident()) == 5


def test_an_archive_that_has_just_changed_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = counted(monkeypatch)
    (tmp_path / "n0.tar").write_bytes(tar_of({"a.jpg": IMAGE}))
    tar = whole_tar(os.path.realpath(tmp_path), "n0.tar")
    assert isinstance(tar, Tar)
    for _ in range(2):
        listed(tmp_path, [tar])
    assert seen == ["n0.tar", "n0.tar"]


def test_archives_outside_of_the_root(tmp_path: Path) -> None:
    write_tar(tmp_path, "elsewhere/n0.tar", tar_of({"a.jpg": IMAGE}))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "n0.tar").symlink_to(tmp_path / "elsewhere" / "n0.tar")
    base = os.path.realpath(tmp_path / "set")
    assert str(whole_tar(base, "n0.tar")).startswith("leaves the root: a link to ")
    os.mkfifo(tmp_path / "set" / "pipe.tar")
    assert whole_tar(base, "pipe.tar") == "not a regular file"
    assert whole_tar(base, "n1.tar") == "unreadable: No such file or directory"
