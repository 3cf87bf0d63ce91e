"""Baselines without a network, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nastransfer.data.baselines import majority_share, nearest_centroid
from nastransfer.data.datasets import open_dataset
from nastransfer.data.manifest import Manifest


def test_majority_share() -> None:
    manifest = Manifest.from_counts({"a": 20, "b": 60, "c": 20}, test_share=0.5)
    assert majority_share(manifest) == 60.0
    with pytest.raises(ValueError, match="no image in the part 'test'"):
        majority_share(Manifest.from_counts({"a": 3}))


def test_nearest_centroid_of_plain_classes() -> None:
    manifest = Manifest.from_counts({"dark": 10, "bright": 10}, dataset="digits", test_share=0.5)
    digits = open_dataset("digits")

    def read(wanted: Manifest) -> np.ndarray:
        level = np.where(wanted.rows["label"].to_numpy() == 0, 40, 200)
        return np.broadcast_to(level[:, None, None, None], (len(level), 3, 8, 8)).astype(np.uint8)

    plain = replace(digits, manifest=manifest, read=read)
    assert nearest_centroid(plain) == 100.0
    with pytest.raises(ValueError, match="10 training and 0 test images"):
        nearest_centroid(plain.with_manifest(manifest.part("train")))


def test_nearest_centroid_of_digits() -> None:
    assert 80 < nearest_centroid(open_dataset("digits")) < 95
