"""Which task is next: parents before what needs them, in the order of the plan, tried again when its time has come."""

from __future__ import annotations

import heapq
from collections.abc import Collection

from nastransfer.study.plan import Task


class Queue:
    """The tasks of a plan that are not done yet. A parent that is not among the tasks is taken for done."""

    def __init__(self, tasks: list[Task], done: Collection[str]) -> None:
        self._tasks = [task for task in tasks if task.id not in done]
        self._place = {task.id: place for place, task in enumerate(self._tasks)}
        self._missing = {
            task.id: {parent for parent in task.parents if parent in self._place} for task in self._tasks
        }
        self._children: dict[str, list[str]] = {}
        for task in self._tasks:
            for parent in self._missing[task.id]:
                self._children.setdefault(parent, []).append(task.id)
        # Sorted, and so a heap already.
        self._ready = [place for place, task in enumerate(self._tasks) if not self._missing[task.id]]
        self._later: list[tuple[float, int]] = []
        self._blocked: dict[str, None] = {}
        self.left = len(self._tasks)
        """Tasks that are neither done, failed nor blocked; those that run are among them."""

    def __len__(self) -> int:
        """Tasks that could start now, or once a wait is over."""
        return len(self._ready) + len(self._later)

    def next(self, now: float) -> Task | None:
        """The first task that can start, or None."""
        while self._later and self._later[0][0] <= now:
            heapq.heappush(self._ready, heapq.heappop(self._later)[1])
        return self._tasks[heapq.heappop(self._ready)] if self._ready else None

    def soon(self, running: Collection[str], most: int) -> list[Task]:
        """The next tasks, at most so many: those that can start, then those that can once what runs has ended."""
        places = heapq.nsmallest(most, self._ready)
        waiting = {child for one in running for child in self._children.get(one, ())}
        places += sorted(self._place[one] for one in waiting if self._missing[one] <= {*running})
        return [self._tasks[place] for place in places[:most]]

    def again(self, task: Task, at: float) -> None:
        """Put a task back, to be started at a time (of the clock that `next` is given) or later."""
        heapq.heappush(self._later, (at, self._place[task.id]))

    def done(self, task: Task) -> None:
        """A task is done: what waited for it alone can start."""
        self.left -= 1
        for child in self._children.get(task.id, ()):
            self._missing[child].discard(task.id)
            if not self._missing[child]:
                heapq.heappush(self._ready, self._place[child])

    def failed(self, task: Task) -> list[str]:
        """A task failed for good: ids of all that cannot start because of it alone, in the order of the plan."""
        before = len(self._blocked)
        self._block(task.id)
        new = list(self._blocked)[before:]
        self.left -= 1 + len(new)
        return sorted(new, key=self._place.__getitem__)

    def _block(self, parent: str) -> None:
        for child in self._children.get(parent, ()):
            if child not in self._blocked:
                self._blocked[child] = None
                self._block(child)
