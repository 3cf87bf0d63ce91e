"""How much memory this machine has for a study (no torch)."""

from __future__ import annotations

from pathlib import Path

import psutil

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
