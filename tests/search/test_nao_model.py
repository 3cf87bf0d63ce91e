"""NAO's network and its training: size, legal sequences, the step uphill, loss, swaps, what it comes to know."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise as neighbours
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from nastransfer.search.nao import Nao
from nastransfer.search.nao_model import HIDDEN, PAIRS, CodeNetwork, code, sequences, swap_pairs
from nastransfer.search.nao_pool import new_members, operation_shares, share_entropy
from nastransfer.search.nao_training import (
    CodeTraining,
    code_loss,
    examples,
    knowledge,
    pairwise_percent,
    scaled,
    swap_a_node,
)
from nastransfer.search.searcher import make_searcher
from nastransfer.space.encoding import from_tokens
from nastransfer.space.genotype import EDGES, OPERATIONS, Genotype, edge_index
from nastransfer.space.supernet import Supernet
from nastransfer.train.device import seeded


def built(seed: int = 0) -> CodeNetwork:
    with seeded(seed):
        return CodeNetwork().eval()


def drawn(count: int, seed: int = 0) -> list[Genotype]:
    return Genotype.draw(np.random.default_rng(seed), count)


def settings(**changed: Any) -> Nao:
    made = make_searcher("nao", "tiny", **changed)
    assert isinstance(made, Nao)
    return made


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shuffled(tokens: Tensor, seed: int = 5) -> Tensor:
    """The same architectures, the pairs of each node in a random order."""
    return swap_pairs(tokens, torch.rand(len(tokens), 2, 4, generator=generator(seed)) < 0.5)


def additive(genotypes: list[Genotype], seed: int = 0) -> Tensor:
    """Made-up accuracies: each operation adds an amount of its own, in either kind of cell."""
    worth = np.random.default_rng(seed).normal(size=(2, len(OPERATIONS)))
    return torch.tensor(
        [
            sum(worth[place // 8, OPERATIONS.index(edge.op)] for place, edge in enumerate(genotype.edges()))
            for genotype in genotypes
        ]
    )


def test_its_size_is_the_papers() -> None:
    """Methods sheet 4.3: 279,774 parameters with a vocabulary of 13."""
    assert sum(parameter.numel() for parameter in CodeNetwork().parameters()) == 279_774


def test_states_and_codes_have_length_one() -> None:
    states = built().encode(sequences(drawn(5)))
    assert states.shape == (5, PAIRS, HIDDEN)
    assert states.norm(dim=2).detach().numpy() == pytest.approx(1.0, abs=1e-5)
    assert code(states).norm(dim=1).detach().numpy() == pytest.approx(1.0, abs=1e-5)
    predicted = built().predict(states)
    assert predicted.shape == (5,) and bool(((predicted > 0) & (predicted < 1)).all())


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_decoded_is_a_legal_genotype(seed: int) -> None:
    """From any states, with any weights: also such that make one token the favourite everywhere."""
    network = built(seed)
    with torch.no_grad():
        network.decoder.output.bias.copy_(20 * torch.randn(13, generator=generator(seed)))
    tokens = network.decode(normalize(torch.randn(200, PAIRS, HIDDEN, generator=generator(seed)), dim=2))
    genotypes = [from_tokens(sequence) for sequence in tokens.tolist()]
    assert all(
        first.source != second.source
        for g in genotypes
        for cell in (g.normal, g.reduce)
        for first, second in cell
    )


def test_decoding_takes_the_likeliest_legal_token_of_the_forced_pass() -> None:
    network = built(3)
    states = network.encode(sequences(drawn(20)))
    tokens = network.decode(states)
    logs = network.log_probabilities(states, tokens)
    for place in range(tokens.shape[1]):
        legal = (logs[0, place] * 0).bool()
        legal[6:] = place % 2 == 1
        if place % 2 == 0:
            legal[1 : 3 + place // 4 % 4] = True
        for row in range(len(tokens)):
            allowed = legal.clone()
            if place % 4 == 2:
                allowed[tokens[row, place - 2]] = False
            assert int(logs[row, place].masked_fill(~allowed, -torch.inf).argmax()) == tokens[row, place]


def test_the_step_goes_uphill(monkeypatch: pytest.MonkeyPatch) -> None:
    network, tokens = built(1), sequences(drawn(30))
    states = network.encode(tokens).detach()
    seen: list[Tensor] = []

    def decode(moved: Tensor) -> Tensor:
        seen.append(moved)
        return tokens

    monkeypatch.setattr(network, "decode", decode)
    for step in (0, 10, 100):
        network.improve(tokens, step)
    assert torch.allclose(seen[0], states, atol=1e-6)
    values = [network.predict(moved).detach() for moved in seen]
    for lower, higher in neighbours(values):
        assert bool((higher > lower).all())
    assert seen[1].norm(dim=2).numpy() == pytest.approx(1.0, abs=1e-5)


def test_swapped_pairs_are_the_same_architecture() -> None:
    genotypes = drawn(40)
    tokens = sequences(genotypes)
    swapped = swap_a_node(tokens, generator())
    assert [from_tokens(sequence) for sequence in swapped.tolist()] == genotypes
    moved = (tokens != swapped).view(-1, 2, 4, 4).any(dim=3)
    assert (moved.sum(dim=2) == 1).all(), "one node of each cell; its two sources differ"
    assert moved.any(dim=0).all(), "each node some time"
    with seeded(0):
        shared = Supernet(channels=4, cells=3, affine=True)
    images = torch.randn(2, 3, 8, 8, generator=generator())
    with torch.no_grad():
        outputs = [shared(images, genotype=from_tokens(one[0].tolist())) for one in (tokens, swapped)]
    assert torch.equal(*outputs)


def test_the_loss_by_hand() -> None:
    network, tokens = built(2), sequences(drawn(6))
    targets = torch.linspace(0, 1, 6)
    states = network.encode(tokens)
    error = (network.predict(states) - targets).square().mean()
    logs = network.log_probabilities(states, tokens)
    surprise = -logs.gather(2, tokens[..., None]).mean()
    assert code_loss(network, tokens, targets, 1.0).item() == pytest.approx(error.item())
    assert code_loss(network, tokens, targets, 0.0).item() == pytest.approx(surprise.item(), rel=1e-5)
    mixed = code_loss(network, tokens, targets, 0.8).item()
    assert mixed == pytest.approx(0.8 * error.item() + 0.2 * surprise.item(), rel=1e-5)


def test_targets_and_pairs_by_hand() -> None:
    assert scaled(torch.tensor([0.2, 0.4, 0.6])).tolist() == pytest.approx([0.0, 0.5, 1.0])
    assert scaled(torch.tensor([0.3, 0.3])).tolist() == [0.5, 0.5]
    truth = torch.tensor([1.0, 2.0, 2.0, 3.0])
    # Five pairs differ; 1 < 3 alone is turned round.
    assert pairwise_percent(torch.tensor([0.5, 0.6, 0.7, 0.4]), truth) == pytest.approx(40.0)
    assert pairwise_percent(torch.tensor([0.1, 0.3, 0.2, 0.4]), truth) == 100.0
    assert pairwise_percent(truth, torch.ones(4)) is None


def test_expanding_copies_nine_tenths_with_swaps() -> None:
    genotypes = drawn(20)
    tokens, accuracies = shuffled(sequences(genotypes)), torch.arange(20.0)
    more, targets = examples(settings(expand=4), tokens, accuracies, generator())
    assert more.shape == (4 * 18, 32)
    copies = [[from_tokens(row) for row in part.tolist()] for part in more.split(18)]
    assert all(part == copies[0] for part in copies)
    assert len(set(copies[0])) == 18
    assert [round(19 * value) for value in targets[:18].tolist()] == [genotypes.index(g) for g in copies[0]]
    assert targets.view(4, 18).unique(dim=0).shape[0] == 1
    assert not torch.equal(more[:18], more[18:36])
    same, _ = examples(settings(), tokens, accuracies, generator())
    assert torch.equal(same, tokens)


def test_a_training_moves_the_loss_and_follows_its_generator() -> None:
    genotypes = drawn(20)
    tokens, targets = shuffled(sequences(genotypes)), scaled(additive(genotypes))
    ends = []
    for seed in (1, 1, 2):
        network = built()
        training = CodeTraining(network, settings(predictor_batch=10), tokens, targets, generator(seed))
        ends.append([training.train(1), training.train(5)])
    assert ends[0] == ends[1] != ends[2]
    assert ends[0][1] < ends[0][0]


def test_what_the_pool_is_made_of() -> None:
    pool = drawn(300)
    shares = operation_shares(pool)
    assert shares.shape == (2, 14, 8)
    assert shares.sum(axis=2) == pytest.approx(np.ones((2, 14)))
    row, op = edge_index(4, 2), OPERATIONS.index("skip_connect")
    expected = sum(("skip_connect", 2) in genotype.reduce[2] for genotype in pool) / 300
    assert shares[1, row, op] == pytest.approx(expected)
    assert shares[0, EDGES.index((2, 0)), 7] == pytest.approx(0.0)
    assert share_entropy(operation_shares(pool[:1])) == 0.0
    assert share_entropy(np.full((2, 14, 8), 1 / 8)) == pytest.approx(np.log(8))


def test_new_members_are_new_and_as_many_as_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = drawn(30)
    network, tokens = built(4), sequences(pool)
    known = [*pool, *drawn(6, seed=9)]
    answers = iter([known[:10], [*known[28:33], known[30]], known[25:]])
    monkeypatch.setattr(network, "improve", lambda tokens, step: sequences(next(answers)))  # noqa: ARG005
    found = new_members(network, settings(new=5, pool=30, rerank=1), tokens, pool)
    assert list(found) == known[30:35]
    assert [from_tokens(sequence) for sequence in found.values()] == list(found)
    steps: list[float] = []

    def improve(tokens: Tensor, step: float) -> Tensor:
        steps.append(step)
        return tokens

    monkeypatch.setattr(network, "improve", improve)
    assert new_members(network, settings(improved=7), tokens, pool) == {}
    assert steps == list(range(1, 51))


@pytest.mark.slow
def test_it_learns_an_additive_accuracy(record_property: Callable[[str, object], None]) -> None:
    """Methods sheet section 12: the loss falls, every sequence is reconstructed, more than 78% of pairs are right."""
    genotypes = drawn(800)
    tokens, accuracies = shuffled(sequences(genotypes)), additive(genotypes)
    noisy = accuracies + 0.5 * accuracies.std() * torch.randn(len(accuracies), generator=generator(1))
    network = built()
    training = CodeTraining(
        network, Nao(), *examples(Nao(), tokens[:600], noisy[:600], generator()), generator()
    )
    losses, own, others = [], [], []
    for _ in range(5):
        losses.append(training.train(20))
        own.append(knowledge(network, tokens[:600], noisy[:600]))
        others.append(knowledge(network, tokens[600:], accuracies[600:]))
    pairwise = [[round(known.pairwise_percent or 0.0, 1) for known in side] for side in (own, others)]
    hamming = [[round(known.hamming, 2) for known in side] for side in (own, others)]
    record_property("losses", [round(loss, 4) for loss in losses])
    record_property("pairwise_percent_of_the_pool", pairwise[0])
    record_property("pairwise_percent_of_others", pairwise[1])
    record_property("hamming_of_the_pool", hamming[0])
    record_property("hamming_of_others", hamming[1])
    assert losses[-1] < 0.1 * losses[0]
    # Adam's rate stays at 1e-3, so that a sequence may be lost again for a few steps.
    assert min(hamming[0]) == 0.0
    assert hamming[0][-1] < 1.0
    assert hamming[1][-1] < 1.0
    assert pairwise[0][-1] > 78
    assert pairwise[1][-1] > 78
