"""How records lie on disk: written aside, synced and renamed; every record and every event line checks itself.

A reader therefore sees a record whole or not at all, and a flipped bit or a hand edit is noticed, not believed.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nastransfer.disk import write_atomic, writing

# More than any event: the last ones are read from here on.
LAST_BYTES = 16_384
_CRC = b',"crc":"'


class CorruptRecord(ValueError):
    """A record on disk that is not what was written; the message names the file and what is wrong."""


def write_record(path: Path, values: Mapping[str, Any]) -> None:
    """Publish plain values as a self-checking JSON file."""
    write_atomic(path, record_bytes(values))


def record_bytes(values: Mapping[str, Any]) -> bytes:
    """What such a file holds."""
    return json.dumps({**values, "checksum": _checksum(values)}, indent=1).encode() + b"\n"


def read_record(path: Path) -> dict[str, Any]:
    """Read a self-checking JSON file; `CorruptRecord` if it is not exactly what was written."""
    try:
        values = json.loads(path.read_bytes())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CorruptRecord(f"{path}: not JSON: {error}") from None
    if not isinstance(values, dict) or "checksum" not in values:
        raise CorruptRecord(f"{path}: not a record: it has no checksum")
    stated = values.pop("checksum")
    if stated != _checksum(values):
        raise CorruptRecord(f"{path}: its checksum does not fit its content: changed after it was written")
    return values


def file_digest(path: Path) -> str:
    """16 hex digits of what a file holds."""
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()


def _checksum(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def self_checking(values: Mapping[str, Any]) -> bytes:
    """One line of JSON whose last value is the CRC-32 of what stands before it, in 8 hex digits."""
    text = json.dumps(values, separators=(",", ":")).encode()[:-1]
    return b'%s%s%08x"}\n' % (text, _CRC, zlib.crc32(text))


def checked(line: bytes) -> dict[str, Any]:
    """The values of such a line; `ValueError` where it is not what was written. A line without a CRC is not checked."""
    text, stated, crc = line.rstrip().rpartition(_CRC)
    if stated and crc[:8] != b"%08x" % zlib.crc32(text):
        raise ValueError("its check does not fit: changed after it was written")
    values: dict[str, Any] = json.loads(line)
    values.pop("crc", None)
    return values


def event_line(values: Mapping[str, Any]) -> bytes:
    """One event as a line that starts with the CRC-32 of its JSON, in 8 hex digits."""
    text = json.dumps(values, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def append_line(path: Path, values: Mapping[str, Any]) -> None:
    """Append one event."""
    with writing(path), path.open("ab") as file:
        file.write(event_line(values))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The events of a file in order. Lines that fail their check (a torn last line is normal) are left out."""
    return _intact(path.read_bytes()) if path.exists() else []


def read_last_line(path: Path) -> dict[str, Any] | None:
    """The last event of a file, without reading all of it; None where it has none."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LAST_BYTES))
        events = _intact(file.read())
    return events[-1] if events else None


def _intact(content: bytes) -> list[dict[str, Any]]:
    events = []
    for line in content.splitlines():
        stated, _, text = line.partition(b" ")
        if stated == b"%08x" % zlib.crc32(text):
            events.append(json.loads(text))
    return events
