"""Splits within each class: a search's halves of the train part (methods.md 8.3, AMB-15), or new parts altogether.

Who is in which part depends on the image's key and the seed only. A search's halves are one split a search seed, the
same for all methods; the standard parts stay, and with them what a search must not see.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from nastransfer.data.manifest import PART, PARTS, Manifest, mix_keys, part_series
from nastransfer.data.streams import derive_seed


def seeded_order(manifest: Manifest, seed: int, name: str) -> np.ndarray:
    """A random 64-bit number a row, of the image's key, the seed and a name: the order in which images are chosen.

    An image keeps its number when the manifest is re-ordered or grows.
    """
    return mix_keys(manifest.rows["key"].to_numpy() ^ np.uint64(derive_seed(seed, name)), 0)


def rank_within(groups: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Rank (from 0) of every row among the rows of its group, by `order` (uint64); both of one value a row.

    Rows of equal order are ranked as they come. Groups are numbers from 0 on.
    """
    sizes = np.bincount(groups)
    # One sort of one number, the group above the leading digits of the order: half the time of a sort by both.
    bits = np.uint64(max(len(sizes) - 1, 0).bit_length())
    number = (
        (groups.astype(np.uint64) << (np.uint64(64) - bits)) if bits else np.zeros(len(groups), np.uint64)
    )
    number |= order.astype(np.uint64) >> bits
    by_group = pl.Series(number).arg_sort().to_numpy().astype(np.int64)
    number = number[by_group]
    if (number[1:] == number[:-1]).any():
        by_group = np.lexsort((order, groups))
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


def split_parts(manifest: Manifest, seed: int, percent: tuple[int, int, int] = (40, 40, 20)) -> Manifest:
    """The same images with new parts: of n images of every class, the first `percent` in seeded order, and so on.

    percent: of train, val and test, whole numbers that sum to 100. Parts end at floor(n x sum of percents / 100), so
    40/40/20 has floor(0.8 n) images outside the test part. This is the papers' other split; a search takes its train
    and val parts as they are. `parent_part` stays, so that images of the parent's test part are known as such.
    `ValueError` where a class would be without an image in a part that gets any percent.
    """
    if len(percent) != len(PARTS) or min(percent) < 0 or sum(percent) != 100:
        raise ValueError(f"percent must be three numbers from 0 on that sum to 100, got {percent}")
    label = manifest.rows["label"].to_numpy()
    sizes = np.bincount(label, minlength=len(manifest.classes))
    ends = sizes[:, None] * np.cumsum(percent) // 100
    short = np.flatnonzero((np.diff(ends, axis=1, prepend=0)[:, np.array(percent) > 0] < 1).any(axis=1))
    if len(short):
        some = {manifest.classes[i]: int(sizes[i]) for i in short[:5]}
        raise ValueError(
            f"every class needs an image in each part of {percent}; {len(short)} of {len(sizes)} have too few images, "
            f"such as {some}"
        )
    rank = rank_within(label, seeded_order(manifest, seed, "split_parts"))
    code = (rank >= ends[label, 0]).astype(np.uint8) + (rank >= ends[label, 1])
    return replace(manifest, rows=manifest.rows.with_columns(part_series(code)))
