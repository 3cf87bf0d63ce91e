"""FLOPs in closed form against a counter that listens to the modules of the built network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nastransfer.space.cost import macs
from nastransfer.space.flops import flops, largest_flops
from nastransfer.space.genotype import Genotype
from nastransfer.space.known import known_genotype
from nastransfer.space.network import Network
from nastransfer.space.operations import FactorizedReduce


def counted(genotype: Genotype, side: int, **shape: Any) -> tuple[int, int]:
    """Multiply-adds, and all that NSGA-Net's counter adds up, while one image passes."""
    network = Network(genotype, engine="plain", **shape).eval()
    found = {"multiplied": 0, "touched": 0}

    def listen(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        entering = inputs[0].numel()
        if isinstance(part, nn.Conv2d):
            found["multiplied"] += part.weight.numel() * output.shape[-2] * output.shape[-1]
        elif isinstance(part, nn.Linear):
            found["multiplied"] += part.weight.numel()
        elif isinstance(part, nn.BatchNorm2d):
            found["touched"] += 2 * entering
        elif isinstance(part, (nn.ReLU, nn.MaxPool2d, nn.AvgPool2d)):
            found["touched"] += entering
        elif isinstance(part, FactorizedReduce) or part is network.cells[-1]:
            # Its ReLU is a function; so is the pool behind the last cell.
            found["touched"] += entering if isinstance(part, FactorizedReduce) else output.numel()

    for part in network.modules():
        part.register_forward_hook(listen)
    with torch.no_grad():
        network(torch.zeros(1, 3, side, side))
    return found["multiplied"], found["multiplied"] + found["touched"]


@pytest.mark.parametrize(
    ("stem", "side", "cells", "channels"),
    [("cifar", 32, 8, 16), ("cifar", 16, 5, 8), ("cifar", 8, 3, 4), ("imagenet", 64, 4, 8)],
)
def test_the_closed_form_is_what_a_counter_finds(stem: str, side: int, cells: int, channels: int) -> None:
    shape = {"classes": 7, "channels": channels, "cells": cells, "stem": stem}
    for genotype in Genotype.draw(np.random.default_rng(cells), 4):
        multiplied, all_of_it = counted(genotype, side, **shape)
        assert macs(genotype, resolution=side, **shape) == multiplied
        assert flops(genotype, resolution=side, **shape) == all_of_it


def test_multiply_adds_of_the_published_cell() -> None:
    """Methods sheet 1.11 and 12: 528.4M for 20 cells of 36 channels at 32 pixels; the rest comes on top."""
    genotype = known_genotype("DARTS_V2")
    multiplied, all_of_it = counted(genotype, 32, classes=10, channels=36, cells=20)
    assert multiplied == pytest.approx(528.4e6, rel=1e-4)
    assert flops(genotype, 10, 36, 20) == all_of_it > multiplied


def test_no_genotype_exceeds_the_largest() -> None:
    most = largest_flops(10, 8, 5)
    drawn = [flops(genotype, 10, 8, 5) for genotype in Genotype.draw(np.random.default_rng(0), 300)]
    assert max(drawn) < most
