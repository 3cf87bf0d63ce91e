"""The C++ engine gives the plain modules' numbers: outputs, gradients, running statistics, in fp64 and fp32."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from nastransfer.space.genotype import Genotype
from nastransfer.space.operations import batch_statistics
from tests.space.engines.twins import (
    FP64,
    GENOTYPES,
    assert_near,
    assert_twins,
    batch,
    gradients,
    losses,
    mixture,
    network,
    observed,
    supernet,
    trained,
    twins,
)

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))]

NETWORKS = {
    # genotype, what else, images, height, width
    "published": ("darts_v2", {"channels": 12, "cells": 5}, 3, 16, 16),
    "maximum pools": ("max_pools", {"channels": 20}, 5, 8, 8),
    "pools": ("pools", {"channels": 4, "cells": 2}, 7, 8, 12),
    "skips": ("skips", {"channels": 12}, 1, 8, 8),
    "separable": ("separable", {"channels": 4}, 6, 12, 8),
    "dilated": ("dilated", {"channels": 12}, 2, 8, 8),
    "one cell": ("all", {"channels": 36, "cells": 1}, 2, 12, 8),
    "oblong": ("all", {"channels": 4}, 3, 16, 24),
    "wide": ("random", {"channels": 36, "cells": 2}, 2, 8, 8),
    "bare pools": ("pools", {"channels": 8, "pool_norm": False}, 4, 8, 8),
    "bare pools among others": ("all", {"channels": 8, "pool_norm": False}, 4, 8, 8),
    "no scales": ("random", {"affine": False}, 5, 8, 8),
    "drop path": ("all", {"channels": 4, "drop_path": 0.4}, 5, 8, 8),
    "auxiliary head": ("random", {"channels": 4, "auxiliary": True}, 2, 32, 32),
    "auxiliary head at the last cell": ("skips", {"channels": 4, "cells": 2, "auxiliary": True}, 2, 32, 32),
    "large stem": ("random", {"channels": 8, "stem": "imagenet"}, 3, 64, 32),
    "large stem, odd quarter": ("all", {"channels": 20, "cells": 1, "stem": "imagenet"}, 2, 32, 32),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_train_alike(name: str) -> None:
    genotype, arguments, *size = NETWORKS[name]
    assert_twins(network(genotype, **arguments), trained, *batch(*size))


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
@pytest.mark.parametrize("training", [False, True])
def test_networks_look_alike_without_gradients(stem: str, training: bool) -> None:
    make = network("all", channels=12, stem=stem, drop_path=0.3)
    pixels = 8 if stem == "cifar" else 32
    assert_twins(make, observed, *batch(3, pixels), training=training, steps=2)


def scored(module: nn.Module, x: Tensor, labels: Tensor) -> Sequence[Tensor]:
    before = {name: tensor.clone() for name, tensor in module.named_buffers()}
    with batch_statistics(module):
        outputs = observed(module, x, labels)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.named_buffers())
    return outputs


@pytest.mark.parametrize("training", [False, True])
def test_scoring_by_batch_statistics_leaves_the_running_ones(training: bool) -> None:
    assert_twins(network("all"), scored, *batch(3, 8), training=training)


PATHS = {name: GENOTYPES[name] for name in ("all", "random", "skips", "max_pools", "separable", "dilated")}


def along(
    genotype: Genotype, forward: Callable[..., Sequence[Tensor]] = trained
) -> Callable[..., Sequence[Tensor]]:
    """A run of a supernet along a path."""

    def run(module: nn.Module, x: Tensor, labels: Tensor) -> Sequence[Tensor]:
        return forward(Called(module, genotype=genotype), x, labels)

    return run


class Called(nn.Module):
    """A supernet with its mixture or path, called as a network is."""

    def __init__(self, module: nn.Module, *mix: Tensor, genotype: Genotype | None = None) -> None:
        super().__init__()
        self.module, self.mix, self.genotype = module, mix, genotype

    def forward(self, x: Tensor) -> Tensor:
        mix = [weights.to(x.dtype) for weights in self.mix]
        return self.module(x, *mix) if mix else self.module(x, genotype=self.genotype)


@pytest.mark.parametrize("name", PATHS)
def test_sampled_paths_train_alike(name: str) -> None:
    assert_twins(supernet(affine=True), along(PATHS[name]), *batch(3, 8), steps=1)


def test_paths_that_follow_each_other_train_alike() -> None:
    """One plan serves all paths; what the last path used must not be taken for this one's."""
    paths = iter([genotype for genotype in PATHS.values() for _ in range(2)] * 2)

    def run(module: nn.Module, x: Tensor, labels: Tensor) -> Sequence[Tensor]:
        return trained(Called(module, genotype=next(paths)), x, labels)

    assert_twins(supernet(cells=2), run, *batch(2, 8), steps=len(PATHS))


