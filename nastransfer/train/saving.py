"""Long work that is saved on the way: resumed exactly, left cleanly when the system asks for it (no torch)."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from nastransfer.data.streams import Streams
from nastransfer.train.run import Run, Step

if TYPE_CHECKING:
    from nastransfer.train.checkpoint import Checkpoints

SAVE_SECONDS = 60.0
"""Seconds between two saved states: what a kill costs at most."""

_ASKS_TO_LEAVE = (signal.SIGINT, signal.SIGTERM)


class Notes(Protocol):
    """What is kept of the steps besides the run's own state."""

    @property
    def last(self) -> Any:
        """The last step noted, None before the first."""

    def state(self) -> str:
        """All of it as JSON."""

    def load_state(self, text: str) -> None:
        """Take up what `state()` gave."""


@contextmanager
def held_signals() -> Iterator[list[int]]:
    """Inside, SIGINT and SIGTERM are only noted, in the list given; a second one acts at once, as it would outside.

    Only the main thread can hold them; in others nothing is noted.
    """
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = {number: signal.getsignal(number) for number in _ASKS_TO_LEAVE}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _: FrameType | None) -> None:
        if noted:
            restore()
            signal.raise_signal(number)
        noted.append(number)

    for number in _ASKS_TO_LEAVE:
        signal.signal(number, note)
    try:
        yield noted
    finally:
        restore()


def saved_steps(
    run: Run[Step],
    streams: Streams,
    notes: Notes,
    kept: Checkpoints | None,
    save_seconds: float = SAVE_SECONDS,
    *,
    opening: bool = True,
    saves: bool = True,
) -> Iterator[Step]:
    """All steps of a run from where `kept` has it, saved every `save_seconds` and at the end.

    `opening`: a report before the first unit too. SIGINT and SIGTERM wait for the unit in progress; its state is then
    saved before they act. Without `saves` (of several processes in step only one does) nothing is saved or held.
    """
    state = kept.load() if kept is not None else None
    if state is not None:
        streams.load_state(json.loads(state["streams"]))
        notes.load_state(state["journal"])
        run.units, run.done = state["units"], state["done"]
        run.load_state(state["run"])
    if opening and run.done == 0 and notes.last is None:
        yield run.report()
    saved = time.monotonic()
    while not run.finished:
        if kept is None or not saves:
            run.advance()
            if run.due:
                yield run.report()
            continue
        with held_signals() as asked:
            run.advance()
            report = run.report() if run.due else None
        if report is not None:
            yield report
        if run.finished or asked or time.monotonic() - saved >= save_seconds:
            run.check()
            values = {"units": run.units, "done": run.done, "run": run.state(), "journal": notes.state()}
            kept.save({**values, "streams": json.dumps(streams.state())})
            saved = time.monotonic()
        if asked:
            signal.raise_signal(asked[0])
