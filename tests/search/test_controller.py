"""ENAS's policy: its size and start, its bounds, and that batches of draws are what a plain reading of 3.2 draws."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from nastransfer.search.controller import CHOICES, FREE_DECISIONS, Drawn, Policy, genotypes, shares
from nastransfer.search.enas_run import reinforce
from nastransfer.space.genotype import EDGES, MIXTURE, OPERATIONS
from nastransfer.train.device import seeded

SEPS = [OPERATIONS.index("sep_conv_3x3"), OPERATIONS.index("sep_conv_5x5")]
OTHERS = [op for op in range(len(OPERATIONS)) if op not in SEPS]
# Places of the operations among the 32 decisions, in normal and in reduction cells.
NORMAL_OPS = [place for place in range(16) if place % 4 >= 2]
REDUCE_OPS = [16 + place for place in NORMAL_OPS]


def policy(seed: int = 1, **settings: float) -> Policy:
    with seeded(seed):
        return Policy(**settings)


def draw(made: Policy, number: int, seed: int = 5) -> Drawn:
    return made.sample(number, torch.Generator().manual_seed(seed))


def probabilities(drawn: Drawn, places: list[int]) -> torch.Tensor:
    """Of the seven operations, at the decisions `places`: [places, n, 7]."""
    return torch.stack([drawn.log_probs[place].detach().exp() for place in places])


def by_hand(made: Policy, numbers: np.ndarray) -> tuple[list[int], float, float]:
    """One architecture by methods.md 3.2, step by step: decisions, their log-probability, the sum of entropies."""
    weights = {name: value.detach().double().numpy() for name, value in made.named_parameters()}
    uniform: Iterator[float] = iter(numbers.tolist())
    hidden, cell = np.zeros(64), np.zeros(64)
    actions: list[int] = []
    total = {"log": 0.0, "entropy": 0.0}

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    def lstm(fed: np.ndarray) -> None:
        nonlocal hidden, cell
        gates = weights["lstm.weight_ih"] @ fed + weights["lstm.weight_hh"] @ hidden
        inwards, forget, new, outwards = np.split(gates, 4)
        cell = sigmoid(forget) * cell + sigmoid(inwards) * np.tanh(new)
        hidden = sigmoid(outwards) * np.tanh(cell)

    def decide(logits: np.ndarray) -> int:
        powers = np.exp(logits)
        shares = powers / powers.sum()
        chosen = int((shares.cumsum() <= next(uniform)).sum())
        actions.append(chosen)
        total["log"] += math.log(shares[chosen])
        total["entropy"] -= sum(share * math.log(share) for share in shares if share > 0)
        return chosen

    def cooled(logits: np.ndarray) -> np.ndarray:
        return logits / (made.temperature or 1.0)

    start = weights["start"][0]
    for kind in ("normal", "reduce"):
        anchors, keys = [], []
        for _ in range(2):
            lstm(start)
            anchors.append(np.zeros(64))
            keys.append(hidden @ weights["key_weight"])
        for node in range(2, 6):
            fed = start
            sources: list[int] = []
            for _ in range(2):
                lstm(fed)
                logits = np.array(
                    [
                        weights["attention"] @ np.tanh(key + hidden @ weights["query_weight"])
                        for key in keys[:node]
                    ]
                )
                logits = 1.10 * np.tanh(cooled(logits))
                logits[sources] = -np.inf
                sources.append(decide(logits))
                fed = anchors[sources[-1]]
            for _ in range(2):
                lstm(fed)
                logits = 0.44 * np.tanh(cooled(weights["op_weight"] @ hidden + weights["op_bias"]))
                if kind == "normal":
                    logits = logits + np.where(np.isin(np.arange(7), SEPS), 0.25, -0.25)
                fed = weights["embeddings"][decide(logits)]
            lstm(fed)
            anchors.append(hidden)
            keys.append(hidden @ weights["key_weight"])
    return actions, total["log"], total["entropy"]


def test_the_policy_has_the_size_of_the_papers() -> None:
    assert sum(parameter.numel() for parameter in policy().parameters()) == 41_991


def test_it_starts_as_the_paper_says() -> None:
    made = policy()
    assert made.op_bias.tolist() == [0, 0, 0, 10, 10, 0, 0]
    rest = torch.cat([p.detach().flatten() for name, p in made.named_parameters() if name != "op_bias"])
    assert rest.abs().max().item() <= 0.1
    assert rest.std().item() == pytest.approx(0.2 / math.sqrt(12), rel=0.02)
    drawn = draw(made, 20)
    for places, share in ((NORMAL_OPS, 0.253), (REDUCE_OPS, 0.1916)):
        found = probabilities(drawn, places)[..., SEPS]
        assert found.numpy() == pytest.approx(np.full(found.shape, share), abs=0.004)


@pytest.mark.parametrize("temperature", [None, 5.0])
def test_a_batch_of_draws_is_what_a_plain_reading_draws_one_by_one(temperature: float | None) -> None:
    """With weights ten times their start, so that decisions depend on one another clearly."""
    with seeded(3):
        made = Policy(temperature=temperature, spread=1.0, learned_bias=1.0)
    generator = torch.Generator().manual_seed(5)
    numbers = torch.rand(25, 32, generator=generator).double().numpy()
    drawn = draw(made, 25)
    for row, given in enumerate(numbers):
        actions, log_prob, entropy = by_hand(made, given)
        assert drawn.actions[row].tolist() == actions
        assert drawn.log_prob()[row].item() == pytest.approx(log_prob, abs=1e-4)
        assert drawn.entropy()[row].item() == pytest.approx(entropy, abs=1e-4)


def test_draws_do_not_depend_on_how_many_are_drawn_at_once() -> None:
    made = policy()
    generator = torch.Generator().manual_seed(5)
    single = [made.sample(1, generator).actions for _ in range(12)]
    assert torch.equal(torch.cat(single), draw(made, 12).actions)


def test_a_given_sequence_is_as_probable_as_when_it_was_drawn() -> None:
    made = policy()
    drawn = draw(made, 30)
    followed = made.follow(drawn.actions)
    assert torch.equal(followed.log_prob(), drawn.log_prob())
    assert torch.equal(followed.entropy(), drawn.entropy())


def test_decisions_are_legal_and_the_first_nodes_second_source_is_no_choice() -> None:
    drawn = draw(policy(), 200)
    assert len(drawn.log_probs) == len(CHOICES) == 2 * 4 * 4
    assert FREE_DECISIONS == 30
    assert [log_probs.shape[1] for log_probs in drawn.log_probs] == list(CHOICES)
    assert (drawn.actions[:, 0::4] != drawn.actions[:, 1::4]).all()
    for place, log_probs in enumerate(drawn.log_probs):
        shares_of = log_probs.exp()
        assert shares_of.sum(dim=1).detach().numpy() == pytest.approx(1.0, abs=1e-5)
        if place % 4 == 1:
            assert (shares_of.gather(1, drawn.actions[:, place - 1, None]) == 0).all()
        if place % 16 == 1:
            assert (shares_of.max(dim=1).values == 1).all()
    found = genotypes(drawn.actions)
    assert len({genotype.digest for genotype in found}) > 190
    first = drawn.actions[0].tolist()
    assert set(found[0].normal[3]) == {
        (OPERATIONS[first[14]], first[12]),
        (OPERATIONS[first[15]], first[13]),
    }


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (torch.zeros(2, 31, dtype=torch.int64), r"decisions are \[n, 32\], got \[2, 31\]"),
        (torch.tensor([[0, 1, 7, 0] * 8]), "decisions are from 0 to"),
        (torch.tensor([[0, 0, 1, 1] * 8]), "the two sources of a node must differ"),
    ],
)
def test_illegal_decisions_are_told(actions: torch.Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        policy().follow(actions)


def with_op_bias(values: dict[int, float], rest: float) -> Policy:
    """A policy whose learned bias is `rest` but for `values`."""
    made = policy()
    with torch.no_grad():
        made.op_bias.fill_(rest)
        for op, value in values.items():
            made.op_bias[op] = value
    return made


@pytest.mark.parametrize(
    ("op", "rest", "normal", "reduce"),
    [
        # What the bounds of the logits alone allow.
        ({SEPS[0]: 1e3}, -1e3, 0.38, 0.29),
        ({OTHERS[0]: 1e3}, -1e3, 0.25, 0.29),
        # What can be reached while both separable convolutions stay where they start.
        ({SEPS[0]: 10.0, SEPS[1]: 10.0}, -1e3, 0.307, 0.2455),
        ({OTHERS[0]: 1e3, SEPS[0]: 10.0, SEPS[1]: 10.0}, -1e3, 0.168, 0.215),
    ],
)
def test_probabilities_of_operations_are_bounded(
    op: dict[int, float], rest: float, normal: float, reduce: float
) -> None:
    """Methods sheet 3.2: the largest probability that the operation named first can have, met within 3%."""
    drawn = draw(with_op_bias(op, rest), 8)
    wanted = next(iter(op))
    for places, bound in ((NORMAL_OPS, normal), (REDUCE_OPS, reduce)):
        found = probabilities(drawn, places)[..., wanted]
        assert 0.97 * bound < found.max().item() < bound


def test_probabilities_of_sources_are_bounded() -> None:
    """With attention that saturates: 2 choices stay below 0.9003, 5 below 0.6929."""
    with seeded(7):
        made = Policy(spread=20.0)
    drawn = draw(made, 200)
    largest = {
        choices: max(
            drawn.log_probs[place].exp().max().item()
            for place in range(0, 32, 4)
            if CHOICES[place] == choices
        )
        for choices in (2, 5)
    }
    assert 0.6 < largest[2] < 0.9003
    assert 0.4 < largest[5] < 0.6929


def test_the_bias_of_ten_learns_nothing_but_at_a_temperature() -> None:
    for temperature, learns in ((None, False), (5.0, True)):
        made = policy(temperature=temperature)
        draw(made, 50).log_prob().sum().backward()
        assert made.op_weight.grad is not None and made.op_bias.grad is not None
        for gradient in (made.op_weight.grad[SEPS], made.op_bias.grad[SEPS]):
            assert bool(gradient.any()) == learns
        assert (made.op_weight.grad[OTHERS] != 0).all()


def test_entropy_of_a_policy_without_preferences() -> None:
    made = policy(learned_bias=0.0, fixed_bias=0.0, spread=1e-6)
    one_cell = 8 * math.log(7) + sum(math.log(node) + math.log(node - 1) for node in (2, 3, 4, 5))
    entropy = draw(made, 3).entropy()
    assert not entropy.requires_grad
    assert entropy.tolist() == pytest.approx([2 * one_cell] * 3, rel=1e-5)


def test_shares_of_edges_and_operations_by_hand() -> None:
    node = (0, 1, OPERATIONS.index("skip_connect"), OPERATIONS.index("sep_conv_3x3"))
    swapped = (1, 0, OPERATIONS.index("skip_connect"), OPERATIONS.index("sep_conv_3x3"))
    actions = torch.tensor([[*node] * 8, [*swapped] * 4 + [*node] * 4])
    normal, reduce = shares(actions).numpy()
    skip, sep, none = (MIXTURE.index(name) for name in ("skip_connect", "sep_conv_3x3", "none"))
    edge = EDGES.index((4, 0))
    assert normal[edge, [skip, sep, none]].tolist() == [0.5, 0.5, 0.0]
    assert reduce[edge, [skip, sep, none]].tolist() == [1.0, 0.0, 0.0]
    assert reduce[EDGES.index((4, 2)), none] == 1.0
    drawn = shares(draw(policy(), 300).actions)
    assert drawn.shape == (2, 14, 8)
    assert drawn.sum(dim=2).numpy() == pytest.approx(1.0)
    # Every node keeps two edges.
    assert drawn[..., :-1].sum(dim=(1, 2)).tolist() == pytest.approx([8.0, 8.0])


def test_a_step_makes_good_architectures_more_probable_and_bad_ones_less() -> None:
    made = policy()
    drawn = draw(made, 2)
    optimizer = torch.optim.SGD(made.parameters(), 1e-2)
    reinforce(optimizer, drawn, torch.tensor([1.0, -1.0]))
    good, bad = (made.follow(drawn.actions).log_prob() - drawn.log_prob()).tolist()
    assert good > 0 > bad
