"""How a study is run, and what a run did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from nastransfer.study.ledger import StudyRecords
from nastransfer.study.machine import cores

MOST_SLOTS = 8
RETRY_SECONDS = (5.0, 30.0)


@dataclass
class Summary:
    """What a call of `run` did: task ids by outcome, and wall seconds of its processes by kind, summed over slots.

    `retried` counts the tries that failed for a cause that can pass, by task id.
    """

    records: StudyRecords
    done: list[str] = field(default_factory=list)
    found_done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    retried: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Options:
    """How to run. `slots`: tasks side by side, each with cores / slots threads; None: one a core, at most 8.

    `retries`: seconds before the second, third, ... try of a task that failed for a cause that can pass.
    `devices`: GPUs (or processes, on a CPU) that each training uses; it fills as many slots.
    `ahead`: start the process of the next task before the one before it has ended.
    `expected`: seconds that each task is expected to take, by id, for the time left; None: as a kept estimate has it.
    """

    slots: int | None = None
    retries: tuple[float, ...] = RETRY_SECONDS
    devices: int = 1
    ahead: bool = True
    expected: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if self.slots is not None and self.slots < 1:
            raise ValueError(f"slots must be at least 1, found {self.slots}")
        if self.devices < 1:
            raise ValueError(f"devices must be at least 1, found {self.devices}")
        if any(seconds < 0 for seconds in self.retries):
            raise ValueError(f"retries are seconds to wait, 0 or more, found {self.retries}")


def default_slots() -> int:
    """Tasks side by side: one a core, at most 8."""
    return min(MOST_SLOTS, cores())
