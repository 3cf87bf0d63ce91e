"""The training loop, for the final training and for the weights that searches share (scoring: `scoring.py`).

Step order of methods.md 7.3: zero gradients, forward, cross entropy (plus the weighted auxiliary one), backward, clip
the global norm, SGD step. Accuracies are percent; losses are means over images. Nothing here waits for a GPU within an
epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nastransfer.train.steps import Diverged

Forward = Callable[[Tensor], Tensor | tuple[Tensor, Tensor]]
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class TrainScores:
    """Batches trained on: mean loss and top-1 of their images before each step; how many images and batches."""

    loss: float
    top1: float
    images: int
    steps: int


def sgd(
    network: nn.Module, lr: float, momentum: float, weight_decay: float, *, nesterov: bool = False
) -> torch.optim.SGD:
    """SGD with momentum and coupled weight decay on all weights, as all protocols here have it.

    The fused form does the same arithmetic in one call: a supernet has thousands of small tensors.
    """
    return torch.optim.SGD(
        network.parameters(),
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        nesterov=nesterov,
        fused=True,
    )


@contextmanager
def frozen(weights: Iterable[Tensor]) -> Iterator[None]:
    """Inside, a forward pass prepares no gradient of these weights: what is left costs less then.

    Takes the weights, not their network: to collect thousands anew in every step costs more than to freeze them.
    """
    learning = [parameter for parameter in weights if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Let every group of parameters learn at rate `lr`."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def descend(optimizer: torch.optim.Optimizer, loss: Tensor, clip: float, *, move_all: bool = False) -> None:
    """One step down the gradient of `loss` (0-d), its global L2 norm over the optimizer's parameters cut to `clip`.

    Parameters that the loss does not depend on stay as they are; with `move_all` their gradient counts as zero, so that
    weight decay and momentum move them all the same (methods.md AMB-21).
    """
    optimizer.zero_grad(set_to_none=not move_all)
    loss.backward()
    if move_all:
        for parameter in _parameters(optimizer):
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
    clipped_step(optimizer, clip)


def clipped_step(optimizer: torch.optim.Optimizer, clip: float) -> None:
    """The optimizer's step, the global L2 norm of its gradients cut to `clip` before."""
    nn.utils.clip_grad_norm_(_parameters(optimizer), clip)
    optimizer.step()


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def losses(
    output: Tensor | tuple[Tensor, Tensor], labels: Tensor, auxiliary: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Of logits [n, classes]: mean cross entropy, the loss to descend, how many are right; all 0-d.

    Where `output` is a pair, the second are the auxiliary head's logits, whose loss counts `auxiliary` times.
    """
    logits, extra = output if isinstance(output, tuple) else (output, None)
    loss = cross_entropy(logits, labels)
    total = loss if extra is None else loss + auxiliary * cross_entropy(extra, labels)
    return loss, total, count_right(logits, labels)


def weight_step(
    forward: Forward,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    *,
    clip: float,
    auxiliary: float = 0.0,
    move_all: bool = False,
) -> tuple[Tensor, Tensor]:
    """One optimizer step on a batch (`images` [n, 3, H, W], `labels` [n]); `forward` gives what `losses` takes.

    `move_all`: see `descend`.
    Returns the mean cross entropy of the (main) logits and how many were right, both 0-d, detached, before the step.
    """
    loss, total, right = losses(forward(images), labels, auxiliary)
    descend(optimizer, total, clip, move_all=move_all)
    return loss.detach(), right


def count_right(logits: Tensor, labels: Tensor) -> Tensor:
    """How many rows of `logits` [n, classes] are largest at their label; 0-d."""
    return (logits.detach().argmax(dim=1) == labels).sum()


def join_single(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches, a last one of a single image joined to the one before: batch norm needs two values a channel."""
    held: Batch | None = None
    for images, labels in batches:
        if held is not None and len(labels) == 1:
            held = torch.cat([held[0], images]), torch.cat([held[1], labels])
            continue
        if held is not None:
            yield held
        held = images, labels
    if held is not None:
        yield held


class Tally:
    """Losses and right answers of batches since the last look; nothing is fetched from the device before."""

    def __init__(self) -> None:
        self._rows: list[tuple[Tensor, Tensor, int]] = []

    @property
    def steps(self) -> int:
        """Batches since the last look."""
        return len(self._rows)

    def add(self, loss: Tensor, right: Tensor, size: int) -> None:
        """A batch's mean loss and number of right answers (both 0-d), and its size."""
        self._rows.append((loss, right, size))

    def check(self, done: int) -> None:
        """Raise `Diverged` where a loss since the last look is not a number, as `take` does, and keep all."""
        if self._rows:
            self._losses(done)

    def state(self) -> dict[str, Any]:
        """What came in since the last look."""
        losses, right, sizes = zip(*self._rows, strict=True) if self._rows else ((), (), ())
        return {
            "losses": torch.stack(losses).cpu() if losses else torch.empty(0),
            "right": torch.stack(right).cpu() if right else torch.empty(0, dtype=torch.int64),
            "sizes": list(sizes),
        }

    def load_state(self, state: dict[str, Any], device: torch.device) -> None:
        """Take up what `state()` gave."""
        losses, right = state["losses"].to(device), state["right"].to(device)
        self._rows = list(zip(losses.unbind(), right.unbind(), state["sizes"], strict=True))

    def take(self, done: int) -> TrainScores:
        """Means over all images since the last look, of which there must be some; then starts anew.

        Raises `Diverged` where a loss is not a number; `done` is how many steps were done, these included.
        """
        losses = self._losses(done)
        sizes = torch.tensor([size for _, _, size in self._rows])
        right = int(torch.stack([right for _, right, _ in self._rows]).sum())
        self._rows = []
        images = int(sizes.sum())
        return TrainScores(float((losses * sizes).sum()) / images, 100.0 * right / images, images, len(sizes))

    def _losses(self, done: int) -> Tensor:
        losses = torch.stack([loss for loss, _, _ in self._rows]).double().cpu()
        bad = torch.nonzero(~torch.isfinite(losses))
        if len(bad):
            raise Diverged(done - self.steps + int(bad[0]), float(losses[bad[0]]))
        return losses


def train_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Batch],
    *,
    lr: Callable[[int], float],
    clip: float,
    auxiliary: float = 0.0,
    first_step: int = 0,
) -> TrainScores:
    """Train `network` on each of `batches`, the n-th at learning rate `lr(n)`, n counted from `first_step`.

    Raises `Diverged` where a loss was not a number, once the epoch is over.
    """
    network.train()
    tally = Tally()
    for step, (images, labels) in enumerate(join_single(batches), start=first_step):
        set_lr(optimizer, lr(step))
        loss, right = weight_step(network, optimizer, images, labels, clip=clip, auxiliary=auxiliary)
        tally.add(loss, right, len(labels))
    if not tally.steps:
        raise ValueError("an epoch needs at least one batch, got none")
    return tally.take(first_step + tally.steps)
