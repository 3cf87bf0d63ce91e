"""The quickstart's target means something: neither trivial nor out of reach for the quickstart's short training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nastransfer.data.baselines import majority_share, nearest_centroid
from nastransfer.data.datasets import open_dataset
from nastransfer.study.plan import random_genotypes
from nastransfer.study.spec import load_spec
from nastransfer.train.augment import augment


@pytest.mark.slow
def test_random_genotypes_on_the_default_glyphs(record_property: Callable[[str, object], None]) -> None:
    glyphs = open_dataset("glyphs")
    assert len(glyphs.classes) >= 100
    spec = load_spec("quickstart")
    drawn = random_genotypes(spec.random.seed, spec.random.genotypes)
    results = [augment(genotype, glyphs, 2, spec.protocol) for genotype in drawn]
    top1 = np.array([result.top1_last for result in results])
    spread = float(top1.std(ddof=1) / top1.mean())
    centroid, chance = nearest_centroid(glyphs), majority_share(glyphs.manifest)
    record_property("random_top1_percent", [round(float(value), 1) for value in top1])
    record_property("std_over_mean_percent", round(100 * spread, 1))
    record_property("nearest_centroid_percent", round(centroid, 1))
    record_property("majority_class_percent", round(chance, 1))
    record_property("images", {"train": results[0].n_train, "test": results[0].n_test})
    record_property("seconds_an_augmentation", [round(result.cost["seconds"], 1) for result in results])
    assert top1.min() >= 40 and top1.max() <= 85
    assert spread <= 0.08
    assert chance < centroid < top1.mean() / 2
