"""Locks that die with their holder, and processes that die with their parent."""

from __future__ import annotations

import ctypes
import fcntl
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Busy(RuntimeError):
    """Another process holds the lock."""


@contextmanager
def lock(path: Path, *, waiting_for: str | None = None) -> Iterator[None]:
    """Hold a file lock over a block; the system frees it when the process dies.

    Where another process holds it: `Busy`, or (with `waiting_for`, which says what) a line of notice and a wait.
    """
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting_for is None:
                raise Busy(f"another process holds {path}") from None
            print(f"waiting for {waiting_for} ({path.name})", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def end_with_parent(how: signal.Signals = signal.SIGTERM) -> None:
    """Ask Linux to end this process by this signal when its parent dies, however that dies; elsewhere ask nothing."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, how)
