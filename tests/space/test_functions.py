"""A genotype's network does what the genotype says, in whatever order it was written; another one does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nastransfer.space.genotype import CELLS, CONCAT, OPERATIONS, Genotype
from nastransfer.space.network import Network

PIXELS = 8
X = torch.randn(3, 3, PIXELS, PIXELS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SEEDS = st.integers(0, 2**32 - 1)
TURNS = st.lists(st.booleans(), min_size=8, max_size=8)


def built(genotype: Genotype, seed: int = 0) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Network(genotype, classes=3, channels=2, cells=3, engine="plain").double().eval()


def written_in_another_order(genotype: Genotype, turns: list[bool]) -> dict[str, Any]:
    record = genotype.to_dict()
    nodes = [record[kind][index] for kind in CELLS for index in range(len(CONCAT))]
    for node, turn in zip(nodes, turns, strict=True):
        if turn:
            node.reverse()
    return record


def by_hand(network: Network, record: dict[str, Any]) -> torch.Tensor:
    """The logits computed edge by edge in the order in which the record is written, with the network's layers.

    Where an operation lies in the network is looked up by the source it reads, not by its place in the record.
    """
    older, newer = network.stem(X)
    for cell, kind in zip(network.cells, ("normal", "reduce", "reduce"), strict=True):
        nodes = [cell.preprocess0(older), cell.preprocess1(newer)]
        for index, node in enumerate(record[kind]):
            total = torch.zeros(1, dtype=torch.float64)
            for _, source in node:
                place = 2 * index + cell.sources[2 * index : 2 * index + 2].index(source)
                total = total + cell.edges[place](nodes[source])
            nodes.append(total)
        older, newer = newer, torch.cat(nodes[2:], dim=1)
    return network.classifier(newer.mean(dim=(2, 3)))


@given(SEEDS, TURNS)
@settings(max_examples=15)
def test_equal_canonical_forms_are_equal_functions(seed: int, turns: list[bool]) -> None:
    genotype = Genotype.random(np.random.default_rng(seed))
    record = written_in_another_order(genotype, turns)
    network, other = built(genotype), built(Genotype.parse(record), seed=1)
    other.load_state_dict(network.state_dict())
    with torch.no_grad():
        logits = network(X)
        assert torch.equal(logits, other(X))
        assert torch.allclose(logits, by_hand(network, record), rtol=0, atol=1e-12)


@given(SEEDS, st.integers(0, 15), st.sampled_from(OPERATIONS))
@settings(max_examples=15)
def test_another_operation_is_another_function(seed: int, place: int, op: str) -> None:
    """Where shapes allow the same weights (pools), the function differs; elsewhere the layers do."""
    genotype = Genotype.random(np.random.default_rng(seed))
    record = genotype.to_dict()
    record[CELLS[place // 8]][place % 8 // 2][place % 2][0] = op
    changed = Genotype.parse(record)
    first, second = built(genotype), built(changed)
    with torch.no_grad():
        differ = not torch.allclose(first(X), second(X), rtol=0, atol=1e-9)
    assert differ == (changed != genotype)
