"""Locks that die with their holder, and processes that die with their parent."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil


class Busy(RuntimeError):
    """Another process holds the lock."""


@contextmanager
def lock(path: Path, *, waiting_for: str | None = None) -> Iterator[None]:
    """Hold a file lock over a block; the system frees it when the process dies.

    Where another process holds it: `Busy`, or (with `waiting_for`, which says what) a line of notice and a wait.
    """
    while True:
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting_for is None:
                    raise Busy(f"another process holds {path}") from None
                print(f"waiting for {waiting_for} ({path.name})", flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file.fileno(), path):
                yield
                return


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one of that name: who tidies up may have removed it meanwhile."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def held(path: Path) -> bool:
    """Whether some process holds the lock of a file right now."""
    if not path.exists():
        return False
    try:
        with lock(path):
            return False
    except Busy:
        return True


def this_process() -> dict[str, Any]:
    """What tells this process from all others: host, pid, and when it started."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "process_started": _started(os.getpid())}


def runs_here(about: Mapping[str, Any]) -> bool:
    """Whether the process that `this_process` told of still runs on this machine; of another host's, False."""
    if about["host"] != socket.gethostname():
        return False
    try:
        zombie = psutil.Process(about["pid"]).status() == psutil.STATUS_ZOMBIE
        return not zombie and about["process_started"] == _started(about["pid"])
    except psutil.NoSuchProcess:
        return False


def _started(pid: int) -> float | str:
    """When a process started: on Linux by the count of the boot that it belongs to, which no change of clock moves."""
    boot, about = Path("/proc/sys/kernel/random/boot_id"), Path(f"/proc/{pid}/stat")
    try:
        # The name in parentheses may hold anything; 22nd of all fields: ticks since the boot.
        ticks = about.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        return f"{boot.read_text(encoding='utf-8').strip()}+{ticks}"
    except (OSError, IndexError):
        return psutil.Process(pid).create_time()


def end_with_parent(how: signal.Signals = signal.SIGTERM) -> None:
    """Ask Linux to end this process by this signal when its parent dies, however that dies; elsewhere ask nothing."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, how)
