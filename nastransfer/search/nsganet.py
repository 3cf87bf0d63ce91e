"""NSGA-Net: settings, and what its population says of the space (methods.md section 5; Lu et al. 2019; no torch).

Each architecture is trained by itself for some epochs; NSGA-II minimises its validation error and its FLOPs. Departures
from the released code, all of methods.md 5: the DARTS space (4 nodes, 7 operations, distinct sources, all nodes joined)
and its common network, with batch norms behind pools; FLOPs at the real input size; one fixed split of the train part,
shuffled training, plain transforms in validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from nastransfer.data.streams import Streams
from nastransfer.search.searcher import Presets, SearchData, SearchStep
from nastransfer.search.settings import NetworkSearcher
from nastransfer.space import flops
from nastransfer.space.genotype import CELLS, CONCAT, EDGES, MIXTURE, edge_index
from nastransfer.train.run import Run
from nastransfer.train.schedule import cosine_lr

if TYPE_CHECKING:
    from nastransfer.space.genotype import Genotype

_FEW = {"population": 12, "offspring": 8, "generations": 6}
_SMALL = {"channels": 8, "resolution": 16, "lr_per": "step"}
_PRESETS: Presets = {
    "paper": {},
    "short": {"channels": 16, "epochs": 5, "lr_per": "step", **_FEW},
    "small": {**_SMALL, "cells": 5, "batch": 64, "search_images": 2500, "epochs": 3, **_FEW},
    "tiny": {
        **_SMALL,
        "cells": 3,
        "batch": 32,
        "search_images": 800,
        "epochs": 2,
        "population": 8,
        "offspring": 4,
        "generations": 4,
    },
}


@final
class NsgaNet(NetworkSearcher):
    """NSGA-Net with the defaults of its README and code (methods.md 5.2, 5.3, 5.5).

    The answer is the member of the last front with the lowest validation error, at equal error the one with fewer FLOPs
    (AMB-11). A child whose loss diverges counts as wrong about every image.
    """

    method: ClassVar[str] = "nsganet"
    title: ClassVar[str] = "NSGA-Net"
    presets: ClassVar[Presets] = _PRESETS
    preset_version: ClassVar[int] = 1

    batch: int = Field(default=128, ge=2, description="images a weight step")
    epochs: int = Field(default=20, ge=1, description="passes over the train half, for each network")
    lr_end: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="where the cosine ends")
    lr_per: Literal["epoch", "step"] = Field(
        default="epoch", description="when the cosine moves (paper: epoch)"
    )
    population: int = Field(
        default=40, ge=2, description="architectures kept, and drawn for the first generation"
    )
    offspring: int = Field(default=20, ge=1, description="new architectures a generation")
    generations: int = Field(default=30, ge=1, description="generations, the first one included")
    mutation_eta: float = Field(
        default=3.0, gt=0, allow_inf_nan=False, description="of polynomial mutation: the higher, the nearer"
    )

    @property
    def judging_batch(self) -> int:
        """Networks are judged on all of the val half, however small."""
        return 1

    @property
    def networks(self) -> int:
        """Networks trained over the search."""
        return self.population + (self.generations - 1) * self.offspring

    def lr_at(self, step: int, epoch_steps: int) -> float:
        """Learning rate at a step of a network's training: a cosine per epoch or per step."""
        if self.lr_per == "epoch":
            return cosine_lr(step // epoch_steps, self.epochs, self.lr, self.lr_end)
        return cosine_lr(step, self.epochs * epoch_steps, self.lr, self.lr_end)

    def megaflops(self, data: SearchData, genotype: Genotype | None = None) -> float:
        """FLOPs of an image in millions, as NSGA-Net counts them; None: what no genotype exceeds."""
        side = data.dataset.side_at(self.resolution)
        shape = (data.classes, self.channels, self.cells, data.dataset.stem_at(side), side)
        counted = flops.largest_flops(*shape) if genotype is None else flops.flops(genotype, *shape)
        return counted / 1e6

    def begin(self, data: SearchData, streams: Streams) -> Run[SearchStep]:
        """One network trained after the other, generation by generation."""
        from nastransfer.search.nsganet_run import Evolution

        return Evolution(self, data, streams)


def edge_shares(genotypes: Sequence[Genotype]) -> dict[str, np.ndarray]:
    """How many of some genotypes have each operation on each edge, as shares [14, 8] of each cell.

    The last column ("none") is the share of those that do not have the edge, so that rows sum to 1.
    """
    shares = {}
    for kind in CELLS:
        counts = np.zeros((len(EDGES), len(MIXTURE)))
        for genotype in genotypes:
            for node, pair in zip(CONCAT, genotype.cell(kind), strict=True):
                for op, source in pair:
                    counts[edge_index(node, source), MIXTURE.index(op)] += 1
        counts[:, -1] = len(genotypes) - counts.sum(axis=1)
        shares[kind] = counts / len(genotypes)
    return shares


def mean_entropy_of(shares: dict[str, np.ndarray]) -> float:
    """Mean entropy (nats) of the rows of such shares."""
    rows = np.concatenate(list(shares.values()))
    logs = np.log(rows, where=rows > 0, out=np.zeros_like(rows))
    return float(-(rows * logs).sum(axis=1).mean())


def non_dominated(objectives: np.ndarray) -> np.ndarray:
    """Which rows of `objectives` [n, 2], both to be small, no other row dominates: booleans [n]."""
    no_worse = (objectives[:, None] <= objectives[None]).all(axis=2)
    better = (objectives[:, None] < objectives[None]).any(axis=2)
    return np.logical_not(np.any(no_worse & better, axis=0))


def hypervolume(objectives: np.ndarray, worst: tuple[float, float]) -> float:
    """Share of the box from the origin to `worst` that the rows of `objectives` [n, 2] dominate."""
    covered, ceiling = 0.0, worst[1]
    for first, second in sorted(map(tuple, objectives[non_dominated(objectives)])):
        covered += max(worst[0] - first, 0.0) * max(ceiling - second, 0.0)
        ceiling = min(ceiling, second)
    return float(covered / (worst[0] * worst[1]))
