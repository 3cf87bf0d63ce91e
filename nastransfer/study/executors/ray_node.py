"""What Ray runs on a node of its cluster: the process of a task, and the agents of a training on several nodes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from nastransfer.study.executors.gpus import gpus
from nastransfer.study.executors.process import Exit, stop
from nastransfer.study.failures import Cause

AGENT = "nastransfer.study.executors.ray_agent"
POLL_SECONDS = 0.2
# When the agent of one node has given up, the training that it belonged to has so long to end by itself.
ALONE_SECONDS = 60.0
# With a limit a process is waited for in short turns. Without one it is in one call, which Ray cannot break off.
_VERY_LONG = 1e9


@dataclass(frozen=True)
class Outcome:
    """Exit status of a task's process, its seconds; cause, and that in words, of an end without a record."""

    status: int
    seconds: float = 0.0
    cause: Cause = Cause.DIED
    said: str = ""


def run(work: dict[str, Any]) -> Outcome:
    """Run a task's process and wait for it; when Ray is asked to end this, the process is ended first."""
    if unseen := _unseen(work):
        return unseen
    began = time.monotonic()
    with _started(work, {"devices": work["devices"]} if work["devices"] > 1 else {}) as process:
        return Outcome(process.wait(_VERY_LONG), time.monotonic() - began)


def run_together(work: dict[str, Any], ask: dict[str, Any]) -> Outcome:
    """The same for a training on several nodes: its process here, an agent of torch elastic on each of the others.

    Where one of those nodes is lost, all of it ends: tried again, it goes on from its last saved state.
    """
    if unseen := _unseen(work):
        return unseen
    with socket.socket() as free:
        free.bind(("", 0))
        address = f"{ray.util.get_node_ip_address()}:{free.getsockname()[1]}"
    group = {"devices": work["devices"], "nodes": ask["nodes"], "address": address}
    before, began = _jobs(work), time.monotonic()
    agents: list[Any] = []
    with _started(work, group) as process:
        try:
            while process.poll() is None:
                job = next(iter(_jobs(work) - before), None)
                if job is not None and not agents:
                    agents = [_asked(work, ask, group, job[0], index) for index in range(1, ask["nodes"])]
                if agents and (failed := _gave_up(agents)):
                    _wait(process, ALONE_SECONDS if failed.cause == Cause.DIED else 0.0)
                    status = failed.status if process.poll() is None else process.returncode
                    return replace(failed, status=status, seconds=time.monotonic() - began)
                time.sleep(POLL_SECONDS)
            return Outcome(process.returncode, time.monotonic() - began)
        finally:
            for agent in agents:
                ray.cancel(agent)


def join(work: dict[str, Any], group: dict[str, Any], folder: str) -> int:
    """An agent of a training that was begun on another node: waits until it is over."""
    command = [sys.executable, "-m", AGENT, folder, json.dumps(group)]
    environment = {**os.environ, **work["environment"], "TORCHELASTIC_ENABLE_FILE_TIMER": "1"}
    log = Path(folder, f"log-{socket.gethostname()}-{os.getpid()}.txt")
    with log.open("ab") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment, text=True)
    try:
        return process.wait(_VERY_LONG)
    finally:
        stop([process], work["stop_seconds"])


def smallest_gpu() -> int | None:
    """Bytes of the smallest GPU of this node."""
    return min((gpu.total_bytes for gpu in gpus(every=True)), default=None)


def _unseen(work: dict[str, Any]) -> Outcome | None:
    """How a task ends on a node that does not see its folder."""
    if Path(work["folder"]).is_dir():
        return None
    return Outcome(
        Exit.FAILED,
        cause=Cause.CONNECTION,
        said=f"{socket.gethostname()} does not see {work['folder']}: the runs folder has to be on a file system that "
        "all nodes of the cluster share, at the same path",
    )


@contextmanager
def _started(work: dict[str, Any], together: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """A task's process, which writes to the task's log; ended at the end at the latest."""
    words = [work["runs"], work["study"], work["task_id"], json.dumps(together)]
    there = Path(work["working_folder"])
    with Path(work["folder"], "log.txt").open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", work["module"], *words],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=there if there.is_dir() else None,
            env={**os.environ, **work["environment"]},
            text=True,
        )
    try:
        yield process
    finally:
        stop([process], work["stop_seconds"])


def _jobs(work: dict[str, Any]) -> set[tuple[Path, int]]:
    """Folders in which trainings of this task by several processes were prepared, with the time of that.

    They are called `ranks` (`nastransfer.train.elastic`, which is not imported here for torch's sake).
    """
    found = Path(work["folder"]).glob("*/ranks/job.json")
    return {(path.parent, path.stat().st_mtime_ns) for path in found}


def _asked(work: dict[str, Any], ask: dict[str, Any], group: dict[str, Any], folder: Path, index: int) -> Any:
    """Ask Ray for the agent of the node that is held for it."""
    held = ray.util.get_current_placement_group()
    assert held is not None
    place = PlacementGroupSchedulingStrategy(held, placement_group_bundle_index=index)
    needs = {"num_cpus": ask["cpus"], "num_gpus": ask["gpus"], "max_retries": 0, "scheduling_strategy": place}
    return ray.remote(join).options(**needs).remote(work, group, str(folder))


def _gave_up(agents: list[Any]) -> Outcome | None:
    """How the first of the agents ended that did so without success."""
    done, _ = ray.wait(agents, num_returns=len(agents), timeout=0)
    for one in done:
        try:
            status = ray.get(one)
        except (ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError):
            return Outcome(-signal.SIGKILL, cause=Cause.PREEMPTED, said="one of its nodes was lost")
        except ray.exceptions.RayError as error:
            return Outcome(-signal.SIGKILL, said=f"an agent of its training died: {type(error).__name__}")
        if status:
            return Outcome(-signal.SIGKILL, said=f"an agent of its training ended with status {status}")
    return None


def _wait(process: subprocess.Popen[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
