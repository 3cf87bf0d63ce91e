"""Augmentation: train a genotype's network from scratch and judge it on the test part (methods.md section 7).

The headline is the last epoch's accuracy; the best epoch's, which is chosen on the test part, is stored beside it.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from nastransfer.data.dataset import Dataset, usable
from nastransfer.data.streams import Streams
from nastransfer.train.architecture import Architecture, check_protocol, read_architecture
from nastransfer.train.checkpoint import Checkpoints
from nastransfer.train.device import pick_device
from nastransfer.train.kept import describe, keep_weights
from nastransfer.train.protocol import Protocol
from nastransfer.train.protocol import protocol as named_protocol
from nastransfer.train.ranks import Ranks
from nastransfer.train.saving import SAVE_SECONDS, saved_steps
from nastransfer.train.scoring import Scores
from nastransfer.train.steps import Diverged, OutOfMemory, run_to_end
from nastransfer.train.training import AugmentStep, Training

# Fewer images than this share batch-norm statistics: a warning.
_FEW = 16


@dataclass(frozen=True)
class AugmentResult:
    """A trained network's scores on the test part, and what they cost.

    `history` has one mapping an epoch (the fields of `AugmentStep`), `classes` one a class (class, images, correct: of
    the last epoch), `confusion` one a pair of classes (class, guess, images: those of the class taken for `guess`; None
    above `scoring.MOST_CONFUSED` classes), `cost` the columns of the results frame of that name. Counts of parameters
    and multiply-adds are of the network without its auxiliary head. `weights`: the file of the final weights, where
    one was asked for.
    """

    genotype: Architecture
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
    confusion: list[dict[str, Any]] | None
    cost: dict[str, Any]
    weights: str | None = None


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
    genotype: Architecture | str | Mapping[str, Any],
    dataset: Dataset,
    seed: int = 2,
    protocol: str | Protocol = "tiny",
    devices: int = 1,
    **settings: Any,
) -> AugmentResult:
    """Train `genotype` on the train (and val) part of `dataset` and score it on the test part.

    `genotype` may be the name of a known network, such as "DARTS_V2" or "resnet18". `protocol` is a name of
    `protocols()` or a `Protocol`; `settings` are what `augment_steps` takes besides. The same seed gives the same
    result, bit for bit on a CPU at an equal number of threads.
    """
    return run_to_end(
        augment_steps(genotype, dataset, seed=seed, protocol=protocol, devices=devices, **settings)
    )


def augment_steps(
    genotype: Architecture | str | Mapping[str, Any],
    dataset: Dataset,
    *,
    seed: int = 2,
    protocol: str | Protocol = "tiny",
    devices: int = 1,
    device: str = "auto",
    checkpoint: str | Path | None = None,
    save_seconds: float = SAVE_SECONDS,
    weights: str | Path | None = None,
    **group: Any,
) -> Generator[AugmentStep, None, AugmentResult]:
    """`augment`, epoch by epoch: yields each new `AugmentStep`, returns the `AugmentResult` of all.

    device: "auto", "cpu", "cuda" or "cuda:N". devices: GPUs (or, on the CPU, processes) that train together; `group`
    are fields of `nastransfer.train.elastic.Group` besides. checkpoint: a folder in which the state is kept, every
    `save_seconds` and at the end; the same call then goes on from there, with any number of devices, and ends like an
    uninterrupted one. weights: a file for the final weights, which `nt.export` takes up. Raises `ValueError` for what
    cannot be trained, before anything is computed, `Diverged` when the loss blows up (its `last` is the last good
    step), `OutOfMemory`, and `RanksLost`.
    """
    chosen = named_protocol(protocol) if isinstance(protocol, str) else protocol
    genotype = read_architecture(genotype)
    check_protocol(genotype, chosen)
    warn_of_small_groups(chosen)
    dataset, place = usable(dataset), pick_device(device)
    if devices == 1 and not group:
        kept: dict[str, Any] = {"checkpoint": checkpoint, "save_seconds": save_seconds, "weights": weights}
        return (yield from training_steps(genotype, dataset, seed, chosen, place, **kept))
    # torch elastic is imported where it is wanted: a second.
    from nastransfer.train import elastic

    together = elastic.Group(devices, **group)
    return (
        yield from elastic.train_together(
            genotype, dataset, seed, chosen, place, together, checkpoint, save_seconds, weights
        )
    )


def training_steps(
    genotype: Architecture,
    dataset: Dataset,
    seed: int,
    protocol: Protocol,
    device: torch.device,
    *,
    ranks: Ranks | None = None,
    checkpoint: str | Path | None = None,
    save_seconds: float = SAVE_SECONDS,
    weights: str | Path | None = None,
    alive: Callable[[], None] | None = None,
) -> Generator[AugmentStep, None, AugmentResult]:
    """What one of `ranks` does of an augmentation: all come to the same result, the first one saves.

    `alive` is called for every batch.
    """
    streams = Streams(seed, "augment")
    history = History()
    kept = None
    if checkpoint is not None:
        kept = Checkpoints(checkpoint, identity(genotype, dataset, seed, protocol))
    with out_of_memory_explained(protocol):
        training = Training(genotype, dataset, streams, protocol, device, ranks, alive)
        saves = ranks is None or ranks.rank == 0
        try:
            for step in saved_steps(
                training, streams, history, kept, save_seconds, opening=False, saves=saves
            ):
                yield history.note(step)
        except Diverged as error:
            error.last = AugmentStep(**history.last) if history.last else None
            raise
    scores = training.scores
    assert scores is not None
    result = AugmentResult(
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
        confusion=_confusion(dataset.classes, scores),
        cost=training.cost(),
        weights=None if weights is None else str(weights),
    )
    if weights is not None and saves:
        keep_weights(Path(weights), training.network, describe(result, dataset))
    return result


def _confusion(classes: Sequence[str], scores: Scores) -> list[dict[str, Any]] | None:
    if scores.confusion is None:
        return None
    return [
        {"class": name, "guess": guess, "images": images}
        for name, row in zip(classes, scores.confusion, strict=True)
        for guess, images in zip(classes, row, strict=True)
    ]


def identity(genotype: Architecture, dataset: Dataset, seed: int, protocol: Protocol) -> dict[str, Any]:
    """Whose state a checkpoint is: all that the numbers depend on."""
    return {
        "kind": "augment",
        "genotype": genotype.digest,
        "protocol": protocol.model_dump(mode="json"),
        **dataset.identity(protocol.resolution),
        "seed": seed,
    }


def warn_of_small_groups(protocol: Protocol) -> None:
    """Batch norm over few images is noisy: say what else there is."""
    group = protocol.bn_group
    if group is not None and group < _FEW:
        warnings.warn(
            f"bn_group={group}: statistics of fewer than {_FEW} images are noisy, and training on them is another "
            "experiment; a larger bn_group on fewer devices, or a larger batch, avoids that",
            stacklevel=3,
        )


@contextmanager
def out_of_memory_explained(protocol: Protocol) -> Iterator[None]:
    """Inside, a device without enough memory raises `OutOfMemory`, which says what to change."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(_advice(protocol, error)) from error
    except RuntimeError as error:
        # The CPU's allocator has no exception of its own.
        if "DefaultCPUAllocator" not in str(error):
            raise
        raise OutOfMemory(_advice(protocol, error)) from error


def _advice(protocol: Protocol, error: Exception) -> str:
    """What to change: groups of at most half as many images, of which a batch must hold whole ones."""
    group = protocol.bn_group or protocol.batch
    smaller = next((size for size in range(group // 2, 1, -1) if protocol.batch % size == 0), None)
    said = f"not enough memory for a step of {protocol.batch} images: "
    if smaller is None:
        said += "choose a smaller batch or resolution."
    else:
        said += (
            f"bn_group={smaller} trains groups of {smaller} one after the other in about {smaller / group:.0%} of it "
            "(batch norm then sees fewer images, which is part of what is trained); several devices share the groups "
            "of a batch without any change."
        )
    return f"{said} {''.join(str(error).splitlines()[:1])}"
