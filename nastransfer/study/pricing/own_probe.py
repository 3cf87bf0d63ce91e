"""How long an own method will take, of which nothing but its steps is known: it runs for some seconds (no torch)."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from nastransfer.search.searcher import SearchStep

OWN_SECONDS = 5.0
"""How long an own method is watched."""
_FAR_OFF = 0.3


@dataclass(frozen=True)
class StepTiming:
    """Seconds of the whole, by the share of its steps that were done."""

    seconds: float
    relative_error: float


class _OutOfTime(BaseException):
    """The time of a probe is over; no `except Exception` of an own method holds it."""


def time_steps(steps: Iterator[SearchStep], budget: float = OWN_SECONDS) -> StepTiming | None:
    """How long all steps take, from those done within `budget` seconds; None where no step said how far it was."""
    started = time.perf_counter()
    seen: tuple[float, SearchStep] | None = None
    try:
        with _at_most(budget):
            for step in steps:
                seen = (time.perf_counter() - started, step) if step.step else seen
    except _OutOfTime:
        pass
    else:
        return StepTiming(time.perf_counter() - started, 0.0)
    if seen is None:
        return None
    seconds, last = seen
    return StepTiming(seconds * last.steps / last.step, _FAR_OFF)


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Inside, `_OutOfTime` is raised when the time is over, in a main thread; elsewhere there is no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
