"""What this machine has for a study: devices by name, and memory (no torch)."""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import psutil

from nastransfer.study.executors.gpus import gpus
from nastransfer.study.machine import machine

# Where Linux says what a container may have: version 2 of control groups, then version 1.
_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_bytes() -> int:
    """The machine's memory, or what this process's container is allowed to have of it."""
    whole = int(psutil.virtual_memory().total)
    for path in _LIMITS:
        try:
            said = path.read_text().strip()
        except OSError:
            continue
        if said.isdecimal():  # else "max"
            return min(whole, int(said))
    return whole


@lru_cache(maxsize=1)
def device_names() -> tuple[str, ...]:
    """What tasks compute on here, as their records name it: the kinds of GPUs where there are any, else the CPU."""
    tool = shutil.which("nvidia-smi")
    if tool is not None and gpus():
        command = [tool, "--query-gpu=name", "--format=csv,noheader"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        names = [line.strip() for line in asked.stdout.splitlines() if line.strip()]
        if names and not asked.returncode:
            return tuple(dict.fromkeys(names))
    return (str(machine()["device"]),)


def room_for(slots: int) -> tuple[int, int | None]:
    """Bytes that one task may take, and that so many side by side may: of GPUs each task waits for its own room."""
    found = gpus()
    if found:
        return max(gpu.total_bytes for gpu in found), None
    whole = memory_bytes()
    return whole, whole if slots > 1 else None
