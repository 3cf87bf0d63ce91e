"""100,000 random genotypes drawn and costed in closed form, against building one network and counting it.

`genotypes` says how many each thing handles, `per_genotype` how much of one built network's time each of them takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from nastransfer.space.cost import macs, parameters
from nastransfer.space.features import features
from nastransfer.space.genotype import Genotype
from nastransfer.space.network import Network
from tests.benchmarks.measure import take_turns

ROUNDS = 5
MANY, FEW = 100_000, 1_000
SAMPLE = Genotype.draw(np.random.default_rng(1), FEW)
TEXTS = [str(genotype) for genotype in SAMPLE]


def count_built_networks(genotypes: list[Genotype]) -> list[tuple[int, int]]:
    """Parameters and multiply-adds of networks of the study's size, built without memory for their weights."""
    found = []
    for genotype in genotypes:
        with torch.device("meta"):
            network = Network(genotype).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.zeros(1, 3, 32, 32, device="meta"))
        size = sum(parameter.numel() for parameter in network.parameters())
        found.append((size, counter.get_total_flops() // 2))
    return found


def draw() -> list[Genotype]:
    """Many genotypes."""
    return Genotype.draw(np.random.default_rng(0), MANY)


def cost(genotypes: list[Genotype]) -> list[tuple[int, int]]:
    """The same two figures in closed form."""
    return [(parameters(genotype), macs(genotype)) for genotype in genotypes]


def digest(genotypes: list[Genotype]) -> list[str]:
    """Digests computed anew: a genotype remembers its own."""
    compute: Callable[[Genotype], str] = Genotype.__dict__["digest"].func
    return [compute(genotype) for genotype in genotypes]


def run() -> dict[str, Any]:
    """Milliseconds of a few built networks, and of what the closed forms do to many genotypes, taking turns."""
    built = SAMPLE[:3]
    assert cost(built) == count_built_networks(built)
    things: dict[str, tuple[int, Callable[[], object]]] = {
        "3 built networks counted": (len(built), lambda: count_built_networks(built)),
        "100,000 drawn": (MANY, draw),
        "100,000 drawn and costed": (MANY, lambda: cost(draw())),
        "1,000 texts parsed": (FEW, lambda: [Genotype.parse(text) for text in TEXTS]),
        "1,000 digests": (FEW, lambda: digest(SAMPLE)),
        "1,000 feature rows": (FEW, lambda: [features(genotype) for genotype in SAMPLE]),
    }
    rows = take_turns({name: thing for name, (_, thing) in things.items()}, ROUNDS)
    each = {name: rows[name]["median_ms"] / count for name, (count, _) in things.items()}
    one_network = next(iter(each.values()))
    for name, (count, _) in things.items():
        rows[name] |= {"genotypes": count, "per_genotype": float(f"{each[name] / one_network:.3g}")}
    return rows
