"""Why tasks fail, and which of the causes can pass: those alone are worth another try."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any


class Cause(Enum):
    """What ended a task without a result."""

    BAD_INPUT = "bad input"  # a setting, a file or a set that cannot work
    DIVERGED = "diverged"  # the numbers left the range of floats: the same seed does it again
    ERROR = "error"  # anything else that the code itself raised
    MEMORY = "memory"  # more was asked for than there was
    CONNECTION = "connection"  # a server or a file system that did not answer
    DIED = "died"  # the process ended without a word: killed, out of memory, a crash
    PREEMPTED = "preempted"  # its machine went away: no fault of the task
    CANNOT_WRITE = "cannot write"  # a full or read-only disk: no task can succeed


MAY_PASS = frozenset({Cause.MEMORY, Cause.CONNECTION, Cause.DIED, Cause.PREEMPTED})
# Lost machines do not count among a task's tries; so many in one run are taken for its doing all the same.
MOST_PREEMPTED = 20

# Names of exception classes, most telling first. Those of torch are known by name: nothing here imports it.
_NAMES = {
    "CannotWrite": Cause.CANNOT_WRITE,
    "Diverged": Cause.DIVERGED,
    "MemoryError": Cause.MEMORY,
    "OutOfMemoryError": Cause.MEMORY,
    "BrokenPipeError": Cause.DIED,
    "ConnectionError": Cause.CONNECTION,
    "ConnectionResetError": Cause.CONNECTION,
    "ConnectionRefusedError": Cause.CONNECTION,
    "ConnectionAbortedError": Cause.CONNECTION,
    "TimeoutError": Cause.CONNECTION,
    "URLError": Cause.CONNECTION,
    "gaierror": Cause.CONNECTION,
    "DistNetworkError": Cause.CONNECTION,
    "DistStoreError": Cause.CONNECTION,
    "ValueError": Cause.BAD_INPUT,
    "TypeError": Cause.BAD_INPUT,
    "LookupError": Cause.BAD_INPUT,
    "FileNotFoundError": Cause.BAD_INPUT,
}
_TEXTS = {
    "out of memory": Cause.MEMORY,
    "can't allocate memory": Cause.MEMORY,
    "Cannot allocate memory": Cause.MEMORY,
    f"[Errno {errno.ENOSPC}]": Cause.CANNOT_WRITE,
    f"[Errno {errno.EDQUOT}]": Cause.CANNOT_WRITE,
    f"[Errno {errno.ESTALE}]": Cause.CONNECTION,
}


def cause_of(error: BaseException) -> Cause:
    """The cause that an exception tells of."""
    return cause_named([kind.__name__ for kind in type(error).__mro__], str(error))


def cause_named(names: Iterable[str], text: str) -> Cause:
    """The cause that the names of an exception's classes, or else its text, tell of."""
    told = (_NAMES[name] for name in names if name in _NAMES)
    said = (cause for words, cause in _TEXTS.items() if words in text)
    return next(said, None) or next(told, Cause.ERROR)


def cause_recorded(failure: Mapping[str, Any]) -> Cause:
    """The cause in a record of a failure; records of earlier versions only say whether the process died."""
    if "cause" in failure:
        return Cause(failure["cause"])
    return Cause.DIED if failure.get("died") else Cause.ERROR


def wait_before_next(causes: Sequence[Cause], waits: Sequence[float]) -> float | None:
    """Seconds to wait before a task is tried again after failures for these causes, the last one last; None: not again.

    `waits` are the waits before the second, third, ... try. A lack of memory is given one more try, not all of them:
    what was short once because of others may be there; what is short twice will be short again. A machine that went
    away takes no try from the task.
    """
    if not causes or not waits or causes[-1] not in MAY_PASS:
        return None
    lost = causes.count(Cause.PREEMPTED)
    if causes[-1] == Cause.PREEMPTED:
        return waits[min(lost, len(waits)) - 1] if lost <= MOST_PREEMPTED else None
    own = len(causes) - lost
    if own > len(waits) or causes.count(Cause.MEMORY) > 1:
        return None
    return waits[own - 1]