def test_paths_are_seen_and_scored_alike() -> None:
    x, labels = batch(3, 8)
    for genotype in (GENOTYPES["all"], GENOTYPES["random"]):
        for forward in (observed, scored):
            assert_twins(supernet(affine=True), along(genotype, forward), x, labels, steps=1, training=False)
    assert_twins(supernet(stem="imagenet"), along(GENOTYPES["all"]), *batch(2, 32, 64), steps=1)


def mixed(
    weights: bool = True, mix: bool = True, forward: Callable[..., Sequence[Tensor]] = trained, seed: int = 0
) -> Callable[..., Sequence[Tensor]]:
    """A run of a mixed supernet that gives gradients of its weights, of the mixture's, or of both."""

    def run(module: nn.Module, x: Tensor, labels: Tensor) -> Sequence[Tensor]:
        module.requires_grad_(weights)
        mixtures = [mixture(seed + kind).requires_grad_(mix) for kind in (1, 2)]
        outputs = forward(Called(module, *mixtures), x, labels)
        module.requires_grad_(True)
        assert all((one.grad is not None) == (mix and forward is trained) for one in mixtures)
        return [*outputs, *(one.grad for one in mixtures if one.grad is not None)]

    return run


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize(("weights", "mix"), [(True, True), (True, False), (False, True)])
def test_mixed_supernets_train_alike(affine: bool, weights: bool, mix: bool) -> None:
    assert_twins(supernet(affine=affine), mixed(weights, mix), *batch(3, 8), steps=1)


@pytest.mark.parametrize("channels", [8, 12, pytest.param(20, marks=pytest.mark.slow)])
def test_mixed_supernets_of_other_shapes_train_alike(channels: int) -> None:
    make = supernet(channels=channels, cells=2)
    # Both cells halve: normal cells' weights have no gradient in plain torch.
    assert_twins(make, mixed(mix=False), *batch(2, 8, 16))


def test_mixed_supernets_on_the_large_stem_train_alike() -> None:
    """Gradients of the maps that the stem hands over."""
    make = supernet(stem="imagenet")
    assert_twins(make, mixed(), *batch(2, 32, 64), steps=1)
    assert_twins(make, mixed(weights=False), *batch(2, 64, 32), steps=1)


def test_mixed_supernets_are_seen_and_scored_alike() -> None:
    x, labels = batch(3, 8)
    for forward in (observed, scored):
        assert_twins(supernet(), mixed(mix=False, forward=forward), x, labels, steps=1, training=False)


def test_single_weights_of_a_stem_may_be_frozen() -> None:
    def run(module: nn.Module, x: Tensor, labels: Tensor) -> Sequence[Tensor]:
        for name, parameter in module.named_parameters():
            parameter.requires_grad_("preprocess" not in name)
        return trained(module, x, labels)

    assert_twins(network("all"), run, *batch(3, 8), steps=1)


