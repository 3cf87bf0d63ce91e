"""Proxy sets: a smaller manifest from a manifest, a rule and a seed. Pixels are never touched.

The rules and numbers of Table 1 of the NASTransfer paper (methods.md 8.1, 8.2, AMB-20) are `proxies()`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from nastransfer.data.manifest import PARTS, Manifest, name_key, part_series
from nastransfer.data.splits import allocate, rank_within, seeded_order
from nastransfer.data.streams import derive_seed

_TRAIN, _VAL, _TEST = range(3)


class ProxySpec(BaseModel):
    """What a proxy keeps of its parent set, in the order in which the rules are applied.

    Classes are chosen first, then images (a `fraction` of each class and part, or a total of `images` a part, in
    proportion to the classes' sizes), then at most `cap` images a class and part. A class with fewer than `min_images`
    images in one of the set's parts is not chosen, and is dropped where the fraction leaves it with fewer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(None, description="label of the proxy; null: made of the settings")
    selection: Literal["random", "uniform", "all"] = Field(
        "all", description="random classes, classes evenly spaced in the order of their sizes, or every class"
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

    @model_validator(mode="after")
    def _consistent(self) -> ProxySpec:
        if self.fraction is not None and self.images is not None:
            raise ValueError(f"give fraction or images, not both: got {self.fraction} and {self.images}")
        if self.cap is not None and self.cap < self.min_images:
            raise ValueError(f"cap must be at least min_images={self.min_images}, got {self.cap}")
        if self.selection == "all" and self.classes is not None:
            raise ValueError(
                f"selection 'all' keeps every class; classes={self.classes} needs 'random' or 'uniform'"
            )
        if self.selection == "random" and self.classes is None:
            raise ValueError("selection 'random' needs the number of classes")
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
    if spec.parts == "test_halved":
        manifest = manifest.part("test")
    counts = manifest.count_matrix()
    parts = [code for code in (_TRAIN, _VAL, _TEST) if counts[:, code].any()]
    if not parts:
        raise ValueError(f"proxy {spec.label!r}: {manifest.dataset!r} has no image to choose from")
    chosen = _choose_classes(manifest, _limit(counts, parts, spec).sum(axis=1), spec, seed)
    counts = np.where(chosen[:, None], counts, 0)
    keep = _images_to_keep(counts, parts, spec)
    kept = np.flatnonzero(keep.sum(axis=1))
    if not len(kept):
        raise ValueError(
            f"proxy {spec.label!r} keeps no class of {manifest.dataset!r}: {len(manifest)} images of "
            f"{len(manifest.classes)} classes, at least {spec.min_images} images of a class in each part wanted"
        )
    label = manifest.rows["label"].to_numpy().astype(np.int64)
    part = manifest.rows["part"].to_physical().to_numpy().astype(np.int64)
    cell = label * len(PARTS) + part
    rank = rank_within(cell, seeded_order(manifest, seed, "proxy images"))
    wanted = rank < keep.reshape(-1)[cell]
    renumbered = np.zeros(len(manifest.classes), np.uint32)
    renumbered[kept] = np.arange(len(kept), dtype=np.uint32)
    if spec.parts == "halves":
        part = np.where(part == _TEST, _VAL, part)
    elif spec.parts == "test_halved":
        part = np.where(rank >= ((keep + 1) // 2).reshape(-1)[cell], _VAL, _TRAIN)
    rows = manifest.rows.with_columns(label=pl.Series(renumbered[label]), part=part_series(part))
    return replace(
        manifest,
        rows=rows.filter(pl.Series(wanted)),
        classes=tuple(manifest.classes[i] for i in kept),
        selection=spec.label,
        resolution=manifest.resolution if spec.resolution is None else spec.resolution,
    )


def _choose_classes(manifest: Manifest, sizes: np.ndarray, spec: ProxySpec, seed: int) -> np.ndarray:
    """True for the classes that the selection rule keeps, [classes], out of those with a size above 0."""
    chosen = np.zeros(len(sizes), bool)
    present = np.flatnonzero(sizes)
    if spec.classes is None:
        chosen[present] = True
        return chosen
    if spec.classes > len(present):
        raise ValueError(
            f"proxy {spec.label!r} wants {spec.classes} classes; {len(present)} of {len(sizes)} classes of "
            f"{manifest.dataset!r} have at least {spec.min_images} images in each part"
        )
    if spec.selection == "random":
        draw = derive_seed(seed, "proxy classes")
        order = sorted(present, key=lambda i: (name_key(draw, manifest.classes[i]), manifest.classes[i]))
        chosen[order[: spec.classes]] = True
    else:
        order = sorted(present, key=lambda i: (sizes[i], manifest.classes[i]))
        middle = (np.arange(spec.classes) * 2 + 1) * len(order) // (2 * spec.classes)
        chosen[np.array(order)[middle]] = True
    return chosen


def _images_to_keep(counts: np.ndarray, parts: list[int], spec: ProxySpec) -> np.ndarray:
    """Images to keep of every class and part, [classes, parts]; whole rows of zeros for classes that are dropped."""
    if spec.images is None:
        keep = counts if spec.fraction is None else np.rint(counts * spec.fraction).astype(np.int64)
        return _limit(keep, parts, spec)
    short = {PARTS[code]: int(counts[:, code].sum()) for code in parts if counts[:, code].sum() < spec.images}
    if short:
        raise ValueError(
            f"proxy {spec.label!r} wants {spec.images} images a part; the chosen classes have {short}"
        )
    # Dropping classes frees images for the others: the largest fraction whose total stays within the wanted one.
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        total = _limit(np.rint(counts * middle).astype(np.int64), parts, spec).sum()
        low, high = (middle, high) if total <= spec.images * len(parts) else (low, middle)
    keep = _limit(np.rint(counts * low).astype(np.int64), parts, spec)
    alive = keep.sum(axis=1) > 0
    if not alive.any():
        raise ValueError(
            f"proxy {spec.label!r}: {spec.images} images a part are too few for {spec.min_images} images of a class"
        )
    for code in parts:
        limit = np.where(alive, counts[:, code], 0)
        if spec.cap is not None:
            limit = np.minimum(limit, spec.cap)
        keep[:, code] = allocate(limit, spec.images, spec.min_images)
    return keep


def _limit(keep: np.ndarray, parts: list[int], spec: ProxySpec) -> np.ndarray:
    """Drop the classes that have too few images in one of the parts, then apply the cap."""
    alive = keep[:, parts].min(axis=1) >= spec.min_images
    keep = np.where(alive[:, None], keep, 0)
    return keep if spec.cap is None else np.minimum(keep, spec.cap)
