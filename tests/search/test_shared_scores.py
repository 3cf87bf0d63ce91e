"""What scores under shared weights are worth: the same genotypes trained alone, on real images.

Kendall's tau-b between the shared weights' scores of 40 genotypes and their accuracies after a training of their own,
beside the noise ceiling: the tau between two such trainings with different seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from nastransfer.data.datasets import open_dataset
from nastransfer.data.packs import PACKS, find_pack
from nastransfer.data.streams import Streams
from nastransfer.search.bilevel import Bilevel
from nastransfer.search.children import Children
from nastransfer.search.enas_run import EnasRun
from nastransfer.search.nao_run import NaoRun
from nastransfer.search.nsganet import NsgaNet
from nastransfer.search.searcher import SearchData, make_searcher
from nastransfer.search.settings import SharedWeights
from nastransfer.space.genotype import Genotype
from nastransfer.space.operations import batch_statistics
from nastransfer.space.supernet import Supernet
from nastransfer.train.loop import Batch

GENOTYPES, SEED, RESAMPLES = 40, 2, 2000


def genotypes() -> list[Genotype]:
    return Genotype.draw(np.random.default_rng(SEED), GENOTYPES)


@lru_cache(maxsize=1)
def data() -> SearchData:
    if find_pack(PACKS["cifar10"]) is None:
        pytest.skip("no CIFAR-10 pack")
    return SearchData(open_dataset("cifar10"), SEED, "cpu")


@lru_cache(maxsize=2)
def alone(seed: int) -> tuple[float, ...]:
    """Validation top-1 of each genotype, trained from scratch as NSGA-Net's children at `small`."""
    settings = make_searcher("nsganet", "small")
    assert isinstance(settings, NsgaNet)
    children = Children(settings, data(), seed)
    return tuple(children.score(genotype).top1 or 0.0 for genotype in genotypes())


def trained(method: str) -> Supernet:
    """The shared weights of a search at `small` after all of its weight steps."""
    settings = make_searcher(method, "small")
    assert isinstance(settings, SharedWeights)
    run = settings.begin(data(), Streams(SEED, "search", method))
    if isinstance(run, Bilevel):
        network, end = run.network, run.units
    else:
        assert isinstance(run, EnasRun | NaoRun)
        network = run.paths.network
        end = 1 + max(place for place, unit in enumerate(run.plan) if unit.kind == "weights")
    while run.done < end:
        run.advance()
    return network


def shared_scores(network: Supernet) -> list[float]:
    """Top-1 of each genotype's path on the validation half, with batch statistics."""
    val = data().batches("val", batch=500, resolution=16, images=2500, training=False)
    with torch.no_grad(), batch_statistics(network):
        return [100 * _right(network, genotype, val.ordered()) for genotype in genotypes()]


def _right(network: Supernet, genotype: Genotype, batches: Iterator[Batch]) -> float:
    right = [(network(x, genotype=genotype).argmax(1) == labels).double().mean() for x, labels in batches]
    return float(torch.stack(right).mean())


def tau(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Kendall's tau-b and its 95% interval over resampled genotypes."""
    rng = np.random.default_rng(SEED)
    draws = [rng.integers(len(one), size=len(one)) for _ in range(RESAMPLES)]
    resampled = [kendalltau(one[draw], other[draw]).statistic for draw in draws]
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return round(float(kendalltau(one, other).statistic), 3), round(float(low), 3), round(float(high), 3)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["darts1", "darts2", "enas", "nao"])
def test_shared_weights_rank_genotypes_beside_the_noise_ceiling(
    method: str, record_property: Callable[[str, object], None]
) -> None:
    first, second = (np.array(alone(seed)) for seed in (SEED, SEED + 1))
    shared = np.array(shared_scores(trained(method)))
    ceiling = tau(first, second)
    found = tau(shared, (first + second) / 2)
    for name, value in {
        "genotypes": GENOTYPES,
        "tau_low_high": found,
        "ceiling_low_high": ceiling,
        "top1_alone_mean_sd": [round(float(first.mean()), 2), round(float(first.std(ddof=1)), 2)],
        "top1_shared_mean_sd": [round(float(shared.mean()), 2), round(float(shared.std(ddof=1)), 2)],
    }.items():
        record_property(name, value)
    assert ceiling[1] > 0, "trainings alone agree beyond chance, else nothing can be said of shared weights"
    # Weights that were trained as a mixture know little of single paths (DARTS: 14%), but something.
    assert shared.mean() - 2 * shared.std(ddof=1) / np.sqrt(GENOTYPES) > 10, "chance is 10%"
    assert found[0] < 1 and found[1] <= found[0] <= found[2]
