"""Image files that passed the verifying scan and could not be decoded when they were used, remembered as rejects.

A scan looks at a file's first and last bytes; damage in between shows only when it is decoded. Reading such an image is
an error, and its name, size and time of change are kept in the user's cache folder: the next `Dataset.verified` leaves
it out and lists it, until the file changes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from nastransfer.cache import cache_folder
from nastransfer.disk import write_atomic

_IDENTITY = {"container": pl.String(), "name": pl.String(), "length": pl.Int64(), "modified": pl.Int64()}


def remember(root: Path, row: Mapping[str, Any], reason: str) -> bool:
    """Keep a row of a verified manifest as one that cannot be decoded; whether it could be kept."""
    if row["modified"] is None:
        return False
    entry = {name: row[name] for name in _IDENTITY} | {"reason": reason}
    content = json.dumps(entry).encode("ascii")
    with suppress(OSError):
        write_atomic(_folder(root) / f"{_digest(row['container'], row['name'])}.json", content)
        return True
    return False


def remembered(root: Path) -> pl.DataFrame:
    """What is kept of a root: columns container, name, length, modified, reason."""
    entries = []
    for path in sorted(_folder(root).glob("*.json")):
        # Gone or torn: it is found again when the image is read.
        with suppress(OSError, ValueError):
            entries.append(json.loads(path.read_bytes()))
    return pl.DataFrame(entries, schema=_IDENTITY | {"reason": pl.String()})


def _folder(root: Path) -> Path:
    return cache_folder() / "undecodable" / _digest(os.path.realpath(root))


def _digest(*names: str) -> str:
    return hashlib.blake2b(json.dumps(names).encode("ascii"), digest_size=12).hexdigest()
