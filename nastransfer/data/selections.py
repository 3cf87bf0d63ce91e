"""Selection rules: which images of a set a proxy keeps. A rule is one function, and one line in `RULES`.

A rule is given the set as columns, the proxy's settings and a seed, and gives the positions of the rows it keeps, in
ascending order. Rules that choose classes end with `images_of`, which applies `fraction`, `images`, `min_images` and
`cap` and takes the images of each class and part whose seeded numbers are smallest. So a choice does not depend on the
order of the rows, and hardly changes when classes or images are added. A rule that goes by a score of each image looks
the score up by key: no rule opens an image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from nastransfer.data.manifest import PARTS, mix_keys, name_key
from nastransfer.data.splits import allocate, rank_within
from nastransfer.data.streams import derive_seed

# Name of the stream whose number of an image (`splits.seeded_order`) says how early it is chosen.
IMAGE_STREAM = "proxy images"

# Rows looked at in one go: their numbers stay in the processor's cache.
_CHUNK = 1 << 16
_LARGEST = np.uint64(2**64 - 1)


class Settings(Protocol):
    """What rules read of a `ProxySpec`."""

    @property
    def label(self) -> str: ...
    @property
    def classes(self) -> int | None: ...
    @property
    def fraction(self) -> float | None: ...
    @property
    def images(self) -> int | None: ...
    @property
    def min_images(self) -> int: ...
    @property
    def cap(self) -> int | None: ...


@dataclass(frozen=True)
class Columns:
    """A set as a rule sees it.

    Of classes: `classes` (names) and `counts`, images of every class and part, int64 [classes, parts], parts in the
    order of `PARTS`; a part that must not be touched is all zeros. Of images, [images] each: `label` (a position in
    `classes`), `part` (a position in `PARTS`) and `key` (uint64, from the image's name).
    """

    dataset: str
    classes: tuple[str, ...]
    counts: np.ndarray
    label: np.ndarray
    part: np.ndarray
    key: np.ndarray

    @property
    def parts(self) -> list[int]:
        """Positions in `PARTS` of the parts that hold images."""
        return [code for code in range(len(PARTS)) if self.counts[:, code].any()]


@dataclass(frozen=True)
class Rule:
    """A selection rule: its function, whether it takes a number of classes, and what it does, in words."""

    rows: Callable[[Columns, Settings, int], np.ndarray]
    classes: Literal["needed", "optional", "refused"]
    says: str


def random_classes(columns: Columns, spec: Settings, seed: int) -> np.ndarray:
    """Classes drawn by a random number made of the seed and their name."""
    present, _ = _candidates(columns, spec)
    draw = derive_seed(seed, "proxy classes")
    order = sorted(present, key=lambda i: (name_key(draw, columns.classes[i]), columns.classes[i]))
    return images_of(columns, np.array(order[: spec.classes]), spec, seed)


def evenly_spaced_classes(columns: Columns, spec: Settings, seed: int) -> np.ndarray:
    """Classes evenly spaced in the order of their sizes: the middle ones of equal shares of that order."""
    present, sizes = _candidates(columns, spec)
    order = sorted(present, key=lambda i: (sizes[i], columns.classes[i]))
    wanted = len(order) if spec.classes is None else spec.classes
    middle = (np.arange(wanted) * 2 + 1) * len(order) // (2 * wanted)
    return images_of(columns, np.array(order)[middle], spec, seed)


def every_class(columns: Columns, spec: Settings, seed: int) -> np.ndarray:
    """All classes that have enough images."""
    present, _ = _candidates(columns, spec)
    return images_of(columns, present, spec, seed)


RULES: dict[str, Rule] = {
    "random": Rule(random_classes, "needed", "random classes"),
    "uniform": Rule(evenly_spaced_classes, "optional", "classes evenly spaced in the order of their sizes"),
    "all": Rule(every_class, "refused", "every class"),
}


def images_of(columns: Columns, chosen: np.ndarray, spec: Settings, seed: int) -> np.ndarray:
    """The rows kept of the chosen classes (positions in `columns.classes`), ascending, int64.

    `ValueError` where the classes have fewer images than asked for, or none of them keeps enough.
    """
    counts = np.zeros_like(columns.counts)
    counts[chosen] = columns.counts[chosen]
    keep = _images_to_keep(columns, counts, spec)
    return _smallest(columns, keep, derive_seed(seed, IMAGE_STREAM))


def _candidates(columns: Columns, spec: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Classes with enough images in every part (positions), and the size of all classes within the cap."""
    sizes = _limit(columns.counts, columns.parts, spec).sum(axis=1)
    present = np.flatnonzero(sizes)
    if not len(present):
        largest = int(columns.counts[:, columns.parts].min(axis=1).max(initial=0))
        raise ValueError(
            f"proxy {spec.label!r} keeps no class of {columns.dataset!r}: at least {spec.min_images} images of a class "
            f"in each part are wanted; the best of {len(sizes)} classes has {largest}"
        )
    if spec.classes is not None and spec.classes > len(present):
        raise ValueError(
            f"proxy {spec.label!r} wants {spec.classes} classes; {len(present)} of {len(sizes)} classes of "
            f"{columns.dataset!r} have at least {spec.min_images} images in each part"
        )
    return present, sizes


def _images_to_keep(columns: Columns, counts: np.ndarray, spec: Settings) -> np.ndarray:
    """Images to keep of every class and part, [classes, parts]; whole rows of zeros for classes that are dropped."""
    parts = columns.parts
    if spec.images is None:
        keep = counts if spec.fraction is None else np.rint(counts * spec.fraction).astype(np.int64)
        kept = _limit(keep, parts, spec)
        if not kept.any():
            raise ValueError(
                f"proxy {spec.label!r} keeps no class of {columns.dataset!r}: at least {spec.min_images} images of a "
                f"class in each part are wanted; the best class keeps {keep[:, parts].min(axis=1).max()}"
            )
        return kept
    limit = counts if spec.cap is None else np.minimum(counts, spec.cap)
    there = {PARTS[code]: int(limit[:, code].sum()) for code in parts}
    if min(there.values()) < spec.images:
        within = "" if spec.cap is None else f" within the cap of {spec.cap}"
        raise ValueError(
            f"proxy {spec.label!r} wants {spec.images} images a part; the chosen classes have {there}{within}"
        )
    limit = np.where(_alive_at(counts, parts, spec)[:, None], limit, 0)
    left = {PARTS[code]: int(limit[:, code].sum()) for code in parts}
    if min(left.values()) < spec.images:
        raise ValueError(
            f"proxy {spec.label!r} wants {spec.images} images a part; the classes that keep {spec.min_images} of each "
            f"part have {left}"
        )
    for code in parts:
        limit[:, code] = allocate(limit[:, code], spec.images, spec.min_images)
    return limit


def _alive_at(counts: np.ndarray, parts: list[int], spec: Settings) -> np.ndarray:
    """Classes left at the largest fraction whose total stays within `images` a part: dropping some frees images."""
    assert spec.images is not None
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        total = _limit(np.rint(counts * middle).astype(np.int64), parts, spec).sum()
        low, high = (middle, high) if total <= spec.images * len(parts) else (low, middle)
    alive: np.ndarray = _limit(np.rint(counts * low).astype(np.int64), parts, spec).sum(axis=1) > 0
    if not alive.any():
        raise ValueError(
            f"proxy {spec.label!r}: {spec.images} images a part are too few for {spec.min_images} images of a class"
        )
    return alive


def _limit(keep: np.ndarray, parts: list[int], spec: Settings) -> np.ndarray:
    """Drop the classes that have too few images in one of the parts, then apply the cap."""
    alive = keep[:, parts].min(axis=1) >= spec.min_images
    keep = np.where(alive[:, None], keep, 0)
    return keep if spec.cap is None else np.minimum(keep, spec.cap)


def _smallest(columns: Columns, keep: np.ndarray, salt: int) -> np.ndarray:
    """Rows with the `keep` [classes, parts] smallest seeded numbers of every class and part, ascending.

    Nothing is sorted that need not be: cells (a class and part) kept whole are copied, and of the others only rows
    below a bound on the seeded number are ranked. These numbers are evenly spread, so the bound lets pass a few more
    than are kept; where it does not, the cell is ranked whole.
    """
    keep, sizes = keep.reshape(-1), columns.counts.reshape(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (keep + 4 * np.sqrt(keep) + 8) / sizes
    bounds = np.where(share < 1, np.minimum(share, 0.5) * 2.0**64, 0).astype(np.uint64)
    bounds[(share >= 0.5) | (keep == sizes)] = _LARGEST
    bounds[keep == 0] = 0
    rows, cell, number = _below(columns, bounds, salt)
    short = np.bincount(cell, minlength=len(keep)) < keep
    if short.any():
        again = _below(columns, np.where(short, _LARGEST, np.uint64(0)), salt)
        stay = ~short[cell]
        rows, cell, number = (
            np.concatenate([old[stay], new]) for old, new in zip((rows, cell, number), again, strict=True)
        )
    whole = (keep == sizes)[cell]
    ranked = np.flatnonzero(~whole)
    chosen = ranked[rank_within(cell[ranked], number[ranked]) < keep[cell[ranked]]]
    return np.sort(rows[np.concatenate([np.flatnonzero(whole), chosen])])


def _below(columns: Columns, bounds: np.ndarray, salt: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows whose seeded number is at most the bound of their cell, their cells and numbers; bound 0: no row."""
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    wanted = bounds > 0
    for start in range(0, len(columns.label), _CHUNK):
        some = slice(start, start + _CHUNK)
        cell = columns.label[some].astype(np.int64) * len(PARTS) + columns.part[some]
        rows = np.flatnonzero(wanted[cell])
        if not len(rows):
            continue
        cell = cell[rows]
        number = mix_keys(columns.key[some][rows] ^ np.uint64(salt), 0)
        passed = np.flatnonzero(number <= bounds[cell])
        found.append((rows[passed] + start, cell[passed], number[passed]))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint64)
    rows, cells, keys = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return rows, cells, keys
