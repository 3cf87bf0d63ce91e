"""What a training will take, before it starts: parameters, multiply-adds, peak memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psutil
import torch

from nastransfer.data.batches import recipe_of
from nastransfer.data.dataset import Dataset
from nastransfer.space.engines.memory import plan_bytes, planned, saved_bytes
from nastransfer.space.network import Network
from nastransfer.train.architecture import Architecture, read_architecture
from nastransfer.train.device import pick_device
from nastransfer.train.networks import build, size
from nastransfer.train.protocol import Protocol
from nastransfer.train.protocol import protocol as named_protocol
from nastransfer.train.training import TEST_BATCH

RELATIVE_ERROR = 0.1
"""Measured peaks were within this share of the prediction (tests/train/test_preflight.py, slow)."""

# Weights, their gradients and SGD's momentum.
_COPIES = 3
_FLOAT = 4


@dataclass(frozen=True)
class Preflight:
    """Counts of the network without its auxiliary head; memory in bytes, and how far it may be off either way.

    process_bytes: what this process holds already (0 for a GPU's memory). weights_bytes: weights, gradients, momentum.
    maps_bytes: of a weight step on one group, kept for its backward pass. scoring_bytes: of the test batches.
    images_bytes: images that lie on the device, and a batch of them.
    """

    params: int
    macs: int
    process_bytes: int
    weights_bytes: int
    maps_bytes: int
    scoring_bytes: int
    images_bytes: int
    relative_error: float = RELATIVE_ERROR

    def __str__(self) -> str:
        return (
            f"{self.params:,} parameters, {self.macs:,} multiply-adds an image, peak memory about "
            f"{self.peak_bytes / 1e9:.2f} GB (within {100 * self.relative_error:.0f}%)"
        )

    @property
    def peak_bytes(self) -> int:
        """The most memory at any time."""
        return (
            self.process_bytes + self.weights_bytes + self.maps_bytes + self.scoring_bytes + self.images_bytes
        )


def preflight(
    genotype: Architecture | str, dataset: Dataset, protocol: str | Protocol = "tiny", *, device: str = "auto"
) -> Preflight:
    """Of a training by one device. Takes a second or less, and no image is read."""
    architecture = read_architecture(genotype)
    chosen = named_protocol(protocol) if isinstance(protocol, str) else protocol
    place = pick_device(device)
    side = dataset.side_at(chosen.resolution)
    shape: dict[str, Any] = {
        "classes": len(dataset.classes),
        "channels": chosen.channels,
        "cells": chosen.cells,
        "stem": dataset.stem_at(side),
    }
    params, macs = size(architecture, resolution=side, **shape)
    network = build(architecture, auxiliary=chosen.auxiliary > 0, **shape)
    weights = sum(weight.numel() for weight in network.parameters())
    group = min(chosen.bn_group or chosen.batch, chosen.batch)
    scored = min(TEST_BATCH, dataset.manifest.count("test"))
    maps, scoring = _maps(network, group, scored, side, place)
    return Preflight(
        params=params,
        macs=macs,
        process_bytes=0 if place.type == "cuda" else psutil.Process().memory_info().rss,
        weights_bytes=_COPIES * _FLOAT * weights,
        maps_bytes=maps,
        scoring_bytes=scoring,
        images_bytes=_images(dataset, chosen, side),
    )


def _maps(network: Any, group: int, scored: int, side: int, device: torch.device) -> tuple[int, int]:
    """Bytes of a weight step's maps, and of scoring."""
    x = torch.empty(group, 3, side, side)
    if device.type == "cpu" and isinstance(network, Network) and planned(network, x):
        threads = torch.get_num_threads()
        maps = plan_bytes(network.train(), group, side, threads, learns=True)
        scoring = plan_bytes(network.eval(), scored, side, threads, learns=False)
        network.train()
        if network.stem_kind == "imagenet":
            maps += saved_bytes(network.stem, tuple(x.shape))
        return maps, scoring
    return saved_bytes(network.train(), tuple(x.shape)), 0


def _images(dataset: Dataset, protocol: Protocol, side: int) -> int:
    """Resident images with the zeros around them, and the batches in hand."""
    padding = getattr(recipe_of(dataset, side, training=True), "padding", 0)
    test = dataset.manifest.count("test")
    train = len(dataset.manifest) - test
    resident = 3 * (train * (side + 2 * padding) ** 2 + test * side**2)
    # As whole numbers, then as fp32.
    batches = min(protocol.batch, train) + min(TEST_BATCH, test)
    return resident + (1 + _FLOAT) * 3 * side**2 * batches
