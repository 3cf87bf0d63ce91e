"""Where the time of a weight step goes: torch's profiler over some steps of a training."""

from __future__ import annotations

import os

import polars as pl
import torch
from torch.profiler import ProfilerActivity, profile

from nastransfer.data.dataset import Dataset
from nastransfer.data.streams import Streams
from nastransfer.train.architecture import Architecture
from nastransfer.train.device import pick_device
from nastransfer.train.protocol import Protocol
from nastransfer.train.training import Training

_MICROSECONDS = 1000.0


def profile_training(
    network: Architecture, dataset: Dataset, protocol: Protocol, *, device: str = "auto", steps: int = 3
) -> pl.DataFrame:
    """A row an operation of torch (the C++ engine's are one each way), those that took longest first.

    Columns: operation, calls, milliseconds (of a step, its own without what it calls), share_percent. The first step is
    not counted; a new training is begun, so nothing recorded changes. On a GPU the time is that of its kernels.
    """
    place = pick_device(device)
    training = Training(network, dataset, Streams(2, "profile"), protocol, place)
    steps = min(steps, training.steps_per_epoch - 1)
    if steps < 1:
        raise ValueError("a profile needs at least two weight steps an epoch: one to warm up, one to measure")
    training.advance()
    # It tells of every start, and without a GPU of an error, on the standard error.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if place.type == "cuda" else [])]
    with profile(activities=kinds) as measured:
        for _ in range(steps):
            training.advance()
        if place.type == "cuda":
            torch.cuda.synchronize(place)
    own = "self_device_time_total" if place.type == "cuda" else "self_cpu_time_total"
    rows = [
        {
            "operation": event.key,
            "calls": event.count / steps,
            "milliseconds": getattr(event, own) / _MICROSECONDS / steps,
        }
        for event in measured.key_averages()
    ]
    total = pl.col("milliseconds") / pl.col("milliseconds").sum()
    return pl.DataFrame(rows).with_columns(share_percent=100 * total).sort("milliseconds", descending=True)
