"""Long work kept piece by piece in the user's cache folder, so that it can be taken up again after an interruption."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import polars as pl

from nastransfer.cache import cache_folder

# At most so much work is lost. Work that is done sooner is not kept at all: it is quick to repeat.
KEEP_SECONDS = 5.0


class Pieces:
    """Tables of one kind of work on one thing, named by texts; a context in which new ones are kept.

    Several processes may work on the same thing: each writes its own files, aside and then renamed.
    """

    def __init__(self, kind: str, *names: str) -> None:
        digest = hashlib.blake2b(json.dumps(names).encode("ascii"), digest_size=12).hexdigest()
        self.folder = cache_folder() / kind / digest
        self._waiting: list[pl.DataFrame] = []
        self._began = self._written = time.monotonic()

    def load(self) -> Iterator[tuple[Path, pl.DataFrame]]:
        """The tables kept so far, oldest first; a file that cannot be read is removed."""
        for path in sorted(self.folder.glob("*.parquet")):
            try:
                yield path, pl.read_parquet(path)
            except (pl.exceptions.PolarsError, OSError):
                path.unlink(missing_ok=True)

    def keep(self, table: pl.DataFrame) -> None:
        """Keep a table with the next piece, which is written when the last one is `KEEP_SECONDS` old."""
        if len(table):
            self._waiting.append(table)
        if time.monotonic() - self._written >= KEEP_SECONDS:
            self._write()

    def __enter__(self) -> Pieces:
        self._began = self._written = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if time.monotonic() - self._began >= KEEP_SECONDS:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        if not self._waiting:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{time.time_ns()}-{uuid.uuid4().hex[:8]}.parquet"
        aside = path.with_suffix(".part")
        pl.concat(self._waiting).write_parquet(aside)
        aside.replace(path)
        self._waiting.clear()
