"""Augmentation: train a genotype's network from scratch and judge it on the test part (methods.md section 7).

The headline is the last epoch's accuracy; the best epoch's, which is chosen on the test part, is stored beside it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl
import torch

from nastransfer.data.batches import Batches, load_batches
from nastransfer.data.dataset import Dataset, usable
from nastransfer.data.manifest import PART
from nastransfer.data.streams import Streams
from nastransfer.data.transforms import cutout
from nastransfer.space import cost
from nastransfer.space.genotype import Genotype
from nastransfer.space.network import Network
from nastransfer.train.device import exact_fp32, machine_cost, pick_device, place, seeded, timed
from nastransfer.train.loop import Batch, Scores, TrainScores, evaluate, num_steps, sgd, train_epoch
from nastransfer.train.protocol import Protocol
from nastransfer.train.protocol import protocol as named_protocol
from nastransfer.train.schedule import cosine_lr
from nastransfer.train.steps import run_to_end

# Evaluation does not depend on its batch size; this one keeps a CPU's caches and a GPU both content.
_TEST_BATCH = 200


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


def augment(
    genotype: Genotype,
    dataset: Dataset,
    seed: int = 2,
    protocol: str | Protocol = "tiny",
    devices: int = 1,
    *,
    device: str = "auto",
) -> AugmentResult:
    """Train `genotype` on the train (and val) part of `dataset` and score it on the test part.

    `protocol` is a name of `protocols()` or a `Protocol`. The same seed gives the same result, bit for bit on a CPU at
    an equal number of threads. Raises `ValueError` for what cannot be trained, `Diverged` when the loss blows up.
    """
    if devices != 1:
        raise ValueError(f"this version trains on one device, got devices={devices}")
    return run_to_end(augment_steps(genotype, dataset, seed=seed, protocol=protocol, device=device))


def augment_steps(
    genotype: Genotype,
    dataset: Dataset,
    *,
    seed: int,
    protocol: str | Protocol = "tiny",
    device: str = "auto",
) -> Generator[AugmentStep, None, AugmentResult]:
    """`augment`, epoch by epoch: yields each `AugmentStep`, returns the `AugmentResult`."""
    chosen = named_protocol(protocol) if isinstance(protocol, str) else protocol
    started = time.perf_counter()
    training = _Training(genotype, usable(dataset), seed, chosen, pick_device(device))
    history: list[AugmentStep] = []
    seconds = {"seconds_weights": 0.0, "seconds_scoring": 0.0}
    scores: Scores | None = None
    for epoch in range(chosen.epochs):
        with timed(seconds, "seconds_weights", training.device):
            trained = training.train(epoch)
        with timed(seconds, "seconds_scoring", training.device):
            scores = training.test(epoch)
        before = history[-1].images_seen if history else 0
        history.append(
            AugmentStep(
                epoch=epoch + 1,
                epochs=chosen.epochs,
                loss=trained.loss,
                train_top1=trained.top1,
                test_loss=scores.loss,
                top1=scores.top1,
                top5=scores.top5,
                lr=training.lr(epoch * training.steps_per_epoch),
                seconds=round(time.perf_counter() - started, 3),
                images_seen=before + trained.images + training.test_batches.num_images,
            )
        )
        yield history[-1]
    assert scores is not None
    return AugmentResult(
        genotype=genotype,
        protocol=chosen,
        seed=seed,
        top1_last=scores.top1,
        top1_best=max(step.top1 for step in history),
        top5_last=scores.top5,
        n_train=training.train_batches.num_images,
        n_test=training.test_batches.num_images,
        params=training.params,
        macs=training.macs,
        history=[asdict(step) for step in history],
        classes=[
            {"class": name, "images": images, "correct": correct}
            for name, images, correct in zip(dataset.classes, scores.total, scores.correct, strict=True)
        ],
        cost={
            "seconds": round(time.perf_counter() - started, 3),
            **{name: round(value, 3) for name, value in seconds.items()},
            "images_seen": history[-1].images_seen,
            **machine_cost(training.device),
        },
    )


class _Training:
    """A network in training, and the data, optimizer and random streams that go with it."""

    def __init__(
        self, genotype: Genotype, dataset: Dataset, seed: int, protocol: Protocol, device: torch.device
    ) -> None:
        self.protocol = protocol
        self.device = device
        self.classes = len(dataset.classes)
        self.streams = Streams(seed, "augment")
        self.train_batches, self.test_batches = _load(dataset, protocol, device)
        images = self.train_batches.num_images
        self.epoch_images = min(protocol.epoch_images or images, images)
        self.steps_per_epoch = num_steps(self.epoch_images, protocol.batch)
        side = dataset.side_at(protocol.resolution)
        shape: dict[str, Any] = {
            "classes": self.classes,
            "channels": protocol.channels,
            "cells": protocol.cells,
            "stem": dataset.stem_at(side),
        }
        with seeded(self.streams.seed("weights")):
            network = Network(genotype, auxiliary=protocol.auxiliary > 0, **shape)
        self.network = place(network, device)
        self.params = cost.parameters(genotype, **shape)
        self.macs = cost.macs(genotype, resolution=side, **shape)
        self.optimizer = sgd(self.network, protocol.lr, protocol.momentum, protocol.weight_decay)

    def lr(self, step: int) -> float:
        """Learning rate of a weight step, counted over the whole training."""
        if self.protocol.lr_per == "epoch":
            return cosine_lr(step // self.steps_per_epoch, self.protocol.epochs, self.protocol.lr)
        return cosine_lr(step, self.protocol.epochs * self.steps_per_epoch, self.protocol.lr)

    def train(self, epoch: int) -> TrainScores:
        """One epoch of weight steps."""
        drop_path = self.protocol.drop_path * epoch / self.protocol.epochs
        self.network.set_drop_path(drop_path, self.streams.torch("drop_path"))
        with exact_fp32():
            return train_epoch(
                self.network,
                self.optimizer,
                self._batches(),
                lr=self.lr,
                clip=self.protocol.clip,
                auxiliary=self.protocol.auxiliary,
                first_step=epoch * self.steps_per_epoch,
            )

    def test(self, epoch: int) -> Scores:
        """Scores on the test part."""
        last_step = (epoch + 1) * self.steps_per_epoch - 1
        with exact_fp32():
            return evaluate(self.network, self.test_batches.ordered(), self.classes, step=last_step)

    def _batches(self) -> Iterator[Batch]:
        drawn = self.train_batches.epoch(self.streams.torch("batches"), self.epoch_images)
        if not self.protocol.cutout:
            return drawn
        generator = self.streams.torch("cutout")
        return ((cutout(images, self.protocol.cutout, generator), labels) for images, labels in drawn)


def _load(dataset: Dataset, protocol: Protocol, device: torch.device) -> tuple[Batches, Batches]:
    """Training batches of the train and val parts together (methods.md 7.3), and batches of the test part."""
    train, test = (
        dataset.manifest.take(dataset.manifest.rows["part"] != "test"),
        dataset.manifest.part("test"),
    )
    for part, images in (("train", len(train)), ("test", len(test))):
        if images < 2:
            raise ValueError(f"augmentation needs at least 2 {part} images; {dataset.name!r} has {images}")
    train = replace(train, rows=train.rows.with_columns(pl.lit("train", PART).alias("part")))
    shared: dict[str, Any] = {"resolution": protocol.resolution, "device": device}
    return (
        load_batches(dataset, "train", manifest=train, batch=protocol.batch, training=True, **shared),
        load_batches(dataset, "test", manifest=test, batch=_TEST_BATCH, training=False, **shared),
    )
