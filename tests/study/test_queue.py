"""Which task is next, whatever happened to the others; where it runs; what its failure means."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from nastransfer.study.executors.gpus import CONTEXT_BYTES, Gpu, alike, place, read_gpus
from nastransfer.study.executors.queue import Queue
from nastransfer.study.executors.warm import SHIPPED, needs, warm
from nastransfer.study.failures import Cause, cause_named, cause_of, cause_recorded, wait_before_next
from nastransfer.study.plan import Task

GB = 10**9


def task(name: str, *parents: str, **given: object) -> Task:
    return Task(name, "augment", name, given, parents)


def names(tasks: list[Task]) -> list[str]:
    return [one.id for one in tasks]


def test_tasks_come_in_the_order_of_the_plan_as_their_parents_finish() -> None:
    tasks = [task("a"), task("b", "a"), task("c", "a", "b"), task("d"), task("e", "elsewhere")]
    queue = Queue(tasks, done={"d"})
    assert queue.left == 4
    first = queue.next(0.0)
    assert first is not None and first.id == "a"
    assert names(queue.soon({"a"}, 5)) == ["e", "b"]
    assert names(queue.soon({"a"}, 1)) == ["e"]
    queue.done(first)
    order = []
    while (one := queue.next(0.0)) is not None:
        order.append(one.id)
        queue.done(one)
    assert order == ["b", "c", "e"]
    assert queue.left == 0


def test_a_failure_blocks_what_needs_it_once_and_nothing_else() -> None:
    tasks = [task("a"), task("b"), task("c", "a", "b"), task("d", "c"), task("e", "b"), task("f")]
    queue = Queue(tasks, done=())
    started = [one for _ in range(3) if (one := queue.next(0.0)) is not None]
    assert queue.failed(started[0]) == ["c", "d"]
    assert queue.failed(started[1]) == ["e"]
    queue.done(started[2])
    assert queue.left == 0 and queue.next(0.0) is None


def test_a_task_put_back_comes_again_when_its_time_has_come() -> None:
    queue = Queue([task("a"), task("b")], done=())
    first = queue.next(0.0)
    assert first is not None
    queue.again(first, 5.0)
    assert [one.id for one in (queue.next(1.0), queue.next(5.0)) if one is not None] == ["b", "a"]
    assert queue.next(9.0) is None and queue.left == 2


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_ends_runs_every_task_after_its_parents(seed: int) -> None:
    rng = random.Random(seed)
    tasks = [task(f"{n}", *{f"{rng.randrange(n)}" for _ in range(rng.randrange(3)) if n}) for n in range(60)]
    queue, running, done = Queue(tasks, done=()), [], set[str]()
    while queue.left:
        while len(running) < 4 and (one := queue.next(0.0)) is not None:
            assert done.issuperset(one.parents)
            running.append(one)
        ended = running.pop(rng.randrange(len(running)))
        done.add(ended.id)
        queue.done(ended)
    assert len(done) == 60


def test_a_task_of_unknown_memory_gets_a_gpu_to_itself() -> None:
    two = [Gpu("0", 40 * GB), Gpu("1", 40 * GB)]
    assert place(two, {}, None) == ("0",)
    assert place(two, {"0": [None]}, None) == ("1",)
    assert place(two, {"0": [None], "1": [GB]}, None) is None
    assert place(two, {"0": [None]}, GB) == ("1",)
    assert place([], {}, None) is None


def test_tasks_of_known_memory_share_a_gpu_as_long_as_they_fit() -> None:
    one = [Gpu("0", 10 * GB)]
    peak = 2 * GB
    running: list[int | None] = []
    while place(one, {"0": running}, peak):
        running.append(peak)
    assert len(running) == 3  # each with the driver's context, within nine tenths of the memory
    assert (len(running) + 1) * (peak + CONTEXT_BYTES) > 0.9 * 10 * GB
    assert place([*one, Gpu("1", 10 * GB)], {"0": [peak]}, peak) == ("1",), "spread before shared"
    assert place(one, {}, 50 * GB) == ("0",), "alone it may try, and its own error says what is missing"
    assert place(one, {"0": [peak]}, 50 * GB) is None


def test_several_devices_are_never_shared() -> None:
    three = [Gpu(name, 10 * GB) for name in "abc"]
    assert place(three, {"b": [GB]}, GB, devices=2) == ("a", "c")
    assert place(three, {"b": [GB], "c": [None]}, GB, devices=2) is None


def test_gpus_are_read_from_the_drivers_table() -> None:
    table = "0, GPU-aaaa, 81559\n1, GPU-bbbb, 81559\n\n"
    assert [gpu.name for gpu in read_gpus(table, None)] == ["0", "1"]
    assert read_gpus(table, None)[0].total_bytes == 81559 * 2**20
    assert [gpu.name for gpu in read_gpus(table, "1")] == ["1"]
    assert [gpu.name for gpu in read_gpus(table, "GPU-bb,0")] == ["1", "0"]
    assert read_gpus(table, "") == []
    assert read_gpus("", None) == []


def test_tasks_alike_differ_in_seed_and_genotype_only() -> None:
    base = {
        "target": {"dataset": "digits"},
        "protocol": "tiny",
        "seed": 2,
        "genotype": "x",
        "method": "random",
    }
    assert alike(task("a", **base)) == alike(task("b", **{**base, "seed": 3, "genotype": "y", "method": ""}))
    assert alike(task("a", **base)) != alike(task("b", **{**base, "protocol": "small"}))


class Diverged(RuntimeError):
    """Named like the one that trainings raise."""


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ValueError("no"), Cause.BAD_INPUT),
        (KeyError("no"), Cause.BAD_INPUT),
        (Diverged("nan"), Cause.DIVERGED),
        (MemoryError(), Cause.MEMORY),
        (RuntimeError("CUDA out of memory. Tried to allocate"), Cause.MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), Cause.MEMORY),
        (ConnectionResetError(), Cause.CONNECTION),
        (TimeoutError(), Cause.CONNECTION),
        (OSError(116, "Stale file handle"), Cause.CONNECTION),
        (OSError(28, "No space left on device"), Cause.CANNOT_WRITE),
        (RuntimeError("else"), Cause.ERROR),
        (AssertionError(), Cause.ERROR),
    ],
)
def test_the_cause_is_told_from_the_exception(error: Exception, cause: Cause) -> None:
    assert cause_of(error) == cause


def test_causes_told_by_name_alone_and_recorded_ones() -> None:
    assert cause_named(["Diverged"], "loss nan") == Cause.DIVERGED
    assert cause_named(["ZeroDivisionError"], "") == Cause.ERROR
    assert cause_recorded({"cause": "memory"}) == Cause.MEMORY
    assert cause_recorded({"died": True}) == Cause.DIED
    assert cause_recorded({"died": False}) == Cause.ERROR


def test_waits_grow_and_end() -> None:
    waits = (5.0, 30.0)
    assert wait_before_next([Cause.DIED], waits) == 5.0
    assert wait_before_next([Cause.DIED] * 2, waits) == 30.0
    assert wait_before_next([Cause.DIED] * 3, waits) is None
    assert wait_before_next([Cause.BAD_INPUT], waits) is None
    assert wait_before_next([Cause.MEMORY], waits) == 5.0
    assert wait_before_next([Cause.MEMORY] * 2, waits) is None
    assert wait_before_next([Cause.DIED, Cause.MEMORY], waits) == 30.0
    assert wait_before_next([Cause.DIED], ()) is None


def test_what_a_kernel_imports_ahead_is_what_its_task_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Task("a", "search", "a", {"method": "darts1"})
    training = Task("b", "augment", "b", {})
    shipped = needs(SHIPPED / "search.ipynb", search)
    assert {"nastransfer.report.curves", "nastransfer.study.task", "nastransfer.space.supernet"} <= {*shipped}
    for drawn in ({"method": "random"}, {"method": "mine", "plugin": "plugins/x/mine.py"}):
        assert "nastransfer.space.supernet" not in needs(
            SHIPPED / "search.ipynb", replace(search, parameters=drawn)
        )
    assert "nastransfer.train.augment" in needs(SHIPPED / "augment.ipynb", training)
    own = tmp_path / "augment.ipynb"
    cells = [{"cell_type": "code", "source": ["%time 1\n", "import json\n"]}]
    cells += [{"cell_type": kind, "source": ["from a import b"]} for kind in ("code", "markdown")]
    own.write_text(json.dumps({"cells": cells}))
    assert needs(own, training) == ("a.b", "nastransfer.study.task")
    tied: list[bool] = []
    monkeypatch.setattr("nastransfer.study.executors.warm.end_with_parent", partial(tied.append, True))
    warm(("json", "no.such.module"))
    assert tied == [True]
