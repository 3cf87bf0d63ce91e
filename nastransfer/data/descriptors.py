"""What a proxy is, in numbers: its size, its balance, and how far it is from its target.

All descriptors are of the images one may learn from: the parts train and val. Entropies and divergences are in nats.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nastransfer.data.datasets import Dataset
from nastransfer.data.manifest import PARTS, Manifest
from nastransfer.data.pixel_distance import pixel_distance

# name -> meaning; those from `target` on are null without a target
DESCRIPTORS: dict[str, str] = {
    "dataset": "the set that the images are of",
    "selection": "how it was cut down; all: not at all",
    "domain": "recorded kind of images",
    "resolution": "pixels a side; null: the set's own",
    "classes": "classes with at least one image",
    "images": "images to learn from (train and val)",
    "train": "of them in the part train",
    "val": "of them in the part val",
    "test": "images of the part test, in no other descriptor",
    "smallest": "images of the smallest class",
    "quarter": "images of a class: lower quartile over classes",
    "median": "images of a class: median",
    "three_quarters": "images of a class: upper quartile",
    "largest": "images of the largest class",
    "entropy": "of the class histogram, nats; at most ln(classes), where all are equal",
    "evenness": "entropy over ln(classes): 1 where all classes are equal; 1 for one class",
    "gini": "Gini coefficient of the class sizes: 0 where all are equal, towards 1 where few hold all",
    "imbalance": "largest class over smallest",
    "target": "the set that it stands in for",
    "target_domain": "the target's kind of images",
    "size_ratio": "images over the target's",
    "shared_classes": "classes that the target has as well, by name",
    "kl_to_target": "Kullback-Leibler divergence of its class histogram from the target's, nats; see kl_divergence",
    "pixel_distance": "Frechet distance of pixels at 8 x 8; null for manifests alone; see pixel_distance",
}


def describe(proxy: Manifest | Dataset, target: Manifest | Dataset | None = None) -> dict[str, Any]:
    """The `DESCRIPTORS` of a proxy (or any set), against a target where one is given.

    A data set has a recorded domain and pixels, a manifest alone has not (null). `ValueError` where either has no image
    in the parts train and val.
    """
    manifest, sizes = _manifest(proxy), learning_sizes(proxy)
    quartiles = np.quantile(sizes, (0.25, 0.5, 0.75)).tolist()
    found: dict[str, Any] = dict.fromkeys(DESCRIPTORS)
    found |= {
        "dataset": manifest.dataset,
        "selection": manifest.selection,
        "domain": _domain(proxy),
        "resolution": manifest.resolution,
        "classes": len(sizes),
        "images": int(sizes.sum()),
        **{part: manifest.count(part) for part in PARTS},
        "smallest": int(sizes.min()),
        **dict(zip(("quarter", "median", "three_quarters"), quartiles, strict=True)),
        "largest": int(sizes.max()),
        "entropy": entropy(sizes),
        "evenness": entropy(sizes) / float(np.log(len(sizes))) if len(sizes) > 1 else 1.0,
        "gini": gini(sizes),
        "imbalance": float(sizes.max() / sizes.min()),
    }
    if target is None:
        return found
    own, other = class_histogram(proxy), class_histogram(target)
    found |= {
        "target": _manifest(target).dataset,
        "target_domain": _domain(target),
        "size_ratio": sum(own.values()) / sum(other.values()),
        "shared_classes": len(own.keys() & other.keys()),
        "kl_to_target": kl_divergence(own, other),
    }
    if isinstance(proxy, Dataset) and isinstance(target, Dataset):
        found["pixel_distance"] = pixel_distance(proxy, target)
    return found


def class_histogram(of: Manifest | Dataset) -> dict[str, int]:
    """Class name -> images to learn from, of the classes that have any; `ValueError` where none has."""
    manifest = _manifest(of)
    sizes = manifest.count_matrix()[:, : PARTS.index("test")].sum(axis=1)
    if not sizes.any():
        raise ValueError(
            f"{manifest.dataset!r} ({manifest.selection}) has no image in the parts train and val, "
            f"{manifest.count('test')} in test: there is nothing to describe"
        )
    return {manifest.classes[place]: int(sizes[place]) for place in np.flatnonzero(sizes)}


def learning_sizes(of: Manifest | Dataset) -> np.ndarray:
    """Images to learn from of every class that has any, int64 [classes]."""
    return np.array(list(class_histogram(of).values()), np.int64)


def entropy(sizes: np.ndarray) -> float:
    """Entropy in nats of a histogram: -sum p ln p. `sizes` [classes], not negative, at least one positive."""
    share = _shares(sizes)
    return float(-(share * np.log(share)).sum()) + 0.0


def gini(sizes: np.ndarray) -> float:
    """Gini coefficient of class sizes [classes], 0 .. 1 - 1/classes: half the mean difference of two, over the mean."""
    _shares(sizes)
    ordered = np.sort(np.asarray(sizes, float))
    rank = np.arange(1, len(ordered) + 1)
    return float(((2 * rank - len(ordered) - 1) * ordered).sum() / (len(ordered) * ordered.sum()))


def kl_divergence(sizes: dict[str, int], target: dict[str, int]) -> float | None:
    """KL(P || Q) in nats of class histograms, classes matched by name; null where they share no class.

    P are the shares of `sizes` over the classes that `target` has too (a class that the target lacks is left out, since
    it would make the divergence infinite), Q the shares of all of `target`. So keeping every image of classes that hold
    a tenth of the target's images gives ln(10), and keeping a tenth of every class gives 0.
    """
    shared = [name for name, size in sizes.items() if size > 0 and target.get(name, 0) > 0]
    if not shared:
        return None
    own = np.array([sizes[name] for name in shared], float)
    other = np.array([target[name] for name in shared], float)
    own, other = own / own.sum(), other / sum(target.values())
    return max(float((own * np.log(own / other)).sum()), 0.0)


def _shares(sizes: np.ndarray) -> np.ndarray:
    """The positive shares; `ValueError` for what is no histogram."""
    sizes = np.asarray(sizes, float)
    if sizes.ndim != 1 or not np.isfinite(sizes).all() or (sizes < 0).any() or not sizes.any():
        raise ValueError(f"class sizes must be one list of numbers of at least 0, not all 0; got {sizes}")
    return sizes[sizes > 0] / sizes.sum()


def _manifest(of: Manifest | Dataset) -> Manifest:
    return of.manifest if isinstance(of, Dataset) else of


def _domain(of: Manifest | Dataset) -> str | None:
    return of.domain if isinstance(of, Dataset) else None
