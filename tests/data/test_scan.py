"""The listing scan: everything seen is listed once, links and odd names are explained, interruptions cost little."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from torchvision.datasets import ImageFolder

from nastransfer.data import entries, pieces, walk
from nastransfer.data.scan import Listing, list_class_folders


@pytest.fixture(autouse=True, params=[entries.BEST, entries.PLAIN], ids=["best way", "plain way"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "BEST", request.param)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASTRANSFER_CACHE", str(tmp_path / "cache"))


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def images(listing: Listing) -> set[tuple[str, str]]:
    names = [listing.classes[label] for label in listing.label]
    paths = listing.container.cast(pl.String) + "/" + listing.name
    return set(zip(names, paths, strict=True))


def reasons(listing: Listing) -> dict[str, str]:
    return {
        container if name is None else f"{container}/{name}": reason
        for container, name, reason in listing.skipped.iter_rows()
    }


def test_lists_what_torchvision_lists(tmp_path: Path) -> None:
    root = tmp_path / "set"
    touch(root, *(f"class {c}/{c}_{i}.JPEG" for c in range(12) for i in range(c + 1)))
    touch(root, "class 3/below/deeper/x.png", "class 3/Ünï çödé 日本.webp")
    listing = list_class_folders(root, progress=False)
    peer = ImageFolder(str(root))
    expected = {(peer.classes[label], os.path.relpath(path, root)) for path, label in peer.samples}
    assert images(listing) == expected
    assert listing.classes == tuple(peer.classes)
    assert len(listing) == listing.seen == len(peer.samples) and not len(listing.skipped)
    assert "class 3/below/deeper" in listing.container.cast(pl.String).to_list()


def test_everything_seen_is_listed_or_skipped_with_a_reason(tmp_path: Path) -> None:
    root = tmp_path / "set"
    touch(root, "a/1.jpg", "a/notes.txt", "a/.hidden.jpg", "a/noending", "README", "b/2.PNG", ".git/config")
    (root / "empty").mkdir()
    os.mkfifo(root / "b" / "pipe.jpg")
    touch(root / "b", os.fsdecode(b"\xff.jpg"))
    listing = list_class_folders(root, progress=False)
    assert images(listing) == {("a", "a/1.jpg"), ("b", "b/2.PNG")}
    assert reasons(listing) == {
        "a/notes.txt": "not an image by its name's ending",
        "a/noending": "not an image by its name's ending",
        "a/.hidden.jpg": "hidden",
        "./README": "no class folder holds it",
        "./.git": "hidden",
        "empty": "no image in it",
        "b/pipe.jpg": "neither a file nor a folder",
        "b/\\xff.jpg": "its name is not UTF-8",
    }
    seen = sum(len(files) for folder, _, files in os.walk(root) if ".git" not in folder)
    assert listing.seen == seen == len(listing) + listing.skipped["name"].count()


def test_links_are_taken_only_to_files_of_the_root(tmp_path: Path) -> None:
    root = tmp_path / "set"
    touch(root, "a/1.jpg", "b/2.jpg")
    touch(tmp_path, "outside/3.jpg")
    (root / "a" / "inside.jpg").symlink_to(root / "b" / "2.jpg")
    (root / "a" / "outside.jpg").symlink_to(tmp_path / "outside" / "3.jpg")
    (root / "a" / "up.jpg").symlink_to("../../outside/3.jpg")
    (root / "a" / "loop").symlink_to(root / "a")
    (root / "a" / "top").symlink_to(root)
    (root / "a" / "other").symlink_to("../b")
    (root / "b" / "away").symlink_to(tmp_path / "outside")
    (root / "b" / "self.jpg").symlink_to("self.jpg")
    (root / "b" / "nothing.jpg").symlink_to("gone.jpg")
    (root / "c").symlink_to(tmp_path / "outside")
    (root / "d").symlink_to(root)
    listing = list_class_folders(root, progress=False)
    assert images(listing) == {("a", "a/1.jpg"), ("a", "a/inside.jpg"), ("b", "b/2.jpg")}
    assert reasons(listing) == {
        "a/outside.jpg": f"leaves the root: a link to {tmp_path}/outside/3.jpg",
        "a/up.jpg": f"leaves the root: a link to {tmp_path}/outside/3.jpg",
        "a/loop": "a loop: a link to a folder it lies in",
        "a/top": "a loop: a link to a folder it lies in",
        "a/other": f"a link to a folder of the same root, whose images are listed there: {root}/b",
        "b/away": f"leaves the root: a link to {tmp_path}/outside",
        "b/self.jpg": "a link that leads to itself",
        "b/nothing.jpg": "a link to nothing",
        "./c": f"leaves the root: a link to {tmp_path}/outside",
        "./d": "a loop: a link to a folder it lies in",
    }
    assert listing.seen == len(listing) + len(listing.skipped)
    through_a_link = tmp_path / "link to the set"
    through_a_link.symlink_to(root)
    assert images(list_class_folders(through_a_link, progress=False)) == images(listing)


@pytest.mark.parametrize(
    ("one", "other"), [("Ant", "ant"), ("Straße", "STRASSE"), ("caf\u00e9", "cafe\u0301")]
)
def test_of_classes_equal_but_for_case_the_second_is_left_out_and_listed(
    tmp_path: Path, one: str, other: str
) -> None:
    touch(tmp_path / "set", f"{one}/1.jpg", f"{other}/2.jpg", "zebra/3.jpg")
    listing = list_class_folders(tmp_path / "set", progress=False)
    first, second = sorted([one, other])
    assert listing.classes == (first, "zebra")
    left = listing.skipped.filter(container=second)
    assert left["name"].to_list() == [None]
    assert (
        left["reason"].item().startswith(f"equal to the class {first!r} but for case or accents' composition")
    )


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    for name in ("file", "missing"):
        with pytest.raises(ValueError, match=f"{name} is no folder"):
            list_class_folders(tmp_path / name)
    empty = list_class_folders(tmp_path / "file" / "..", extensions=[".xyz"], progress=False)
    assert len(empty) == 0 and empty.classes == ()
    assert reasons(empty)["./file"] == "no class folder holds it"


def test_an_unreadable_folder_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "set", "a/1.jpg", "b/2.jpg")

    def refuse(path: str) -> tuple[Any, int]:
        if path.endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return real.read(path)

    real = walk.BEST
    monkeypatch.setattr(walk, "BEST", replace(real, read=refuse))
    listing = list_class_folders(tmp_path / "set", progress=False)
    assert images(listing) == {("a", "a/1.jpg")}
    assert reasons(listing) == {"b": "unreadable: Permission denied"}


def settle(root: Path) -> None:
    """Folders that were changed some time ago."""
    for folder, _, _ in os.walk(root):
        os.utime(folder, (time.time() - 100, time.time() - 100))


def test_an_interrupted_scan_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "set"
    touch(root, *(f"c{c:02}/{i}.jpg" for c in range(20) for i in range(3)), "c03/below/x.txt", "c19/.y")
    settle(root)
    monkeypatch.setattr(pieces, "KEEP_SECONDS", 0.0)
    walked: list[str] = []
    real = walk.read_folder

    def stop_at(base: str, top: str, container: str) -> walk.Folder:
        if top == "c12" and "c12" not in walked:
            walked.append(top)
            raise KeyboardInterrupt
        walked.append(top)
        return real(base, top, container)

    monkeypatch.setattr(walk, "read_folder", stop_at)
    with pytest.raises(KeyboardInterrupt):
        list_class_folders(root, progress=False)
    walked[:] = ["c12"]
    listing = list_class_folders(root, progress=False)
    assert {top for top in walked if top != "."} == {f"c{c:02}" for c in range(12, 20)}
    monkeypatch.setenv("NASTRANSFER_CACHE", str(tmp_path / "another"))
    anew = list_class_folders(root, progress=False)
    assert images(listing) == images(anew) and len(anew) == 60
    assert reasons(listing) == reasons(anew) and len(anew.skipped) == 2


def test_folders_that_changed_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "set"
    touch(root, "a/1.jpg", "a/below/2.jpg", "b/3.jpg", "c/4.jpg", "d/5.jpg")
    settle(root)
    (root / "d" / "link.jpg").symlink_to("5.jpg")
    settle(root)
    os.utime(root / "c")
    monkeypatch.setattr(pieces, "KEEP_SECONDS", 0.0)
    walked: list[str] = []
    real = walk.read_folder
    monkeypatch.setattr(walk, "read_folder", lambda base, *of: walked.append(of[1]) or real(base, *of))
    list_class_folders(root, progress=False)
    touch(root, "a/below/6.jpg")
    (root / "b" / "3.jpg").unlink()
    walked.clear()
    listing = list_class_folders(root, progress=False)
    # c had only just been changed when it was read, and a link may lead elsewhere by now.
    assert walked == [".", "a", "a/below", "b", "c", "d"]
    assert images(listing) == {
        ("a", "a/1.jpg"), ("a", "a/below/2.jpg"), ("a", "a/below/6.jpg"), ("c", "c/4.jpg"),
        ("d", "d/5.jpg"), ("d", "d/link.jpg"),
    }  # fmt: skip
    settle(root)
    list_class_folders(root, progress=False)
    walked.clear()
    list_class_folders(root, extensions=[".jpg"], progress=False)
    assert len(walked) == 6, "other endings, another listing"
    walked.clear()
    assert images(list_class_folders(root, progress=False)) == images(listing)
    assert walked == [".", "d"]


def test_a_quick_scan_leaves_nothing_behind_and_a_torn_piece_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "set"
    touch(root, "a/1.jpg")
    settle(root)
    list_class_folders(root, progress=False)
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(pieces, "KEEP_SECONDS", 0.0)
    list_class_folders(root, progress=False)
    (kept,) = (tmp_path / "cache").rglob("*.parquet")
    kept.write_bytes(kept.read_bytes()[:50])
    assert images(list_class_folders(root, progress=False)) == {("a", "a/1.jpg")}
    assert not kept.exists()


def test_the_bar_is_silent_when_not_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touch(tmp_path / "set", "a/1.jpg")
    list_class_folders(tmp_path / "set", progress=False)
    assert capsys.readouterr() == ("", "")
