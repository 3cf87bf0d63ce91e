"""Final trainings end to end, data and evaluation included, against a plain eager loop: DARTS_V2 at the papers' sizes.

The plain loop: fp32, NCHW, one image transformed after the other by torchvision, plain modules. "bare": this project's
engine on batches that lie ready, weight steps and scores; "batches": its images decoded and transformed, and nothing
else. What the own loop takes beyond both is what it adds. Images are noise: speed does not depend on them. "save": a
state written at the papers' size; "first step": a process from its start to its first weight step.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchvision.transforms import v2

from nastransfer.data.batches import load_batches
from nastransfer.data.dataset import Dataset
from nastransfer.data.manifest import part_series
from nastransfer.data.streams import Streams
from nastransfer.space.known import known_genotype
from nastransfer.space.network import Network
from nastransfer.train.checkpoint import Checkpoints
from nastransfer.train.device import exact_fp32
from nastransfer.train.loop import sgd, weight_step
from nastransfer.train.protocol import Protocol, protocol
from nastransfer.train.scoring import evaluate
from nastransfer.train.training import TEST_BATCH, Training
from tests.benchmarks.measure import take_turns
from tests.operations import of_pixels

CPU = torch.device("cpu")
MEAN, STD, CLASSES = 0.45, 0.25, 10
_FIRST_STEP = (
    "from tests.benchmarks.bench_augment import SIZES; "
    "training = SIZES['32 px'].training(); training.advance()"
)


@dataclass(frozen=True)
class Size:
    """One of the papers' networks, and how many images an epoch of the measurement has."""

    side: int
    plan: Protocol
    train: int
    test: int
    rounds: int

    def images(self) -> np.ndarray:
        """Noise, uint8 [n, 3, side, side]."""
        shape = (self.train + self.test, 3, self.side, self.side)
        return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    def dataset(self) -> Dataset:
        """Training and test images."""
        pixels = self.images()
        labels = np.arange(len(pixels)) % CLASSES
        made = of_pixels("noise", pixels, labels, classes=CLASSES, mean=MEAN, std=STD, flip=True)
        part = part_series(np.repeat([0, 2], [self.train, self.test]))
        rows = made.manifest.rows.with_columns(part=part, parent_part=part)
        stem: Any = "imagenet" if self.side > 64 else "cifar"
        return replace(made, manifest=replace(made.manifest, rows=rows), stem=stem)

    def training(self) -> Training:
        """As `nt.augment` has it."""
        genotype = known_genotype("DARTS_V2")
        return Training(genotype, self.dataset(), Streams(2, "augment"), self.plan, CPU)


SIZES = {
    "32 px": Size(32, protocol("paper-small-sets", epochs=1), train=192, test=96, rounds=3),
    "224 px": Size(
        224,
        protocol("paper-imagenet1k", epochs=1, channels=48, cells=14, batch=16),
        train=128,
        test=16,
        rounds=3,
    ),
}


def run() -> dict[str, Any]:
    """Both sizes, then what saving and starting cost."""
    rows: dict[str, Any] = {}
    for name, size in SIZES.items():
        things = {
            "plain loop": plain_epoch(size),
            "own loop": own_epoch(size),
            "bare": bare_epoch(size),
            "batches": only_batches(size),
        }
        found = take_turns(things, size.rounds)
        for row in found.values():
            row["compared_with"] = f"{name}: {row['compared_with']}"
            row["images_per_second"] = round(1e3 * (size.train + size.test) / row["median_ms"], 2)
        own, bare, batches = (found[thing]["median_ms"] for thing in ("own loop", "bare", "batches"))
        found["own loop"] |= {
            "speedup": round(1 / found["own loop"]["ratio"], 2),
            "share_of_batches": round(batches / own, 4),
            "loop_adds": round((own - bare - batches) / bare, 4),
        }
        print(f"  {name}: {found['own loop']}", flush=True)
        rows |= {f"{name}: {thing}": row for thing, row in found.items()}
    return rows | saving() | starting()


def own_epoch(size: Size) -> Callable[[], object]:
    """An epoch of weight steps and the test part."""
    training = size.training()

    def epoch() -> None:
        training.done = 0
        while not training.finished:
            training.advance()

    return epoch


