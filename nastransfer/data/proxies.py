"""Proxy sets: a smaller manifest from a manifest, settings and a seed. Pixels are never touched.

The rules and numbers of Table 1 of the NASTransfer paper (methods.md 8.1, 8.2, AMB-20) are `proxies()`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from nastransfer.data.manifest import Manifest, part_series
from nastransfer.data.selections import IMAGE_STREAM, RULES, Columns
from nastransfer.data.splits import rank_within, seeded_order

_TRAIN, _VAL, _TEST = range(3)


class ProxySpec(BaseModel):
    """What a proxy keeps of its parent set, in the order in which the rules are applied.

    Classes are chosen first, then images (a `fraction` of each class and part, or a total of `images` a part, in
    proportion to the classes' sizes), then at most `cap` images a class and part. A class with fewer than `min_images`
    images in one of the set's parts is not chosen, and is dropped where the fraction leaves it with fewer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(None, description="label of the proxy; null: made of the settings")
    selection: str = Field(
        "all",
        description="; ".join(f"{name}: {rule.says}" for name, rule in RULES.items()),
        json_schema_extra={"enum": list(RULES)},
    )
    classes: int | None = Field(None, ge=1, description="number of classes chosen; null: all")
    fraction: float | None = Field(
        None, gt=0, le=1, description="share of each class and part, rounded half to even"
    )
    images: int | None = Field(None, ge=1, description="images a part in total")
    min_images: int = Field(1, ge=1, description="least images of a class in every part")
    cap: int | None = Field(None, ge=1, description="most images of a class in every part")
    resolution: int | None = Field(None, ge=1, description="pixels; null: as in the parent set")
    parts: Literal["parent", "halves", "test_halved"] = Field(
        "parent",
        description="parent: parts stay; halves: the parent's train and test parts become the search's train and val "
        "parts (ImageNet22K's proxies as published); test_halved: the test part alone, cut into train and val",
    )

    @field_validator("selection")
    @classmethod
    def _known_rule(cls, value: str) -> str:
        if value not in RULES:
            raise ValueError(f"selection must be one of {list(RULES)}, got {value!r}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> ProxySpec:
        if self.fraction is not None and self.images is not None:
            raise ValueError(f"give fraction or images, not both: got {self.fraction} and {self.images}")
        if self.cap is not None and self.cap < self.min_images:
            raise ValueError(f"cap must be at least min_images={self.min_images}, got {self.cap}")
        takes = RULES[self.selection].classes
        if takes == "refused" and self.classes is not None:
            others = [name for name, rule in RULES.items() if rule.classes != "refused"]
            raise ValueError(
                f"selection {self.selection!r} keeps {RULES[self.selection].says}; classes={self.classes} needs one of "
                f"{others}"
            )
        if takes == "needed" and self.classes is None:
            raise ValueError(f"selection {self.selection!r} needs the number of classes")
        return self

    @property
    def label(self) -> str:
        """The name, or the settings that differ from the defaults, such as `random-c100-f0.5`; "all" for no change."""
        if self.name is not None:
            return self.name
        marks = {"classes": "c", "fraction": "f", "images": "i", "cap": "cap", "resolution": "px"}
        given = [
            f"{mark}{getattr(self, field):g}"
            for field, mark in marks.items()
            if getattr(self, field) is not None
        ]
        if self.min_images > 1:
            given.append(f"min{self.min_images}")
        if self.parts != "parent":
            given.append(self.parts)
        return "-".join([self.selection, *given])


def proxies() -> dict[str, ProxySpec]:
    """The proxies of Table 1 by name; `imagenet22k-p2` has two further readings (AMB-20)."""
    imagenet1k = {
        "p1": ProxySpec(selection="random", classes=100),
        "p2": ProxySpec(selection="random", classes=200),
        "p3": ProxySpec(selection="random", classes=300),
        "p4": ProxySpec(selection="random", classes=200, fraction=0.5),
        "p5": ProxySpec(selection="uniform", fraction=0.1),
    }
    imagenet22k = {
        "p1": ProxySpec(selection="random", classes=100, parts="halves"),
        "p2": ProxySpec(selection="uniform", fraction=0.0097, min_images=2, parts="halves"),
        "p2-half": ProxySpec(selection="uniform", fraction=0.0097, min_images=2, parts="test_halved"),
        "p2-35k": ProxySpec(selection="uniform", images=35_000, min_images=2, parts="halves"),
        "p3": ProxySpec(selection="uniform", classes=100, parts="halves"),
    }
    named = {f"imagenet1k-{short}": spec for short, spec in imagenet1k.items()}
    named |= {f"imagenet22k-{short}": spec for short, spec in imagenet22k.items()}
    return {name: spec.model_copy(update={"name": name}) for name, spec in named.items()}


def build_proxy(manifest: Manifest, spec: ProxySpec, seed: int) -> Manifest:
    """The images of `manifest` that `spec` keeps, chosen by their keys and the seed.

    The choice does not depend on the order of the rows. Classes keep their order and get labels without gaps.
    `ValueError` where more classes or images are asked for than there are, or nothing is left.
    """
    counts = _counts_to_choose_from(manifest, spec)
    columns = Columns(
        manifest.dataset,
        manifest.classes,
        counts,
        manifest.rows["label"].to_numpy(),
        manifest.rows["part"].to_physical().to_numpy(),
        manifest.rows["key"].to_numpy(),
    )
    chosen = RULES[spec.selection].rows(columns, spec, seed)
    rows = manifest.rows[chosen]
    label, part = columns.label[chosen], columns.part[chosen]
    kept = np.unique(label)
    if spec.parts == "halves":
        part = np.where(part == _TEST, _VAL, part)
    elif spec.parts == "test_halved":
        order = seeded_order(replace(manifest, rows=rows), seed, IMAGE_STREAM)
        sizes = np.bincount(label)
        part = np.where(rank_within(label, order) < ((sizes + 1) // 2)[label], _TRAIN, _VAL)
    return replace(
        manifest,
        rows=rows.with_columns(
            pl.Series("label", np.searchsorted(kept, label).astype(np.uint32)), part_series(part)
        ),
        classes=tuple(manifest.classes[i] for i in kept),
        selection=spec.label,
        resolution=manifest.resolution if spec.resolution is None else spec.resolution,
    )


def _counts_to_choose_from(manifest: Manifest, spec: ProxySpec) -> np.ndarray:
    """Images of every class and part, [classes, parts], zero in parts that `spec.parts` leaves out."""
    counts = manifest.count_matrix().copy()
    if spec.parts == "test_halved":
        counts[:, [_TRAIN, _VAL]] = 0
    if not counts.any():
        raise ValueError(f"proxy {spec.label!r}: {manifest.dataset!r} has no image to choose from")
    train, val, test = counts.sum(axis=0)
    if spec.parts == "halves" and (not train or not test or val):
        raise ValueError(
            f"proxy {spec.label!r}: parts 'halves' needs a set with a train and a test part and no other; "
            f"{manifest.dataset!r} has {train}, {test} and {val} val images"
        )
    return counts
