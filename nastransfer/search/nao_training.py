"""How NAO's network learns from a pool of scored architectures, and how well it knows them (methods.md 4.4)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss, nll_loss

from nastransfer.search.nao import Nao
from nastransfer.search.nao_model import MACS, VOCABULARY, CodeNetwork, swap_pairs
from nastransfer.space.genotype import CELLS, NODES
from nastransfer.train.device import seeded
from nastransfer.train.loop import descend

# With `expand`, this share of the pool is learnt from.
_LEARNT_FROM = 0.9
_MAX_SEED = 2**62


@dataclass(frozen=True)
class Knowledge:
    """How well a network knows a pool: differing tokens a sequence, and percent of pairs in the right order.

    `pairwise_percent` is None where all accuracies are equal.
    """

    hamming: float
    pairwise_percent: float | None


def examples(
    settings: Nao, tokens: Tensor, accuracies: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """What is learnt from sequences [n, 32] and their accuracies [n]: sequences and targets, as `expand` says.

    Targets are the accuracies scaled to 0 to 1 within the pool.
    """
    targets = scaled(accuracies)
    if settings.expand is None:
        return tokens, targets
    chosen = torch.randperm(len(tokens), generator=generator)[: math.ceil(_LEARNT_FROM * len(tokens))]
    copies = [swap_a_node(tokens[chosen], generator) for _ in range(settings.expand - 1)]
    return torch.cat([tokens[chosen], *copies]), targets[chosen].repeat(settings.expand)


def swap_a_node(tokens: Tensor, generator: torch.Generator) -> Tensor:
    """The two pairs of one random node of each cell exchanged: other sequences of the same architectures."""
    node = torch.randint(NODES, (len(tokens), len(CELLS), 1), generator=generator)
    return swap_pairs(tokens, node == torch.arange(NODES))


class CodeTraining:
    """The training of a network in one round, on `examples`; `generator` draws all that is random in it."""

    def __init__(
        self,
        network: CodeNetwork,
        settings: Nao,
        tokens: Tensor,
        targets: Tensor,
        generator: torch.Generator,
    ) -> None:
        self.network = network
        self.settings = settings
        self._generator = generator
        self._tokens, self._targets = tokens, targets
        self._optimizer = torch.optim.Adam(
            network.parameters(),
            settings.predictor_lr,
            weight_decay=settings.predictor_weight_decay,
            fused=True,
        )

    def train(self, epochs: int) -> float:
        """Some more passes; the mean loss of the last one."""
        self.network.train()
        # The layers' dropout draws from torch's own generator.
        seed = int(torch.randint(_MAX_SEED, (), generator=self._generator))
        losses: list[Tensor] = []
        with seeded(seed):
            for _ in range(epochs):
                losses = [self._step(tokens, targets) for tokens, targets in self._batches()]
        return float(torch.stack(losses).mean())

    def macs(self, epochs: int) -> int:
        """Multiply-adds of so many passes, with gradients."""
        return 3 * epochs * len(self._tokens) * MACS

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self._tokens), generator=self._generator)
        tokens = self._tokens[order]
        if self.settings.expand is None:
            tokens = swap_a_node(tokens, self._generator)
        size = self.settings.predictor_batch
        yield from zip(tokens.split(size), self._targets[order].split(size), strict=True)

    def _step(self, tokens: Tensor, targets: Tensor) -> Tensor:
        loss = code_loss(self.network, tokens, targets, self.settings.trade_off)
        descend(self._optimizer, loss, self.settings.predictor_clip)
        return loss.detach()

    def state(self) -> dict[str, Any]:
        """All but the network and the generator."""
        return {
            "tokens": self._tokens,
            "targets": self._targets,
            "optimizer": self._optimizer.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state()` gave of a training on the same examples."""
        self._optimizer.load_state_dict(state["optimizer"])


def code_loss(network: CodeNetwork, tokens: Tensor, targets: Tensor, trade_off: float) -> Tensor:
    """trade_off * squared error of the accuracies [n] + (1 - trade_off) * mean -log p of the tokens [n, 32]; 0-d."""
    states = network.encode(tokens)
    error = mse_loss(network.predict(states), targets)
    logs = network.log_probabilities(states, tokens)
    return trade_off * error + (1 - trade_off) * nll_loss(logs.view(-1, VOCABULARY), tokens.reshape(-1))


def scaled(accuracies: Tensor) -> Tensor:
    """(accuracy - lowest) / (highest - lowest) in fp32; all 0.5 where they are equal."""
    low, high = accuracies.min(), accuracies.max()
    if low == high:
        return torch.full(accuracies.shape, 0.5)
    return ((accuracies - low) / (high - low)).float()


@torch.no_grad()
def knowledge(network: CodeNetwork, tokens: Tensor, accuracies: Tensor) -> Knowledge:
    """How well a network in evaluation mode knows sequences [n, 32] with these accuracies [n]."""
    network.eval()
    states = network.encode(tokens)
    wrong = (network.decode(states) != tokens).sum(dim=1)
    return Knowledge(float(wrong.double().mean()), pairwise_percent(network.predict(states), accuracies))


def pairwise_percent(predicted: Tensor, accuracies: Tensor) -> float | None:
    """Percent of the pairs with different accuracies that the predictions [n] put in the same order."""
    first, second = torch.triu_indices(len(accuracies), len(accuracies), offset=1)
    truth = torch.sign(accuracies[first] - accuracies[second])
    said = torch.sign(predicted[first] - predicted[second])
    count = int((truth != 0).sum())
    return 100.0 * int(((said == truth) & (truth != 0)).sum()) / count if count else None
