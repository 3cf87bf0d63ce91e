"""What processes that train together find in a folder and leave there.

`job.json` and the data set, written before they start; one line an epoch in `events.jsonl`, written by the first of
them; at last `result.json`, or `failed.json` where another try would fail the same way.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nastransfer.data.dataset import Dataset
from nastransfer.data.handed import hand_over, take_over
from nastransfer.disk import write_atomic
from nastransfer.train.architecture import Architecture, read_architecture
from nastransfer.train.augment import AugmentResult
from nastransfer.train.protocol import Protocol
from nastransfer.train.steps import Diverged, OutOfMemory
from nastransfer.train.training import AugmentStep

EVENTS, RESULT, FAILED, LOG = "events.jsonl", "result.json", "failed.json", "log.txt"
_MEETINGS = "meetings"
_KNOWN = ("genotype", "protocol", "seed")
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Job:
    """One training by several processes: what, where its state lies, when a silent process counts as lost.

    device: "cpu" or "cuda". threads: of each process on the CPU. weights: a file for the final ones.
    """

    genotype: Architecture
    dataset: Dataset
    seed: int
    protocol: Protocol
    checkpoint: Path
    save_seconds: float
    timeout_seconds: float
    device: str
    threads: int
    weights: Path | None = None

    def write(self, folder: Path) -> None:
        """Prepare the folder anew; what an earlier start left of events and outcomes goes."""
        for name in (EVENTS, RESULT, FAILED, LOG):
            (folder / name).unlink(missing_ok=True)
        hand_over(self.dataset, folder / "dataset")
        values = {
            **vars(self),
            "genotype": str(self.genotype),
            "protocol": self.protocol.model_dump(mode="json"),
            "checkpoint": str(self.checkpoint.resolve()),
            "weights": None if self.weights is None else str(self.weights.resolve()),
        }
        del values["dataset"]
        write_atomic(folder / "job.json", json.dumps(values).encode())

    @classmethod
    def read(cls, folder: Path) -> Job:
        """What `write` left."""
        values = json.loads((folder / "job.json").read_text())
        return cls(
            **{
                **values,
                "genotype": read_architecture(values["genotype"]),
                "protocol": Protocol.model_validate(values["protocol"]),
                "checkpoint": Path(values["checkpoint"]),
                "weights": None if values["weights"] is None else Path(values["weights"]),
                "dataset": take_over(folder / "dataset"),
            }
        )


def meeting(folder: Path, name: str) -> Path:
    """The file in which processes of one machine meet."""
    return folder / _MEETINGS / name


def clear_meetings(folder: Path) -> None:
    """Nobody has met yet."""
    shutil.rmtree(folder / _MEETINGS, ignore_errors=True)
    (folder / _MEETINGS).mkdir(parents=True)


def say(folder: Path, row: dict[str, Any]) -> None:
    """Add an epoch's row to the events."""
    with (folder / EVENTS).open("a") as file:
        file.write(json.dumps(row) + "\n")


class Events:
    """Rows of epochs as they come in; those that a new start repeats are left out."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / EVENTS
        self._read = 0
        self._epoch = 0

    def new(self) -> Iterator[dict[str, Any]]:
        """Rows of epochs not seen before."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                row = json.loads(line)
                if row["epoch"] > self._epoch:
                    self._epoch = row["epoch"]
                    yield row


def leave_failure(folder: Path, error: Exception) -> bool:
    """Write down an error that another try would meet again; whether it is one.

    Where not even that can be written, starting anew ends with the same error soon enough.
    """
    values: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, Diverged):
        # As text: JSON has no number for what the loss is.
        values |= {
            "step": error.step,
            "loss": str(error.loss),
            "last": None if error.last is None else asdict(error.last),
        }
    elif isinstance(error, OSError):
        if error.errno not in _FULL:
            return False
        values |= {"errno": error.errno}
    elif not isinstance(error, (ValueError, OutOfMemory)):
        return False
    with suppress(OSError):
        write_atomic(folder / FAILED, json.dumps(values).encode())
    return True


def raise_failure(folder: Path) -> None:
    """Raise what `leave_failure` wrote down, if anything."""
    path = folder / FAILED
    if not path.exists():
        return
    values = json.loads(path.read_text())
    if values["type"] == Diverged.__name__:
        diverged = Diverged(values["step"], float(values["loss"]))
        diverged.last = None if values["last"] is None else AugmentStep(**values["last"])
        raise diverged
    if values["type"] == OutOfMemory.__name__:
        raise OutOfMemory(values["message"])
    if "errno" in values:
        raise OSError(values["errno"], values["message"])
    raise ValueError(values["message"])


def leave_result(folder: Path, result: AugmentResult) -> None:
    """Write down what came out."""
    values = {name: value for name, value in vars(result).items() if name not in _KNOWN}
    write_atomic(folder / RESULT, json.dumps(values).encode())


def read_result(folder: Path, job: Job) -> AugmentResult | None:
    """What `leave_result` wrote down, None where there is nothing."""
    path = folder / RESULT
    if not path.exists():
        return None
    values = json.loads(path.read_text())
    return AugmentResult(genotype=job.genotype, protocol=job.protocol, seed=job.seed, **values)
