"""Work that is done step by step: a generator yields each step and returns the result (no torch)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

Result = TypeVar("Result")


class Diverged(RuntimeError):
    """The loss is not a number any more: there is no result.

    `step` counts weight steps from 0; `last` is the last good step of the work, None where there was none.
    """

    def __init__(self, step: int, loss: float) -> None:
        super().__init__(
            f"training diverged: the loss at step {step} is {loss}; try a smaller lr or another seed"
        )
        self.step = step
        self.loss = loss
        self.last: Any = None


class OutOfMemory(RuntimeError):
    """The device's memory does not suffice; the message says what to change."""


class RanksLost(RuntimeError):
    """Processes that trained together ended without a result, more often than they are started anew."""


def run_to_end(steps: Generator[Any, None, Result]) -> Result:
    """Do all steps and give what the generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result
