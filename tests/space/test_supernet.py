"""The supernet: mixtures and their gradients, sampled paths, and weights cut out and put back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nastransfer.space.genotype import CONCAT, EDGES, MIXTURE, OPERATIONS, Genotype, edge_index
from nastransfer.space.operations import batch_statistics
from nastransfer.space.supernet import Supernet, zero_missing_gradients


def built(seed: int = 0, **arguments: object) -> Supernet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Supernet(**{"classes": 5, "channels": 2, "cells": 3, "engine": "plain", **arguments}).double()


def images(count: int = 4, pixels: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randn(
        count, 3, pixels, pixels, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


def genotype_of(seed: int) -> Genotype:
    return Genotype.random(np.random.default_rng(seed))


def one_hot(genotype: Genotype, kind: str) -> torch.Tensor:
    weights = torch.zeros(len(EDGES), len(MIXTURE), dtype=torch.float64)
    for node, pair in zip(CONCAT, genotype.cell(kind), strict=True):
        for edge in pair:
            weights[edge_index(node, edge.source), OPERATIONS.index(edge.op)] = 1.0
    return weights


def mixture(seed: int) -> torch.Tensor:
    draws = torch.randn(
        len(EDGES), len(MIXTURE), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return draws.softmax(dim=-1)


def test_gradients_of_the_mixture_are_those_of_finite_differences() -> None:
    supernet, x = built(), images()
    target = torch.tensor([0, 1, 2, 3])
    weights = [mixture(1).requires_grad_(), mixture(2).requires_grad_()]

    def loss(normal: torch.Tensor, reduce: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(supernet(x, normal, reduce), target)

    gradients = torch.autograd.grad(loss(*weights), weights)
    rng = np.random.default_rng(0)
    for kind in (0, 1):
        assert torch.equal(gradients[kind][:, -1], torch.zeros(len(EDGES), dtype=torch.float64)), (
            "none adds nothing"
        )
        for edge, op in rng.integers((0, 0), (len(EDGES), len(OPERATIONS)), size=(12, 2)):
            moved = []
            for step in (1e-5, -1e-5):
                here = [w.detach().clone() for w in weights]
                here[kind][edge, op] += step
                with torch.no_grad():
                    moved.append(loss(*here).item())
            assert gradients[kind][edge, op].item() == pytest.approx(
                (moved[0] - moved[1]) / 2e-5, rel=1e-5, abs=1e-8
            )


def test_weight_gradients_are_those_of_finite_differences() -> None:
    supernet, x = built(), images()
    normal, reduce = mixture(1), mixture(2)
    supernet(x, normal, reduce).square().sum().backward()
    rng = np.random.default_rng(1)
    chosen = [p for p in supernet.parameters() if p.grad is not None]
    for number in rng.choice(len(chosen), size=12, replace=False):
        parameter = chosen[number]
        flat, gradient = parameter.data.view(-1), parameter.grad
        assert gradient is not None
        place = int(rng.integers(flat.numel()))
        before, moved = flat[place].item(), []
        for step in (1e-6, -1e-6):
            flat[place] = before + step
            with torch.no_grad():
                moved.append(supernet(x, normal, reduce).square().sum().item())
        flat[place] = before
        assert gradient.view(-1)[place].item() == pytest.approx(
            (moved[0] - moved[1]) / 2e-6, rel=1e-4, abs=1e-5
        )


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_path_mixture_and_cut_out_network_agree(stem: str, affine: bool, training: bool) -> None:
    """Three ways to one number, in fp64: the sampled path, the one-hot mixture, the weights cut out."""
    supernet = built(stem=stem, affine=affine).train(training)
    x = images(pixels=8 if stem == "cifar" else 32)
    for seed in range(3):
        genotype = genotype_of(seed)
        with torch.no_grad():
            network = supernet.cut_out(genotype)
            path = supernet(x, genotype=genotype)
            mixed = supernet(x, one_hot(genotype, "normal"), one_hot(genotype, "reduce"))
            cut = network(x)
        assert torch.allclose(path, cut, rtol=0, atol=1e-10)
        assert torch.allclose(path, mixed, rtol=0, atol=1e-10)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_a_path_is_its_cut_out_network(seed: int) -> None:
    supernet, genotype, x = built(affine=True).eval(), genotype_of(seed), images()
    with torch.no_grad():
        assert torch.allclose(
            supernet(x, genotype=genotype), supernet.cut_out(genotype)(x), rtol=0, atol=1e-10
        )


def test_cut_out_weights_are_copies_and_can_be_put_back() -> None:
    supernet, genotype, x = built(affine=True), genotype_of(3), images()
    network = supernet.cut_out(genotype)
    before = supernet(x, genotype=genotype)
    network(x).square().sum().backward()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad
    supernet, untouched = built(affine=True), built(affine=True).state_dict()
    assert torch.equal(supernet(x, genotype=genotype), before)
    supernet.put_back(network)
    assert torch.allclose(supernet.eval()(x, genotype=genotype), network.eval()(x), rtol=0, atol=1e-10)
    changed = {
        name for name, tensor in supernet.state_dict().items() if not torch.equal(tensor, untouched[name])
    }
    off_path = [name for name in changed if ".operations." in name and not on_path(name, genotype)]
    assert not off_path
    with pytest.raises(ValueError, match="does not come from this supernet"):
        built(channels=4, affine=True).put_back(network)
    with pytest.raises(
        ValueError, match="does not come from this supernet: it has 3 cells, the supernet has 5"
    ):
        built(cells=5, affine=True).put_back(network)


def on_path(name: str, genotype: Genotype) -> bool:
    _, cell, _, row, _, op, *_ = name.split(".")
    node, source = EDGES[int(row)]
    kept = genotype.cell("normal" if cell == "0" else "reduce")[node - 2]
    return (OPERATIONS[int(op)], source) in kept


def test_a_path_touches_only_its_own_weights_until_gradients_are_completed() -> None:
    supernet, genotype = built(affine=True), genotype_of(4)
    supernet(images(), genotype=genotype).sum().backward()
    operations = {n: p for n, p in supernet.named_parameters() if ".operations." in n}
    assert {n for n, p in operations.items() if p.grad is not None} == {
        n for n in operations if on_path(n, genotype)
    }
    idle = next(p for n, p in operations.items() if not on_path(n, genotype))
    before = idle.detach().clone()
    optimizer = torch.optim.SGD(supernet.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    optimizer.step()
    assert torch.equal(idle, before)
    zero_missing_gradients(supernet)
    optimizer.step()
    assert torch.allclose(idle, before * (1 - 0.1 * 0.01))


def test_momentum_goes_on_where_the_next_path_does_not_lead() -> None:
    """AMB-21: what was on the last path and is not on this one still moves, by 0.9 of its last step."""
    supernet, first, second = built(affine=True), genotype_of(4), genotype_of(5)
    optimizer = torch.optim.SGD(supernet.parameters(), lr=0.1, momentum=0.9)
    left = [
        p
        for n, p in supernet.named_parameters()
        if ".operations." in n and on_path(n, first) and not on_path(n, second)
    ]
    places = [[p.detach().clone() for p in left]]
    for genotype in (first, second):
        optimizer.zero_grad()
        supernet(images(), genotype=genotype).square().sum().backward()
        zero_missing_gradients(supernet)
        optimizer.step()
        places.append([p.detach().clone() for p in left])
    assert any((b - a).abs().max() > 1e-3 for a, b in zip(*places[:2], strict=True))
    for start, middle, end in zip(*places, strict=True):
        assert torch.allclose(end - middle, 0.9 * (middle - start), rtol=0, atol=1e-12)


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_scoring_with_batch_statistics_is_the_same_on_a_path_and_cut_out(stem: str) -> None:
    supernet, x = built(stem=stem, affine=True).eval(), images(pixels=8 if stem == "cifar" else 32)
    for seed in range(3):
        genotype = genotype_of(seed)
        network = supernet.cut_out(genotype)
        with torch.no_grad():
            running = supernet(x, genotype=genotype)
            with batch_statistics(supernet), batch_statistics(network):
                path, cut = supernet(x, genotype=genotype), network(x)
        assert torch.allclose(path, cut, rtol=0, atol=1e-10)
        assert not torch.allclose(path, running, rtol=0, atol=1e-3)


@pytest.mark.parametrize("cells", [3, 8])
@pytest.mark.parametrize(
    ("stem", "pixels", "sides"), [("cifar", 32, (32, 16, 8)), ("imagenet", 224, (28, 14, 7))]
)
def test_maps_halve_at_a_third_and_two_thirds(
    stem: str, pixels: int, sides: tuple[int, ...], cells: int
) -> None:
    seen: list[int] = []
    with torch.device("meta"):
        supernet = Supernet(channels=2, cells=cells, stem=stem)
    for cell in supernet.cells:
        cell.register_forward_hook(lambda *call: seen.append(call[-1].shape[-1]))
    weights = torch.zeros(len(EDGES), len(MIXTURE), device="meta")
    supernet(torch.zeros(1, 3, pixels, pixels, device="meta"), weights, weights)
    assert seen == [sides[(i >= cells // 3) + (i >= 2 * cells // 3)] for i in range(cells)]


def test_scoring_with_batch_statistics_equals_training_mode() -> None:
    supernet, genotype, x = built(affine=True).eval(), genotype_of(5), images()
    with batch_statistics(supernet), torch.no_grad():
        scored = supernet(x, genotype=genotype)
    assert torch.equal(scored, built(affine=True).train()(x, genotype=genotype))


def test_darts_supernets_have_scales_in_the_stem_only() -> None:
    for stem, norms in (("cifar", 1), ("imagenet", 3)):
        names = [n for n, _ in built(stem=stem).named_parameters() if n.endswith("bias")]
        assert len(names) == norms + 1
        assert all(n.startswith(("stem.", "classifier.")) for n in names)


def test_bad_calls_are_refused() -> None:
    supernet, x = built(), images()
    weights = mixture(0)
    for arguments in (
        (x,),
        (x, weights),
        (x, weights, weights, genotype_of(0)),
        (x, weights, None, genotype_of(0)),
    ):
        with pytest.raises(ValueError, match="on both normal_weights and reduce_weights, or on a genotype"):
            supernet(*arguments)
    with pytest.raises(ValueError, match=r"shape \(14, 8\).*got \(14, 7\)"):
        supernet(x, weights[:, :7], weights)
    with pytest.raises(ValueError, match="images of 4x4 pixels"):
        supernet(images(pixels=4), weights, weights)
    with pytest.raises(ValueError, match="with 3 channels, got the shape"):
        supernet(x[:, :1], weights, weights)
    for arguments, message in (
        ({"cells": 0}, "at least 1 cell"),
        ({"classes": 0}, "at least 1 class"),
        ({"stem": "imagenet", "channels": 3}, "must be even"),
        ({"engine": "warp"}, "unknown engine 'warp'"),
    ):
        with pytest.raises(ValueError, match=message):
            built(**arguments)
