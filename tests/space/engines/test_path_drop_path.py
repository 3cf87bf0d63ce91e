"""Drop path along a supernet's sampled path: by edge, the same in all engines, and as in the network cut out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nastransfer.space.genotype import CONCAT, EDGES, edge_index
from nastransfer.space.network import Network, keep_masks
from nastransfer.space.supernet import Supernet
from tests.space.engines.twins import (
    FP64,
    GENOTYPES,
    assert_near,
    batch,
    gradients,
    losses,
    mixture,
    supernet,
)

CELLS = 3


def masks(count: int, seed: int = 0) -> Tensor:
    """Masks of a supernet of 3 cells, each with a probability of its own."""
    generator = torch.Generator().manual_seed(seed)
    return keep_masks([0.9, 0.7, 0.5], len(EDGES), count, generator).to(FP64)


def descended(module: Supernet, genotype: str, keep: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    x, labels = batch(len(keep[0, 0]), 16)
    outputs = module(x, genotype=GENOTYPES[genotype], keep=keep)
    losses(outputs, labels).backward()
    return {"logits": outputs.detach()}, gradients(module)


@pytest.mark.parametrize("engine", ["torch", "cpp"])
@pytest.mark.parametrize("genotype", ["random", "skips", "pools", "all"])
def test_engines_drop_alike(engine: str, genotype: str) -> None:
    make = supernet(affine=True, cells=CELLS)
    expected, got = (descended(make(name), genotype, masks(4)) for name in ("plain", engine))
    assert_near(got[0], expected[0], 1e-9, 1e-6)
    total = sum(float(gradient.square().sum()) for gradient in expected[1].values()) ** 0.5
    assert_near(got[1], expected[1], 1e-9, 1e-6 * total)


@pytest.mark.parametrize("engine", ["plain", "torch", "cpp"])
def test_it_is_what_the_network_does(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of the edges taken, in the network's order of edges."""
    shared = supernet(affine=True, cells=CELLS)("plain")
    genotype, keep = GENOTYPES["random"], masks(4)
    cut = shared.cut_out(genotype)
    shared.engine = engine
    assert isinstance(cut, Network)
    rows = [
        [
            edge_index(node, edge.source)
            for node, pair in zip(
                CONCAT, genotype.cell("reduce" if cell.reduction else "normal"), strict=True
            )
            for edge in pair
        ]
        for cell in shared._cells()
    ]
    x, _ = batch(4, 16)
    monkeypatch.setattr(
        cut, "_keep", lambda _: torch.stack([keep[cell, taken] for cell, taken in enumerate(rows)])
    )
    cut.set_drop_path(0.5)
    with torch.no_grad():
        expected, got = cut(x), shared(x, genotype=genotype, keep=keep)
        bare = shared(x, genotype=genotype)
    assert (got - expected).abs().max() < 1e-9
    assert (got - bare).abs().max() > 1e-3


def test_masks_have_each_cells_probability() -> None:
    drawn = keep_masks([1.0, 0.8, 0.5], len(EDGES), 2_000, torch.Generator().manual_seed(1))
    assert drawn.shape == (3, 14, 2_000, 1, 1, 1)
    assert [(cell > 0).float().mean().item() for cell in drawn] == pytest.approx([1.0, 0.8, 0.5], abs=0.02)
    assert [float(cell.max()) for cell in drawn] == pytest.approx([1.0, 1.25, 2.0])
    network = Network(GENOTYPES["random"], channels=4, cells=3)
    with pytest.raises(ValueError, match=r"one probability for each of 3 cells, got \[0.1\]"):
        network.set_drop_path([0.1])


def test_a_mixture_has_no_drop_path() -> None:
    module, (x, _) = supernet()("plain"), batch(2, 8)
    with pytest.raises(ValueError, match="a mixture has none"):
        module(x, mixture(1), mixture(2), keep=masks(2))
