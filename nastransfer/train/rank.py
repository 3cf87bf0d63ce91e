"""One of the processes that train a network together: `torchrun ... -m nastransfer.train.rank FOLDER`.

The folder says what to do (see `nastransfer.train.job`). All of them compute every step together and hold the same
state; the first one saves it, writes down the epochs and the result.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch
from torch.distributed.elastic.multiprocessing.errors import record
from torch.distributed.elastic.timer import FileTimerClient

from nastransfer.processes import end_with_parent
from nastransfer.train.augment import training_steps
from nastransfer.train.job import Job, leave_failure, leave_result, meeting, raise_failure, say
from nastransfer.train.ranks import Ranks, joined

ONE_MACHINE = "NASTRANSFER_ONE_MACHINE"
"""Set where all processes are on one machine: they meet in a file, and nothing listens beyond it."""

# Where the agent listens for signs of life (a variable of torch elastic).
_TIMER_FILE = "TORCHELASTIC_TIMER_FILE"
_SCOPE = "training"


class Heart:
    """Tells the agent, at most every second, that this process is alive; it is killed once it was silent too long."""

    def __init__(self, timeout_seconds: float) -> None:
        path = os.environ.get(_TIMER_FILE)
        self._client = FileTimerClient(path) if path else None
        self._timeout = timeout_seconds
        self._next = 0.0

    def beat(self) -> None:
        """A sign of life."""
        if self._client is not None and time.monotonic() >= self._next:
            self._client.acquire(_SCOPE, time.time() + self._timeout)
            self._next = time.monotonic() + min(1.0, self._timeout / 4)

    def stop(self) -> None:
        """No sign of life is to be expected any more."""
        if self._client is not None and self._next:
            self._client.release(_SCOPE)


def train(folder: Path, job: Job, ranks: Ranks, device: torch.device) -> None:
    """This process's part of the training; the first one writes down what comes of it."""
    first = ranks.rank == 0
    if not first:
        # The first one saves and leaves when it is asked to; it needs the others until then.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    heart = Heart(job.timeout_seconds)
    steps = training_steps(
        job.genotype,
        job.dataset,
        job.seed,
        job.protocol,
        device,
        ranks=ranks,
        checkpoint=job.checkpoint,
        save_seconds=job.save_seconds,
        weights=job.weights,
        alive=heart.beat,
    )
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            heart.stop()
            if first:
                leave_result(folder, stop.value)
            return
        if first:
            say(folder, asdict(step))


@record
def main() -> None:
    """Join the others and train."""
    end_with_parent(signal.SIGKILL)
    folder = Path(sys.argv[1])
    raise_failure(folder)
    job = Job.read(folder)
    device = torch.device("cpu" if job.device == "cpu" else f"cuda:{os.environ['LOCAL_RANK']}")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    else:
        torch.set_num_threads(job.threads)
    alone = bool(os.environ.get(ONE_MACHINE))
    place = meeting(folder, os.environ["TORCHELASTIC_RESTART_COUNT"]) if alone else None
    try:
        with joined(device, job.timeout_seconds, place) as ranks:
            train(folder, job, ranks, device)
    except Exception as error:
        leave_failure(folder, error)
        raise


if __name__ == "__main__":
    main()
