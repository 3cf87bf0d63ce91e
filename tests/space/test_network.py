"""Networks: map sizes, drop path, auxiliary head, and that equal genotypes are equal functions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nastransfer.space.genotype import OPERATIONS, Genotype
from nastransfer.space.known import known_genotype
from nastransfer.space.network import Cell, Network
from nastransfer.space.operations import FactorizedReduce, Pool, batch_statistics, build_operation

V2 = known_genotype("DARTS_V2")
NO_SKIPS = Genotype.parse({kind: [("dil_conv_3x3", i) for i in (0, 1) * 4] for kind in ("normal", "reduce")})
ALL_SKIPS = Genotype.parse({kind: [("skip_connect", i) for i in (0, 1) * 4] for kind in ("normal", "reduce")})


def images(count: int, pixels: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(count, 3, pixels, pixels, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def built(genotype: Genotype = V2, seed: int = 0, **arguments: object) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Network(genotype, **{"channels": 4, "cells": 3, "engine": "plain", **arguments})


def map_sides(network: Network, pixels: int) -> list[int]:
    sides: list[int] = []
    hooks = [
        cell.register_forward_hook(lambda *call: sides.append(call[-1].shape[-1])) for cell in network.cells
    ]
    network(images(2, pixels))
    for hook in hooks:
        hook.remove()
    return sides


@pytest.mark.parametrize(
    ("stem", "pixels", "cells", "sides"),
    [
        ("cifar", 32, 8, [32] * 2 + [16] * 3 + [8] * 3),
        ("imagenet", 224, 8, [28] * 2 + [14] * 3 + [7] * 3),
        ("cifar", 16, 3, [16, 8, 4]),
        ("cifar", 16, 5, [16, 8, 8, 4, 4]),
        ("cifar", 16, 1, [8]),
        ("cifar", 16, 2, [8, 4]),
        ("imagenet", 64, 3, [8, 4, 2]),
    ],
)
def test_maps_halve_at_a_third_and_two_thirds(stem: str, pixels: int, cells: int, sides: list[int]) -> None:
    assert map_sides(built(stem=stem, cells=cells), pixels) == sides


@pytest.mark.parametrize(
    ("cells", "reductions"), [(8, [2, 5]), (11, [3, 7]), (20, [6, 13]), (40, [13, 26]), (60, [20, 40])]
)
def test_reduction_positions(cells: int, reductions: list[int]) -> None:
    with torch.device("meta"):
        network = Network(ALL_SKIPS, channels=2, cells=cells)
    halving = [i for i, cell in enumerate(network.cells) if isinstance(cell.edges[0], FactorizedReduce)]
    assert halving == reductions


def test_only_edges_from_a_reduction_cells_inputs_halve() -> None:
    with torch.device("meta"):
        cell = built(
            Genotype.parse(
                {
                    "normal": V2.to_dict()["normal"],
                    "reduce": [("skip_connect", i) for i in (0, 1, 1, 2, 0, 3, 2, 4)],
                }
            )
        ).cells[1]
    assert isinstance(cell, Cell)
    assert [isinstance(edge, FactorizedReduce) for edge in cell.edges] == [
        source < 2 for source in cell.sources
    ]


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("stride", [1, 2])
def test_operations_keep_channels_and_divide_maps(name: str, stride: int) -> None:
    out = build_operation(name, 6, stride)(torch.randn(2, 6, 8, 8))
    assert out.shape == (2, 6, 8 // stride, 8 // stride)


def test_pools_average_over_real_pixels_and_may_be_bare() -> None:
    bare = Pool("avg", 1, 1, norm=False)
    assert torch.equal(bare(torch.ones(1, 1, 4, 4)), torch.ones(1, 1, 4, 4))
    assert [type(part) for part in Pool("max", 1, 1)] == [nn.MaxPool2d, nn.BatchNorm2d]


def test_a_factorized_reduction_sees_every_pixel() -> None:
    reduction = FactorizedReduce(1, 2).eval()
    with torch.no_grad():
        for weight in (reduction.even.weight, reduction.odd.weight):
            weight.fill_(1.0)
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    out = reduction(x) * (1 + reduction.norm.eps) ** 0.5
    assert torch.allclose(out[0, 0], x[0, 0, ::2, ::2])
    assert torch.allclose(out[0, 1], x[0, 0, 1::2, 1::2])


def test_a_cell_of_identities_is_arithmetic() -> None:
    """All nodes take both inputs as they are: every quarter of the output is their sum."""
    cell = built(ALL_SKIPS).cells[0].eval()
    assert isinstance(cell, Cell)
    older, newer = torch.randn(2, 12, 8, 8), torch.randn(2, 12, 8, 8)
    total = cell.preprocess0(older) + cell.preprocess1(newer)
    assert torch.equal(cell(older, newer), torch.cat([total] * 4, dim=1))


def test_a_swap_inside_a_node_is_the_same_function() -> None:
    record = V2.to_dict()
    for kind in ("normal", "reduce"):
        for node in record[kind]:
            node.reverse()
    x = images(2, 16, dtype=torch.float64)
    first, second = built(V2).double().eval(), built(Genotype.parse(record)).double().eval()
    assert torch.equal(first(x), second(x))


def test_the_auxiliary_head_speaks_in_training_only() -> None:
    for stem, pixels in (("cifar", 32), ("imagenet", 224)):
        network = built(stem=stem, auxiliary=True, classes=7)
        logits, auxiliary_logits = network(images(2, pixels))
        assert logits.shape == auxiliary_logits.shape == (2, 7)
        assert network.eval()(images(2, pixels)).shape == (2, 7)
    with pytest.raises(ValueError, match=r"needs maps of 8x8 pixels.*got 4x4"):
        built(auxiliary=True)(images(2, 16))


def test_batch_statistics_leave_no_trace() -> None:
    network = built().eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    x = images(8, 16) + 1
    with batch_statistics(network):
        scored = network(x)
    assert not torch.equal(scored, network(x))
    assert torch.equal(scored, network.train()(x))
    network = built().eval()
    with batch_statistics(network):
        network(x)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(part.training for part in network.modules())
    assert all(part.track_running_stats for part in network.modules() if isinstance(part, nn.BatchNorm2d))


def test_bad_networks_and_images_are_refused() -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"cells": 0}, "at least 1 cell, got 0"),
        ({"channels": 0}, "at least 1 channel"),
        ({"classes": 0}, "at least 1 class"),
        ({"stem": "imagenet", "channels": 5}, "must be even, got 5"),
        ({"stem": "mnist"}, "allowed are cifar, imagenet"),
        ({"engine": "warp"}, "unknown engine 'warp'; this version has auto, plain"),
        ({"drop_path": 1.5}, "got 1.5"),
        ({"channels": 2.5}, "at least 1 channel, in whole numbers, got 2.5"),
    ]
    for arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            built(**arguments)
    for stem, pixels in (("cifar", 4), ("cifar", 18), ("imagenet", 16), ("imagenet", 72)):
        with pytest.raises(
            ValueError, match=f"images of {pixels}x{pixels} pixels do not fit the {stem} stem"
        ):
            built(stem=stem)(images(2, pixels))
    with pytest.raises(ValueError, match="stride 1 or 2, got 3"):
        build_operation("skip_connect", 4, 3)
    with pytest.raises(ValueError, match="unknown operation 'conv_7x7'"):
        build_operation("conv_7x7", 4, 1)
    with pytest.raises(ValueError, match="must be even, got 3"):
        FactorizedReduce(4, 3)


def test_a_genotype_may_be_given_as_text_or_dict() -> None:
    for source in (repr(V2), V2.to_json(), V2.to_dict()):
        assert built(source).genotype == V2
    with pytest.raises(ValueError, match="genotype"):
        Network("DARTS of last year")
    with pytest.raises(ValueError, match="read from text, a dict or a Genotype, got int"):
        Network(7)


@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (2, 4, 16, 16), (3, 16, 16), (2, 16, 16, 3), (16,)])
def test_images_have_three_channels_and_come_in_batches(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match=r"\[n, 3, height, width\], with 3 channels, got the shape \("
    ) as caught:
        built()(torch.zeros(shape))
    assert str(shape) in str(caught.value)
