"""How hard a data set is without any network: the majority class, and the nearest class centroid of raw pixels."""

from __future__ import annotations

import numpy as np

from nastransfer.data.datasets import Dataset
from nastransfer.data.manifest import PARTS, Manifest


def majority_share(manifest: Manifest) -> float:
    """Top-1 in percent on the test part of always answering the class with the most training images."""
    counts = manifest.count_matrix()
    tests = counts[:, PARTS.index("test")]
    if not tests.any():
        raise ValueError(f"{manifest.dataset!r} has no image in the part 'test'")
    largest = int(counts[:, PARTS.index("train")].argmax())
    return 100.0 * float(tests[largest] / tests.sum())


def nearest_centroid(dataset: Dataset, resolution: int | None = None) -> float:
    """Top-1 in percent on the test part of answering the class whose mean training image is nearest (least squares).

    Classes without a training image are never answered.
    """
    images, labels = dataset.read_images(dataset.manifest.part("train"), resolution)
    tests, expected = dataset.read_images(dataset.manifest.part("test"), resolution)
    if not len(labels) or not len(expected):
        raise ValueError(
            f"{dataset.name!r} has {len(labels)} training and {len(expected)} test images; both are needed"
        )
    known = np.unique(labels)
    centroids = np.stack(
        [images[labels == label].reshape(-1, images[0].size).mean(axis=0) for label in known]
    )
    # |x - c|^2 = |x|^2 - 2 x.c + |c|^2, and |x|^2 is the same for every class.
    score = tests.reshape(len(tests), -1).astype(np.float32) @ centroids.T.astype(np.float32)
    answer = known[((centroids**2).sum(axis=1) - 2 * score).argmin(axis=1)]
    return 100.0 * float((answer == expected).mean())
