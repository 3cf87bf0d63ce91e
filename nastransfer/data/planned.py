"""Manifests without images, for planning and for Table 1: from the class counts of sets whose images are not here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from nastransfer.data.layouts.imagenet import TEST_SHARE
from nastransfer.data.manifest import Manifest, mix_keys, name_key
from nastransfer.data.packs import folders

# ImageNet1K's official validation part, which is what its accuracies are reported on.
IMAGENET1K_TESTS_A_CLASS = 50
FILES = {
    "imagenet1k": "imagenet1k_train_counts.csv",
    "imagenet22k": "imagenet_fall11_counts.csv",
    "mit67": "mit67_official_split_list.csv",
}


def planned_manifest(name: str, root: str | Path | None = None) -> Manifest | None:
    """The manifest of `imagenet1k`, `imagenet22k` or `mit67` as published, with no image behind it.

    Made of a table of counts (or of the official lists) beside the packs; None where that is not there. Keys are made
    of numbers and not of file names, so a proxy of it has the sizes, not the images, of a proxy of the set itself.
    """
    if name not in FILES:
        return None
    path = next((path for folder in folders(root) if (path := folder / FILES[name]).is_file()), None)
    if path is None:
        return None
    table = pl.read_csv(path)
    if name == "mit67":
        parts = [(pl.col("split") == part).sum().cast(pl.Int64).alias(part) for part in ("train", "test")]
        sizes = table.group_by("class").agg(parts).sort("class")
        return _with_parts(name, *(sizes[column].to_numpy() for column in ("class", "train", "test")))
    classes, counts = table["wnid"].to_numpy(), table["count"].to_numpy()
    if name == "imagenet1k":
        return _with_parts(name, classes, counts, np.full_like(counts, IMAGENET1K_TESTS_A_CLASS))
    return Manifest.from_counts(
        dict(zip(classes.tolist(), counts.tolist(), strict=True)),
        dataset=name,
        test_share=TEST_SHARE,
    )


def _with_parts(name: str, classes: np.ndarray, trains: np.ndarray, tests: np.ndarray) -> Manifest:
    """A manifest of `trains` training and `tests` test images of each class, [classes] each."""
    sizes = trains + tests
    label = np.repeat(np.arange(len(sizes)), sizes)
    index = np.arange(len(label)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    bases = np.array([name_key(name, one) for one in classes.tolist()], np.uint64)
    return Manifest.build(
        name,
        classes.tolist(),
        label=label,
        part=np.where(index < tests[label], np.uint8(2), np.uint8(0)),
        key=mix_keys(bases[label], index),
        container=name,
        offset=index,
    )
