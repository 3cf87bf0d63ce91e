"""One final training, unit by unit: the weight steps of an epoch, then its scores on the test part."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl
import torch

from nastransfer.data.batches import Batches, load_batches
from nastransfer.data.dataset import Dataset
from nastransfer.data.manifest import PART
from nastransfer.data.passes import Share
from nastransfer.data.streams import Streams
from nastransfer.data.transforms import cutout
from nastransfer.train.architecture import Architecture, check_auxiliary, check_several_classes
from nastransfer.train.device import autocast, exact_fp32, machine_cost, place, seeded, timed
from nastransfer.train.feed import Feed
from nastransfer.train.grouped import GroupedStep
from nastransfer.train.loop import Batch, Tally, TrainScores, set_lr, sgd
from nastransfer.train.networks import build, size
from nastransfer.train.protocol import Protocol
from nastransfer.train.ranks import Ranks
from nastransfer.train.run import Run
from nastransfer.train.schedule import cosine_lr, num_steps
from nastransfer.train.scoring import Scores, evaluate

# Evaluation does not depend on its batch size; this one keeps a CPU's caches and a GPU both content.
TEST_BATCH = 200
"""Images scored at a time."""
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class AugmentStep:
    """An epoch: means over its training images (before each step), then scores on the test part.

    `epoch` counts from 1; `lr` is that of the epoch's first step; `seconds` and `images_seen` (test images included)
    count from the start; `top5` is None below 6 classes.
    """

    epoch: int
    epochs: int
    loss: float
    train_top1: float
    test_loss: float
    top1: float
    top5: float | None
    lr: float
    seconds: float
    images_seen: int

    def to_event(self) -> dict[str, Any]:
        """Plain data with `step` and `steps`, as the study's events have them."""
        values = asdict(self)
        return {"step": self.epoch, "steps": self.epochs, **values}


