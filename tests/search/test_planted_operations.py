"""Each method finds the operation that the images were made for, follows when they change, and finds none in noise.

Preference: share of average pooling less that of maximum pooling over the edges of the normal cell, in the method's own
distribution at its end (DARTS: softmax; ENAS: its policy's draws; NAO and NSGA-Net: their pool or population). For each
seed the contrast between the two sets is a coin toss under "the images do not matter", whatever a method likes anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from nastransfer.search.drive import search
from nastransfer.space.genotype import MIXTURE
from tests.operations import Operation, made_for

AVERAGE, MAXIMUM = MIXTURE.index("avg_pool_3x3"), MIXTURE.index("max_pool_3x3")
ALPHA = 0.01
# method -> seeds, and settings of a search of some seconds
PLANTED: dict[str, tuple[int, dict[str, Any]]] = {
    "darts1": (12, {"steps": 60, "search_images": 300}),
    "darts2": (12, {"steps": 60, "search_images": 300}),
}


def preference(row: dict[str, Any]) -> float:
    shares = np.array(row["mixture"]["normal"]).mean(axis=0)
    return float(shares[AVERAGE] - shares[MAXIMUM])


def contrast(method: str, seed: int, settings: dict[str, Any], *, shuffled: bool = False) -> float:
    """How much more a method likes the average on images made for it than on those made for the maximum."""

    def found(operation: Operation) -> float:
        images = made_for(operation, seed, 2 * settings["search_images"], shuffled=shuffled)
        result = search(method, images, seed=seed, preset="tiny", workers=1, **settings)
        return preference(result.history[-1])

    return found("average") - found("maximum")


def power_at(seeds: int, rate: float) -> float:
    """How often the sign test over so many seeds is significant where a contrast is positive at this rate."""
    least = next(k for k in range(seeds + 1) if binomtest(k, seeds, alternative="greater").pvalue < ALPHA)
    return float(binom.sf(least - 1, seeds, rate))


def test_a_short_search_prefers_what_the_images_were_made_for() -> None:
    assert contrast("darts1", 2, {"steps": 40, "search_images": 200}) > 0.02


@pytest.mark.slow
@pytest.mark.parametrize("method", PLANTED)
def test_a_method_follows_the_images_and_finds_nothing_in_shuffled_labels(
    method: str, record_property: Callable[[str, object], None]
) -> None:
    seeds, settings = PLANTED[method]
    real, shuffled = (
        np.array([contrast(method, seed, settings, shuffled=mixed) for seed in range(seeds)])
        for mixed in (False, True)
    )
    follows = binomtest(int((real > 0).sum()), seeds, alternative="greater")
    beyond = binomtest(int((real > shuffled).sum()), seeds, alternative="greater")
    chance = binomtest(int((shuffled > 0).sum()), seeds)
    figures = {
        "seeds": seeds,
        "contrasts": real.round(4).tolist(),
        "contrasts_shuffled": shuffled.round(4).tolist(),
        "p_follows": follows.pvalue,
        "p_beyond_shuffled": beyond.pvalue,
        "p_shuffled": chance.pvalue,
        "power_at_rate_0.9": round(power_at(seeds, 0.9), 3),
    }
    for name, value in figures.items():
        record_property(name, value)
    assert follows.pvalue < ALPHA
    assert beyond.pvalue < ALPHA
    assert chance.pvalue > ALPHA
    assert abs(shuffled.mean()) < abs(real.mean()) / 2
