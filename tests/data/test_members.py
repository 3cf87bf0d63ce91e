"""Images read out of archives by offset: equal bytes, refusals of what changed, few open files, several threads."""

from __future__ import annotations

import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nastransfer.data import members
from nastransfer.data.files import BadImage, ChangedImage, read_bytes
from nastransfer.data.members import open_archive
from nastransfer.data.tar_index import read_members
from tests.data.tars import tar_of

FILES = {f"{number}.jpg": os.urandom(97 * number) for number in range(30)}


def places(path: Path) -> dict[str, tuple[int, int]]:
    """Name -> offset and length."""
    with path.open("rb") as file:
        found = read_members(file.fileno(), 0, path.stat().st_size)
    entries = zip(found.names, found.offset, found.length, strict=True)
    return {name.decode(): (offset, length) for name, offset, length in entries}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_bytes_are_those_that_were_packed(tmp_path: Path, form: int) -> None:
    path = tmp_path / "set" / "n0.tar"
    path.parent.mkdir()
    path.write_bytes(tar_of({"日" * 30: b"a long name", **FILES}, form))
    modified = path.stat().st_mtime_ns
    found = places(path)
    for name, content in FILES.items():
        assert read_bytes(tmp_path, "set/n0.tar", name, *found[name], modified) == content
        assert read_bytes(tmp_path / "set", "n0.tar", name, *found[name]) == content


def test_an_archive_that_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "n0.tar"
    path.write_bytes(tar_of(FILES))
    offset, length = places(path)["7.jpg"]
    modified = path.stat().st_mtime_ns

    def read(known: int | None = modified) -> bytes:
        return read_bytes(tmp_path, "n0.tar", "7.jpg", offset, length, known)

    assert read() == FILES["7.jpg"]
    os.utime(path, ns=(1, 1))
    with pytest.raises(ChangedImage, match=r"n0\.tar changed after it was indexed: \d+ ns .*, now 1"):
        read()
    # Another file in its place, while this process has the first one open.
    other = tmp_path / "other"
    other.write_bytes(tar_of({"more.jpg": bytes(100), **FILES}))
    other.replace(path)
    os.utime(path, ns=(modified, modified))
    with pytest.raises(
        ChangedImage, match=r"at byte \d+ is no member of 679 bytes, .*/n0\.tar/7\.jpg was there"
    ):
        read()
    path.write_bytes(tar_of(FILES)[: offset + length - 1])
    with pytest.raises(ChangedImage, match="is no member of 679 bytes"):
        read(None)
    path.unlink()
    with pytest.raises(ChangedImage, match=r"n0\.tar is gone: index the images again"):
        read()


def test_what_is_no_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "n0.tar"
    path.write_bytes(tar_of(FILES))
    for offset, length in ((0, 10), (511, 10), (-5, 3), (512, 3), (1 << 40, 3)):
        with pytest.raises(ChangedImage, match="is no member of"):
            read_bytes(tmp_path, "n0.tar", "a.jpg", offset, length)
    with pytest.raises(ValueError, match="leaves the root"):
        read_bytes(tmp_path, "../n0.tar", "a.jpg", 512, 0)
    os.mkfifo(tmp_path / "pipe.tar")
    (tmp_path / "folder.tar").mkdir()
    for name in ("pipe.tar", "folder.tar"):
        with pytest.raises(BadImage, match="unreadable: not a regular file"):
            read_bytes(tmp_path, name, "a.jpg", 512, 0)


def open_files(folder: Path) -> int:
    """How many files below a folder this process has open."""
    links = [file for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    return sum(str(folder) in str(file.readlink()) for file in links)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
def test_few_archives_stay_open_and_threads_share_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "_MOST_OPEN", 3)
    monkeypatch.setattr(members, "_OPEN", members._Open())
    for number in range(12):
        (tmp_path / f"n{number}.tar").write_bytes(
            tar_of({name: some + bytes([number]) for name, some in FILES.items()})
        )
    found = places(tmp_path / "n0.tar")
    wanted = [(f"n{number % 12}.tar", name) for number in range(48) for name in FILES]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda one: read_bytes(tmp_path, *one, *found[one[1]]), wanted))
    assert read == [FILES[name] + bytes([int(tar[1:-4])]) for tar, name in wanted]
    assert open_files(tmp_path) == 3
    archive, _ = open_archive(f"{tmp_path}/n0.tar")
    assert archive is open_archive(f"{tmp_path}/n0.tar")[0]
