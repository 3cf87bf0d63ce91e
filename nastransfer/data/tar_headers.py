"""What the 512-byte headers of a tar say: numbers, names, checksums, and the records of a pax header.

Plain ustar, GNU and pax archives: POSIX.1-2017, "pax", and "Basic Tar Format" of the GNU tar manual.
"""

from __future__ import annotations

import numpy as np

BLOCK = 512
# Kinds of members, by the byte at `KIND`: regular files as ustar, V7 and "contiguous" write them; headers about the
# next member; and what has no bytes of its own, whatever its size says.
KIND = 156
FILES = b"0\x007"
LONG_NAME, SPARSE, GLOBAL = b"L"[0], b"S"[0], b"g"[0]
PAX, ABOUT_NEXT = b"xX", b"LKgxX"
WITHOUT_BYTES = b"123456"
_SAYS = {"1": "a hard link", "2": "a link", "3": "a device", "4": "a device", "5": "a folder", "6": "a pipe"}
# Places of a header's fields.
SIZE, _CHECKSUM, _NAME, _MAGIC, _PREFIX = (
    slice(124, 136), slice(148, 156), slice(0, 100), slice(257, 263), slice(345, 500)
)  # fmt: skip
_USTAR = b"ustar\x00"
_MOST = 1 << 62


def number(field: bytes) -> int:
    """A field's number: octal digits between spaces, up to a zero byte, or base 256 where its first bit is set.

    `ValueError` for anything else, negative numbers included.
    """
    if field[0] & 0x80:
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        if field[0] & 0x40 or value > _MOST:
            raise ValueError(f"a number of a tar header must be from 0 to {_MOST}, got {field!r}")
        return value
    digits = field.partition(b"\0")[0].strip(b" ")
    if digits.strip(b"01234567"):
        raise ValueError(f"a number of a tar header must have octal digits, got {field!r}")
    return int(digits or b"0", 8)


def no_file(kind: int) -> str:
    """Why a member of a kind that is no regular file is no image."""
    return _SAYS.get(chr(kind), "sparse" if kind == SPARSE else f"of the unknown kind {chr(kind)!r}")


def text_field(field: bytes) -> bytes:
    """A field's text: what is before its first zero byte."""
    return field.partition(b"\0")[0]


def name_of(header: bytes) -> bytes:
    """The member's name; in a ustar header it may have a first half in a field of its own."""
    name = text_field(header[_NAME])
    prefix = text_field(header[_PREFIX]) if header[_MAGIC] == _USTAR else b""
    return prefix + b"/" + name if prefix else name


def names_of(headers: np.ndarray) -> list[bytes]:
    """`name_of` each header, uint8 [headers, 512]."""
    fields = np.ascontiguousarray(headers[:, _NAME])
    names: list[bytes] = fields.view("S100").ravel().tolist()
    split = (headers[:, _PREFIX.start] != 0) & (headers[:, _MAGIC] == np.frombuffer(_USTAR, np.uint8)).all(1)
    # Something follows the zero byte that ends the name.
    rest = (fields[:, :-1] == 0) & (fields[:, 1:] != 0)
    for place in np.flatnonzero(split | rest.any(1)):
        names[place] = name_of(headers[place].tobytes())
    return names


def checksums_hold(headers: np.ndarray) -> np.ndarray:
    """Whether each header, uint8 [headers, 512], has the sum of bytes that it states; bool [headers].

    The sum counts the checksum's own field as spaces. Some old programs summed signed bytes: that is taken, too.
    """
    fields = headers[:, _CHECKSUM]
    total = headers.sum(axis=1, dtype=np.uint32).astype(np.int64)
    total += 8 * ord(" ") - fields.sum(axis=1, dtype=np.int64)
    digits = fields[:, :6].astype(np.int64) - ord("0")
    stated = digits @ 8 ** np.arange(5, -1, -1)
    usual = ((digits >= 0) & (digits < 8)).all(axis=1) & ((fields[:, 6] & 0xDF) == 0)
    holds = usual & (stated == total)
    for place in np.flatnonzero(~holds):
        holds[place] = _checksum_holds(headers[place].tobytes(), int(total[place]))
    return holds


def _checksum_holds(header: bytes, total: int) -> bool:
    try:
        stated = number(header[_CHECKSUM])
    except ValueError:
        return False
    counted = header[: _CHECKSUM.start] + header[_CHECKSUM.stop :]
    return stated in (total, total - 256 * sum(byte > 127 for byte in counted))


def pax_records(content: bytes) -> dict[str, bytes]:
    """The records of a pax header's data: keyword -> value. `ValueError` where they are not as they should be.

    A record is its own length in decimal digits, a space, keyword, "=", value and a line's end.
    """
    records: dict[str, bytes] = {}
    place = 0
    while place < len(content) and content[place]:
        digits = content[place : place + 20].partition(b" ")[0]
        length = int(digits) if digits.isdigit() else 0
        record = content[place + len(digits) + 1 : place + length]
        keyword, equals, value = record.partition(b"=")
        if not equals or not value.endswith(b"\n") or place + length > len(content):
            raise ValueError(
                f"a pax record must be '<length> <keyword>=<value>', got {content[place:][:60]!r}"
            )
        records[keyword.decode("utf-8", "replace")] = value[:-1]
        place += length
    return records
