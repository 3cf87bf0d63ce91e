"""Training one architecture from scratch on a search's halves, as NSGA-Net judges it (methods.md 5.5).

The one training loop trains it, with the same seed for every child: the same images in the same order, the same random
numbers for the first weights. A child is trained by one thread wherever that happens, so its score does not depend on
how many are trained side by side.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from nastransfer.data.streams import Streams
from nastransfer.data.threads import one_thread
from nastransfer.search.nsganet import NsgaNet
from nastransfer.search.searcher import SearchData
from nastransfer.space.genotype import Genotype
from nastransfer.space.network import Network
from nastransfer.train.device import exact_fp32, peak_bytes, place, seeded, timed
from nastransfer.train.loop import sgd, train_epoch
from nastransfer.train.schedule import num_steps
from nastransfer.train.scoring import evaluate
from nastransfer.train.steps import Diverged


@dataclass(frozen=True)
class Score:
    """What a child came to: `top1` is percent of the validation half, None where its loss diverged; and its cost.

    `images` and `macs` (multiply-adds) are what was spent on it, `peak_bytes` is of the process (its id) that did it.
    """

    top1: float | None
    seconds: dict[str, float]
    images: int
    macs: int
    process: int
    peak_bytes: int


class Children:
    """Both halves of a source, and how a network is trained on the one and judged on the other."""

    def __init__(self, settings: NsgaNet, data: SearchData, seed: int) -> None:
        """`seed` is every child's. `ValueError` for a source that cannot be searched on."""
        self._settings = settings
        self._data = data
        self._seed = seed
        self._device = data.pick_device()
        half: dict[str, Any] = {"resolution": settings.resolution, "images": settings.search_images}
        judged = len(data.half("val", settings.judging_batch, settings.search_images))
        self._train = data.batches("train", batch=settings.batch, **half)
        self._val = data.batches("val", batch=min(settings.batch, judged), training=False, **half)
        self._start = self._train.state()

    def score(self, genotype: Genotype) -> Score:
        """Train a genotype's network and judge it after the last epoch, by its running batch-norm statistics."""
        seconds = {"seconds_weights": 0.0, "seconds_scoring": 0.0}
        with one_thread(), exact_fp32():
            network = self._network(genotype)
            with timed(seconds, "seconds_weights", self._device):
                epochs, finite = self._train_weights(network)
            with timed(seconds, "seconds_scoring", self._device):
                top1 = self._judge(network) if finite else None
        trained, judged = epochs * self._train.num_images, self._val.num_images if finite else 0
        return Score(
            top1=top1,
            seconds=seconds,
            images=trained + judged,
            # Gradients of maps and of weights cost about a forward pass each.
            macs=(3 * trained + judged) * self._settings.macs(self._data, genotype),
            process=os.getpid(),
            peak_bytes=peak_bytes(self._device),
        )

    def _network(self, genotype: Genotype) -> Network:
        settings, side = self._settings, self._data.dataset.side_at(self._settings.resolution)
        with seeded(Streams(self._seed).seed("weights")):
            network = Network(
                genotype,
                self._data.classes,
                settings.channels,
                settings.cells,
                self._data.dataset.stem_at(side),
                engine=settings.engine,
            )
        return place(network, self._device)

    def _train_weights(self, network: Network) -> tuple[int, bool]:
        """Train on the train half from its first image on; epochs begun, and whether all losses were numbers."""
        settings, generator = self._settings, Streams(self._seed).torch("batches")
        optimizer = sgd(network, settings.lr, settings.momentum, settings.weight_decay)
        epoch_steps = num_steps(self._train.num_images, settings.batch)
        self._train.load_state(self._start)
        for epoch in range(settings.epochs):
            try:
                train_epoch(
                    network,
                    optimizer,
                    self._train.epoch(generator),
                    lr=lambda step: settings.lr_at(step, epoch_steps),
                    clip=settings.clip,
                    first_step=epoch * epoch_steps,
                )
            except Diverged:
                return epoch + 1, False
        return settings.epochs, True

    def _judge(self, network: Network) -> float | None:
        """Percent of the validation half that it is right about; None where its loss is no number."""
        try:
            return evaluate(network, self._val.ordered(), self._data.classes).top1
        except Diverged:
            return None
