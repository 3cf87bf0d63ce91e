"""What an image file's first and last bytes say: whether it is an image, whether its end is there, what is unusual.

No pixel of a JPEG, PNG or WebP file is decoded, and no library asked: millions of files are looked at. Files of other
formats, which are few, are decoded.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator

from PIL import Image

from nastransfer.data.files import BadImage, decode_rgb

# (first byte, number of bytes) -> these bytes of the file, fewer at its end.
Reader = Callable[[int, int], bytes]

HEAD_BYTES = 2048
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x00IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"
# JPEG markers: start of scan; start of frame (C0 to CF without tables and extensions); an application's segment.
_SCAN, _EXIF = 0xDA, 0xE1
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_ORIENTATION = 0x0112


def inspect(read: Reader, size: int, head: bytes) -> tuple[str, ...]:
    """Notes on an image file of `size` bytes which begins with `head` (`HEAD_BYTES`, or all there are).

    "grey", "CMYK" (both are converted), "EXIF orientation 6" (ignored), "3 bytes after its end" (ignored). `BadImage`
    with the reason: zero bytes, not an image, broken header, truncated.
    """
    if not size:
        raise BadImage("zero bytes")
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg(read, size, head)
    if head.startswith(_PNG):
        grey = ("grey",) if head[25:26] in (b"\x00", b"\x04") else ()
        return grey + _after_end(read, size, _PNG_END, len(_PNG), "end chunk")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        if size < int.from_bytes(head[4:8], "little") + 8:
            raise BadImage("truncated (shorter than its header says)")
        return ()
    content = read(0, size)
    try:
        decode_rgb(content)
    except BadImage as error:
        raise BadImage(
            f"truncated ({error.reason})" if "truncated" in error.reason else error.reason
        ) from error
    with Image.open(io.BytesIO(content)) as image:
        return {"1": ("grey",), "L": ("grey",), "CMYK": ("CMYK",)}.get(image.mode, ())


def _jpeg(read: Reader, size: int, head: bytes) -> tuple[str, ...]:
    notes: list[str] = []
    colours = 0
    for marker, start, length in _segments(read, head):
        if marker == _SCAN:
            if not colours:
                break
            return (*notes, *_after_end(read, size, _JPEG_END, start, "end marker"))
        # A frame's segment: bits, height, width, number of colours; the longest that is of interest is an EXIF header.
        some = (
            head[start : start + length]
            if start + length <= len(head)
            else read(start, min(length, HEAD_BYTES))
        )
        if marker in _FRAMES:
            width, colours = int.from_bytes(some[3:5], "big"), some[5] if len(some) > 5 else 0
            if not width or not colours:
                break
            notes += {1: ["grey"], 4: ["CMYK"]}.get(colours, [])
        elif some.startswith(b"Exif\x00\x00"):
            orientation = _orientation(some[6:])
            notes += [f"EXIF orientation {orientation}"] if orientation > 1 else []
    raise BadImage("broken header")


def _segments(read: Reader, head: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, first byte and length of the segments of interest before the first scan's pixels, and of that scan."""
    place = 2
    while True:
        mark = head[place : place + 4] if place + 4 <= len(head) else read(place, 4)
        if len(mark) < 4:
            raise BadImage("truncated (no end marker)")
        if mark[0] != 0xFF:
            raise BadImage("broken header")
        marker = mark[1]
        if marker == 0xFF or marker in _ALONE:
            place += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(mark[2:4], "big")
        if length < 2:
            raise BadImage("broken header")
        if marker in _FRAMES or marker in (_SCAN, _EXIF):
            yield marker, place + 4, length - 2
        place += 2 + length


def _orientation(exif: bytes) -> int:
    """The orientation that a TIFF header's first directory states; 1 (as stored) where it says nothing sensible."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, start)
        for index in range(entries):
            tag, _, _, value = struct.unpack_from(order + "HHIH", exif, start + 2 + 12 * index)
            if tag == _ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        # The directory lies outside of what was read, or of the file.
        return 1
    return 1


def _after_end(read: Reader, size: int, end: bytes, start: int, what: str) -> tuple[str, ...]:
    """A note on bytes behind the file's end as its format marks it; `BadImage` where there is no such end.

    In a JPEG's pixels the end marker cannot occur, since every byte FF is followed by 00 there.
    """
    if read(max(start, size - len(end)), len(end)) == end:
        return ()
    found = read(start, size - start).rfind(end)
    if found < 0:
        raise BadImage(f"truncated (no {what})")
    return (f"{size - start - found - len(end)} bytes after its end",)
