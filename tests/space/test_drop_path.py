"""Drop path: sample by sample, identities excepted, with the mean and the schedule of the methods sheet (1.9)."""

from __future__ import annotations

import pytest
import torch

from nastransfer.space.genotype import Genotype
from nastransfer.space.network import Cell, Network
from nastransfer.train.augment import augment
from nastransfer.train.protocol import protocol
from tests.planted import planted

NO_SKIPS = Genotype.parse({kind: [("dil_conv_3x3", i) for i in (0, 1) * 4] for kind in ("normal", "reduce")})
ALL_SKIPS = Genotype.parse({kind: [("skip_connect", i) for i in (0, 1) * 4] for kind in ("normal", "reduce")})
NOTHING = torch.zeros(8, 2, 1, 1, 1)


def images(count: int, pixels: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, pixels, pixels, generator=torch.Generator().manual_seed(seed))


def built(genotype: Genotype, seed: int = 0, **arguments: object) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Network(genotype, **{"channels": 4, "cells": 3, "engine": "plain", **arguments})


def first_cell(genotype: Genotype) -> Cell:
    cell = built(genotype).cells[0].eval()
    assert isinstance(cell, Cell)
    return cell


def test_masks_have_mean_one_and_are_drawn_for_each_sample() -> None:
    keep = built(NO_SKIPS, drop_path=0.25)._keep(images(4_000, 8))
    assert keep.shape == (3, 8, 4_000, 1, 1, 1)
    assert keep.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
    # 96,000 draws: the mean's standard deviation is 0.0019.
    assert keep.mean().item() == pytest.approx(1.0, abs=0.01)
    assert (keep.mean(dim=2) - 1.0).abs().max() < 0.05, "each edge of each cell alike"
    assert keep.mean(dim=(0, 1)).std() > 0.05, "each sample has masks of its own"
    assert len({tuple(edge.flatten().tolist()) for cell in keep for edge in cell}) == 3 * 8


def test_a_cells_output_keeps_its_mean() -> None:
    cell, network = first_cell(NO_SKIPS), built(NO_SKIPS, drop_path=0.3)
    network.set_drop_path(0.3, torch.Generator().manual_seed(0))
    older, newer = torch.randn(2, 1, 12, 4, 4, generator=torch.Generator().manual_seed(1))
    samples = 20_000
    keep = network._keep(images(samples, 1))[0]
    with torch.no_grad():
        bare = cell(older, newer)
        dropped = cell(older.expand(samples, -1, -1, -1), newer.expand(samples, -1, -1, -1), keep)
    error = dropped.mean(dim=0) - bare[0]
    assert error.abs().max() < 5 * dropped.std(dim=0).max() / samples**0.5
    assert dropped.std(dim=0).max() > 0.1


def test_identities_stay_and_halving_skips_go() -> None:
    older, newer = torch.randn(2, 2, 12, 8, 8)
    assert torch.equal(first_cell(NO_SKIPS)(older, newer, NOTHING), torch.zeros(2, 16, 8, 8))
    identity = first_cell(ALL_SKIPS)
    assert torch.equal(identity(older, newer, NOTHING), identity(older, newer))
    halving = built(ALL_SKIPS).cells[1].eval()
    assert not halving(torch.randn(2, 12, 8, 8), torch.randn(2, 16, 8, 8), NOTHING).any()


def test_each_cell_and_edge_gets_its_own_mask() -> None:
    network, seen = built(NO_SKIPS, drop_path=0.5), []
    network.set_drop_path(0.5, torch.Generator().manual_seed(0))
    for cell in network.cells:
        cell.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[2]))
    network(images(16, 16))
    network.set_drop_path(0.5, torch.Generator().manual_seed(0))
    assert torch.equal(torch.stack(seen), network._keep(images(16, 16)))
    older, newer = torch.randn(2, 2, 12, 8, 8)
    cell = first_cell(NO_SKIPS)
    for edge in range(8):
        only = torch.zeros(8, 2, 1, 1, 1)
        only[edge, 1] = 2.0
        added = cell.edges[edge](cell.preprocess0(older) if edge % 2 == 0 else cell.preprocess1(newer))
        expected = torch.zeros(2, 4, 4, 8, 8)
        expected[1, edge // 2] = 2.0 * added[1]
        assert torch.equal(cell(older, newer, only), expected.flatten(1, 2))


def test_it_follows_its_generator_and_rests_in_evaluation() -> None:
    network = built(NO_SKIPS)
    x = images(8, 16)
    plain = network(x)
    outputs = []
    for seed in (1, 1, 2):
        network.set_drop_path(0.5, torch.Generator().manual_seed(seed))
        outputs.append(network(x))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
    network.set_drop_path(0.0)
    assert torch.equal(network(x), plain)
    before = network.eval()(x)
    network.set_drop_path(0.9)
    assert torch.equal(network(x), before)
    for wrong in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match="at least 0 and below 1"):
            network.set_drop_path(wrong)


def test_the_probability_grows_linearly_by_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities: list[float] = []
    set_drop_path = Network.set_drop_path

    def watched(network: Network, probability: float, generator: torch.Generator | None = None) -> None:
        probabilities.append(probability)
        set_drop_path(network, probability, generator)

    monkeypatch.setattr(Network, "set_drop_path", watched)
    settings = {"cells": 3, "channels": 2, "batch": 16, "resolution": None, "epoch_images": None}
    augment(NO_SKIPS, planted(), protocol=protocol("tiny", **settings, epochs=4, drop_path=0.2))
    # The first one is the network's own beginning.
    assert probabilities == pytest.approx([0.0, 0.0, 0.05, 0.1, 0.15], abs=1e-12)
