"""Search halves: the train part of a set cut in two within each class (methods.md 8.3, AMB-15).

One split a search seed, the same for all methods: who is in which half depends on the image's key and the seed only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from nastransfer.data.manifest import PART, Manifest, mix_keys
from nastransfer.data.streams import derive_seed


def seeded_order(manifest: Manifest, seed: int, name: str) -> np.ndarray:
    """A random 64-bit number a row, of the image's key, the seed and a name: the order in which images are chosen.

    An image keeps its number when the manifest is re-ordered or grows.
    """
    return mix_keys(manifest.rows["key"].to_numpy() ^ np.uint64(derive_seed(seed, name)), 0)


def rank_within(groups: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Rank (from 0) of every row among the rows of its group, by `order`; both of one value a row."""
    by_group = np.lexsort((order, groups))
    sizes = np.bincount(groups)
    starts = np.cumsum(sizes) - sizes
    rank = np.empty(len(groups), np.int64)
    rank[by_group] = np.arange(len(groups)) - np.repeat(starts, sizes)
    return rank


def allocate(sizes: np.ndarray, total: int, least: int = 1) -> np.ndarray:
    """How many of `sizes` images to take of each class so that they sum to `total`, in proportion to the sizes.

    Largest remainders, at least `least` of each class that has any (or all of a smaller class), never more than there
    are. `ValueError` when the floor alone exceeds `total`.
    """
    floor = np.minimum(sizes, least)
    if total >= sizes.sum():
        return sizes.copy()
    if total < floor.sum():
        raise ValueError(
            f"{total} images are too few: {least} of each of {np.count_nonzero(sizes)} classes are {floor.sum()}"
        )
    # Integer arithmetic: remainders decide, and must not depend on rounding.
    at_floor = sizes == 0
    while True:
        want, pool = total - int(floor[at_floor].sum()), int(sizes[~at_floor].sum())
        below = ~at_floor & (sizes * want < floor * pool)
        if not below.any():
            break
        at_floor |= below
    share = np.where(at_floor, floor, sizes * want // max(pool, 1))
    remainder = np.where(at_floor, -1, sizes * want % max(pool, 1))
    extra = np.lexsort((np.arange(len(sizes)), -remainder))[: total - int(share.sum())]
    share[extra] += 1
    return share


def search_halves(manifest: Manifest, seed: int, images: int | None = None) -> tuple[Manifest, Manifest]:
    """The images a search trains weights on, and those it judges architectures by (parts "train" and "val").

    A manifest with a val part (a proxy whose two parts are the halves) is taken as it is; otherwise its train part is
    halved within each class, the odd image of a class falling to either half by the seed. `images` caps each half,
    stratified by class. `ValueError` where a class would be without an image in one half.
    """
    if images is not None and images < 1:
        raise ValueError(f"images must be at least 1, got {images}")
    ready = manifest.count("val") > 0
    pool = manifest.take(manifest.rows["part"] != "test") if ready else manifest.part("train")
    label = pool.rows["label"].to_numpy().astype(np.int64)
    order = seeded_order(pool, seed, "search_halves")
    if ready:
        second = (pool.rows["part"] == "val").to_numpy()
    else:
        sizes = np.bincount(label, minlength=len(pool.classes))
        odd = np.array([derive_seed(seed, "odd image", name) & 1 for name in pool.classes], np.int64)
        second = rank_within(label, order) >= (sizes // 2 + sizes % 2 * odd)[label]
    halves = []
    for part, chosen in (("train", ~second), ("val", second)):
        half = pool.take(chosen)
        sizes = np.bincount(label[chosen], minlength=len(pool.classes))
        if not len(pool.classes) or sizes.min() < 1:
            empty = [name for name, size in zip(pool.classes, sizes, strict=True) if size < 1]
            raise ValueError(
                f"every class needs an image in each search half; {len(empty)} of {len(pool.classes)} have none in "
                f"{part}, such as {empty[:5]}"
            )
        if images is not None and images < len(half):
            wanted = allocate(sizes, images)
            half = half.take(rank_within(label[chosen], order[chosen]) < wanted[label[chosen]])
        halves.append(replace(half, rows=half.rows.with_columns(pl.lit(part, PART).alias("part"))))
    return halves[0], halves[1]
