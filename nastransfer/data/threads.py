"""How many processes read images, and how many threads torch computes with meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

WORKERS_VARIABLE = "NASTRANSFER_WORKERS"
_MOST_WORKERS = 16


def default_workers() -> int:
    """Worker processes where nothing else is said: `NASTRANSFER_WORKERS`, else one less than this task has threads.

    Threads are what the runner gave this task of the machine's cores; with one, images are read in the main process.
    At most 16: one training does not eat more.
    """
    said = os.environ.get(WORKERS_VARIABLE)
    if said is None:
        return min(torch.get_num_threads() - 1, _MOST_WORKERS)
    if not said.isdecimal():
        raise ValueError(f"{WORKERS_VARIABLE} must be a number of processes, 0 or more, got {said!r}")
    return int(said)


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch and the engines compute with one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
