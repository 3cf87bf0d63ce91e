"""How unlike the images of two sets are: the Frechet distance between Gaussians fitted to their downsampled pixels.

An image is 8 x 8 RGB pixels, 192 numbers in 0..1, so the distance sees colours, brightness, contrast and coarse
layout, no object. Of each set up to `IMAGES` images of the parts train and val, drawn by key, give a mean and a
covariance. The covariance is shrunk towards a multiple of the identity by Ledoit and Wolf's share, since few images
would otherwise give a singular one. Two samples of one set are not at distance 0: `own_distance` says what to read a
distance against.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nastransfer.cache import cache_folder
from nastransfer.data.datasets import Dataset
from nastransfer.data.manifest import Manifest
from nastransfer.data.splits import seeded_order

SIDE = 8
IMAGES = 2000
_AT_ONCE = 256
# Raised when moments are computed otherwise, so that cached ones are not taken for new ones.
_VERSION = 1


@dataclass(frozen=True)
class Moments:
    """Mean [numbers] and shrunk covariance [numbers, numbers] of `count` images; `shrinkage`: the identity's share."""

    count: int
    mean: np.ndarray
    covariance: np.ndarray
    shrinkage: float


def pixel_distance(proxy: Dataset, target: Dataset, images: int = IMAGES) -> float:
    """Frechet distance of two sets from at most `images` images of each; their moments are cached by manifest hash."""
    return frechet_distance(pixel_moments(proxy, images), pixel_moments(target, images))


def own_distance(dataset: Dataset, images: int = IMAGES) -> float:
    """Frechet distance between two samples of one set without a common image, of at most `images` images each.

    `ValueError` where the set has fewer than 2 images in the parts train and val.
    """
    available = len(_learnable(dataset))
    if available < 2:
        raise ValueError(f"{dataset.name!r} has {available} images in train and val; at least 2 are needed")
    images = min(images, available // 2)
    return frechet_distance(*(pixel_moments(dataset, images, skip) for skip in (0, images)))


def pixel_moments(dataset: Dataset, images: int = IMAGES, skip: int = 0) -> Moments:
    """Moments of a set's images at 8 x 8, from `images` of them (fewer where there are fewer) after `skip` others.

    Kept in the user's cache folder under the manifest's hash. `ValueError` where there is no image to take.
    """
    if images < 1:
        raise ValueError(f"images must be at least 1, got {images}")
    asked = [_VERSION, dataset.manifest.hash, dataset.pixels, SIDE, images, skip]
    name = hashlib.blake2b(json.dumps(asked).encode(), digest_size=16).hexdigest()
    path = cache_folder() / "pixel-moments" / f"{name}.npz"
    cached = _load(path)
    if cached is not None:
        return cached
    found = moments(thumbnails(dataset, images, skip).reshape(-1, 3 * SIDE * SIDE) / 255)
    _save(path, found)
    return found


def thumbnails(dataset: Dataset, images: int, skip: int = 0) -> np.ndarray:
    """Up to `images` images of the parts train and val, uint8 [n, 3, 8, 8], in a random order made of their keys."""
    manifest = _learnable(dataset)
    order = np.argsort(seeded_order(manifest, 0, "thumbnails"))[skip : skip + images]
    if not len(order):
        raise ValueError(
            f"{dataset.name!r} ({dataset.manifest.selection}) has {len(manifest)} images in the parts train and val; "
            f"wanted are some after the first {skip}"
        )
    parts = [
        dataset.read_images(replace(manifest, rows=manifest.rows[order[start : start + _AT_ONCE]]), SIDE)[0]
        for start in range(0, len(order), _AT_ONCE)
    ]
    return np.concatenate(parts)


def moments(values: np.ndarray) -> Moments:
    """Mean and shrunk covariance (ddof 0) of `values` [images, numbers]; of one image the covariance is 0.

    (1 - s) C + s tr(C)/d I, where C is the sample's covariance of d numbers and s Ledoit and Wolf's estimate of the
    share that brings it nearest to the true one (J. Multivariate Analysis 88, 2004, eq. 14, lemmas 3.2 to 3.4).
    """
    if values.ndim != 2 or not values.size:
        raise ValueError(
            f"values must be [images, numbers] with at least one of each, got the shape {values.shape}"
        )
    count, numbers = values.shape
    mean = values.mean(axis=0)
    centred = values - mean
    covariance = centred.T @ centred / count
    level = np.trace(covariance) / numbers
    # Squared distances: of C to the multiple of the identity, and of C to the truth as its scatter over images says.
    spread = (covariance**2).sum() - numbers * level**2
    noise = ((centred**2).sum(axis=1) ** 2).sum() / count**2 - (covariance**2).sum() / count
    shrinkage = float(np.clip(noise / spread, 0, 1)) if spread > 1e-12 * level**2 else 0.0
    shrunk = (1 - shrinkage) * covariance + shrinkage * level * np.eye(numbers)
    return Moments(count, mean, shrunk, shrinkage)


def frechet_distance(one: Moments, other: Moments) -> float:
    """sqrt(|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))): the 2-Wasserstein distance of Gaussians; FID is its square.

    Source: Dowson, Landau, "The Frechet distance between multivariate normal distributions" (1982).
    """
    if one.mean.shape != other.mean.shape:
        raise ValueError(
            f"both need equally many numbers an image, got {len(one.mean)} and {len(other.mean)}"
        )
    # tr (C1 C2)^(1/2) is the sum of the singular values of C1^(1/2) C2^(1/2): no complex root, and accurate near 0.
    overlap = np.linalg.svd(_root(one.covariance) @ _root(other.covariance), compute_uv=False).sum()
    traces = np.trace(one.covariance) + np.trace(other.covariance)
    return float(np.sqrt(max(((one.mean - other.mean) ** 2).sum() + traces - 2 * overlap, 0)))


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _learnable(dataset: Dataset) -> Manifest:
    return dataset.manifest.take(dataset.manifest.rows["part"] != "test")


def _load(path: Path) -> Moments | None:
    """What `_save` wrote; None where it is absent or damaged."""
    try:
        with np.load(path) as kept:
            return Moments(int(kept["count"]), kept["mean"], kept["covariance"], float(kept["shrinkage"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _save(path: Path, found: Moments) -> None:
    """Written aside and renamed, so that a reader never sees half; a folder that takes no file costs only time."""
    aside = path.with_name(f"{path.stem}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            np.savez(
                file,
                count=found.count,
                mean=found.mean,
                covariance=found.covariance,
                shrinkage=found.shrinkage,
            )
        aside.replace(path)
    except OSError:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