def test_equal_values_in_a_window_hand_the_gradient_to_the_same_one() -> None:
    """Images of zeros and ones through layers that add nothing up: maxima are tied everywhere, exactly, in both."""

    def make(engine: str) -> nn.Module:
        module = network("max_pools", channels=4)(engine)
        for parameter in module.parameters():
            if parameter.dim() == 4:
                with torch.no_grad():
                    parameter.zero_()
                    middle = parameter.shape[-1] // 2
                    for row in range(len(parameter)):
                        parameter[row, row % parameter.shape[1], middle, middle] = 1.0
        return module

    x, labels = batch(4, 8)
    assert_twins(make, trained, (x > 0).to(FP64), labels, steps=1)


def descended(
    module: nn.Module, forward: Callable[[Tensor], Tensor], steps: int, *more: Tensor
) -> dict[str, Tensor]:
    """All weights and statistics after some steps as searches and trainings make them."""
    parameters = [*module.parameters(), *more]
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=3e-4)
    for step in range(steps):
        x, labels = batch(6, 8, seed=step)
        optimizer.zero_grad()
        losses(forward(x), labels).backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
    return {**module.state_dict(), **{f"mix.{i}": one.detach() for i, one in enumerate(more)}}


@pytest.mark.parametrize("seed", SEEDS)
def test_networks_are_alike_after_twenty_steps(seed: int) -> None:
    plain, cpp = (
        descended(module, module, 20) for module in twins(network("all", seed=seed, channels=4, cells=2))
    )
    assert_near(cpp, plain, 1e-6, 1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_supernets_are_alike_after_twenty_steps(seed: int) -> None:
    found = []
    for module in twins(supernet(seed=seed)):
        mixtures = [mixture(seed + kind).requires_grad_() for kind in (1, 2)]
        found.append(descended(module, Called(module, *mixtures), 20, *mixtures))
    assert_near(found[1], found[0], 1e-6, 1e-3)


def assert_as_near_as_plain(
    make: Callable[[str], nn.Module], x: Tensor, labels: Tensor, *mix: Tensor
) -> None:
    """In the middle of all weights: where a ReLU or a maximum decides otherwise, single ones may be further off."""
    exact = make("plain")
    wanted = trained(Called(exact, *mix) if mix else exact, x, labels)[0]
    apart = []
    for module in twins(make, torch.float32):
        logits = trained(Called(module, *mix) if mix else module, x.float(), labels)[0]
        assert (logits - wanted).abs().max() < 1e-4
        reference = gradients(exact)
        each = [
            (g - reference[name]).norm() / reference[name].norm() for name, g in gradients(module).items()
        ]
        apart.append(float(torch.stack(each).median()))
    assert apart[1] < 3 * apart[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_single_precision_is_as_near_to_double_as_plain_torch_is(seed: int) -> None:
    x, labels = batch(4, 16, seed=seed)
    assert_as_near_as_plain(network("all", seed=seed, channels=12), x, labels)
    assert_as_near_as_plain(supernet(seed=seed), x, labels, mixture(seed + 1), mixture(seed + 2))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["all", "darts_v2", "dilated"])
def test_single_precision_holds_for_sums_over_many_pixels(name: str) -> None:
    assert_as_near_as_plain(network(name), *batch(64, 32))


@pytest.mark.slow
@pytest.mark.parametrize("name", GENOTYPES)
def test_large_networks_train_alike(name: str) -> None:
    assert_twins(network(name, channels=36, cells=8, drop_path=0.2, auxiliary=True), trained, *batch(7, 32))
    assert_twins(network(name, channels=48, cells=5, stem="imagenet"), trained, *batch(3, 96, 128))


@pytest.mark.slow
@pytest.mark.parametrize("affine", [False, True])
def test_large_supernets_train_alike(affine: bool) -> None:
    assert_twins(supernet(channels=16, cells=8, affine=affine), mixed(), *batch(5, 32), steps=1)
    assert_twins(
        supernet(channels=20, cells=5, affine=affine), along(GENOTYPES["random"]), *batch(7, 20, 28), steps=2
    )
