"""The process that talks to Ray for the runner: `python -m nastransfer.study.executors.ray_driver`.

It hears lines of JSON: first `{"address": ..., "cpus": ...}`, then `{"start": id, "ask": {...}, "work": {...}}`. It
answers `{"room": {...}}` or `{"refused": why}`, then `{"ended": id, "status": ..., "cause": ..., "said": ...}`,
`{"room": ...}` where that changed, `{"notice": text}` and at last, where the cluster went away, `{"lost": why}`.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import ray
from ray import exceptions
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import (
    NodeAffinitySchedulingStrategy,
    PlacementGroupSchedulingStrategy,
)

from nastransfer.processes import end_with_parent
from nastransfer.study.executors import ray_node
from nastransfer.study.failures import Cause

POLL_SECONDS = 0.05
LOOK_SECONDS = 1.0
# A head that does not answer for so long is lost; Ray itself would end this process after a minute.
HEAD_SECONDS = 15.0
GPU_SECONDS = 60.0
STOP_SECONDS = 15.0
# Nothing but a few numbers goes through Ray; this is the least that it takes.
OBJECT_BYTES = 80 * 2**20
_QUIET: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}


class Lost(Exception):
    """The cluster went away."""


class Cluster:
    """A connection to a cluster, and the tasks that it was given."""

    def __init__(self, address: str | None, cpus: int | None) -> None:
        if address is None:
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                object_store_memory=OBJECT_BYTES,
                **_QUIET,
            )
        else:
            if "://" not in address and address != "auto" and not answers(address):
                raise ValueError(f"nobody answers at {address}: no Ray cluster has its head there")
            ray.init(address=address, **_QUIET)
        client = address is not None and "://" in address
        self.head = None if client else ray.get_runtime_context().gcs_address
        self._run, self._run_together = ray.remote(ray_node.run), ray.remote(ray_node.run_together)
        self.room: dict[str, Any] = {}
        self._nodes: list[dict[str, Any]] = []
        self._tasks: dict[Any, str] = {}
        self._groups: dict[Any, Any] = {}
        self._noticed: set[str] = set()
        self._looked = float("-inf")

    def start(self, task_id: str, ask: dict[str, Any], work: dict[str, Any]) -> None:
        """Give a task to Ray. It is never tried again by Ray itself."""
        needs = {"num_cpus": ask["cpus"], "num_gpus": ask["gpus"], "max_retries": 0}
        if ask["nodes"] == 1:
            reference = self._run.options(**needs).remote(work)
        else:
            bundle = {name: count for name, count in (("CPU", ask["cpus"]), ("GPU", ask["gpus"])) if count}
            group = placement_group([bundle] * ask["nodes"], strategy="STRICT_SPREAD")
            place = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=0)
            together = self._run_together.options(**needs, scheduling_strategy=place)
            reference = together.remote(work, ask)
            self._groups[reference] = group
        self._tasks[reference] = task_id

    def ended(self) -> Iterator[dict[str, Any]]:
        """What is to be told of tasks that ended."""
        if not self._tasks:
            return
        waiting = list(self._tasks)
        done, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0, fetch_local=False)
        for reference in done:
            task_id = self._tasks.pop(reference)
            if reference in self._groups:
                remove_placement_group(self._groups.pop(reference))
            told = outcome(reference)
            yield {"ended": task_id, **asdict(told), "cause": told.cause.value}

    def look(self) -> Iterator[dict[str, Any]]:
        """From time to time, what the cluster has where that changed."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        room = self._measured()
        if room != self.room:
            self.room = room
            yield {"room": room}

    def _measured(self) -> dict[str, Any]:
        """CPU cores and GPUs of the cluster, and bytes of its smallest GPU."""
        self._nodes = [node for node in ray.nodes() if node["Alive"]]
        has = ray.cluster_resources()
        gpus = has.get("GPU", 0.0)
        known = self.room.get("gpu_bytes") if gpus == self.room.get("gpus") else None
        return {"cpus": has.get("CPU", 0.0), "gpus": gpus, "gpu_bytes": known or self._gpu_bytes(gpus)}

    def notice(self, ask: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Say once that no node is as large as a task asks for: it waits until there is one."""
        text = f"{ask['cpus']} CPU cores" + (f" and {ask['gpus']:g} GPUs" if ask["gpus"] else "")
        have = [node["Resources"] for node in self._nodes]
        fit = sum(one.get("CPU", 0) >= ask["cpus"] and one.get("GPU", 0) >= ask["gpus"] for one in have)
        if fit < ask["nodes"] and text not in self._noticed:
            self._noticed.add(text)
            wanted = f"{ask['nodes']} with {text} {'each' if ask['nodes'] > 1 else ''}".strip()
            yield {
                "notice": f"of the cluster's {len(have)} nodes {fit} can take such a task; it waits for {wanted}"
            }

    def close(self) -> None:
        """Ask all tasks to end, and end those that do not; leave the cluster (an own one ends with that)."""
        for reference in self._tasks:
            ray.cancel(reference)
        if self._tasks:
            ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=STOP_SECONDS)
        ray.shutdown()

    def _gpu_bytes(self, gpus: float) -> int | None:
        if not gpus:
            return None
        asked = ray.remote(ray_node.smallest_gpu)
        sizes = [
            asked.options(
                num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote()
            for node in self._nodes
            if node["Resources"].get("GPU")
        ]
        done, _ = ray.wait(sizes, num_returns=len(sizes), timeout=GPU_SECONDS)
        try:
            return min((size for size in ray.get(done) if size), default=None)
        except exceptions.RayError:
            return None


def outcome(reference: Any) -> ray_node.Outcome:
    """How a task ended: as its node says, or as Ray does where that could not."""
    killed = partial(ray_node.Outcome, -signal.SIGKILL)
    try:
        told: ray_node.Outcome = ray.get(reference)
    except exceptions.LocalRayletDiedError:
        raise Lost("Ray ended on this machine") from None
    except exceptions.OutOfMemoryError:
        return killed(cause=Cause.MEMORY, said="Ray ended it: the memory of its node was used up")
    except (exceptions.NodeDiedError, exceptions.ObjectLostError):
        return killed(cause=Cause.PREEMPTED, said="its node was lost")
    except exceptions.WorkerCrashedError:
        return killed(said="its Ray worker died")
    except exceptions.RayError as error:
        lines = str(error).strip().splitlines() or [""]
        return killed(said=f"{type(error).__name__}: {lines[-1]}")
    return told


def answers(address: str) -> bool:
    """Whether anybody listens at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=2.0):
            return True
    except ValueError:
        raise ValueError(
            f"the address of a Ray cluster is auto, HOST:PORT or ray://HOST:PORT; found {address!r}"
        ) from None
    except OSError:
        return False


