"""Plain torch and the C++ engine on networks, paths, shapes and modes that nobody thought of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nastransfer.space.genotype import Genotype
from tests.space.engines.twins import assert_twins, batch, mixture, network, observed, supernet, trained

Draw = Callable[[st.SearchStrategy[Any]], Any]
genotypes = st.integers(0, 2**32 - 1).map(lambda seed: Genotype.random(np.random.default_rng(seed)))
widths = st.sampled_from([4, 8, 12, 16, 20, 28, 36])


def drawn_batch(draw: Draw, stem: str, most_pixels: int, counts: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Images high or wide, from the stem's smallest size on."""
    step, least, most = (4, 2, most_pixels // 4) if stem == "cifar" else (32, 1, 2)
    height, width = (step * draw(st.integers(least, most)) for _ in range(2))
    return batch(draw(st.integers(*counts)), height, width, draw(st.integers(0, 99)))


def compare_networks(draw: Draw) -> None:
    """A network in training or evaluation."""
    stem = draw(st.sampled_from(["cifar", "cifar", "imagenet"]))
    cells = draw(st.integers(1, 5))
    make = network(
        draw(genotypes),
        seed=draw(st.integers(0, 99)),
        channels=draw(widths),
        cells=cells,
        stem=stem,
        pool_norm=draw(st.booleans()),
        affine=draw(st.booleans()),
        drop_path=draw(st.sampled_from([0.0, 0.0, 0.5])),
    )
    x, labels = drawn_batch(draw, stem, 24, (1, 7))
    assume(stem == "cifar" or cells == 1 or x[:, 0].numel() > 32 * 32)  # a norm of one value is refused
    training = draw(st.booleans())
    assert_twins(make, trained if training else observed, x, labels, training=training, steps=1)


def compare_supernets(draw: Draw) -> None:
    """A supernet, mixed or on a path."""
    stem = draw(st.sampled_from(["cifar", "cifar", "imagenet"]))
    make = supernet(
        seed=draw(st.integers(0, 99)),
        channels=draw(st.sampled_from([4, 8])),
        cells=3,
        stem=stem,
        affine=draw(st.booleans()),
    )
    x, labels = drawn_batch(draw, stem, 12, (2, 5))
    genotype = draw(st.none() | genotypes)
    weights, mix = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    seed = draw(st.integers(0, 99))

    def run(module: nn.Module, x: Tensor, labels: Tensor) -> list[Tensor]:
        if genotype is not None:
            out = module(x, genotype=genotype)
            nn.functional.cross_entropy(out, labels).backward()
            return [out]
        module.requires_grad_(weights)
        mixtures = [mixture(seed + kind).requires_grad_(mix) for kind in (1, 2)]
        out = module(x, *mixtures)
        nn.functional.cross_entropy(out, labels).backward()
        return [out, *(one.grad for one in mixtures if one.grad is not None)]

    assert_twins(make, run, x, labels, steps=1)


@given(st.data())
@settings(max_examples=15)
def test_drawn_networks_are_alike(data: st.DataObject) -> None:
    compare_networks(data.draw)


@given(st.data())
@settings(max_examples=3)
def test_drawn_supernets_are_alike(data: st.DataObject) -> None:
    compare_supernets(data.draw)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=300)
def test_many_drawn_networks_are_alike(data: st.DataObject) -> None:
    compare_networks(data.draw)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=150)
def test_many_drawn_supernets_are_alike(data: st.DataObject) -> None:
    compare_supernets(data.draw)
