"""A Ray cluster of several nodes on this machine, in a process of its own; each node has a raylet, as machines have.

`python -m tests.study.ray_cluster NODES` answers a line of JSON with the address, the process ids of the head and those
of the nodes' raylets; each further line that it is given adds a node. It ends with its input, or its parent.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
# As the runner's own clusters: heard on this machine only, reporting to nobody. Started tasks see this checkout.
ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "PYTHONPATH": str(ROOT),
}
_SOON = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 3,
}
_SMALL = {"node_ip_address": "127.0.0.1", "include_dashboard": False, "object_store_memory": 80 * 2**20}


class Cluster:
    """Its head, which runs no tasks, and nodes of one core; killed node by node, or whole."""

    def __init__(self, nodes: int) -> None:
        # Not in pytest's folder: the names of Ray's sockets would be too long.
        self._folder = Path(tempfile.mkdtemp(prefix="ray-"))
        (self._folder / "ray").mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.study.ray_cluster", str(nodes)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **ENVIRONMENT, "RAY_TMPDIR": str(self._folder)},
        )
        self._about: dict[str, Any] | None = None

    @property
    def about(self) -> dict[str, Any]:
        """address, head (process ids), raylets (process ids); waits until it is there."""
        if self._about is None:
            assert self._process.stdout is not None
            self._about = json.loads(self._process.stdout.readline())
        return self._about

    @property
    def address(self) -> str:
        return self.about["address"]

    def add_node(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._about = None

    def raylets(self) -> list[psutil.Process]:
        """Those of the nodes that are there."""
        return alive(self.about["raylets"])

    def workers(self, does: str = "run") -> list[psutil.Process]:
        """Ray's processes that run tasks now, or the agents of a training (`join`)."""
        every = [one for raylet in self.raylets() for one in raylet.children()]
        return [one for one in every if f"ray::{does}" in " ".join(one.cmdline())]

    def kill_head(self) -> None:
        for one in alive(self.about["head"]):
            one.kill()

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def alive(pids: list[int]) -> list[psutil.Process]:
    found = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return [one for one in found if one.status() != psutil.STATUS_ZOMBIE]


def serve(nodes: int) -> None:
    from ray.cluster_utils import Cluster as Several

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    several = Several(head_node_args={**_SMALL, "num_cpus": 0, "_system_config": _SOON}, initialize_head=True)
    added = [several.add_node(wait=False, **_SMALL) for _ in range(nodes)]
    several.wait_for_nodes()
    threading.Thread(target=take_note, args=([several.head_node], added), daemon=True).start()
    while True:
        pids = {
            "head": [process.pid for process in _processes(several.head_node)],
            "raylets": [process.pid for node in added for process in _processes(node)],
        }
        answers.write(json.dumps({"address": several.address, **pids}) + "\n")
        answers.flush()
        if not sys.stdin.readline():
            break
        added.append(several.add_node(**_SMALL))
    several.shutdown()


def take_note(*groups: list[Any]) -> None:
    """Of processes that end: a node's workers take its raylet for alive as long as nobody has."""
    while True:
        for node in [node for group in groups for node in group]:
            for process in _processes(node):
                process.poll()
        time.sleep(0.02)


def _processes(node: Any) -> list[Any]:
    return [one.process for kind in node.all_processes.values() for one in kind]


if __name__ == "__main__":
    from nastransfer.processes import end_with_parent

    end_with_parent()
    serve(int(sys.argv[1]))
