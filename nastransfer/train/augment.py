"""Augmentation: train a genotype's network from scratch and judge it on the test part (methods.md section 7).

The headline is the last epoch's accuracy; the best epoch's, which is chosen on the test part, is stored beside it.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from nastransfer.data.dataset import Dataset, usable
from nastransfer.data.streams import Streams
from nastransfer.space.genotype import Genotype
from nastransfer.train.checkpoint import Checkpoints
from nastransfer.train.device import pick_device
from nastransfer.train.protocol import Protocol
from nastransfer.train.protocol import protocol as named_protocol
from nastransfer.train.ranks import Ranks
from nastransfer.train.saving import SAVE_SECONDS, saved_steps
from nastransfer.train.steps import run_to_end
from nastransfer.train.training import AugmentStep, Training


@dataclass(frozen=True)
class AugmentResult:
    """A trained network's scores on the test part, and what they cost.

    `history` has one mapping an epoch (the fields of `AugmentStep`), `classes` one a class (class, images, correct: of
    the last epoch), `cost` the columns of the results frame of that name. Counts of parameters and multiply-adds are of
    the network without its auxiliary head.
    """

    genotype: Genotype
    protocol: Protocol
    seed: int
    top1_last: float
    top1_best: float
    top5_last: float | None
    n_train: int
    n_test: int
    params: int
    macs: int
    history: list[dict[str, Any]]
    classes: list[dict[str, Any]]
    cost: dict[str, Any]


class History:
    """Its epochs so far, one mapping each."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    @property
    def last(self) -> dict[str, Any] | None:
        """The last epoch's row."""
        return self.rows[-1] if self.rows else None

    def note(self, step: AugmentStep) -> AugmentStep:
        """Keep a step."""
        self.rows.append(asdict(step))
        return step

    def state(self) -> str:
        """All rows as JSON."""
        return json.dumps(self.rows)

    def load_state(self, text: str) -> None:
        """Take up what `state()` gave."""
        self.rows = json.loads(text)


def augment(
    genotype: Genotype,
    dataset: Dataset,
    seed: int = 2,
    protocol: str | Protocol = "tiny",
    devices: int = 1,
    *,
    device: str = "auto",
    checkpoint: str | Path | None = None,
    save_seconds: float = SAVE_SECONDS,
) -> AugmentResult:
    """Train `genotype` on the train (and val) part of `dataset` and score it on the test part.

    `protocol` is a name of `protocols()` or a `Protocol`. The same seed gives the same result, bit for bit on a CPU at
    an equal number of threads. `checkpoint`: a folder in which the state is kept, every `save_seconds` and at the end;
    the same call then goes on from there and ends like an uninterrupted one. Raises `ValueError` for what cannot be
    trained, `Diverged` when the loss blows up.
    """
    if devices != 1:
        raise ValueError(f"this version trains on one device, got devices={devices}")
    kept: dict[str, Any] = {"checkpoint": checkpoint, "save_seconds": save_seconds}
    return run_to_end(augment_steps(genotype, dataset, seed=seed, protocol=protocol, device=device, **kept))


def augment_steps(
    genotype: Genotype,
    dataset: Dataset,
    *,
    seed: int,
    protocol: str | Protocol = "tiny",
    device: str = "auto",
    checkpoint: str | Path | None = None,
    save_seconds: float = SAVE_SECONDS,
) -> Generator[AugmentStep, None, AugmentResult]:
    """`augment`, epoch by epoch: yields each new `AugmentStep`, returns the `AugmentResult` of all."""
    chosen = named_protocol(protocol) if isinstance(protocol, str) else protocol
    dataset = usable(dataset)
    return (
        yield from training_steps(
            genotype, dataset, seed, chosen, pick_device(device), Ranks(), checkpoint, save_seconds
        )
    )


def training_steps(
    genotype: Genotype,
    dataset: Dataset,
    seed: int,
    protocol: Protocol,
    device: torch.device,
    ranks: Ranks,
    checkpoint: str | Path | None,
    save_seconds: float,
) -> Generator[AugmentStep, None, AugmentResult]:
    """What one of `ranks` does of an augmentation; all of them come to the same result, the first one saves."""
    streams = Streams(seed, "augment")
    training = Training(genotype, dataset, streams, protocol, device, ranks)
    history = History()
    kept = None
    if checkpoint is not None:
        kept = Checkpoints(checkpoint, identity(genotype, dataset, seed, protocol))
    how = {"opening": False, "saves": ranks.rank == 0}
    for step in saved_steps(training, streams, history, kept, save_seconds, **how):
        yield history.note(step)
    scores = training.scores
    assert scores is not None
    return AugmentResult(
        genotype=genotype,
        protocol=protocol,
        seed=seed,
        top1_last=scores.top1,
        top1_best=max(row["top1"] for row in history.rows),
        top5_last=scores.top5,
        n_train=training.train_images,
        n_test=training.test_batches.num_images,
        params=training.params,
        macs=training.macs,
        history=history.rows,
        classes=[
            {"class": name, "images": images, "correct": correct}
            for name, images, correct in zip(dataset.classes, scores.total, scores.correct, strict=True)
        ],
        cost=training.cost(),
    )


def identity(genotype: Genotype, dataset: Dataset, seed: int, protocol: Protocol) -> dict[str, Any]:
    """Whose state a checkpoint is: all that the numbers depend on."""
    return {
        "kind": "augment",
        "genotype": genotype.digest,
        "protocol": protocol.model_dump(mode="json"),
        "images": dataset.manifest.hash,
        "seed": seed,
    }
