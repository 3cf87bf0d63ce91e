"""Bytes and pixels of image files: what changed or is broken is refused with its reason."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets.folder import pil_loader

from nastransfer.data.files import BadImage, ChangedImage, decode_rgb, read_bytes
from tests.data.images import SIDE, encoded, pixels, write


def test_bytes_are_read_where_size_and_time_are_as_indexed(tmp_path: Path) -> None:
    path = write(tmp_path / "é ü" / "日本.jpg", b"content")
    assert read_bytes(tmp_path, "é ü", "日本.jpg") == b"content"
    at = path.stat()
    assert read_bytes(tmp_path, "é ü", "日本.jpg", None, at.st_size, at.st_mtime_ns) == b"content"
    assert read_bytes(path.parent, ".", "日本.jpg", None, 7) == b"content"


def test_a_file_changed_after_indexing_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a" / "1.jpg", b"content")
    at = path.stat()
    path.write_bytes(b"longer content")
    with pytest.raises(ChangedImage, match=r"1\.jpg changed after it was indexed: 7 bytes, now 14"):
        read_bytes(tmp_path, "a", "1.jpg", None, at.st_size, at.st_mtime_ns)
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(0, at.st_mtime_ns + 1))
    with pytest.raises(ChangedImage, match=f"indexed: {at.st_mtime_ns} ns .*, now {at.st_mtime_ns + 1}"):
        read_bytes(tmp_path, "a", "1.jpg", None, at.st_size, at.st_mtime_ns)
    path.unlink()
    with pytest.raises(ChangedImage, match="is gone"):
        read_bytes(tmp_path, "a", "1.jpg")
    (tmp_path / "a").rmdir()
    (tmp_path / "a").write_text("now a file")
    with pytest.raises(ChangedImage, match="is gone"):
        read_bytes(tmp_path, "a", "1.jpg")


def test_what_is_no_file_of_the_root_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "outside.jpg", b"x")
    (tmp_path / "set" / "a").mkdir(parents=True)
    for container, name in (
        ("a/../..", "outside.jpg"),
        (str(tmp_path), "outside.jpg"),
        ("a", "../../outside.jpg"),
    ):
        with pytest.raises(ValueError, match="leaves the root"):
            read_bytes(tmp_path / "set", container, name)
    with pytest.raises(ValueError, match="no file of its own"):
        read_bytes(tmp_path, "pack.parquet", None, 3)
    with pytest.raises(ValueError, match="has the offset 3 and no length"):
        read_bytes(tmp_path, "set", "a.tar", 3)
    os.mkfifo(tmp_path / "set" / "pipe.jpg")
    for name in ("pipe.jpg", "a"):
        with pytest.raises(BadImage, match="not a regular file"):
            read_bytes(tmp_path, "set", name)


def test_an_unreadable_file_is_a_bad_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a" / "1.jpg", b"x")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(BadImage, match="unreadable: Permission denied"):
        read_bytes(tmp_path, "a", "1.jpg")


@pytest.mark.parametrize(
    ("mode", "kind", "orientation"),
    [
        ("RGB", "JPEG", None),
        ("RGB", "JPEG", 6),
        ("L", "JPEG", None),
        ("CMYK", "JPEG", None),
        ("RGB", "PNG", None),
        ("L", "PNG", None),
        ("1", "PNG", None),
        ("LA", "PNG", None),
        ("RGBA", "PNG", None),
        ("P", "PNG", None),
        ("P", "GIF", None),
        ("RGB", "BMP", None),
        ("RGB", "TIFF", None),
        ("RGB", "WEBP", None),
        ("RGB", "PPM", None),
    ],
)
def test_every_kind_decodes_as_torchvision_reads_it(
    mode: str, kind: str, orientation: int | None, tmp_path: Path
) -> None:
    content = encoded(mode, kind, orientation=orientation)
    image = decode_rgb(content)
    assert image.dtype == np.uint8 and image.shape == (SIDE, SIDE, 3)
    assert np.array_equal(image, np.asarray(pil_loader(write(tmp_path / "x", content))))
    if kind in ("PNG", "BMP", "TIFF", "PPM") and mode == "RGB":
        assert np.array_equal(image, pixels())


def test_palettes_with_transparency_and_deep_grey() -> None:
    file = io.BytesIO()
    Image.fromarray(pixels()).convert("P").save(file, "PNG", transparency=bytes(range(200)))
    assert decode_rgb(file.getvalue()).shape == (SIDE, SIDE, 3)
    deep = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE) * 100
    file = io.BytesIO()
    Image.fromarray(deep).save(file, "PNG")
    assert np.array_equal(decode_rgb(file.getvalue())[:, :, 1], deep >> 8)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "zero bytes"),
        (b"<html>not found</html>", "not an image"),
        (encoded()[:300], "cannot be decoded: (?i:.*truncated)"),
        (encoded()[:-20], "cannot be decoded: (?i:.*truncated)"),
        (encoded(kind="PNG")[:500], "cannot be decoded"),
        (encoded("P", "GIF")[:-200], "cannot be decoded"),
        (encoded(kind="TIFF")[:-900], "cannot be decoded"),
        (encoded(kind="PNG").replace(b"IDAT", b"IDXT"), "not an image|cannot be decoded"),
        (b"\xff\xd8\xff\xe0" + bytes(200), "not an image|cannot be decoded"),
        (b"GIF89a", "not an image|cannot be decoded"),
        (b"BM" + bytes(60), "not an image|cannot be decoded"),
    ],
)
def test_bad_bytes_are_bad_images(content: bytes, reason: str) -> None:
    with pytest.raises(BadImage, match=reason) as caught:
        decode_rgb(content)
    assert caught.value.reason == str(caught.value) and "0x" not in caught.value.reason


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_any_damage_gives_pixels_or_a_bad_image(kind: str) -> None:
    content = encoded("P" if kind == "GIF" else "RGB", kind)
    rng = np.random.default_rng(1)
    refused = []
    for _ in range(150):
        damaged = bytearray(content)
        for place in rng.integers(0, min(len(damaged), 700), 4):
            damaged[place] = rng.integers(0, 256)
        try:
            assert decode_rgb(bytes(damaged)).ndim == 3
        except BadImage as error:
            refused.append(error.reason)
    assert refused and all(refused)
