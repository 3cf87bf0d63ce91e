"""DARTS: settings, derivation and schedule of the architecture (methods.md section 2; Liu et al. 2019; no torch).

`darts1` takes the gradient of the architecture at the current weights (the paper's first-order approximation).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, final

import numpy as np
from pydantic import Field, model_validator

from nastransfer.data.streams import Streams
from nastransfer.search.searcher import Presets, SearchData, Searcher, SearchStep
from nastransfer.space.genotype import CONCAT, EDGES, OPERATIONS, Genotype
from nastransfer.train.schedule import cosine_lr

# On CIFAR-10: 50 epochs of 391 steps, each with one architecture update at 3e-4 (methods.md 11b).
PAPER_ARCH_LR = 3e-4
PAPER_UPDATES = 50 * 391
# Above it, a single noisy gradient would settle an edge.
MAX_ARCH_LR = 0.1


# What the presets of a number of steps on small images share.
_SMALL = {"channels": 8, "resolution": 16, "epochs": None, "lr_per": "step", "arch_lr": None}


def arch_lr_for(updates: int) -> float:
    """Adam's rate at which `updates` steps can move an alpha as far as the paper's can; at most 0.1 a step."""
    return min(PAPER_ARCH_LR * PAPER_UPDATES / updates, MAX_ARCH_LR)


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


@final
class FirstOrderDarts(Searcher):
    """First-order DARTS; defaults are the paper's (methods.md 2.3, 2.4). The genotype is the last step's (AMB-5).

    `epochs` passes over the train half, or `steps` steps: exactly one of them is set. Batch-norm running statistics
    are kept, but the validation scores of the steps are those of the architecture updates' own batches, before each
    update and with batch statistics, as the paper has it: they cost nothing.
    """

    method: ClassVar[str] = "darts1"
    title: ClassVar[str] = "DARTS, first order"
    presets: ClassVar[Presets] = {
        "paper": {},
        "short": {"epochs": 10, "lr_per": "step", "arch_lr": None},
        "small": {**_SMALL, "cells": 5, "batch": 64, "search_images": 2500, "steps": 1000},
        "tiny": {**_SMALL, "cells": 3, "batch": 32, "search_images": 800, "steps": 100},
    }
    preset_version: ClassVar[int] = 1

    cells: int = Field(default=8, ge=3, description="cells of the supernet; below 3 there is no normal cell")
    channels: int = Field(default=16, ge=2, multiple_of=2, description="channels of the first cell")
    batch: int = Field(default=64, ge=2, description="images a weight step, and as many an architecture step")
    resolution: int | None = Field(
        default=None, ge=8, multiple_of=4, description="pixels; null: the data set's own"
    )
    search_images: int | None = Field(default=None, ge=2, description="most images of each half; null: all")
    epochs: int | None = Field(
        default=50, ge=1, description="passes over the train half; null: `steps` says it"
    )
    steps: int | None = Field(default=None, ge=1, description="steps of the search; null: `epochs` says it")
    lr: float = Field(default=0.025, gt=0, allow_inf_nan=False, description="of the weights, at the start")
    lr_end: float = Field(default=0.001, ge=0, allow_inf_nan=False, description="where the cosine ends")
    lr_per: Literal["epoch", "step"] = Field(
        default="epoch", description="when the cosine moves (paper: epoch)"
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of SGD on the weights, no Nesterov")
    weight_decay: float = Field(default=3e-4, ge=0, allow_inf_nan=False, description="of the weights")
    clip: float = Field(default=5.0, gt=0, description="largest global L2 norm of the weights' gradient")
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
    reports: int = Field(default=20, ge=1, description="steps yielded over the search, evenly spaced")

    @model_validator(mode="after")
    def _one_length(self) -> FirstOrderDarts:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError(
                f"give epochs or steps, the other null: got epochs={self.epochs}, steps={self.steps}"
            )
        if self.lr_per == "epoch" and self.epochs is None:
            raise ValueError("lr_per='epoch' needs epochs; a search of a number of steps has lr_per='step'")
        if self.lr_end > self.lr:
            raise ValueError(f"lr_end must not exceed lr: got {self.lr_end} above {self.lr}")
        return self

    def total_steps(self, epoch_steps: int) -> int:
        """Steps of the search where a pass over the train half has `epoch_steps`."""
        return self.steps if self.steps is not None else (self.epochs or 0) * epoch_steps

    def lr_at(self, step: int, epoch_steps: int) -> float:
        """Learning rate of the weights at `step`: a cosine per epoch or per step, annealed to its own end."""
        position, total = step, self.total_steps(epoch_steps)
        if self.lr_per == "epoch":
            position, total = step // epoch_steps, total // epoch_steps
        return cosine_lr(position, total, self.lr, self.lr_end)

    def search(self, data: SearchData, streams: Streams) -> Iterator[SearchStep]:
        """An architecture step on a batch of the val half, then a weight step on one of the train half, and so on."""
        from nastransfer.search.bilevel import first_order_search

        return first_order_search(self, data, streams)
