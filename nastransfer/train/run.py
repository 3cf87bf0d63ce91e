"""A search or training in progress: units of work one by one, reports in between, its exact state at any of them.

Nothing here imports torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

Step = TypeVar("Step")


class Run(ABC, Generic[Step]):
    """Work cut into `units`: a weight step, an update of a controller, a trained child, an evaluation.

    A run whose `state()` was loaded into a fresh one of the same settings, data and streams (whose own states are
    restored apart, before) goes on exactly like the one it was taken from. `reports` steps are yielded, evenly spaced.
    """

    def __init__(self, units: int, reports: int) -> None:
        self.units = units
        self.done = 0
        self._ends = {round(units * (index + 1) / reports) for index in range(reports)} | {units}

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.done >= self.units

    @property
    def due(self) -> bool:
        """Whether a report is due after the units done so far."""
        return self.done in self._ends or self.finished

    def advance(self) -> None:
        """Do the next unit. Raises `nastransfer.train.steps.Diverged` when a loss is no longer a number."""
        self._unit()
        self.done += 1

    def end(self) -> None:
        """Stop here: nothing is left to do."""
        self.units = self.done

    def check(self) -> None:
        """Raise `Diverged` where something is no longer a number: such a state is not worth keeping."""

    @abstractmethod
    def _unit(self) -> None:
        """Do the unit number `done`, counted from 0."""

    @abstractmethod
    def report(self) -> Step:
        """Where the work stands; scores are those since the last report. Raises `Diverged` as `advance` does."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that the rest depends on but streams and `done`: tensors, plain values, dicts and lists of them."""

    @abstractmethod
    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state()` gave."""


def steps_of(run: Run[Step]) -> Iterator[Step]:
    """All of a run from where it stands: a report before the first unit, then whenever one is due."""
    if run.done == 0:
        yield run.report()
    while not run.finished:
        run.advance()
        if run.due:
            yield run.report()
