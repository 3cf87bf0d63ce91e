"""Which GPU a task gets: one to itself, or, where its memory is known to fit, one that it shares."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nastransfer.study.plan import Task

# Of a GPU's memory, what tasks may fill together; beside its own peak each needs room for the driver's context.
FILLED = 0.9
CONTEXT_BYTES = 600_000_000
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Gpu:
    """A GPU by the name that `CUDA_VISIBLE_DEVICES` knows it by, and its memory in bytes."""

    name: str
    total_bytes: int


def gpus(*, every: bool = False) -> list[Gpu]:
    """The GPUs that this process may use; none where there is no driver. Asks the driver's own tool, not torch.

    `every`: all of the machine, whichever this process is told to use.
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, "--query-gpu=index,uuid,memory.total", "--format=csv,noheader,nounits"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return [] if asked.returncode else read_gpus(asked.stdout, None if every else os.environ.get(VISIBLE))


def read_gpus(table: str, visible: str | None) -> list[Gpu]:
    """GPUs from lines of index, UUID and MiB; only the visible ones (indices or UUIDs, comma separated) where given."""
    rows = [[cell.strip() for cell in line.split(",")] for line in table.splitlines() if line.strip()]
    every = [(index, uuid, Gpu(index, int(mebibytes) * 2**20)) for index, uuid, mebibytes in rows]
    if visible is None:
        return [gpu for _, _, gpu in every]
    wanted = [name.strip() for name in visible.split(",") if name.strip()]
    return [gpu for name in wanted for index, uuid, gpu in every if name == index or uuid.startswith(name)]


def place(
    every: Sequence[Gpu], taken: Mapping[str, Sequence[int | None]], peak_bytes: int | None, devices: int = 1
) -> tuple[str, ...] | None:
    """Names of the GPUs that a task gets, or None where it has to wait.

    Args:
        taken: GPU name -> peak bytes of each task that runs on it, None where that is not known.
        peak_bytes: what the task itself will need at its peak; None: not known, then it gets a GPU to itself.
        devices: GPUs that it trains on at once; more than one are never shared.
    """
    free = [gpu for gpu in every if not taken.get(gpu.name)]
    if devices > 1 or peak_bytes is None:
        return tuple(gpu.name for gpu in free[:devices]) if len(free) >= devices else None
    fitting = [gpu for gpu in every if _fits(gpu, [*taken.get(gpu.name, ()), peak_bytes])]
    if (
        not fitting
    ):  # larger than any is meant to hold: alone, it may still fit, and says so where it does not
        return (free[0].name,) if free else None
    emptiest = min(fitting, key=lambda gpu: len(taken.get(gpu.name, ())))
    return (emptiest.name,)


def share(total_bytes: int | None, peak_bytes: int | None) -> float:
    """Of a GPU with so much memory the share to ask a cluster for: 1 / n where n such tasks fit beside each other.

    All of it where either is not known. Rounded down to a ten-thousandth, as fine as Ray counts.
    """
    if not total_bytes or peak_bytes is None:
        return 1.0
    beside = max(1, int(FILLED * total_bytes / (peak_bytes + CONTEXT_BYTES)))
    return int(10_000 / beside) / 10_000


def alike(task: Task) -> str:
    """The same text for tasks that need about the same memory: the same work on the same images."""
    other = {"seed", "genotype", "draw", "search"} | ({"method"} if task.kind == "augment" else set())
    given = {name: value for name, value in task.parameters.items() if name not in other}
    return json.dumps([task.kind, given], sort_keys=True)


def _fits(gpu: Gpu, peaks: Sequence[int | None]) -> bool:
    known = [peak for peak in peaks if peak is not None]
    return len(known) == len(peaks) and sum(known) + len(known) * CONTEXT_BYTES <= FILLED * gpu.total_bytes
