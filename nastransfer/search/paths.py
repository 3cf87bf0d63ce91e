"""Shared weights trained and scored along sampled paths, as ENAS and NAO do (methods.md 3.3, 3.6, 4.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nastransfer.data.passes import Batches
from nastransfer.data.streams import Streams
from nastransfer.search.searcher import SearchData
from nastransfer.search.settings import SharedWeights
from nastransfer.search.spent import Spent
from nastransfer.space.genotype import EDGES, Genotype
from nastransfer.space.network import keep_masks
from nastransfer.space.operations import batch_statistics
from nastransfer.space.supernet import Supernet
from nastransfer.train.device import exact_fp32, place, seeded
from nastransfer.train.feed import Feed
from nastransfer.train.loop import Batch, Tally, count_right, set_lr, sgd, weight_step
from nastransfer.train.schedule import num_steps


def he_normal(network: nn.Module) -> None:
    """Start all matrices and kernels as He et al. (2015) do, which is how ENAS and NAO start theirs."""
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter)


def thin_inputs(
    layer: nn.Module, keep: float, generator: torch.Generator, *, training_only: bool = False
) -> None:
    """Let `layer` see each number of its input with probability `keep` only, scaled up: dropout in front of it.

    In training and scoring alike, as ENAS has it, or in training only. Masks are drawn on the CPU, so that the device
    does not change them.
    """
    if keep == 1:
        return

    def thin(thinned: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        (x,) = inputs
        if training_only and not thinned.training:
            return x
        mask = torch.empty(x.shape).bernoulli_(keep, generator=generator)
        return x * mask.div_(keep).to(x)

    layer.register_forward_pre_hook(thin)


class SharedPaths:
    """A supernet with affine norms, its optimizer, and the train half of the source as an endless feed.

    `move_all`: weight decay and momentum act on all weights at every step, on the sampled path or not (AMB-21).
    """

    def __init__(
        self,
        settings: SharedWeights,
        data: SearchData,
        streams: Streams,
        *,
        nesterov: bool = False,
        move_all: bool = True,
    ) -> None:
        self.settings = settings
        self.data = data
        self.device = data.pick_device()
        self.move_all = move_all
        self.spent = Spent(self.device)
        self.tally = Tally()
        batches = data.batches(
            "train",
            batch=settings.batch,
            resolution=settings.resolution,
            images=settings.search_images,
        )
        self._feed = Feed(batches, streams.torch("train batches"))
        self._masks = streams.torch("drop path")
        self.epoch_steps = num_steps(batches.num_images, settings.batch)
        side = data.dataset.side_at(settings.resolution)
        with seeded(streams.seed("weights")):
            network = Supernet(
                data.classes,
                settings.channels,
                settings.cells,
                data.dataset.stem_at(side),
                engine=settings.engine,
                affine=True,
            )
            he_normal(network)
        self.network = place(network, self.device).train()
        self._optimizer = sgd(
            self.network, settings.lr, settings.momentum, settings.weight_decay, nesterov=nesterov
        )
        if not move_all:
            # Weights are first reached at different steps, and fused SGD takes no list in which some have no momentum
            # yet. A momentum of zeros gives the same first step as none.
            for weight in self.network.parameters():
                self._optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)

    @property
    def train_batches(self) -> Batches:
        """The train half; its position is part of `state()`."""
        return self._feed.batches

    def train_step(self, genotype: Genotype, lr: float, kept: Sequence[float] | None = None) -> None:
        """A weight step along a genotype's path on the next batch of the train half.

        `kept`: with which probability drop path keeps an edge, by cell; None: always.
        """
        images, labels = next(self._feed)
        masks = None
        if kept is not None and min(kept) < 1:
            masks = keep_masks(kept, len(EDGES), len(images), self._masks).to(images)
        with self.spent.on("weights"), exact_fp32():
            set_lr(self._optimizer, lr)
            loss, right = weight_step(
                lambda batch: self.network(batch, genotype=genotype, keep=masks),
                self._optimizer,
                images,
                labels,
                clip=self.settings.clip,
                move_all=self.move_all,
            )
            self.tally.add(loss, right, len(labels))
        self.spent.pass_over(len(labels), self.settings.macs(self.data, genotype), passes=3)

    @contextmanager
    def scoring(self) -> Iterator[None]:
        """Inside, no gradients, and batch norms use each batch's own statistics and leave the running ones alone."""
        with self.spent.on("scoring"), torch.no_grad(), batch_statistics(self.network), exact_fp32():
            yield

    def score(self, genotype: Genotype, batch: Batch) -> tuple[float, float]:
        """Share of `batch` (images, labels) that a genotype is right about under the shared weights, and its mean loss.

        To be called within `scoring`.
        """
        images, labels = batch
        logits = self.network(images, genotype=genotype)
        self.spent.pass_over(len(labels), self.settings.macs(self.data, genotype))
        return int(count_right(logits, labels)) / len(labels), float(cross_entropy(logits, labels))

    def state(self) -> dict[str, Any]:
        """All but the streams."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "feed": self._feed.state(),
            "tally": self.tally.state(),
            "spent": self.spent.state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state()` gave."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._feed.load_state(state["feed"])
        self.tally.load_state(state["tally"], self.device)
        self.spent.load_state(state["spent"])
