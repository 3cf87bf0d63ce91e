"""How a trained network is judged: one evaluation loop, for final trainings and for searches."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nastransfer.train.loop import Batch
from nastransfer.train.ranks import Ranks
from nastransfer.train.steps import Diverged

MOST_CONFUSED = 100
"""Classes of which an evaluation says which were taken for which."""


@dataclass(frozen=True)
class Scores:
    """An evaluation: `top5` is None below 6 classes; `correct` and `total` are images of each class.

    `confusion`: a row a class, in it the images taken for each class; None above `MOST_CONFUSED` classes.
    """

    top1: float
    top5: float | None
    loss: float
    correct: tuple[int, ...]
    total: tuple[int, ...]
    confusion: tuple[tuple[int, ...], ...] | None = None


@torch.no_grad()
def evaluate(
    network: nn.Module, batches: Iterable[Batch], classes: int, *, step: int = 0, ranks: Ranks | None = None
) -> Scores:
    """Scores of `network` in evaluation mode (running batch-norm statistics, no drop path) over `batches`.

    With `ranks`, `batches` are this one's, and the scores are those of all. Raises `Diverged` (at `step`) where the
    loss is not a number.
    """
    network.eval()
    # Summed cross entropy, right within 5, then counts. Whole numbers stay exact.
    total: Tensor | None = None
    for images, labels in batches:
        # A rank's part of a short batch may be empty.
        logits = network(images) if len(labels) else images.new_empty(0, classes)
        right5 = (logits.topk(min(5, classes), dim=1).indices == labels[:, None]).sum()
        loss = cross_entropy(logits, labels, reduction="sum")
        counts = _counts(labels, logits.argmax(dim=1), classes)
        sums = torch.cat([loss.double()[None], right5[None], counts])
        total = sums if total is None else total + sums
    if total is None:
        raise ValueError("an evaluation needs at least one image, got none")
    loss_sum, within5, *counted = (total if ranks is None else ranks.sum(total)).tolist()
    confusion = _rows(list(map(int, counted)), classes) if classes <= MOST_CONFUSED else None
    if confusion is None:
        correct, images_of = (list(map(int, part)) for part in (counted[:classes], counted[classes:]))
    else:
        correct = [row[label] for label, row in enumerate(confusion)]
        images_of = [sum(row) for row in confusion]
    seen = sum(images_of)
    if not math.isfinite(loss_sum):
        raise Diverged(step, loss_sum)
    return Scores(
        top1=100.0 * sum(correct) / seen,
        top5=100.0 * within5 / seen if classes > 5 else None,
        loss=loss_sum / seen,
        correct=tuple(correct),
        total=tuple(images_of),
        confusion=confusion,
    )


def _counts(labels: Tensor, guesses: Tensor, classes: int) -> Tensor:
    """Images by class and guess (row by row); of many classes only those right, then all, by class."""
    if classes <= MOST_CONFUSED:
        return torch.bincount(labels * classes + guesses, minlength=classes**2)
    kinds = (labels[guesses == labels], labels)
    return torch.cat([torch.bincount(kind, minlength=classes) for kind in kinds])


def _rows(numbers: list[int], width: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(numbers[start : start + width]) for start in range(0, len(numbers), width))
