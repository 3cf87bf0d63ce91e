"""How much of the processor a process got of what it could have used, as Linux counts it (no torch)."""

from __future__ import annotations

from pathlib import Path

_THREADS = Path("/proc/self/task")

# Nanoseconds that the threads of this process computed, and that they were ready to and had to wait for a core.
Times = tuple[int, int]


def processor_times() -> Times | None:
    """Of all threads that live now; None where the system does not say."""
    computed = waited = 0
    try:
        for thread in _THREADS.iterdir():
            words = (thread / "schedstat").read_text().split()
            computed, waited = computed + int(words[0]), waited + int(words[1])
    except (OSError, ValueError, IndexError):
        return None
    return computed, waited


def share_between(before: Times | None, after: Times | None) -> float | None:
    """Share of the time ready that was spent computing: 1 on a machine that nobody else uses."""
    if before is None or after is None:
        return None
    computed, waited = (later - earlier for earlier, later in zip(before, after, strict=True))
    return computed / (computed + waited) if computed > 0 and waited >= 0 else None
