"""The two-level search of DARTS: shared weights on one half of the data, the architecture on the other (methods.md 2).

Each step first moves the alphas by a validation batch, then the weights by a training batch (2.5). No gradient that is
not used is computed: none of the weights in the first half of a first-order step, none of the alphas in the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from nastransfer.data.streams import Streams
from nastransfer.search.darts import PAPER_ARCH_LR, Darts, mean_entropy, softmax
from nastransfer.search.searcher import SearchData, SearchStep
from nastransfer.search.second_order import second_order_gradient
from nastransfer.search.spent import Spent
from nastransfer.space.genotype import EDGES, MIXTURE, Genotype
from nastransfer.space.supernet import Supernet
from nastransfer.train.device import exact_fp32, place, seeded
from nastransfer.train.feed import Feed
from nastransfer.train.loop import Batch, Tally, count_right, frozen, set_lr, sgd, weight_step
from nastransfer.train.run import Run
from nastransfer.train.schedule import num_steps
from nastransfer.train.steps import Diverged


def first_order_gradient(alphas: Sequence[Tensor], loss: Tensor) -> list[Tensor]:
    """The gradient of the validation `loss` (0-d) by `alphas` alone, at the weights as they are."""
    return list(torch.autograd.grad(loss, alphas))


def move(optimizer: torch.optim.Optimizer, alphas: Sequence[Tensor], gradient: Sequence[Tensor]) -> None:
    """One optimizer step of `alphas` down `gradient`."""
    for alpha, part in zip(alphas, gradient, strict=True):
        alpha.grad = part
    optimizer.step()


class Bilevel(Run[SearchStep]):
    """A supernet, the alphas of its two cell types [14, 8], and what trains the one and the other."""

    def __init__(self, settings: Darts, data: SearchData, streams: Streams) -> None:
        self.settings = settings
        self.device = data.pick_device()
        halves = {}
        for half in ("train", "val"):
            batches = data.batches(
                half,
                batch=settings.batch,
                resolution=settings.resolution,
                images=settings.search_images,
            )
            halves[half] = Feed(batches, streams.torch(f"{half} batches"))
        self._feeds = halves
        self.epoch_steps = num_steps(halves["train"].batches.num_images, settings.batch)
        super().__init__(settings.total_steps(self.epoch_steps), settings.reports)
        self.arch_lr = settings.arch_lr_at(self.units)
        with seeded(streams.seed("weights")):
            network = Supernet(
                data.classes,
                settings.channels,
                settings.cells,
                data.dataset.stem_at(data.dataset.side_at(settings.resolution)),
                engine=settings.engine,
            )
        self.network = place(network, self.device).train()
        self.alphas = [self._first_alpha(streams.torch("alphas")) for _ in ("normal", "reduce")]
        self.weights = list(self.network.parameters())
        self.weight_optimizer = sgd(self.network, settings.lr, settings.momentum, settings.weight_decay)
        self.arch_optimizer = torch.optim.Adam(
            self.alphas,
            self.arch_lr,
            betas=(settings.arch_beta1, settings.arch_beta2),
            weight_decay=settings.arch_weight_decay,
        )
        self.spent = Spent(self.device)
        self._macs = settings.macs(data)
        self._tallies = {"train": Tally(), "val": Tally()}
        # Of the best report so far: validation score and genotype.
        self._best: tuple[float, str] | None = None

    def _first_alpha(self, generator: torch.Generator) -> Tensor:
        """Small normal numbers, as the codes draw them: equal ones (the paper's zeros) leave ties (2.2)."""
        drawn = torch.randn(len(EDGES), len(MIXTURE), generator=generator)
        return (self.settings.alpha_scale * drawn).to(self.device).requires_grad_()

    def mixtures(self) -> tuple[Tensor, Tensor]:
        """The weight of every operation on every edge [14, 8], of normal and reduction cells."""
        normal, reduce = (torch.softmax(alpha, dim=1) for alpha in self.alphas)
        return normal, reduce

    def _unit(self) -> None:
        lr = self.settings.lr_at(self.done, self.epoch_steps)
        val, train = next(self._feeds["val"]), next(self._feeds["train"])
        with exact_fp32():
            self.architecture_step(val, train, lr=lr)
            self.weights_step(train, lr=lr)

    def architecture_step(self, val: Batch, train: Batch, *, lr: float) -> None:
        """Move the alphas by a batch of the validation half; in second order the weight step on `train` is foreseen."""
        with self.spent.on("architecture"):
            if self.settings.second_order:
                gradient = second_order_gradient(
                    lambda: self._loss(train),
                    lambda: self._val_loss(val),
                    self.alphas,
                    self.weight_optimizer,
                    weights=self.weights,
                    lr=lr,
                )
                self.spent.macs += len(train[1]) * self._macs * (3 + 2 * 2)
            else:
                with frozen(self.weights):
                    loss = self._val_loss(val)
                gradient = first_order_gradient(self.alphas, loss)
            move(self.arch_optimizer, self.alphas, gradient)
        self.spent.pass_over(len(val[1]), self._macs, passes=3 if self.settings.second_order else 2)

    def _loss(self, batch: Batch) -> Tensor:
        images, labels = batch
        return cross_entropy(self.network(images, *self.mixtures()), labels)

    def _val_loss(self, batch: Batch) -> Tensor:
        """The same, noted as a validation score."""
        images, labels = batch
        logits = self.network(images, *self.mixtures())
        loss = cross_entropy(logits, labels)
        self._tallies["val"].add(loss.detach(), count_right(logits, labels), len(labels))
        return loss

    def weights_step(self, train: Batch, *, lr: float) -> None:
        """Move the weights by a batch of the training half, the architecture as it is."""
        images, labels = train
        with self.spent.on("weights"):
            set_lr(self.weight_optimizer, lr)
            normal, reduce = (mixture.detach() for mixture in self.mixtures())
            loss, right = weight_step(
                lambda batch: self.network(batch, normal, reduce),
                self.weight_optimizer,
                images,
                labels,
                clip=self.settings.clip,
            )
            self._tallies["train"].add(loss, right, len(labels))
        self.spent.pass_over(len(labels), self._macs, passes=3)

    def check(self) -> None:
        for tally in self._tallies.values():
            tally.check(self.done)
        self._arrays()

    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        normal, reduce = (alpha.detach().double().cpu().numpy() for alpha in self.alphas)
        if not (np.isfinite(normal).all() and np.isfinite(reduce).all()):
            raise Diverged(self.done, float("nan"))
        return normal, reduce

    def report(self) -> SearchStep:
        """Where the search stands: scores are means since the last report."""
        scores: dict[str, float] = {}
        for half, tally in self._tallies.items():
            if tally.steps:
                taken = tally.take(self.done)
                scores |= {f"{half}_loss": taken.loss, f"{half}_top1": taken.top1}
        normal, reduce = self._arrays()
        genotype = self.settings.derive(normal, reduce)
        skips = sum(edge.op == "skip_connect" for node in genotype.normal for edge in node)
        if self.done and self.settings.stop_at_skips is not None and skips >= self.settings.stop_at_skips:
            self.end()
        if self.settings.pick == "best_val":
            genotype = self._best_so_far(genotype, scores)
        return SearchStep(
            step=self.done,
            steps=self.units,
            genotype=genotype,
            scores=scores,
            entropy=mean_entropy(normal, reduce),
            cost=self.spent.cost(arch_lr_factor=self.arch_lr / PAPER_ARCH_LR),
            # Six digits: a share is good to no more, and a history stays small.
            mixture={
                "normal": softmax(normal).round(6).tolist(),
                "reduce": softmax(reduce).round(6).tolist(),
            },
        )

    def _best_so_far(self, genotype: Genotype, scores: dict[str, float]) -> Genotype:
        score = scores.get("val_top1", -1.0)
        if self._best is None or score > self._best[0]:
            self._best = (score, genotype.to_json())
        return Genotype.parse(self._best[1])

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "alphas": [alpha.detach() for alpha in self.alphas],
            "weight_optimizer": self.weight_optimizer.state_dict(),
            "arch_optimizer": self.arch_optimizer.state_dict(),
            "feeds": {half: feed.state() for half, feed in self._feeds.items()},
            "tallies": {half: tally.state() for half, tally in self._tallies.items()},
            "spent": self.spent.state(),
            "best": self._best,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        with torch.no_grad():
            for alpha, value in zip(self.alphas, state["alphas"], strict=True):
                alpha.copy_(value)
        self.weight_optimizer.load_state_dict(state["weight_optimizer"])
        self.arch_optimizer.load_state_dict(state["arch_optimizer"])
        for half, feed in self._feeds.items():
            feed.load_state(state["feeds"][half])
            self._tallies[half].load_state(state["tallies"][half], self.device)
        self.spent.load_state(state["spent"])
        self._best = state["best"]
