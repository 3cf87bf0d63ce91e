"""DARTS: settings, derivation and schedule of the architecture (methods.md section 2; Liu et al. 2019; no torch).

`darts1` takes the gradient of the architecture at the current weights (the paper's first-order approximation), `darts2`
after a virtual weight step. "DARTS" without more means the second order.
"""

from __future__ import annotations

from typing import ClassVar, Literal, final

import numpy as np
from pydantic import Field

from nastransfer.data.streams import Streams
from nastransfer.search.searcher import Presets, SearchData, SearchStep
from nastransfer.search.settings import MAX_ARCH_LR, SharedWeights, arch_lr_for
from nastransfer.space.genotype import CONCAT, EDGES, MIXTURE, OPERATIONS, Genotype
from nastransfer.train.run import Run
from nastransfer.train.schedule import cosine_lr

# On CIFAR-10: 50 epochs of 391 steps, each with one architecture update at 3e-4 (methods.md 11b).
PAPER_ARCH_LR = 3e-4
PAPER_UPDATES = 50 * 391
SKIP = MIXTURE.index("skip_connect")

# What the presets of a number of steps on small images share.
_SMALL = {"channels": 8, "resolution": 16, "epochs": None, "lr_per": "step", "arch_lr": None}
_PRESETS: Presets = {
    "paper": {},
    "short": {"epochs": 10, "lr_per": "step", "arch_lr": None},
    "small": {**_SMALL, "cells": 5, "batch": 64, "search_images": 2500, "steps": 1000},
    "tiny": {**_SMALL, "cells": 3, "batch": 32, "search_images": 800, "steps": 100},
}


