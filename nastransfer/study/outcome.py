"""What the work of a task is made of: its steps, its outcome, the key that its numbers depend on (no torch)."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from nastransfer.train.preflight import Preflight

from nastransfer.data.manifest import Manifest
from nastransfer.study.plan import TASK_VERSION, digest
from nastransfer.train.saving import SAVE_SECONDS

# Seconds between two saved states of a search or training: what a kill costs at most.
SAVE_VARIABLE = "NASTRANSFER_SAVE_SECONDS"
TABLES = ("history", "classes", "confusion", "rejects")
"""Names of the tables that a task may leave."""


@dataclass
class Outcome:
    """What a task leaves: numbers (columns of the results frame) and tables."""

    numbers: dict[str, Any]
    history: pl.DataFrame | None = None
    classes: pl.DataFrame | None = None
    confusion: pl.DataFrame | None = None
    manifest: Manifest | None = None
    rejects: pl.DataFrame | None = None
    linked_to: str | None = None


Steps = Generator[Any, None, Outcome]


@dataclass(frozen=True)
class Work:
    """Ready to run: `labels` say what the run is (columns of the results frame), `result_key` hashes what its numbers
    depend on: digests of genotype, manifest and settings, and the seed; never the device, threads or versions.

    Of a training, `preflight` says what it will take, `profile` where the time of its steps goes.

    `steps` takes the folder of the attempt: searches and trainings keep their state there and go on from it.
    """

    steps: Callable[[Path], Steps]
    labels: dict[str, Any]
    result_key: str
    preflight: Callable[[], Preflight] | None = None
    profile: Callable[[], pl.DataFrame] | None = None


def result_key(**values: Any) -> str:
    """Hash of what a task's numbers depend on."""
    return digest({"version": TASK_VERSION, **values})


def save_seconds() -> float:
    """Seconds between two saved states of a search or training: what NASTRANSFER_SAVE_SECONDS says, else a minute."""
    given = os.environ.get(SAVE_VARIABLE)
    try:
        seconds = SAVE_SECONDS if given is None else float(given)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise ValueError(f"{SAVE_VARIABLE} is a number of seconds from 0 on (found {given!r})")
    return seconds
