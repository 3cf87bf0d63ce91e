"""Files that are there whole or not at all: written aside, synced, renamed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_atomic(path: Path, content: bytes) -> None:
    """Put `content` at `path`, whole or not at all, also over a crash of the machine."""
    save_atomic(path, lambda aside: aside.write_bytes(content))


def save_atomic(path: Path, save: Callable[[Path], object]) -> None:
    """Let `save` write a file aside, sync it and rename it to `path`: there whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.aside")
    try:
        save(aside)
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
