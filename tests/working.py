"""Work for processes of their own, in a module that they can import, as all such work must be."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def squares(folder: Path) -> Callable[[int], int]:
    """Numbers squared, a note of it left in `folder`; the larger the number, the sooner."""

    def square(number: int) -> int:
        time.sleep(0.3 / (1 + number))
        (folder / f"{number}-{os.getpid()}").touch()
        return number * number

    return square


def killed(folder: Path, times: int) -> Callable[[int], int]:
    """The same, but the process is killed while it is at 2, so many times."""
    square = squares(folder)

    def once_killed(number: int) -> int:
        if number == 2 and len(list(folder.glob("killed-*"))) < times:
            (folder / f"killed-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return square(number)

    return once_killed


def failing(_: str) -> Callable[[int], int]:
    """Division by the number given."""
    return lambda number: 6 // number


def refused(reason: str) -> Callable[[int], int]:
    """Fails before there is any work."""
    raise NoSource(reason)


class NoSource(ValueError):
    """An error that cannot be rebuilt from its message alone."""

    def __init__(self, reason: str, *, code: int = 3) -> None:
        super().__init__(f"{reason}, code {code}")


def endless(folder: Path) -> Callable[[int], int]:
    """Leaves a note that it has begun, and never ends."""

    def wait(number: int) -> int:
        (folder / f"{number}-{os.getpid()}").touch()
        time.sleep(600)
        return number

    return wait