class Asked:
    """Lines of the runner as they come in."""

    def __init__(self) -> None:
        self._rest = b""
        self.over = False

    def new(self, seconds: float) -> list[dict[str, Any]]:
        """Those that have come; waits so long for some. `over`: nobody is there any more who could ask."""
        if not select.select([0], [], [], seconds)[0]:
            return []
        read = os.read(0, 1 << 16)
        self.over = not read
        *lines, self._rest = (self._rest + read).split(b"\n")
        return [json.loads(line) for line in lines]


def serve(cluster: Cluster, asked: Asked, out: int) -> None:
    """Do what is asked until there is nobody who asks."""
    while not asked.over:
        for told in asked.new(POLL_SECONDS):
            for said in cluster.notice(told["ask"]):
                tell(out, said)
            cluster.start(told["start"], told["ask"], told["work"])
        for said in (*cluster.ended(), *cluster.look()):
            tell(out, said)


def tell(out: int, said: dict[str, Any]) -> None:
    """A line for the runner, in one piece."""
    os.write(out, json.dumps(said).encode() + b"\n")


def watch(head: str, out: int) -> None:
    """End this process once the head of the cluster is lost, whatever Ray waits for meanwhile."""
    answered = time.monotonic()
    while time.monotonic() - answered < HEAD_SECONDS:
        time.sleep(LOOK_SECONDS)
        if answers(head):
            answered = time.monotonic()
    tell(out, {"lost": f"its head at {head} has not answered for {HEAD_SECONDS:.0f} s"})
    os._exit(1)


def _own_output() -> int:
    """Where the runner listens, for this module alone: what Ray prints goes to stderr."""
    out = os.dup(1)
    os.dup2(2, 1)
    return out


def _leave(*_: object) -> None:
    """On SIGTERM leave by exception, so that tasks are ended."""
    sys.exit(128 + signal.SIGTERM)


def main() -> int:
    """The command line of this module."""
    end_with_parent()
    signal.signal(signal.SIGTERM, _leave)
    out = _own_output()
    asked, settings = Asked(), list[dict[str, Any]]()
    while not settings and not asked.over:
        settings = asked.new(POLL_SECONDS)
    if not settings:
        return 0
    try:
        cluster = Cluster(**settings[0])
    except (ValueError, ConnectionError, ImportError) as error:
        tell(out, {"refused": str(error)})
        return 2
    signal.signal(signal.SIGTERM, _leave)  # Ray has put its own in the place
    try:
        if cluster.head is not None:
            threading.Thread(target=watch, args=(cluster.head, out), daemon=True).start()
        serve(cluster, asked, out)
    except (Lost, ConnectionError) as error:
        tell(out, {"lost": str(error)})
        os._exit(1)  # Ray would wait for a head that is not there
    finally:
        cluster.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
