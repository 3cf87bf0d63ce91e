"""Each method finds the operation that the images were made for, follows when they change, and finds none in noise.

Preference: share of dilated convolutions less that of average pooling over the edges of the normal cell, in a method's
own distribution at its end (DARTS: softmax; ENAS: its policy's draws; NAO and NSGA-Net: their pool or population). For
each seed the contrast between the two sets is a coin toss under "the images do not matter", whatever a method likes
anyway: of one seed both searches start alike, so the untrained method's contrast is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from nastransfer.search.drive import search
from nastransfer.search.searcher import SearchData
from nastransfer.space.genotype import MIXTURE, NODES, OPERATIONS, Genotype
from tests.operations import Operation, made_for

DILATED = [MIXTURE.index(name) for name in ("dil_conv_3x3", "dil_conv_5x5")]
AVERAGE = MIXTURE.index("avg_pool_3x3")
ALPHA = 0.01
SHORT: dict[str, Any] = {"channels": 4, "batch": 16, "search_images": 300}
# method -> seeds, and settings of a search of some seconds
PLANTED: dict[str, tuple[int, dict[str, Any]]] = {
    "darts1": (11, {**SHORT, "steps": 60}),
    "darts2": (11, {**SHORT, "steps": 60}),
    "nsganet": (7, {**SHORT, "epochs": 1, "population": 12, "offspring": 12, "generations": 6}),
}


def preference(row: dict[str, Any]) -> float:
    shares = np.array(row["mixture"]["normal"]).mean(axis=0)
    return float(shares[DILATED].sum() - shares[AVERAGE])


def preferences(
    method: str, seed: int, settings: dict[str, Any], *, shuffled: bool = False
) -> tuple[float, float]:
    """What a method prefers in the end on the images made for dilated convolutions, and on those for the average."""

    def found(operation: Operation) -> float:
        images = made_for(operation, seed, 2 * settings["search_images"], shuffled=shuffled)
        result = search(method, images, seed=seed, preset="tiny", workers=1, **settings)
        return preference(result.history[-1])

    return found("dilated"), found("average")


def power_at(seeds: int, rate: float) -> float:
    """How often the sign test over so many seeds is significant where a contrast is positive at this rate."""
    least = next(k for k in range(seeds + 1) if binomtest(k, seeds, alternative="greater").pvalue < ALPHA)
    return float(binom.sf(least - 1, seeds, rate))


def alone(operation: Operation, name: str, seed: int) -> float:
    """Validation accuracy in percent of a network that has one operation only, each node fed by the two before it."""
    cell = [[(name, node), (name, node + 1)] for node in range(NODES)]
    scorer = SearchData(made_for(operation, seed, 800), seed, workers=1).scorer(
        **{**SHORT, "search_images": 400}, epochs=2
    )
    return scorer(Genotype.parse({"normal": cell, "reduce": cell}))


def test_each_set_needs_the_operation_that_it_was_made_for() -> None:
    for useful, useless, operation in (
        ("dil_conv_3x3", "avg_pool_3x3", "dilated"),
        ("avg_pool_3x3", "dil_conv_3x3", "average"),
    ):
        assert alone(operation, useful, 2) > alone(operation, useless, 2) + 20


def test_a_short_search_prefers_what_the_images_were_made_for() -> None:
    dilated, average = preferences("darts1", 100, {**SHORT, "steps": 40})
    assert dilated > average + 0.05


@pytest.mark.slow
def test_of_all_operations_alone_the_right_ones_do_best(
    record_property: Callable[[str, object], None],
) -> None:
    """7 of 7 seeds have a chance of 0.008 where two operations are alike."""
    top1 = {
        operation: {name: [alone(operation, name, seed) for seed in range(7)] for name in OPERATIONS}
        for operation in ("dilated", "average")
    }
    for operation, columns in top1.items():
        means = {name: round(float(np.mean(values)), 1) for name, values in columns.items()}
        record_property(f"mean_top1_alone_{operation}", means)
    for name in ("dil_conv_3x3", "dil_conv_5x5"):
        assert min(np.subtract(top1["dilated"][name], top1["dilated"]["avg_pool_3x3"])) > 0
        assert min(np.subtract(top1["average"]["avg_pool_3x3"], top1["average"][name])) > 0


@pytest.mark.slow
@pytest.mark.parametrize("method", PLANTED)
def test_a_method_follows_the_images_and_finds_nothing_in_shuffled_labels(
    method: str, record_property: Callable[[str, object], None]
) -> None:
    seeds, settings = PLANTED[method]
    found, mixed = (
        np.array([preferences(method, seed, settings, shuffled=shuffled) for seed in range(seeds)])
        for shuffled in (False, True)
    )
    real, shuffled = (values[:, 0] - values[:, 1] for values in (found, mixed))
    follows, beyond = (more_often_than_not(values) for values in (real, real - shuffled))
    chance = binomtest(int((shuffled > 0).sum()), seeds).pvalue
    figures = {
        "seeds": seeds,
        "contrasts": real.round(4).tolist(),
        "contrasts_shuffled": shuffled.round(4).tolist(),
        "p_follows": follows,
        "p_beyond_shuffled": beyond,
        "p_shuffled": chance,
        # Each set by itself, against the same images with shuffled labels.
        "p_dilated_more_on_its_set": more_often_than_not(found[:, 0] - mixed[:, 0]),
        "p_average_more_on_its_set": more_often_than_not(mixed[:, 1] - found[:, 1]),
        "power_at_rate_0.9": round(power_at(seeds, 0.9), 3),
    }
    for name, value in figures.items():
        record_property(name, value)
    assert follows < ALPHA
    assert beyond < ALPHA
    assert chance > ALPHA
    assert abs(shuffled.mean()) < abs(real.mean()) / 2


def more_often_than_not(values: np.ndarray) -> float:
    """The p-value of the exact one-sided sign test that `values` [n] are positive more often than not."""
    return float(binomtest(int((values > 0).sum()), len(values), alternative="greater").pvalue)
