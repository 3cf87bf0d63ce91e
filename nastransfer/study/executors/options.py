"""How a study is run, and what a run did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from nastransfer.study.ledger import StudyRecords
from nastransfer.study.machine import cores

MOST_SLOTS = 8
RETRY_SECONDS = (5.0, 30.0)
EXECUTORS = ("local", "ray")


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
    `nodes`: machines of a cluster that each training uses, `devices` on each.
    `threads`: CPU threads of a task; None: cores / slots, or on a cluster 1, or its cores for each of its GPUs.
    `executor`: "local", or "ray" (a cluster); `address`: of a Ray cluster ("auto", HOST:PORT, ray://HOST:PORT); None:
    one is started on this machine for the run and ended with it. There `slots` only bounds how many tasks it is given.
    `ahead`: start the process of the next task before the one before it has ended.
    `expected`: seconds that each task is expected to take, by id, for the time left; None: as a kept estimate has it.
    """

    slots: int | None = None
    retries: tuple[float, ...] = RETRY_SECONDS
    devices: int = 1
    ahead: bool = True
    expected: Mapping[str, float] | None = None
    executor: str = "local"
    address: str | None = None
    nodes: int = 1
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("slots", "threads", "devices", "nodes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, found {value}")
        if self.executor not in EXECUTORS:
            raise ValueError(f"executor must be one of {', '.join(EXECUTORS)}, found {self.executor!r}")
        if self.executor == "local" and (self.nodes > 1 or self.address is not None):
            raise ValueError("several nodes, and the address of a cluster, need the executor 'ray'")
        if self.nodes > 1 and self.address is None:
            raise ValueError(f"{self.nodes} nodes need the address of a cluster that has them")
        if any(seconds < 0 for seconds in self.retries):
            raise ValueError(f"retries are seconds to wait, 0 or more, found {self.retries}")

    @property
    def slots_here(self) -> int:
        """Tasks side by side on this machine."""
        return self.slots or default_slots()

    @property
    def threads_here(self) -> int:
        """Threads of each of them."""
        return self.threads or max(1, cores() // self.slots_here)


def default_slots() -> int:
    """Tasks side by side: one a core, at most 8."""
    return min(MOST_SLOTS, cores())
