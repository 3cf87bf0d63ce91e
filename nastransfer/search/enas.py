"""ENAS: settings, learning-rate cycles and the order of its work (methods.md section 3; Pham et al. 2018; no torch).

A recurrent policy draws architectures; shared weights are trained along the drawn paths, then score what the policy
draws, and the policy moves towards what scored well. Mapped to the DARTS space as methods.md 3.6 says.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple, final

from pydantic import Field, model_validator

from nastransfer.data.streams import Streams
from nastransfer.search.searcher import Presets, SearchData, SearchStep
from nastransfer.search.settings import SharedWeights, arch_lr_for
from nastransfer.train.run import Run
from nastransfer.train.schedule import cosine_lr

# 150 epochs of 30 updates each, at 3.5e-3 (methods.md 3.4).
PAPER_ARCH_LR = 3.5e-3
PAPER_UPDATES = 150 * 30
# As near to the paper's rate x updates as ten times its rate allows (methods.md 11b).
MAX_ENAS_ARCH_LR = 10 * PAPER_ARCH_LR

# What the presets of a number of steps on small images share.
_SMALL = {
    "channels": 8,
    "resolution": 16,
    "epochs": None,
    "lr_per": "step",
    "rewards_per_epoch": None,
    "arch_lr": None,
}
_PRESETS: Presets = {
    "paper": {},
    "short": {"epochs": 30, "lr_per": "step", "arch_lr": None},
    "small": {**_SMALL, "cells": 5, "batch": 64, "search_images": 2500, "steps": 2000, "rewards": 6000},
    "tiny": {**_SMALL, "cells": 3, "batch": 32, "search_images": 800, "steps": 200, "rewards": 1000},
}

Operation = Literal[
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
]


class Unit(NamedTuple):
    """A piece of work: a weight step, an update of the policy, or the scoring of a last sample; each kind's from 0."""

    kind: Literal["weights", "policy", "last"]
    number: int


