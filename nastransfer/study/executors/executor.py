"""Where the processes of tasks run: what the runner asks of an executor, this machine's or a cluster's."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from nastransfer.study.attempt import Attempt
from nastransfer.study.executors.gpus import alike
from nastransfer.study.failures import Cause
from nastransfer.study.plan import Task


@dataclass
class Running:
    """A task that was started, since when (monotonic seconds)."""

    task: Task
    started: float = field(default_factory=time.monotonic, kw_only=True)


@dataclass(frozen=True)
class Ended:
    """A task whose process ended after so many seconds, with a status (see `Exit`; any other: it died).

    Where that left no record of why: `cause`, and in words `said`, empty where nothing is known.
    """

    task: Task
    seconds: float
    status: int
    cause: Cause = Cause.DIED
    said: str = ""

    @property
    def why(self) -> str:
        """Why it ended without a record of that."""
        return self.said or f"its process ended with status {self.status}"


class Executor(ABC):
    """Starts the processes of tasks and knows which have ended; what is next, and what of that, is the runner's."""

    def __init__(self) -> None:
        self._peaks: dict[str, int] = {}

    @property
    @abstractmethod
    def side_by_side(self) -> int:
        """Tasks that about run at a time."""

    @property
    @abstractmethod
    def running(self) -> Sequence[Running]:
        """Tasks that were started and have not been told to have ended."""

    @abstractmethod
    def full(self) -> bool:
        """Whether no other task can be started now."""

    @abstractmethod
    def start(self, task: Task) -> bool:
        """Start a task; False where it has to wait for room."""

    @abstractmethod
    def ended(self) -> list[Ended]:
        """What has ended since it was asked last."""

    @abstractmethod
    def get_ready(self, coming: Sequence[Task]) -> None:
        """Prepare for the tasks that will be started soon."""

    def learn(self, task: Task, finished: Attempt) -> None:
        """Remember of a finished task what helps to place others that do the same."""
        peak = (finished.result() or {"numbers": {}})["numbers"].get("peak_bytes")
        if peak is not None:
            self._peaks[alike(task)] = max(peak, self._peaks.get(alike(task), 0))

    def peak_bytes(self, task: Task) -> int | None:
        """Bytes of memory that finished tasks which do the same needed on their device, where that was measured."""
        return self._peaks.get(alike(task))

    @abstractmethod
    def close(self) -> None:
        """End all that runs, and leave nothing behind; what is not finished goes on when the study is run again."""
