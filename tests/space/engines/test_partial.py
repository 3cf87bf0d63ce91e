"""Partial channels in both fast engines: the plain modules' numbers; and the plain ones by PC-DARTS's own recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nastransfer.space.cost import supernet_parameters
from nastransfer.space.genotype import CONCAT, EDGES, INPUTS, edge_index
from nastransfer.space.operations import batch_statistics
from nastransfer.space.supernet import MixedCell, Supernet
from tests.space.engines.twins import (
    CLASSES,
    FP64,
    GENOTYPES,
    assert_near,
    assert_twins,
    batch,
    gradients,
    losses,
    mixture,
    supernet,
    twins,
)

ENGINES = ["cpp", "torch"]


def edges(seed: int) -> Tensor:
    """Edge weights [14] as edge normalisation gives them: a softmax over the edges of each node."""
    drawn = torch.randn(len(EDGES), generator=torch.Generator().manual_seed(seed), dtype=FP64)
    return torch.cat([drawn[[edge_index(n, s) for s in range(n)]].softmax(0) for n in CONCAT])


def run(
    weights: bool = True, mix: bool = True, learn: bool = True, normalised: bool = True
) -> Callable[..., Sequence[Tensor]]:
    """A run of a mixed supernet; its logits, and gradients of operations' and edges' weights."""

    def forward(module: nn.Module, x: Tensor, labels: Tensor) -> Sequence[Tensor]:
        module.requires_grad_(weights)
        given = [mixture(1), mixture(2), *([edges(3), edges(4)] if normalised else [])]
        given = [one.to(x.dtype).requires_grad_(mix) for one in given]
        names = dict(zip(("normal_edges", "reduce_edges"), given[2:], strict=False))
        with torch.set_grad_enabled(learn):
            outputs = module(x, *given[:2], **names)
        if learn:
            losses(outputs, labels).backward()
        module.requires_grad_(True)
        return [outputs, *(one.grad for one in given if one.grad is not None)]

    return forward


def by_engine(make: Callable[[str], Supernet], engine: str) -> Callable[[str], Supernet]:
    """The maker of twins, its second one run by this engine."""
    return lambda name: make("plain" if name == "plain" else engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("weights", "mix"), [(True, True), (True, False), (False, True)])
def test_partial_supernets_train_alike(engine: str, weights: bool, mix: bool) -> None:
    make = by_engine(supernet(channels=16, partial=4), engine)
    assert_twins(make, run(weights, mix), *batch(3, 8), steps=1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("channels", "partial", "arguments", "size"),
    [
        (8, 2, {"affine": True}, (2, 8, 16)),
        (24, 2, {"cells": 4}, (3, 8, 8)),
        (16, 4, {"stem": "imagenet", "cells": 2}, (2, 64, 32)),
    ],
)
def test_partial_supernets_of_other_shapes_train_alike(
    engine: str, channels: int, partial: int, arguments: dict[str, object], size: tuple[int, int, int]
) -> None:
    make = by_engine(supernet(channels=channels, partial=partial, **arguments), engine)
    assert_twins(make, run(mix=arguments.get("cells") != 2), *batch(*size), steps=1)
    assert_twins(make, run(mix=False, normalised=False), *batch(*size), steps=2)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("training", [False, True])
def test_partial_supernets_are_seen_and_scored_alike(engine: str, training: bool) -> None:
    def scored(module: nn.Module, x: Tensor, labels: Tensor) -> Sequence[Tensor]:
        with batch_statistics(module):
            return run(learn=False)(module, x, labels)

    make = by_engine(supernet(channels=16, partial=4), engine)
    for forward in (run(learn=False), scored):
        assert_twins(make, forward, *batch(3, 8), steps=1, training=training)


@pytest.mark.parametrize("engine", ENGINES)
def test_edges_of_full_supernets_are_weighed_alike(engine: str) -> None:
    assert_twins(by_engine(supernet(), engine), run(), *batch(3, 8), steps=1)


def test_equal_and_missing_numbers_pass_by_alike() -> None:
    """Ties in the 2x2 maximum go to the same pixel; a NaN stays one."""
    make = supernet(channels=8, partial=2, cells=1)
    x, labels = batch(2, 8)
    assert_twins(make, run(mix=False), (x > 0).to(FP64), labels, steps=1)
    x[0, 0, 0, 0] = float("nan")
    for module in twins(make):
        assert module(x, mixture(1), mixture(2)).isnan().all()


def test_partial_supernets_are_alike_in_single_precision() -> None:
    x, labels = batch(4, 16)
    exact = supernet(channels=16, partial=4)("plain")
    wanted = run()(exact, x, labels)[0]
    apart = []
    for module in twins(supernet(channels=16, partial=4), torch.float32):
        logits = run()(module, x.float(), labels)[0]
        assert (logits - wanted).abs().max() < 1e-4
        reference = gradients(exact)
        each = [(g - reference[n]).norm() / reference[n].norm() for n, g in gradients(module).items()]
        apart.append(float(torch.stack(each).median()))
    assert apart[1] < 3 * apart[0]


def recipe(cell: MixedCell, older: Tensor, newer: Tensor, mix: Tensor, whole: Tensor) -> Tensor:
    """A cell as Xu et al. write it: every edge mixes, passes, joins and shuffles by itself; edges are weighed last."""
    nodes = [cell.preprocess0(older), cell.preprocess1(newer)]
    for node in CONCAT:
        total = torch.zeros(())
        for source in range(node):
            x, row = nodes[source], edge_index(node, source)
            share = x.shape[1] // cell.partial
            mixed = cell.edges[row](x[:, :share], mix[row])
            passed = x[:, share:]
            if mixed.shape[-1] != passed.shape[-1]:
                passed = functional.max_pool2d(passed, 2, 2)
            joined = torch.cat([mixed, passed], dim=1)
            total = total + whole[row] * functional.channel_shuffle(joined, cell.partial)
        nodes.append(total)
    return torch.cat(nodes[INPUTS:], dim=1)


@pytest.mark.parametrize("partial", [2, 4])
def test_plain_cells_follow_the_recipe(partial: int) -> None:
    module = supernet(channels=16, partial=partial)("plain")
    x, _ = batch(3, 8)
    mixes, wholes = [mixture(1), mixture(2)], [edges(3), edges(4)]
    older, newer = module.stem(x)
    for cell in module.cells:
        older, newer = newer, recipe(cell, older, newer, mixes[cell.reduction], wholes[cell.reduction])
    expected = module.classifier(newer.mean(dim=(2, 3)))
    found = module(x, *mixes, normal_edges=wholes[0], reduce_edges=wholes[1])
    assert_near({"logits": found.detach()}, {"logits": expected.detach()}, 1e-12, 1e-6)


def test_auto_takes_the_fast_engine_only_where_parts_fit() -> None:
    x, labels = batch(2, 8)
    for channels in (8, 16):  # parts of 2 and 4 channels
        module = supernet(channels=channels, partial=4)("cpp")
        if channels == 16:
            run()(module, x, labels)
        else:
            with pytest.raises(ValueError, match="of each of 4 parts are multiples of 4, got channels=8"):
                run()(module, x, labels)
            module.engine = "auto"
            run()(module, x, labels)


def test_what_partial_supernets_cannot_do_is_refused() -> None:
    with pytest.raises(
        ValueError, match="partial=4 must divide the channels of the first cells, got channels=6"
    ):
        Supernet(CLASSES, 6, 3, partial=4)
    with pytest.raises(ValueError, match="at least 1 part, got 0"):
        Supernet(CLASSES, 8, 3, partial=0)
    module = Supernet(CLASSES, 8, 3, partial=2)
    with pytest.raises(ValueError, match=r"a sampled path needs all channels on every edge, .* partial=2"):
        module(torch.zeros(1, 3, 8, 8), genotype=GENOTYPES["all"])
    with pytest.raises(ValueError, match="cutting out a network needs all channels"):
        module.cut_out(GENOTYPES["all"])
    with pytest.raises(ValueError, match=r"shape \(14,\) \(edges\), got \(13,\)"):
        module(torch.zeros(2, 3, 8, 8), mixture(1), mixture(2), normal_edges=torch.ones(13))


@pytest.mark.parametrize("partial", [1, 2, 4])
def test_weights_of_partial_supernets_are_counted(partial: int) -> None:
    for stem in ("cifar", "imagenet"):
        built = Supernet(CLASSES, 16, 4, stem, affine=True, partial=partial)
        counted = sum(parameter.numel() for parameter in built.parameters())
        assert supernet_parameters(CLASSES, 16, 4, stem, affine=True, partial=partial) == counted