def softmax(alphas: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    powers = np.exp(alphas - alphas.max(axis=-1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def mean_entropy(*alphas: np.ndarray) -> float:
    """Mean entropy (nats) of the edges' softmax distributions; alphas [edges, operations] of each cell type."""
    shares = softmax(np.concatenate(alphas).astype(np.float64))
    logs = np.log(shares, where=shares > 0, out=np.zeros_like(shares))
    return float(-(shares * logs).sum(axis=1).mean())


def cap_skips(alphas: np.ndarray, most: int) -> np.ndarray:
    """Alphas [14, 8] in which at most `most` edges have the skip connection as the largest of all 8.

    As NAS-Benchmark does after its search (methods.md 2.8): while there are more, the smallest such skip alpha is set
    to 0. Where that does not unseat it (all others on the edge are below 0), it is set below them.
    """
    capped = alphas.copy()
    while len(rows := np.flatnonzero(capped.argmax(axis=1) == SKIP)) > most:
        row = rows[capped[rows, SKIP].argmin()]
        capped[row, SKIP] = 0.0
        if capped[row].argmax() == SKIP:
            capped[row, SKIP] = np.delete(capped[row], SKIP).min() - 1.0
    return capped


def derive(
    normal: np.ndarray, reduce: np.ndarray, ranking: Literal["softmax", "raw"] = "softmax"
) -> Genotype:
    """The genotype of alphas [14, 8], operations in the order of `MIXTURE` (methods.md 2.7).

    An edge is as strong as its strongest real operation, by share of the softmax over all 8 (the paper) or by raw
    alpha, where the zero operation's share does not count (pt.darts; AMB-4). Each node keeps its two strongest edges,
    each with its strongest real operation. Ties go to the earlier source and operation.
    """
    return Genotype.parse({"normal": _derive_cell(normal, ranking), "reduce": _derive_cell(reduce, ranking)})


def _derive_cell(alphas: np.ndarray, ranking: str) -> list[list[tuple[str, int]]]:
    values = softmax(alphas.astype(np.float64)) if ranking == "softmax" else alphas
    real = values[:, : len(OPERATIONS)]
    strength, best = real.max(axis=1), real.argmax(axis=1)
    cell = []
    for node in CONCAT:
        rows = [row for row, (target, _) in enumerate(EDGES) if target == node]
        kept = sorted(sorted(rows, key=lambda row: -strength[row])[:2])
        cell.append([(OPERATIONS[best[row]], EDGES[row][1]) for row in kept])
    return cell


class Darts(SharedWeights):
    """What both orders share; defaults are the paper's (methods.md 2.3, 2.4). The genotype is the last step's (AMB-5).

    `epochs` passes over the train half, or `steps` steps: exactly one of them is set. Batch-norm running statistics
    are kept, but the validation scores of the steps are those of the architecture updates' own batches, before each
    update and with batch statistics, as the paper has it: they cost nothing. In second order they are of the weights
    one step ahead, where the gradient is taken: not to be compared with those of first order.
    """

    presets: ClassVar[Presets] = _PRESETS
    preset_version: ClassVar[int] = 1
    second_order: ClassVar[bool]

    batch: int = Field(default=64, ge=2, description="images a weight step, and as many an architecture step")
    arch_lr: float | None = Field(
        default=PAPER_ARCH_LR,
        gt=0,
        allow_inf_nan=False,
        description="Adam's rate on the alphas; null: rate x updates as in the paper, at most 0.1",
    )
    arch_beta1: float = Field(default=0.5, ge=0, lt=1, description="Adam's first decay on the alphas")
    arch_beta2: float = Field(default=0.999, ge=0, lt=1, description="Adam's second decay on the alphas")
    arch_weight_decay: float = Field(
        default=1e-3, ge=0, allow_inf_nan=False, description="coupled L2 of the alphas"
    )
    alpha_scale: float = Field(
        default=1e-3, ge=0, allow_inf_nan=False, description="sd of the alphas at the start"
    )
    ranking: Literal["softmax", "raw"] = Field(
        default="softmax", description="how edges are compared (AMB-4)"
    )
    pick: Literal["last", "best_val"] = Field(
        default="last", description="which genotype is the answer: the last, or of the best validation score"
    )
    skip_cap: int | None = Field(
        default=None,
        ge=0,
        le=len(EDGES),
        description="most edges of the normal cell led by a skip connection (NAS-Benchmark: 2); null: no cap",
    )
    stop_at_skips: int | None = Field(
        default=None,
        ge=1,
        le=8,
        description="end the search at a report whose normal cell has this many skips (DARTS+: 2); null: never",
    )

    def arch_lr_at(self, updates: int) -> float:
        """Adam's rate on the alphas in a search of so many updates."""
        if self.arch_lr is not None:
            return self.arch_lr
        return arch_lr_for(updates, paper_lr=PAPER_ARCH_LR, paper_updates=PAPER_UPDATES, largest=MAX_ARCH_LR)

    def lr_at(self, step: int, epoch_steps: int) -> float:
        """Learning rate of the weights at `step`: a cosine per epoch or per step, annealed to its own end."""
        return cosine_lr(*self.position(step, epoch_steps), self.lr, self.lr_end)

    def derive(self, normal: np.ndarray, reduce: np.ndarray) -> Genotype:
        """The genotype of these alphas [14, 8] each, under the options set."""
        capped = normal if self.skip_cap is None else cap_skips(normal, self.skip_cap)
        return derive(capped, reduce, self.ranking)

    def begin(self, data: SearchData, streams: Streams) -> Run[SearchStep]:
        """An architecture step on a batch of the val half, then a weight step on one of the train half, and so on."""
        from nastransfer.search.bilevel import Bilevel

        return Bilevel(self, data, streams)


@final
class FirstOrderDarts(Darts):
    """DARTS with the gradient of the architecture at the weights as they are: the paper's faster variant."""

    method: ClassVar[str] = "darts1"
    title: ClassVar[str] = "DARTS, first order"
    second_order: ClassVar[bool] = False


@final
class SecondOrderDarts(Darts):
    """DARTS with the gradient of the architecture after a virtual weight step (`search.second_order`)."""

    method: ClassVar[str] = "darts2"
    title: ClassVar[str] = "DARTS"
    second_order: ClassVar[bool] = True
