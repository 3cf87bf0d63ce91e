"""Protocols of the final training: named, frozen settings with the paper's values as defaults (no torch).

Sources: the paper states learning rate, momentum, clipping, width, depth and epochs; weight decay, schedule and batch
are its lineage's (methods.md section 7, AMB-13); the shorter protocols are methods.md section 11b.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from nastransfer.train.settings import Strict, choose, override_label, validate

_FIXED = ("name", "version")
# The batch that the paper's lineage trains with at its learning rate (methods.md 7.2).
_LR_BATCH = 96


class Protocol(Strict):
    """How a network is trained from scratch and judged. `label` is its name with what differs from the named one."""

    name: str = Field(description="name of the protocol; the registry's numbers are what `version` counts")
    version: int = Field(default=1, ge=1, description="raised when a named protocol's numbers change")
    cells: int = Field(default=20, ge=3, description="cells of the network; below 3 there is no normal cell")
    channels: int = Field(default=36, ge=2, multiple_of=2, description="channels of the first cell")
    epochs: int = Field(
        default=600, ge=1, description="passes over the training images or `epoch_images` of them"
    )
    batch: int = Field(default=96, ge=2, description="images a weight step")
    lr: float = Field(default=0.025, gt=0, allow_inf_nan=False, description="learning rate at the start")
    lr_per: Literal["epoch", "step"] = Field(
        default="epoch",
        description="when the cosine to 0 moves: once an epoch (the lineage), or at every step",
    )
    lr_scaling: Literal["none", "linear"] = Field(
        default="none", description="linear: lr is that of 96 images a step, others have lr * batch / 96"
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of SGD, no Nesterov")
    weight_decay: float = Field(default=3e-4, ge=0, allow_inf_nan=False, description="coupled L2 of SGD")
    clip: float = Field(default=5.0, gt=0, description="largest global L2 norm of a gradient")
    resolution: int | None = Field(
        default=None, ge=8, multiple_of=4, description="pixels; null: the data set's own"
    )
    epoch_images: int | None = Field(default=None, ge=2, description="most images an epoch; null: all")
    drop_path: float = Field(
        default=0.0, ge=0, lt=1, description="drop-path probability of the last epoch; 0: off"
    )
    auxiliary: float = Field(
        default=0.0, ge=0, le=1, description="weight of the auxiliary head's loss; 0: none"
    )
    cutout: int = Field(default=0, ge=0, description="side of the square blanked in training images; 0: off")
    bn_group: int | None = Field(
        default=None,
        ge=2,
        description="images that share batch-norm statistics, whole groups a batch; null: the batch",
    )
    precision: Literal["fp32", "bf16"] = Field(
        default="fp32", description="of maps and products; bf16 for GPUs: weights, norms and losses stay fp32"
    )

    @model_validator(mode="after")
    def _whole_groups(self) -> Protocol:
        group = self.bn_group
        if group is not None and self.batch % group:
            raise ValueError(
                f"bn_group must divide the batch into whole groups: {self.batch} images are not a multiple of {group}"
            )
        return self

    @property
    def start_lr(self) -> float:
        """Learning rate of the first step, scaled as `lr_scaling` says."""
        return self.lr if self.lr_scaling == "none" else self.lr * self.batch / _LR_BATCH

    @property
    def groups(self) -> int:
        """Groups of a full batch that share batch-norm statistics: as many ranks can train at most."""
        return self.batch // (self.bn_group or self.batch)

    @property
    def label(self) -> str:
        """The name, with every setting that differs from the named protocol's: `tiny+px32+drop_path0.2`."""
        return override_label(self.name, protocols().get(self.name, self), self)


def protocols() -> dict[str, Protocol]:
    """The protocols by name: the paper's three lengths, then shorter ones for smaller machines."""
    short = {"lr_per": "step", "channels": 8, "resolution": 16}
    settings: dict[str, dict[str, Any]] = {
        "paper-small-sets": {"epochs": 600},
        "paper-imagenet1k": {"epochs": 120},
        "paper-imagenet22k": {"epochs": 60},
        "short": {"epochs": 60, "lr_per": "step"},
        "short-imagenet1k": {"epochs": 12, "lr_per": "step"},
        "short-imagenet22k": {"epochs": 6, "lr_per": "step"},
        "small": {**short, "cells": 8, "batch": 96, "epochs": 15, "epoch_images": 10_000},
        "tiny": {**short, "cells": 5, "batch": 64, "epochs": 12, "epoch_images": 4_000},
    }
    return {name: Protocol(name=name, **values) for name, values in settings.items()}


def protocol(name: str, /, **overrides: Any) -> Protocol:
    """The protocol of this name with some settings changed, which its label then shows.

    Raises `ValueError` with the nearest known name for an unknown protocol or setting, and with rule and value for a
    value out of range.
    """
    named = protocols()[choose("protocol", name, protocols())]
    for fixed in _FIXED:
        if fixed in overrides:
            raise ValueError(
                f"{fixed!r} belongs to the named protocol and cannot be set (found {overrides[fixed]!r})"
            )
    return validate(Protocol, {**named.model_dump(), **overrides}, f"protocol {name!r}")
