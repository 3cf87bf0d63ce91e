"""The two-level search of DARTS: shared weights on one half of the data, the architecture on the other (methods.md 2).

Each step first moves the alphas by a validation batch, then the weights by a training batch (2.5). No gradient that is
not used is computed: none of the weights in the first half of a step, none of the alphas in the second.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from nastransfer.data.batches import Batches
from nastransfer.data.streams import Streams
from nastransfer.search.darts import (
    PAPER_ARCH_LR,
    FirstOrderDarts,
    arch_lr_for,
    derive,
    mean_entropy,
    softmax,
)
from nastransfer.search.searcher import SearchData, SearchStep
from nastransfer.space.genotype import EDGES, MIXTURE
from nastransfer.space.supernet import Supernet
from nastransfer.train.device import exact_fp32, machine_cost, place, seeded, timed
from nastransfer.train.loop import (
    Batch,
    Diverged,
    Tally,
    count_right,
    frozen,
    join_single,
    num_steps,
    set_lr,
    sgd,
    weight_step,
)


def first_order_search(settings: FirstOrderDarts, data: SearchData, streams: Streams) -> Iterator[SearchStep]:
    """First-order DARTS on `data`: a step before the first update, then `settings.reports` over the search.

    Raises `Diverged` when a loss or an alpha is no longer a number.
    """
    started = time.perf_counter()
    train, val = (
        data.batches(
            half, batch=settings.batch, resolution=settings.resolution, images=settings.search_images
        )
        for half in ("train", "val")
    )
    epoch_steps = num_steps(train.num_images, settings.batch)
    steps = settings.total_steps(epoch_steps)
    bilevel = Bilevel(settings, data, streams, arch_lr=settings.arch_lr or arch_lr_for(steps))
    train_batches, val_batches = (
        endless(batches, streams.torch(f"{half} batches"))
        for half, batches in (("train", train), ("val", val))
    )
    yield bilevel.report(0, steps, started)
    ends = {round(steps * (index + 1) / settings.reports) for index in range(settings.reports)}
    for step in range(steps):
        with exact_fp32():
            bilevel.architecture_step(*next(val_batches))
            bilevel.weights_step(*next(train_batches), lr=settings.lr_at(step, epoch_steps))
        if step + 1 in ends:
            yield bilevel.report(step + 1, steps, started)


def endless(batches: Batches, generator: torch.Generator) -> Iterator[Batch]:
    """Training batches without end, one shuffled pass after the other."""
    while True:
        yield from join_single(batches.epoch(generator))


def architecture_step(optimizer: torch.optim.Optimizer, alphas: Sequence[Tensor], loss: Tensor) -> None:
    """One step of the first-order approximation: down the gradient of the validation `loss` (0-d) by `alphas` alone."""
    for alpha, gradient in zip(alphas, torch.autograd.grad(loss, alphas), strict=True):
        alpha.grad = gradient
    optimizer.step()


class Bilevel:
    """A supernet, the alphas of its two cell types [14, 8], and what trains the one and the other."""

    def __init__(
        self, settings: FirstOrderDarts, data: SearchData, streams: Streams, *, arch_lr: float
    ) -> None:
        self.settings = settings
        self.device = data.pick_device()
        self.arch_lr = arch_lr
        with seeded(streams.seed("weights")):
            network = Supernet(
                data.classes,
                settings.channels,
                settings.cells,
                data.dataset.stem_at(data.dataset.side_at(settings.resolution)),
            )
        self.network = place(network, self.device).train()
        self.alphas = [self._first_alpha(streams.torch("alphas")) for _ in ("normal", "reduce")]
        self.weights = list(self.network.parameters())
        self.weight_optimizer = sgd(self.network, settings.lr, settings.momentum, settings.weight_decay)
        self.arch_optimizer = torch.optim.Adam(
            self.alphas,
            arch_lr,
            betas=(settings.arch_beta1, settings.arch_beta2),
            weight_decay=settings.arch_weight_decay,
        )
        self._seconds = {"seconds_weights": 0.0, "seconds_architecture": 0.0}
        self._images_seen = 0
        self._train = Tally()
        self._val = Tally()

    def _first_alpha(self, generator: torch.Generator) -> Tensor:
        """Small normal numbers, as the codes draw them: equal ones (the paper's zeros) leave ties (2.2)."""
        drawn = torch.randn(len(EDGES), len(MIXTURE), generator=generator)
        return (self.settings.alpha_scale * drawn).to(self.device).requires_grad_()

    def mixtures(self) -> tuple[Tensor, Tensor]:
        """The weight of every operation on every edge [14, 8], of normal and reduction cells."""
        normal, reduce = (torch.softmax(alpha, dim=1) for alpha in self.alphas)
        return normal, reduce

    def architecture_step(self, images: Tensor, labels: Tensor) -> None:
        """Move the alphas by a batch of the validation half."""
        with timed(self._seconds, "seconds_architecture", self.device):
            with frozen(self.weights):
                logits = self.network(images, *self.mixtures())
            loss = cross_entropy(logits, labels)
            architecture_step(self.arch_optimizer, self.alphas, loss)
            self._val.add(loss.detach(), count_right(logits, labels), len(labels))
        self._images_seen += len(labels)

    def weights_step(self, images: Tensor, labels: Tensor, *, lr: float) -> None:
        """Move the weights by a batch of the training half, the architecture as it is."""
        with timed(self._seconds, "seconds_weights", self.device):
            set_lr(self.weight_optimizer, lr)
            normal, reduce = (mixture.detach() for mixture in self.mixtures())
            loss, right = weight_step(
                lambda batch: self.network(batch, normal, reduce),
                self.weight_optimizer,
                images,
                labels,
                clip=self.settings.clip,
            )
            self._train.add(loss, right, len(labels))
        self._images_seen += len(labels)

    def report(self, step: int, steps: int, started: float) -> SearchStep:
        """Where the search stands: scores are means since the last report."""
        scores: dict[str, float] = {}
        for half, tally in (("train", self._train), ("val", self._val)):
            if tally.steps:
                taken = tally.take(step)
                scores |= {f"{half}_loss": taken.loss, f"{half}_top1": taken.top1}
        normal, reduce = (alpha.detach().double().cpu().numpy() for alpha in self.alphas)
        if not (np.isfinite(normal).all() and np.isfinite(reduce).all()):
            raise Diverged(step, float("nan"))
        seconds = {"seconds": time.perf_counter() - started, **self._seconds}
        return SearchStep(
            step=step,
            steps=steps,
            genotype=derive(normal, reduce, self.settings.ranking),
            scores=scores,
            entropy=mean_entropy(normal, reduce),
            cost={
                **{name: round(value, 3) for name, value in seconds.items()},
                "images_seen": self._images_seen,
                "arch_lr_factor": self.arch_lr / PAPER_ARCH_LR,
                **machine_cost(self.device),
            },
            # Six digits: a share is good to no more, and a history stays small.
            mixture={
                "normal": softmax(normal).round(6).tolist(),
                "reduce": softmax(reduce).round(6).tolist(),
            },
        )
