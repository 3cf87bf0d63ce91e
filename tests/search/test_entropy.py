"""How far a search at `small` makes up its mind on real images, and on the same images with shuffled labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from nastransfer.data.dataset import Dataset
from nastransfer.data.datasets import open_dataset
from nastransfer.data.packs import PACKS, find_pack
from nastransfer.search.drive import search
from tests.operations import of_pixels

SEED = 2


@cache
def images(shuffled: bool) -> Dataset:
    """CIFAR-10's training images; labels shuffled by the same seed tell nothing."""
    if find_pack(PACKS["cifar10"]) is None:
        pytest.skip("no CIFAR-10 pack")
    pack = open_dataset("cifar10")
    manifest = pack.manifest.part("train")
    label = manifest.rows["label"].to_numpy()
    if shuffled:
        label = np.random.default_rng(SEED).permutation(label)
    return of_pixels(
        "cifar10 of which the labels may be shuffled",
        pack.read(manifest),
        label,
        classes=len(pack.classes),
        mean=pack.mean[0],
        std=pack.std[0],
        flip=pack.flip,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("method", "learns"), [("darts1", True), ("enas", False), ("nao", True)])
def test_entropy_falls_on_real_images_and_less_on_shuffled_labels(
    method: str, learns: bool, record_property: Callable[[str, object], None]
) -> None:
    """DARTS: of the shares; ENAS: of the policy; NAO: of the pool.

    ENAS's policy cannot tell real labels from shuffled ones after the 600 updates of `small`: a reward is the accuracy
    on 64 images, whose noise (5 points) hides what one operation does. Both entropies end alike, which is held here.
    """
    real, shuffled = (search(method, images(mixed), SEED, "small").cost for mixed in (False, True))
    for name, cost in (("real", real), ("shuffled", shuffled)):
        record_property(f"entropy_{name}", [round(cost["entropy_start"], 4), round(cost["entropy_end"], 4)])
    fallen = [cost["entropy_start"] - cost["entropy_end"] for cost in (real, shuffled)]
    if learns:
        assert fallen[0] > max(0.01, fallen[1])
    else:
        assert max(map(abs, fallen)) < 0.1
        assert abs(fallen[0] - fallen[1]) < 0.05
