"""One live view of a run: a table that renews itself in a terminal or notebook, a line a task that ends in a log."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from nastransfer.search.watched import clock, in_words

SECONDS_BETWEEN_VIEWS = 1.0
NARROW, BAR = 60, 20


@dataclass(frozen=True)
class Row:
    """A task that runs: its last event (`step`, `steps` and what in_words says), and seconds since it started."""

    slug: str
    event: dict[str, Any] | None
    seconds: float


@dataclass(frozen=True)
class View:
    """What there is to see of a run: tasks by state, those that run, failures as text, an estimate of what is left."""

    study: str
    tasks: int
    done: int
    failed: int
    blocked: int
    seconds: float
    seconds_left: float | None
    running: Sequence[Row] = ()
    failures: Sequence[str] = ()

    def lines(self, width: int) -> list[str]:
        """The view as lines of at most `width` letters."""
        filled = BAR * self.done // self.tasks if self.tasks else BAR
        counts = [f"{self.done}/{self.tasks} done", f"{len(self.running)} running"]
        counts += [f"{self.failed} FAILED"] if self.failed else []
        counts += [f"{self.blocked} blocked by them"] if self.blocked else []
        counts += [clock(self.seconds)]
        counts += [f"about {clock(self.seconds_left)} left"] if self.seconds_left is not None else []
        head = f"{self.study}  {'#' * filled}{'.' * (BAR - filled)}  {', '.join(counts)}"
        names = max((len(row.slug) for row in self.running), default=0)
        rows = [_row(row, min(names, width // 2)) for row in self.running]
        failures = [f"  failed: {text}" for text in self.failures[-3:]]
        return [line[:width] for line in (head, *rows, *failures)]


def _row(row: Row, names: int) -> str:
    event = row.event
    slug = row.slug if len(row.slug) <= names else f"{row.slug[: names - 3]}..."
    if event is None:
        return f"  {slug:{names}}        starting, {clock(row.seconds)}"
    share = f"{100 * event['step'] // event['steps']:3}%"
    return f"  {slug:{names}}  {share}  {clock(row.seconds)}  {in_words(event)}"


class Screen:
    """Where a view is shown. This one shows nothing."""

    def show(self, view: View) -> None:
        """Show how things stand now."""

    def said(self, line: str) -> None:
        """Tell something that happened."""

    def close(self) -> None:
        """Show no more."""


class LogScreen(Screen):
    """For logs: what happened, a line each."""

    def said(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


class TerminalScreen(Screen):
    """A table that is written over itself; what happened stays above it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lines: list[str] = []

    def show(self, view: View) -> None:
        width = max(NARROW, shutil.get_terminal_size().columns) - 1
        self._write([], view.lines(width))

    def said(self, line: str) -> None:
        self._write([line], self._lines)

    def _write(self, stays: list[str], lines: list[str]) -> None:
        # Up over the last table, and clear what is below.
        over = f"\x1b[{len(self._lines)}F\x1b[J" if self._lines else ""
        self._out.write(over + "".join(f"{line}\n" for line in [*stays, *lines]))
        self._out.flush()
        self._lines = lines


class NotebookScreen(Screen):
    """One output of a cell that is renewed in its place."""

    def __init__(self) -> None:
        from IPython.display import display

        self._handle = display({"text/plain": "starting"}, raw=True, display_id=True)

    def show(self, view: View) -> None:
        if self._handle is not None:
            self._handle.update({"text/plain": "\n".join(view.lines(120))}, raw=True)


def screen() -> Screen:
    """The screen for where this process runs: a notebook, a terminal, or a log."""
    if "ipykernel" in sys.modules and _in_kernel():
        return NotebookScreen()
    return TerminalScreen(sys.stderr) if sys.stderr.isatty() else LogScreen()


def _in_kernel() -> bool:
    from IPython.core.getipython import get_ipython

    return type(get_ipython()).__name__ == "ZMQInteractiveShell"


class Pace:
    """How long is left, from what tasks of the same kind took so far (or from what was expected of each)."""

    def __init__(self, kinds: dict[str, int], expected_seconds: float | None = None) -> None:
        self._left = dict(kinds)
        self._took: dict[str, list[float]] = {}
        self._expected = expected_seconds
        self.started = time.monotonic()

    def ended(self, kind: str, seconds: float, expected: float | None = None) -> None:
        """Take account of a task that ended after so many seconds; None where it had been done before."""
        self._left[kind] -= 1
        self._took.setdefault(kind, []).append(seconds)
        if self._expected is not None and expected is not None:
            self._expected -= expected

    def mean(self, kind: str) -> float | None:
        """Seconds that a task of a kind took so far; None where none has ended."""
        took = self._took.get(kind)
        return sum(took) / len(took) if took else None

    def seconds_left(self, slots: int) -> float | None:
        """Seconds of wall time until all is done; None as long as a kind that is to come has not been seen."""
        if self._expected is not None:
            return self._expected / slots
        total = 0.0
        for kind, count in self._left.items():
            mean = self.mean(kind)
            if count and mean is None:
                return None
            total += count * (mean or 0.0)
        return total / slots
