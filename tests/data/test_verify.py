"""The verifying scan: every bad file is listed with its reason, every good one is kept, nothing disappears."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nastransfer.data import pieces
from nastransfer.data import verify as module
from nastransfer.data.files import ChangedImage, decode_rgb, read_bytes
from nastransfer.data.manifest import Manifest, mix_keys, path_keys
from nastransfer.data.scan import list_class_folders
from nastransfer.data.verify import Verified, verify
from tests.data.images import encoded, write

JPEG = encoded()
GOOD = {
    "a/1.jpg": JPEG,
    "a/progressive.jpg": encoded(),
    "a/2.PNG": encoded(kind="PNG"),
    "b/gif.gif": encoded("P", "GIF"),
    "b/webp.webp": encoded(kind="WEBP"),
    "b/bmp.bmp": encoded(kind="BMP"),
    "b/tiff.tif": encoded(kind="TIFF"),
    "b/ppm.ppm": encoded(kind="PPM"),
    "c é/日本 语.jpg": JPEG,
    "c é/png named.jpg": encoded(kind="PNG"),
}
NOTED = {
    "a/grey.jpg": (encoded("L"), "grey"),
    "a/grey.png": (encoded("L", "PNG"), "grey"),
    "a/grey.tif": (encoded("L", "TIFF"), "grey"),
    "a/cmyk.jpg": (encoded("CMYK"), "CMYK"),
    "a/turned.jpg": (encoded(orientation=6), "EXIF orientation 6"),
    "b/grey and turned.jpg": (encoded("L", orientation=3), "EXIF orientation 3, grey"),
    "b/more.jpg": (JPEG + b"\n\x00abc", "5 bytes after its end"),
    "b/more.png": (encoded(kind="PNG") + b"xyz", "3 bytes after its end"),
}
BAD = {
    "a/zero.jpg": (b"", "zero bytes"),
    "a/half.jpg": (JPEG[: len(JPEG) // 2], "truncated (no end marker)"),
    "a/last byte missing.jpg": (JPEG[:-1], "truncated (no end marker)"),
    "a/head only.jpg": (JPEG[:100], "truncated (no end marker)"),
    "a/two bytes.jpg": (JPEG[:3], "truncated (no end marker)"),
    "a/half.png": (encoded(kind="PNG")[:-20], "truncated (no end chunk)"),
    "a/half.webp": (encoded(kind="WEBP")[:-20], "truncated (shorter than its header says)"),
    "a/half.ppm": (encoded(kind="PPM")[:-20], "truncated"),
    "b/html.jpg": (b"<html>not found</html>", "not an image"),
    "b/text.png": (b"a text", "not an image"),
    "b/broken.jpg": (b"\xff\xd8\xff\xe0" + bytes(500) + b"\xff\xd9", "broken header"),
    "b/no frame.jpg": (b"\xff\xd8\xff\xda\x00\x04\x00\x00\xff\xd9", "broken header"),
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASTRANSFER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    files = GOOD | {name: content for name, (content, _) in (NOTED | BAD).items()}
    for name, content in files.items():
        write(folder / name, content)
    return folder


def manifest_of(root: Path) -> Manifest:
    found = list_class_folders(root, progress=False)
    paths = found.container.cast(pl.String) + "/" + found.name
    return Manifest.build(
        "set",
        found.classes,
        label=found.label,
        part=np.arange(len(found)) % 3,
        key=path_keys("set", paths),
        container=found.container,
        name=found.name,
    )


def paths(frame: pl.DataFrame) -> list[str]:
    return (frame["container"].cast(pl.String) + "/" + frame["name"]).to_list()


def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    real = module._look_at
    monkeypatch.setattr(
        module, "_look_at", lambda base, path: seen.append(Path(path).name) or real(base, path)
    )
    return seen


def settle(root: Path) -> None:
    """Files that were changed some time ago."""
    for path in root.rglob("*"):
        os.utime(path, (time.time() - 100, time.time() - 100))


def test_each_bad_file_is_listed_with_its_reason(root: Path) -> None:
    manifest = manifest_of(root)
    found = verify(manifest, root, progress=False)
    assert len(manifest) == len(found.manifest) + len(found.rejects) == len(GOOD) + len(NOTED) + len(BAD)
    assert set(paths(found.manifest.rows)) == {*GOOD, *NOTED}
    reasons = dict(zip(paths(found.rejects), found.rejects["reason"], strict=True))
    for name, (_, reason) in BAD.items():
        assert reasons.pop(name).startswith(reason), name
    assert not reasons
    notes = dict(zip(paths(found.notes), found.notes["note"], strict=True))
    assert notes == {name: note for name, (_, note) in NOTED.items()}
    assert found.rejects.columns == ["class", "part", "container", "name", "reason"]
    assert set(found.rejects["class"]) == {"a", "b"} and len(found.manifest.classes) == 3
    parts = dict(zip(paths(manifest.rows), manifest.rows["part"], strict=True))
    assert all(
        parts[name] == part for name, part in zip(paths(found.rejects), found.rejects["part"], strict=True)
    )


def test_usable_images_have_sizes_and_times_and_decode(root: Path) -> None:
    found = verify(manifest_of(root), root, progress=False)
    for row in found.manifest.rows.iter_rows(named=True):
        at = (root / row["container"] / row["name"]).stat()
        assert (row["length"], row["modified"]) == (at.st_size, at.st_mtime_ns)
        arguments = (row["container"], row["name"], row["offset"], row["length"], row["modified"])
        assert decode_rgb(read_bytes(root, *arguments)).ndim == 3
    listed = manifest_of(root)
    assert found.manifest.hash != listed.hash
    again = verify(
        listed.take(listed.rows["key"].is_in(found.manifest.rows["key"].implode())), root, progress=False
    )
    assert again.manifest.hash == found.manifest.hash and not len(again.rejects)


def test_files_changed_after_indexing_are_refused(root: Path) -> None:
    found = verify(manifest_of(root), root, progress=False)
    write(root / "a/1.jpg", JPEG + b"x")
    os.utime(root / "a/2.PNG", ns=(1, 1))
    (root / "b/gif.gif").unlink()
    again = verify(found.manifest, root, progress=False)
    assert dict(zip(paths(again.rejects), again.rejects["reason"], strict=True)) == {
        "a/1.jpg": "changed after it was indexed",
        "a/2.PNG": "changed after it was indexed",
        "b/gif.gif": "no such file",
    }
    for row in found.manifest.rows.filter(pl.col("name") == "1.jpg").iter_rows(named=True):
        with pytest.raises(ChangedImage):
            read_bytes(root, row["container"], row["name"], None, row["length"], row["modified"])
    emptied = found.manifest.rows.with_columns(pl.lit(0, pl.Int64).alias("length"))
    wrong = verify(Manifest("set", found.manifest.classes, emptied), root, progress=False)
    assert not len(wrong.manifest)


def test_what_leaves_the_root_is_rejected(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "outside" / "1.jpg", JPEG)
    (root / "link.jpg").symlink_to(tmp_path / "outside" / "1.jpg")
    (root / "inside.jpg").symlink_to("a/1.jpg")
    (root / "loop.jpg").symlink_to("loop.jpg")
    (root / "folder").symlink_to(tmp_path / "outside")
    os.mkfifo(root / "pipe.jpg")
    places = [
        (".", "link.jpg"), (".", "inside.jpg"), ("folder", "1.jpg"), ("..", "outside/1.jpg"), (".", "loop.jpg"),
        (".", "pipe.jpg"), (".", "a"), ("nowhere", "1.jpg"),
    ]  # fmt: skip
    manifest = Manifest.build(
        "set",
        ["x"],
        label=np.zeros(len(places), int),
        part=np.zeros(len(places), int),
        key=mix_keys(1, np.arange(len(places))),
        container=pl.Series([container for container, _ in places]),
        name=pl.Series([name for _, name in places]),
    )
    found = verify(manifest, root, progress=False)
    assert paths(found.manifest.rows) == ["./inside.jpg"]
    assert found.rejects["reason"].to_list() == [
        f"leaves the root: a link to {tmp_path}/outside/1.jpg",
        f"leaves the root: it lies in {tmp_path}/outside",
        f"leaves the root: it lies in {tmp_path}",
        "unreadable: Too many levels of symbolic links",
        "not a file",
        "not a file",
        "no such file",
    ]


def test_an_interrupted_scan_goes_on_where_it_was(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(root)
    monkeypatch.setattr(pieces, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(module, "_TASK", 4)
    manifest = manifest_of(root)
    seen = looked_at(monkeypatch)
    counted = module._look_at

    def stop(base: str, path: str) -> tuple:
        if len(seen) == 13:
            raise KeyboardInterrupt
        return counted(base, path)

    monkeypatch.setattr(module, "_look_at", stop)
    with pytest.raises(KeyboardInterrupt):
        verify(manifest, root, workers=1, progress=False)
    monkeypatch.setattr(module, "_look_at", counted)
    seen.clear()
    found = verify(manifest, root, progress=False)
    assert len(seen) == len(manifest) - 12
    fresh = verify(manifest, root, cache=False, progress=False)
    assert found.manifest.hash == fresh.manifest.hash and found.manifest.rows.equals(fresh.manifest.rows)
    assert found.rejects.equals(fresh.rejects) and found.notes.equals(fresh.notes)
    seen.clear()
    write(root / "a/1.jpg", b"")
    once_more = verify(manifest, root, progress=False)
    assert seen == ["1.jpg"] and len(once_more.rejects) == len(BAD) + 1


def test_a_file_changed_a_moment_ago_is_looked_at_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(root)
    (root / "b/more.jpg").touch()
    monkeypatch.setattr(pieces, "KEEP_SECONDS", 0.0)
    manifest = manifest_of(root)
    verify(manifest, root, progress=False)
    seen = looked_at(monkeypatch)
    verify(manifest, root, progress=False)
    assert seen == ["more.jpg"]


def test_images_without_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="7 images that are not files of their own"):
        verify(Manifest.from_counts({"a": 7}), tmp_path)


def test_nothing_to_verify(tmp_path: Path) -> None:
    nothing = Manifest.from_counts({"a": 0})
    found = verify(nothing, tmp_path, progress=False)
    assert isinstance(found, Verified) and found.manifest.hash == nothing.hash and not len(found.rejects)
