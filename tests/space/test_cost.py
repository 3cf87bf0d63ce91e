"""Costs in closed form: the golden integers, and equality with built networks and torch's own counter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nastransfer.space.cost import macs, parameters, supernet_macs, supernet_parameters
from nastransfer.space.genotype import EDGES, MIXTURE, Genotype
from nastransfer.space.known import known_genotype
from nastransfer.space.network import Network
from nastransfer.space.supernet import Supernet

V1, V2 = known_genotype("DARTS_V1"), known_genotype("DARTS_V2")
IMAGENET = {"classes": 1000, "stem": "imagenet"}
SEP5 = Genotype.parse({kind: [("sep_conv_5x5", i) for i in (0, 1) * 4] for kind in ("normal", "reduce")})
GOLDEN = [
    (V2, {"pool_norm": False}, 3_349_342),
    (V1, {"pool_norm": False}, 3_169_414),
    (V2, {**IMAGENET, "channels": 48, "cells": 14, "pool_norm": False}, 4_718_752),
    (V2, {}, 3_351_502),
    (V2, {"classes": 100}, 3_403_432),
    (V2, IMAGENET, 3_929_986),
    (V2, {**IMAGENET, "classes": 21_841}, 15_955_243),
    (V2, {**IMAGENET, "cells": 40}, 7_662_718),
    (V2, {**IMAGENET, "cells": 60}, 11_090_962),
    (SEP5, {}, 5_144_086),
]
AUXILIARY = [(10, 476_426), (100, 545_636), (1000, 1_237_736)]


def count(module: torch.nn.Module | None) -> int:
    assert module is not None
    return sum(parameter.numel() for parameter in module.parameters())


def counted_macs(network: Network, pixels: int) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(torch.zeros(1, 3, pixels, pixels, device="meta"))
    return counter.get_total_flops() // 2


@pytest.mark.parametrize(("genotype", "arguments", "expected"), GOLDEN)
def test_golden_parameter_counts(genotype: Genotype, arguments: dict, expected: int) -> None:
    assert parameters(genotype, **arguments) == expected
    with torch.device("meta"):
        assert count(Network(genotype, **arguments)) == expected


@pytest.mark.parametrize(("classes", "expected"), AUXILIARY)
def test_golden_auxiliary_heads(classes: int, expected: int) -> None:
    assert parameters(V2, classes, auxiliary=True) - parameters(V2, classes) == expected
    for stem in ("cifar", "imagenet"):
        with torch.device("meta"):
            assert count(Network(V2, classes, stem=stem, auxiliary=True).auxiliary) == expected


def test_golden_supernet() -> None:
    assert supernet_parameters() == 1_930_618
    with torch.device("meta"):
        assert count(Supernet()) == 1_930_618


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
@pytest.mark.parametrize("affine", [False, True])
def test_supernets_of_other_sizes(stem: str, affine: bool) -> None:
    for cells, channels in ((1, 4), (2, 6), (3, 8), (11, 20)):
        with torch.device("meta"):
            built = count(Supernet(17, channels, cells, stem, affine=affine))
        assert supernet_parameters(17, channels, cells, stem, affine) == built


@pytest.mark.parametrize(
    ("stem", "cells", "channels", "partial", "pixels"),
    [("cifar", 3, 8, 1, 16), ("cifar", 8, 16, 4, 32), ("cifar", 1, 4, 2, 8), ("imagenet", 5, 8, 1, 64)],
)
def test_supernets_work_as_much_as_counted(
    stem: str, cells: int, channels: int, partial: int, pixels: int
) -> None:
    with torch.device("meta"):
        network = Supernet(17, channels, cells, stem, engine="plain", partial=partial)
        mixtures = torch.rand(2, len(EDGES), len(MIXTURE)).unbind()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.zeros(1, 3, pixels, pixels), *mixtures)
    counted = counter.get_total_flops() // 2
    assert supernet_macs(17, channels, cells, stem, pixels, partial) == counted


def test_golden_multiply_adds() -> None:
    assert macs(V2) == 528_359_040
    assert macs(V2, **IMAGENET, resolution=224) == 430_244_064
    with torch.device("meta"):
        network = Network(V2)
    assert counted_macs(network, 32) == macs(V2)


def test_random_genotypes_cost_what_their_networks_cost() -> None:
    rng = np.random.default_rng(7)
    for stem, pixels in (("cifar", 32), ("cifar", 16), ("imagenet", 224), ("imagenet", 64)):
        for _ in range(3):
            genotype = Genotype.random(rng)
            # The imagenet stem needs an even width, the other one takes any.
            channels = int(rng.integers(1, 20)) * (2 if stem == "imagenet" else 1)
            classes, cells = (int(rng.integers(1, most)) for most in (50, 9))
            skeleton = (classes, channels, cells, stem)
            with torch.device("meta"):
                network = Network(genotype, *skeleton, auxiliary=True)
                bare = Network(genotype, *skeleton, pool_norm=False)
            assert parameters(genotype, *skeleton, auxiliary=True) == count(network)
            assert parameters(genotype, *skeleton, pool_norm=False) == count(bare)
            assert macs(genotype, *skeleton, resolution=pixels) == counted_macs(network, pixels)


@pytest.mark.parametrize("cells", [40, 60])
def test_deep_networks_work_as_much_as_counted(cells: int) -> None:
    with torch.device("meta"):
        network = Network(V1, 1000, 2, cells, "imagenet")
    assert counted_macs(network, 224) == macs(V1, 1000, 2, cells, "imagenet")


def test_counts_are_plain_integers_and_may_be_large() -> None:
    counts = {
        name: np.int32(value) for name, value in (("classes", 21_841), ("channels", 9_000), ("cells", 60))
    }
    plain = {name: int(value) for name, value in counts.items()}
    for cost in (parameters, macs):
        assert type(cost(V2, **counts)) is int
        assert cost(V2, **counts) == cost(V2, **plain)
    assert macs(V2, **plain, resolution=np.int32(3200)) > 2**53


def test_the_resolution_is_the_stems_own_unless_told() -> None:
    assert macs(V2, **IMAGENET) == macs(V2, **IMAGENET, resolution=224)
    # Half the side is a quarter of the work, but for the classifier on 4 * 4 * 36 channels.
    classifier = 576 * 10
    assert macs(V2) == macs(V2, resolution=32)
    assert macs(V2) - classifier == 4 * (macs(V2, resolution=16) - classifier)


def test_the_average_random_genotype() -> None:
    """The figures of the methods sheet, from 20,000 draws: 2.92M +- 0.46 parameters, 460M +- 73 multiply-adds."""
    rng = np.random.default_rng(0)
    draws = Genotype.draw(rng, 20_000)
    sizes = np.array([parameters(genotype) for genotype in draws]) / 1e6
    work = np.array([macs(genotype) for genotype in draws]) / 1e6
    assert sizes.mean() == pytest.approx(2.92, abs=0.015)
    assert sizes.std() == pytest.approx(0.46, abs=0.01)
    assert work.mean() == pytest.approx(460, abs=2)
    assert work.std() == pytest.approx(73, abs=1.5)
    assert sizes.max() <= parameters(SEP5) / 1e6


def test_bad_skeletons_are_refused() -> None:
    cases = [
        ({"cells": 0}, "at least 1 cell, got 0"),
        ({"channels": 0}, "at least 1 channel, got 0"),
        ({"classes": 0}, "at least 1 class, got 0"),
        ({"stem": "mnist"}, "unknown stem 'mnist'; allowed are cifar, imagenet"),
        ({"stem": "imagenet", "channels": 35}, "must be even, got 35"),
        ({"stem": None}, "unknown stem None; allowed are cifar, imagenet"),
        ({"cells": 2.5}, r"at least 1 cell, in whole numbers, got 2\.5"),
        ({"channels": "36"}, "at least 1 channel, in whole numbers, got '36'"),
        ({"channels": True}, "at least 1 channel, in whole numbers, got True"),
        ({"classes": None}, "at least 1 class, in whole numbers, got None"),
        ({"classes": 10.0}, r"at least 1 class, in whole numbers, got 10\.0"),
    ]
    for arguments, message in cases:
        for cost in (parameters, macs):
            with pytest.raises(ValueError, match=message):
                cost(V2, **arguments)
    for arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            supernet_parameters(**arguments)
    with pytest.raises(
        ValueError, match="images of 30x30 pixels do not fit the cifar stem: both sides must be mult"
    ):
        macs(V2, resolution=30)
    with pytest.raises(
        ValueError, match=r"images of 48x48 pixels do not fit the imagenet stem.*multiples of 32"
    ):
        macs(V2, stem="imagenet", resolution=48)
    with pytest.raises(ValueError, match=r"at least 1 pixel, in whole numbers, got 32\.0"):
        macs(V2, resolution=32.0)