class Training(Run[AugmentStep]):
    """A network in training with its data, optimizer and random streams; as one of `ranks`, which all do the same.

    `alive` is called for every batch. `ValueError` for what cannot be trained. Its state does not depend on how many
    ranks there are.
    """

    def __init__(
        self,
        genotype: Architecture,
        dataset: Dataset,
        streams: Streams,
        protocol: Protocol,
        device: torch.device,
        ranks: Ranks | None = None,
        alive: Callable[[], None] | None = None,
    ) -> None:
        check_auxiliary(protocol.auxiliary, dataset, protocol.resolution)
        self._alive = alive or _nothing
        self.protocol, self.device = protocol, device
        self.classes = len(dataset.classes)
        self._streams, self._ranks = streams, ranks or Ranks()
        train, self.test_batches = _load(dataset, protocol, device, self._ranks)
        self.train_images = train.num_images
        epoch_images = min(protocol.epoch_images or train.num_images, train.num_images)
        self.steps_per_epoch = num_steps(epoch_images, protocol.batch)
        super().__init__(protocol.epochs * (self.steps_per_epoch + 1), protocol.epochs)
        side = dataset.side_at(protocol.resolution)
        shape: dict[str, Any] = {
            "classes": self.classes,
            "channels": protocol.channels,
            "cells": protocol.cells,
            "stem": dataset.stem_at(side),
        }
        with seeded(streams.seed("weights")):
            network = build(genotype, auxiliary=protocol.auxiliary > 0, **shape)
        self.network = place(network, device)
        self.params, self.macs = size(genotype, resolution=side, **shape)
        self._optimizer = sgd(self.network, protocol.start_lr, protocol.momentum, protocol.weight_decay)
        self._step = GroupedStep(
            self.network,
            self._optimizer,
            streams,
            self._ranks,
            group=protocol.bn_group,
            clip=protocol.clip,
            auxiliary=protocol.auxiliary,
            precision=protocol.precision,
        )
        self._share = train.share
        self._feed = Feed(train, streams.torch("batches"), images=epoch_images)
        self._tally = Tally()
        self._trained: TrainScores | None = None
        self.scores: Scores | None = None
        self._seconds = {"seconds_weights": 0.0, "seconds_scoring": 0.0}
        self._images_seen = 0
        self._before, self._since = 0.0, time.perf_counter()

    def lr(self, step: int) -> float:
        """Learning rate of a weight step, counted over the whole training."""
        protocol, steps = self.protocol, self.steps_per_epoch
        if protocol.lr_per == "epoch":
            return cosine_lr(step // steps, protocol.epochs, protocol.start_lr)
        return cosine_lr(step, protocol.epochs * steps, protocol.start_lr)

    def cost(self) -> dict[str, Any]:
        """Columns of the results frame."""
        seconds = {"seconds": self._elapsed(), **self._seconds}
        return {
            **{name: round(value, 3) for name, value in seconds.items()},
            "images_seen": self._images_seen,
            **machine_cost(self.device),
        }

    def _unit(self) -> None:
        epoch, place_in_epoch = divmod(self.done, self.steps_per_epoch + 1)
        with exact_fp32():
            if place_in_epoch == self.steps_per_epoch:
                self._test(epoch)
            else:
                self._train(epoch, place_in_epoch)

    def _train(self, epoch: int, place_in_epoch: int) -> None:
        self._alive()
        last = place_in_epoch == self.steps_per_epoch - 1
        if place_in_epoch == 0:
            self.network.train()
            self._step.drop_path = self.protocol.drop_path * epoch / self.protocol.epochs
        step = epoch * self.steps_per_epoch + place_in_epoch
        # A GPU is waited for once an epoch.
        with timed(self._seconds, "seconds_weights", self.device if last else _CPU):
            set_lr(self._optimizer, self.lr(step))
            images, labels = next(self._feed)
            part = self._share.of(self._feed.size)
            if self.protocol.cutout:
                generator = self._streams.torch("cutout")
                images = cutout(images, self.protocol.cutout, generator, self._feed.size, part)
            loss, right = self._step(images, labels, step, number=self._feed.size, start=part.start)
            self._tally.add(loss, right, self._feed.size)
            if last:
                self._trained = self._tally.take(step + 1)
                self._images_seen += self._trained.images

    def _test(self, epoch: int) -> None:
        step = (epoch + 1) * self.steps_per_epoch - 1
        with timed(self._seconds, "seconds_scoring", self.device):
            batches = self._alive_over(self.test_batches.ordered())
            with autocast(self.device, self.protocol.precision):
                self.scores = evaluate(self.network, batches, self.classes, step=step, ranks=self._ranks)
        self._images_seen += self.test_batches.num_images

    def _alive_over(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self._alive()
            yield batch

    def check(self) -> None:
        """Raise `Diverged` where a loss since the last epoch's end is not a number."""
        self._tally.check(self.done - self.done // (self.steps_per_epoch + 1))

    def report(self) -> AugmentStep:
        """The epoch that has just ended."""
        epoch = self.done // (self.steps_per_epoch + 1)
        trained, scores = self._trained, self.scores
        assert trained is not None and scores is not None
        return AugmentStep(
            epoch=epoch,
            epochs=self.protocol.epochs,
            loss=trained.loss,
            train_top1=trained.top1,
            test_loss=scores.loss,
            top1=scores.top1,
            top5=scores.top5,
            lr=self.lr((epoch - 1) * self.steps_per_epoch),
            seconds=round(self._elapsed(), 3),
            images_seen=self._images_seen,
        )

    def state(self) -> dict[str, Any]:
        """The same on every rank, and for any number of them."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "feed": self._feed.state(),
            "tally": self._tally.state(),
            "trained": None if self._trained is None else asdict(self._trained),
            "scores": None if self.scores is None else asdict(self.scores),
            "images_seen": self._images_seen,
            "seconds": {"seconds": self._elapsed(), **self._seconds},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state()` gave, of a training with the same settings, data and seed."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._feed.load_state(state["feed"])
        self._tally.load_state(state["tally"], self.device)
        self._trained = None if state["trained"] is None else TrainScores(**state["trained"])
        self.scores = None if state["scores"] is None else Scores(**state["scores"])
        self._images_seen = state["images_seen"]
        self._before, self._since = state["seconds"]["seconds"], time.perf_counter()
        self._seconds = {name: state["seconds"][name] for name in self._seconds}
        epoch, inside = divmod(self.done, self.steps_per_epoch + 1)
        if inside:
            self.network.train()
            self._step.drop_path = self.protocol.drop_path * epoch / self.protocol.epochs

    def _elapsed(self) -> float:
        return self._before + time.perf_counter() - self._since


def _nothing() -> None:
    """Nobody waits for a sign of life."""


def _load(
    dataset: Dataset, protocol: Protocol, device: torch.device, ranks: Ranks
) -> tuple[Batches, Batches]:
    """Training batches of the train and val parts together (methods.md 7.3), and batches of the test part."""
    train, test = (
        dataset.manifest.take(dataset.manifest.rows["part"] != "test"),
        dataset.manifest.part("test"),
    )
    check_several_classes(dataset)
    for part, images in (("train", len(train)), ("test", len(test))):
        if images < 2:
            raise ValueError(f"augmentation needs at least 2 {part} images; {dataset.name!r} has {images}")
    train = replace(train, rows=train.rows.with_columns(pl.lit("train", PART).alias("part")))
    shared: dict[str, Any] = {"resolution": protocol.resolution, "device": device}
    groups = Share(ranks.rank, ranks.number, protocol.bn_group or protocol.batch)
    single = Share(ranks.rank, ranks.number)
    return (
        load_batches(
            dataset, "train", manifest=train, batch=protocol.batch, training=True, share=groups, **shared
        ),
        load_batches(
            dataset, "test", manifest=test, batch=TEST_BATCH, training=False, share=single, **shared
        ),
    )