def bare_epoch(size: Size) -> Callable[[], object]:
    """The weight steps of an epoch, then scores, on batches that lie ready."""
    network = size.training().network
    optimizer = sgd(network, size.plan.lr, size.plan.momentum, size.plan.weight_decay)

    def ready(images: int) -> tuple[Tensor, Tensor]:
        x = torch.randn(images, 3, size.side, size.side).to(memory_format=torch.channels_last)
        return x, torch.arange(images) % CLASSES

    x, y = ready(size.plan.batch)
    tested = [ready(size.test)]

    def epoch() -> None:
        with exact_fp32():
            network.train()
            for _ in range(size.train // size.plan.batch):
                weight_step(network, optimizer, x, y, clip=size.plan.clip)
            evaluate(network, tested, CLASSES)

    return epoch


def only_batches(size: Size) -> Callable[[], object]:
    """The images of an epoch and of the test part, decoded and transformed."""
    dataset, generator = size.dataset(), torch.Generator().manual_seed(2)
    train = load_batches(dataset, "train", batch=size.plan.batch, training=True, device=CPU)
    test = load_batches(dataset, "test", batch=TEST_BATCH, training=False, device=CPU)

    def epoch() -> None:
        for batches in (train.epoch(generator, size.train), test.ordered()):
            for _ in batches:
                pass

    return epoch


def plain_epoch(size: Size) -> Callable[[], object]:
    """What a plain script does."""
    pixels, labels = torch.from_numpy(size.images()), torch.arange(size.train + size.test) % CLASSES
    shape: dict[str, Any] = {"channels": size.plan.channels, "cells": size.plan.cells}
    stem = "imagenet" if size.side > 64 else "cifar"
    network = Network(known_genotype("DARTS_V2"), CLASSES, stem=stem, engine="plain", **shape)
    optimizer = torch.optim.SGD(network.parameters(), size.plan.lr, momentum=0.9, weight_decay=3e-4)
    end = [v2.ToDtype(torch.float32, scale=True), v2.Normalize([MEAN] * 3, [STD] * 3)]
    small = [v2.RandomCrop(size.side, size.side // 8), v2.RandomHorizontalFlip()]
    large = [v2.RandomResizedCrop(size.side), v2.RandomHorizontalFlip(), v2.ColorJitter(0.4, 0.4, 0.4, 0.2)]
    training, testing = v2.Compose([*(large if size.side > 64 else small), *end]), v2.Compose(end)

    def batches(start: int, stop: int, change: nn.Module | v2.Compose) -> list[tuple[Tensor, Tensor]]:
        places = torch.arange(start, stop).split(size.plan.batch)
        return [(torch.stack([change(pixels[i]) for i in some]), labels[some]) for some in places]

    def epoch() -> None:
        network.train()
        for x, y in batches(0, size.train, training):
            optimizer.zero_grad()
            cross_entropy(network(x), y).backward()
            nn.utils.clip_grad_norm_(network.parameters(), size.plan.clip)
            optimizer.step()
        network.eval()
        with torch.no_grad():
            for x, y in batches(size.train, size.train + size.test, testing):
                (network(x).argmax(1) == y).sum().item()

    return epoch


def saving() -> dict[str, Any]:
    """A whole state after the first step, written and synced, against an epoch of CIFAR-10 at the measured pace."""
    size = SIZES["32 px"]
    training = size.training()
    started = time.perf_counter()
    training.advance()
    step_ms = 1e3 * (time.perf_counter() - started)
    with tempfile.TemporaryDirectory() as folder:
        kept = Checkpoints(folder, {"kind": "benchmark"})
        rows = take_turns({"save": lambda: kept.save({"run": training.state()})}, rounds=7)
    row = rows["save"]
    epoch_ms = step_ms * 50_000 / size.plan.batch
    # Saved once a minute, and at least once an epoch.
    saves = max(1.0, epoch_ms / 60_000)
    row["share_of_epoch"] = round(saves * row["median_ms"] / epoch_ms, 5)
    return rows


def starting() -> dict[str, Any]:
    """Fresh processes that end after their first weight step at the papers' 32 px size, and at the first import."""
    commands = {"import torch": "import torch", "first step": _FIRST_STEP}
    things = {
        name: partial(subprocess.run, [sys.executable, "-c", code], check=True)
        for name, code in commands.items()
    }
    return take_turns(things, rounds=3, warm_up=1)
