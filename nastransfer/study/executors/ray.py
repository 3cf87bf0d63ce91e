"""A Ray cluster as executor: Ray places the tasks on its nodes; which, and what becomes of them, is the runner's.

Ray ends processes that belong to a cluster whose head is gone. So a process of its own, the driver
(`nastransfer.study.executors.ray_driver`), talks to Ray and hears from this one by lines of JSON; it dies with this
one, and Ray then ends what it had asked for. All nodes see the runs folder under the same path.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

from nastransfer.disk import writing
from nastransfer.study.executors import process
from nastransfer.study.executors.executor import Ended, Executor, Running
from nastransfer.study.executors.gpus import share
from nastransfer.study.executors.options import Options
from nastransfer.study.failures import Cause
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.plan import Task

DRIVER = "nastransfer.study.executors.ray_driver"
START_SECONDS = 120.0
# The driver gives what runs on the nodes `process.STOP_SECONDS` to end, and itself some more.
STOP_SECONDS = 30.0
# Tasks that wait at Ray beyond those that fit: a node that becomes free goes on at once, an autoscaler sees them.
WAITING = 4
_LOG_LINES = 8


class ClusterLost(RuntimeError):
    """The cluster that ran a study is gone. What was finished is kept, and the same call goes on from there."""


@dataclass(frozen=True)
class Ask:
    """What a task asks for: CPU cores and GPUs (a share of one, where several fit) on each of so many nodes."""

    nodes: int
    cpus: int
    gpus: float


@dataclass
class Submitted(Running):
    """A task that Ray was given."""

    ask: Ask


@dataclass(frozen=True)
class Room:
    """What a cluster has altogether: CPU cores, GPUs, and bytes of memory of its smallest GPU, where it has some."""

    cpus: float
    gpus: float
    gpu_bytes: int | None = None


@final
class RayExecutor(Executor):
    """Gives tasks to Ray: as many as fit, and some that wait. `say` is told what a user should know."""

    def __init__(self, records: StudyRecords, options: Options, say: Callable[[str], None]) -> None:
        super().__init__()
        self._records, self._options, self._say = records, options, say
        self._running: dict[str, Submitted] = {}
        self._ended: list[Ended] = []
        cpus = max(options.slots_here, options.devices) * options.threads_here
        own = options.address is None
        self._driver = Driver(records, {"address": options.address, "cpus": cpus if own else None})
        try:
            self._room = self._driver.room()
        except BaseException:
            self._driver.close()
            raise

    @property
    def side_by_side(self) -> int:
        room, most = self._room, self._options.slots or 1_000_000
        devices = room.gpus if room.gpus else room.cpus / self._threads
        return max(1, min(most, int(devices / (self._options.devices * self._options.nodes))))

    @property
    def running(self) -> Sequence[Running]:
        return list(self._running.values())

    def full(self) -> bool:
        options = self._options
        if options.slots is not None and options.address is not None and len(self._running) >= options.slots:
            return True
        asks = [one.ask for one in self._running.values()]
        cpus = sum(ask.nodes * ask.cpus for ask in asks)
        gpus = sum(ask.nodes * ask.gpus for ask in asks)
        room = self._room
        return cpus >= room.cpus + WAITING * self._threads or (room.gpus > 0 and gpus >= room.gpus + WAITING)

    def start(self, task: Task) -> bool:
        folder = self._records.task_folder(task)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        ask = self._ask(task)
        work = {
            "module": process.MODULE,
            "runs": str(self._records.folder.parent.resolve()),
            "study": self._records.name,
            "task_id": task.id,
            "folder": str(folder.resolve()),
            "working_folder": str(Path.cwd()),
            "devices": self._options.devices if task.kind == "augment" else 1,
            "environment": {**_handed_on(), **process.limited(self._threads)},
            "stop_seconds": process.STOP_SECONDS,
        }
        self._driver.tell({"start": task.id, "ask": asdict(ask), "work": work})
        self._running[task.id] = Submitted(task, ask)
        return True

    def ended(self) -> list[Ended]:
        for said in self._driver.hear():
            if "ended" in said:
                one = self._running.pop(said["ended"])
                seconds = said["seconds"] or time.monotonic() - one.started
                self._ended.append(
                    Ended(one.task, seconds, said["status"], Cause(said["cause"]), said["said"])
                )
            elif "room" in said:
                self._room = Room(**said["room"])
            else:
                self._say(said["notice"])
        ended, self._ended = self._ended, []
        return ended

    def get_ready(self, coming: Sequence[Task]) -> None:
        """Nothing: tasks wait at Ray, whose nodes keep the workers they have."""

    def close(self) -> None:
        self._driver.close()
        self._running = {}

    @property
    def _threads(self) -> int:
        """CPU threads of a task."""
        options = self._options
        if options.threads is not None or options.address is None:
            return options.threads_here
        return max(1, int(self._room.cpus / self._room.gpus)) if self._room.gpus else 1

    def _ask(self, task: Task) -> Ask:
        trains = task.kind == "augment"
        devices, nodes = (self._options.devices, self._options.nodes) if trains else (1, 1)
        gpus = float(devices)
        if devices == nodes == 1:
            gpus = share(self._room.gpu_bytes, self.peak_bytes(task))
        return Ask(nodes, devices * self._threads, gpus if self._room.gpus and task.kind != "proxy" else 0.0)


class Driver:
    """The process that talks to Ray, and what was heard of it."""

    def __init__(self, records: StudyRecords, settings: dict[str, Any]) -> None:
        if importlib.util.find_spec("ray") is None:
            raise ValueError(
                "the executor 'ray' needs Ray, which is not installed here: `pip install 'nastransfer[ray]'`, or in a "
                "checkout `pip install -e '.[ray]'`"
            )
        self._address = settings["address"]
        self._log = records.lock_path(f"ray-{uuid.uuid4().hex[:12]}.log")
        self._heard: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        with writing(self._log), self._log.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal reaches the runner alone, which then ends this one.
            self._process = subprocess.Popen(
                [sys.executable, "-m", DRIVER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_environment(self._address),
                start_new_session=True,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.tell(settings)

    def tell(self, message: dict[str, Any]) -> None:
        """Tell it something; where it is gone, `hear` will say so."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError:
            return

    def hear(self) -> Iterator[dict[str, Any]]:
        """What it said since; `ClusterLost` where it is gone, or says that the cluster is."""
        while not self._heard.empty():
            yield self._checked(self._heard.get())

    def room(self) -> Room:
        """What the cluster has, once it is there; `ValueError` where it cannot be reached."""
        try:
            said = self._checked(self._heard.get(timeout=START_SECONDS))
        except queue.Empty:
            raise ValueError(
                f"no answer from a Ray cluster at {self._address!r} within {START_SECONDS:.0f} s"
            ) from None
        if "refused" in said:
            raise ValueError(said["refused"])
        return Room(**said["room"])

    def close(self) -> None:
        """End it, and with it all that it had asked Ray for."""
        process.stop([self._process], STOP_SECONDS)
        self._listener.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.unlink(missing_ok=True)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._heard.put(json.loads(line))
        self._heard.put(None)

    def _checked(self, said: dict[str, Any] | None) -> dict[str, Any]:
        if said is None or "lost" in said:
            why = said["lost"] if said is not None else f"Ray ended its driver: {self._last_words()}"
            raise ClusterLost(
                f"the Ray cluster is lost: {why}. Nothing that was finished is lost with it: run the same command "
                "again, once there is a cluster"
            )
        return said

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([line for line in lines if line.strip()][-_LOG_LINES:]) or "without a word"


def _handed_on() -> dict[str, str]:
    """Variables of this process that those of its tasks have as well, on whatever node."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("NASTRANSFER_") or name in ("PYTHONPATH", "MPLBACKEND")
    }


def _environment(address: str | None) -> dict[str, str]:
    """Of the driver. Nothing is reported to anybody; a cluster of this machine listens on this machine only."""
    given = {"RAY_USAGE_STATS_ENABLED": "0"}
    if address is None:
        given["RAY_worker_niceness"] = "0"
    if address is None or address.startswith(("127.0.0.1:", "localhost:")):
        given["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = (
            "0"  # what Ray by itself does there: it uses the loopback
        )
    return {**given, **os.environ}