@final
class Enas(SharedWeights):
    """ENAS in the DARTS space; defaults are those of the authors' script (AMB-6), sources in methods.md 3.2 to 3.6.

    After every pass over the train half, `rewards_per_epoch` drawn architectures are scored on a validation batch each,
    `rewards_per_update` of them an update of the policy; or `rewards` in all, spread evenly over the passes. Departures
    from that script: the second source of a node is drawn from the others alone (the space wants two); a cell's output
    joins its four nodes; weights belong to (cell, edge, operation); the validation data are half of the train part, not
    a ninth; no auxiliary head; the clipped gradient is really used, with one norm over all weights; the rate restarts
    exactly where a cycle ends; Adam's `arch_eps` stands inside the bias correction, as torch has it. With `lr_per`
    "epoch" the rate moves from epoch to epoch as there; the presets below `paper` move it at every step, since their
    cycles have few epochs or broken numbers of them.
    """

    method: ClassVar[str] = "enas"
    title: ClassVar[str] = "ENAS"
    presets: ClassVar[Presets] = _PRESETS
    preset_version: ClassVar[int] = 1

    channels: int = Field(default=20, ge=2, multiple_of=2, description="channels of the first cell")
    batch: int = Field(default=160, ge=2, description="images a weight step, and as many a reward")
    epochs: int | None = Field(
        default=150, ge=1, description="passes over the train half; null: `steps` says it"
    )
    lr: float = Field(
        default=0.05, gt=0, allow_inf_nan=False, description="of the weights, where a cycle starts"
    )
    lr_end: float = Field(default=0.0005, ge=0, allow_inf_nan=False, description="where each cosine ends")
    lr_cycles: int = Field(
        default=4, ge=1, le=16, description="cosines, each twice as long as the one before (paper: 10 to 80)"
    )
    weight_decay: float = Field(default=2e-4, ge=0, allow_inf_nan=False, description="of the weights")
    off_path: Literal["decay", "frozen"] = Field(
        default="decay",
        description="what weight decay and momentum do to weights off the drawn path: go on, or stop (AMB-21)",
    )
    dropout_keep: float = Field(
        default=0.9, gt=0, le=1, description="share of the classifier's inputs kept, in training and scoring"
    )
    rewards_per_epoch: int | None = Field(
        default=300, ge=1, description="architectures scored for the policy after each pass; null: `rewards`"
    )
    rewards: int | None = Field(
        default=None, ge=1, description="the same in all, spread evenly; null: `rewards_per_epoch`"
    )
    rewards_per_update: int = Field(
        default=10, ge=1, description="architectures that an update averages over"
    )
    entropy_weight: float = Field(
        default=1e-4, ge=0, allow_inf_nan=False, description="of the policy's entropy, added to the reward"
    )
    baseline_decay: float = Field(
        default=0.99, ge=0, lt=1, description="of the moving mean that rewards are compared with"
    )
    arch_lr: float | None = Field(
        default=PAPER_ARCH_LR,
        gt=0,
        allow_inf_nan=False,
        description="Adam's rate on the policy; null: rate x updates as in the paper, at most 0.035",
    )
    arch_beta1: float = Field(default=0.0, ge=0, lt=1, description="Adam's first decay on the policy")
    arch_beta2: float = Field(default=0.999, ge=0, lt=1, description="Adam's second decay on the policy")
    arch_eps: float = Field(default=1e-3, gt=0, allow_inf_nan=False, description="Adam's epsilon")
    favoured: tuple[Operation, ...] = Field(
        default=("sep_conv_3x3", "sep_conv_5x5"),
        strict=False,
        description="operations that the policy starts with a liking for (AMB-8)",
    )
    learned_bias: float = Field(
        default=10.0, allow_inf_nan=False, description="of favoured operations at the start, the others' is 0"
    )
    fixed_bias: float = Field(
        default=0.25,
        allow_inf_nan=False,
        description="of favoured operations in normal cells, less the others'",
    )
    tanh_constant: float = Field(default=1.10, gt=0, allow_inf_nan=False, description="bounds the logits")
    op_tanh_reduce: float = Field(
        default=2.5, gt=0, allow_inf_nan=False, description="how much tighter for operations"
    )
    temperature: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="divides logits before the tanh; null: the script's none (the PyTorch port has 5)",
    )
    last_samples: int = Field(
        default=10, ge=1, description="architectures drawn at the end, the best is the answer (AMB-7)"
    )
    last_scored_on: Literal["batch", "half"] = Field(
        default="batch", description="a validation batch each, or the whole validation half"
    )

    @model_validator(mode="after")
    def _one_number_of_rewards(self) -> Enas:
        if (self.rewards_per_epoch is None) == (self.rewards is None):
            raise ValueError(
                "give rewards_per_epoch or rewards, the other null: "
                f"got rewards_per_epoch={self.rewards_per_epoch}, rewards={self.rewards}"
            )
        given = self.rewards or self.rewards_per_epoch or 0
        if given % self.rewards_per_update:
            raise ValueError(
                f"rewards come in whole updates of {self.rewards_per_update} (rewards_per_update), got {given}"
            )
        return self

    def lr_at(self, step: int, epoch_steps: int) -> float:
        """Learning rate of the weights at `step`: cosines with warm restarts, the last one ends with the search."""
        position, total = self.position(step, epoch_steps)
        # In units of the first cycle's length, cycle k starts at 2^k - 1 and lasts 2^k; whole numbers decide.
        cycles = 2**self.lr_cycles - 1
        cycle = max(k for k in range(self.lr_cycles) if total * (2**k - 1) <= position * cycles)
        return cosine_lr(position * cycles - total * (2**cycle - 1), total * 2**cycle, self.lr, self.lr_end)

    def updates_after(self, epoch: int, epochs: int) -> int:
        """Updates of the policy after the pass `epoch` of so many over the train half."""
        if self.rewards is None:
            return (self.rewards_per_epoch or 0) // self.rewards_per_update
        updates = self.rewards // self.rewards_per_update
        return updates * (epoch + 1) // epochs - updates * epoch // epochs

    def plan(self, epoch_steps: int) -> list[Unit]:
        """All work in order, where a pass over the train half has `epoch_steps`; the last pass may be cut short."""
        steps = self.total_steps(epoch_steps)
        starts = range(0, steps, epoch_steps)
        units: list[Unit] = []
        updates = 0
        for epoch, start in enumerate(starts):
            units += [Unit("weights", index) for index in range(start, min(start + epoch_steps, steps))]
            more = self.updates_after(epoch, len(starts))
            units += [Unit("policy", index) for index in range(updates, updates + more)]
            updates += more
        return units + [Unit("last", index) for index in range(self.last_samples)]

    def arch_lr_at(self, updates: int) -> float:
        """Adam's rate on the policy in a search of so many updates."""
        if self.arch_lr is not None:
            return self.arch_lr
        return arch_lr_for(
            updates, paper_lr=PAPER_ARCH_LR, paper_updates=PAPER_UPDATES, largest=MAX_ENAS_ARCH_LR
        )

    def begin(self, data: SearchData, streams: Streams) -> Run[SearchStep]:
        """Passes over the train half, each followed by updates of the policy; then the last samples are scored."""
        from nastransfer.search.enas_run import EnasRun

        return EnasRun(self, data, streams)
