"""One training by several processes that torch elastic starts, watches and starts anew (torch.distributed.run).

This process only starts the agent and follows what it leaves in a folder; it never touches a GPU. A process that ends,
stops or hangs is noticed within `timeout_seconds`, and the group goes on from the last saved state. All processes end
with this one, however it ends.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from nastransfer.data.dataset import Dataset
from nastransfer.train.architecture import Architecture
from nastransfer.train.augment import AugmentResult
from nastransfer.train.job import (
    LOG,
    RESULT,
    Events,
    Job,
    clear_meetings,
    meeting,
    raise_failure,
    read_result,
)
from nastransfer.train.protocol import Protocol
from nastransfer.train.rank import ONE_MACHINE
from nastransfer.train.steps import RanksLost
from nastransfer.train.training import AugmentStep

FOLDER = "ranks"
"""Where the processes find their job, within the folder of the saved states."""

_AGENT = (
    "import sys; from nastransfer.processes import end_with_parent; end_with_parent(); "
    "from torch.distributed.run import main; main(sys.argv[1:])"
)
_POLL_SECONDS = 0.05
# torch elastic waits 30 s for processes that were asked to leave, then kills them.
_LEAVE_SECONDS = 40.0
_LOG_LINES = 15


@dataclass(frozen=True)
class Group:
    """How many processes train together, `devices` on each of `nodes` machines, and how often they may be lost.

    Several machines meet at `address` ("host:port", the first one's) and share the folder of the run.
    """

    devices: int
    nodes: int = 1
    address: str = ""
    max_restarts: int = 3
    timeout_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.devices < 1 or self.nodes < 1 or self.max_restarts < 0 or not self.timeout_seconds > 0:
            raise ValueError(
                f"devices and nodes are at least 1, max_restarts 0, timeout_seconds above 0; got {self}"
            )
        if self.nodes > 1 and not self.address:
            raise ValueError(
                f"{self.nodes} machines need the address (host:port) of the first one to meet at"
            )

    @property
    def ranks(self) -> int:
        """Processes of all machines."""
        return self.devices * self.nodes

    def arguments(self, folder: Path) -> list[str]:
        """Arguments of torchrun, the same on every machine."""
        where = ["--rdzv-endpoint", self.address, "--rdzv-id", folder.resolve().parent.name]
        if self.nodes == 1:
            where = ["--rdzv-endpoint", str(meeting(folder, "agent")), "--rdzv-conf", "store_type=file"]
        counts = {"nnodes": self.nodes, "nproc-per-node": self.devices, "max-restarts": self.max_restarts}
        named = [f"--{name}={value}" for name, value in counts.items()]
        return [*named, "--rdzv-backend", "c10d", *where, "-m", "nastransfer.train.rank", str(folder)]

    def line(self, folder: Path) -> str:
        """What to type on every other machine, which shares the folder."""
        return f"torchrun {shlex.join(self.arguments(folder.resolve()))}"


def refuse_group(group: Group, groups: int, device: torch.device) -> None:
    """`ValueError` where so many processes cannot train so many groups of a batch, or there are fewer devices."""
    if groups % group.ranks:
        raise ValueError(
            f"{group.ranks} ranks cannot share a batch of {groups} batch-norm "
            f"{'groups' if groups > 1 else 'group'} evenly: choose a number of devices that divides {groups}, or a "
            "protocol whose bn_group cuts the batch into more groups (it is part of what is trained)"
        )
    here = torch.cuda.device_count() if device.type == "cuda" else os.cpu_count() or 1
    if group.devices > here:
        kind = "GPUs" if device.type == "cuda" else "CPU cores"
        raise ValueError(f"devices={group.devices}, this machine has {here} {kind}")


def train_together(
    genotype: Architecture,
    dataset: Dataset,
    seed: int,
    protocol: Protocol,
    device: torch.device,
    group: Group,
    checkpoint: str | Path | None,
    save_seconds: float,
    weights: str | Path | None = None,
) -> Generator[AugmentStep, None, AugmentResult]:
    """`rank_steps` of a job that is refused first where it cannot work; its folder is in that of the checkpoint."""
    refuse_group(group, protocol.groups, device)
    with ExitStack() as stack:
        if checkpoint is None:
            checkpoint = stack.enter_context(tempfile.TemporaryDirectory())
        job = Job(
            genotype=genotype,
            dataset=dataset,
            seed=seed,
            protocol=protocol,
            checkpoint=Path(checkpoint),
            save_seconds=save_seconds,
            timeout_seconds=group.timeout_seconds,
            device=device.type,
            threads=max(1, torch.get_num_threads() // group.devices),
            weights=None if weights is None else Path(weights),
        )
        return (yield from rank_steps(job, group))


def rank_steps(job: Job, group: Group) -> Generator[AugmentStep, None, AugmentResult]:
    """Train together, epoch by epoch: yields each new step, returns the result.

    The processes find the job, and leave what comes of it, in the folder `ranks` beside the saved states. Raises what
    the training raises on one device, and `RanksLost` where processes were lost more than `max_restarts` times.
    """
    folder = job.checkpoint / FOLDER
    job.write(folder)
    events = Events(folder)
    if group.nodes > 1:
        print(f"on each of the {group.nodes - 1} other machines: {group.line(folder)}", flush=True)
    for _ in range(1 + group.max_restarts):
        clear_meetings(folder)
        with _agent(folder, group) as agent:
            running, result = True, None
            while running and result is None:
                running = agent.poll() is None
                for row in events.new():
                    yield AugmentStep(**row)
                raise_failure(folder)
                result = read_result(folder, job)
                if running and result is None:
                    time.sleep(_POLL_SECONDS)
        if result is not None:
            return result
        if agent.returncode >= 0:
            # The agent gave up; only one that was killed is started anew.
            break
    raise RanksLost(
        f"{group.ranks} processes trained together and were lost more than {group.max_restarts} times; the same call "
        f"goes on from the last saved state. The end of {folder / LOG}:\n{_tail(folder)}"
    )


@contextmanager
def _agent(folder: Path, group: Group) -> Iterator[subprocess.Popen[bytes]]:
    """Torch elastic's agent in a process of its own; asked to leave at the end, which saves the state first."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "TORCHELASTIC_ENABLE_FILE_TIMER": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }
    if group.nodes == 1:
        loopback = "lo" if sys.platform == "linux" else "lo0"
        environment |= {ONE_MACHINE: "1", "GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback}
        # Else the agent listens on every interface, for processes that meet by way of it.
        environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    with (folder / LOG).open("ab") as log:
        command = [sys.executable, "-c", _AGENT, *group.arguments(folder)]
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, start_new_session=True, stdin=subprocess.DEVNULL
        )
        try:
            yield process
        finally:
            _end(process, folder)


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Let an agent that has a result end by itself, ask another one to leave; kill it where it does neither."""
    if not (folder / RESULT).exists() and process.poll() is None:
        process.terminate()
    try:
        process.wait(_LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(folder: Path) -> str:
    lines = (folder / LOG).read_text(errors="replace").splitlines()
    return "\n".join(lines[-_LOG_LINES:])
