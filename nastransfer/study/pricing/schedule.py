"""How long tasks take on some slots: the runner's rule played through (no torch)."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from nastransfer.study.plan import Task


def wall_seconds(tasks: Sequence[Task], seconds: Mapping[str, float], slots: int) -> float:
    """Wall time until the last of the tasks has ended.

    `seconds`: task id -> how long it holds its slot; tasks that are not in it are done. Whenever a slot is free, the
    first task of the order whose parents are done starts, as `executors.local` does it.
    """
    open_tasks = [task for task in tasks if task.id in seconds]
    places = {task.id: place for place, task in enumerate(open_tasks)}
    missing = [sum(parent in places for parent in task.parents) for task in open_tasks]
    children: dict[str, list[int]] = {}
    for place, task in enumerate(open_tasks):
        for parent in task.parents:
            children.setdefault(parent, []).append(place)
    ready = [place for place, count in enumerate(missing) if not count]
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < slots:
            place = heapq.heappop(ready)
            heapq.heappush(running, (now + seconds[open_tasks[place].id], place))
        now, ended = heapq.heappop(running)
        for child in children.get(open_tasks[ended].id, ()):
            missing[child] -= 1
            if not missing[child]:
                heapq.heappush(ready, child)
    return now
