"""ENAS's policy: an LSTM that draws a genotype decision by decision (methods.md 3.2, mapped to this space by 3.6).

A cell is 16 decisions: for each node two sources, then two operations. Both cells come from one network, the reduction
cell second, going on from the LSTM's state. Squashed logits keep every probability away from 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nastransfer.space.encoding import from_genes
from nastransfer.space.genotype import CELLS, CONCAT, EDGES, INPUTS, MIXTURE, NODES, OPERATIONS, Genotype

CHOICES = tuple(
    choices for _ in CELLS for node in CONCAT for choices in (node, node, len(OPERATIONS), len(OPERATIONS))
)
"""How many values each of the 32 decisions may take: source, source, operation, operation for each node."""

FREE_DECISIONS = len(CHOICES) - len(CELLS)
"""Without the second source of each cell's first node, which the first source leaves no choice."""

# Far below all logits, yet finite: 0 x log 0 is then 0 in the entropy.
_NEVER = -1e9
# Per node NSGA-Net's genes (operation, source, operation, source) from (source, source, operation, operation).
_GENE_ORDER = [4 * node + place for node in range(len(CELLS) * NODES) for place in (2, 0, 3, 1)]

Choose = Callable[[int, Tensor], Tensor]
"""From the number of a decision and its log-probabilities [n, choices], what is chosen: int64 [n]."""


@dataclass(frozen=True)
class Drawn:
    """A batch of architectures as decisions int64 [n, 32], and the log-probabilities [n, choices] of each decision."""

    actions: Tensor
    log_probs: list[Tensor]

    def log_prob(self) -> Tensor:
        """Log-probability of each architecture's decisions, all together: [n], with gradient."""
        taken = [
            log_probs.gather(1, self.actions[:, place, None])
            for place, log_probs in enumerate(self.log_probs)
        ]
        return torch.cat(taken, dim=1).sum(dim=1)

    @torch.no_grad()
    def entropy(self) -> Tensor:
        """Sum of the entropies (nats) of the distributions that were drawn from: [n], a constant for gradients."""
        parts = [(log_probs.exp() * log_probs).sum(dim=1) for log_probs in self.log_probs]
        return -torch.stack(parts).sum(dim=0)


class Policy(nn.Module):
    """The recurrent policy: LSTM without biases, embeddings, attention over earlier nodes, and operation logits.

    `favoured` operations start with the learned bias `learned_bias` and have the fixed one +`fixed_bias` in normal
    cells, the others 0 and -`fixed_bias`. Everything else starts uniform in +-`spread`.
    """

    fixed: Tensor

    def __init__(
        self,
        favoured: Collection[str] = ("sep_conv_3x3", "sep_conv_5x5"),
        *,
        temperature: float | None = None,
        tanh_constant: float = 1.10,
        op_tanh_reduce: float = 2.5,
        learned_bias: float = 10.0,
        fixed_bias: float = 0.25,
        units: int = 64,
        spread: float = 0.1,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.tanh_constant, self.op_tanh_reduce = tanh_constant, op_tanh_reduce
        liked = torch.tensor([operation in favoured for operation in OPERATIONS])
        self.lstm = nn.LSTMCell(units, units, bias=False)
        self.start = nn.Parameter(torch.empty(1, units))
        self.embeddings = nn.Parameter(torch.empty(len(OPERATIONS), units))
        self.op_weight = nn.Parameter(torch.empty(len(OPERATIONS), units))
        self.key_weight = nn.Parameter(torch.empty(units, units))
        self.query_weight = nn.Parameter(torch.empty(units, units))
        self.attention = nn.Parameter(torch.empty(units))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -spread, spread)
        self.op_bias = nn.Parameter(learned_bias * liked.to(self.attention.dtype))
        self.register_buffer("fixed", torch.where(liked, fixed_bias, -fixed_bias), persistent=False)

    def sample(self, number: int, generator: torch.Generator) -> Drawn:
        """`number` architectures, drawn by `generator`: the same ones as drawn one by one."""
        numbers = torch.rand(number, len(CHOICES), generator=generator)

        def choose(place: int, log_probs: Tensor) -> Tensor:
            with torch.no_grad():
                steps = log_probs.exp().cumsum(dim=1)
                # Scaled by the last step, which rounding may leave below 1: a choice that has no share is never met.
                return (steps <= numbers[:, place, None] * steps[:, -1:]).sum(dim=1)

        return self._decide(number, choose)

    def follow(self, actions: Tensor) -> Drawn:
        """Given architectures as decisions int64 [n, 32], and how probable the policy finds them.

        Raises `ValueError` for decisions out of range or a node with the same source twice.
        """
        if actions.ndim != 2 or actions.shape[1] != len(CHOICES):
            raise ValueError(f"decisions are [n, {len(CHOICES)}], got {list(actions.shape)}")
        if bool(((actions < 0) | (actions >= torch.tensor(CHOICES))).any()):
            raise ValueError(f"decisions are from 0 to {[choices - 1 for choices in CHOICES]}, got {actions}")
        if bool((actions[:, 0::4] == actions[:, 1::4]).any()):
            raise ValueError(f"the two sources of a node must differ, got {actions}")
        return self._decide(len(actions), lambda place, _: actions[:, place])

    def _decide(self, number: int, choose: Choose) -> Drawn:
        taken: list[Tensor] = []
        log_probs: list[Tensor] = []

        def decide(logits: Tensor) -> Tensor:
            log_probs.append(torch.log_softmax(logits, dim=1))
            taken.append(choose(len(taken), log_probs[-1].detach()))
            return taken[-1]

        start = self.start.expand(number, -1)
        state = (torch.zeros_like(start), torch.zeros_like(start))
        for kind in CELLS:
            state = self._cell(start, state, decide, fixed=kind == "normal")
        return Drawn(torch.stack(taken, dim=1), log_probs)

    def _cell(
        self, start: Tensor, state: tuple[Tensor, Tensor], decide: Callable[[Tensor], Tensor], *, fixed: bool
    ) -> tuple[Tensor, Tensor]:
        """22 steps of the LSTM from `state` (h, c); the state after them."""
        rows = torch.arange(len(start))
        anchors, keys = [], []
        for _ in range(INPUTS):
            state = self.lstm(start, state)
            anchors.append(torch.zeros_like(start))
            keys.append(state[0] @ self.key_weight)
        for _ in CONCAT:
            fed, earlier, key = start, torch.stack(anchors, dim=1), torch.stack(keys, dim=1)
            first: Tensor | None = None
            for _ in range(2):
                state = self.lstm(fed, state)
                logits = self._source_logits(key, state[0])
                if first is not None:
                    logits = logits.scatter(1, first[:, None], _NEVER)
                first = decide(logits)
                fed = earlier[rows, first]
            for _ in range(2):
                state = self.lstm(fed, state)
                fed = self.embeddings[decide(self._op_logits(state[0], fixed=fixed))]
            state = self.lstm(fed, state)
            anchors.append(state[0])
            keys.append(state[0] @ self.key_weight)
        return state

    def _source_logits(self, key: Tensor, hidden: Tensor) -> Tensor:
        """Logits [n, earlier nodes], within the tanh constant: additive attention of `hidden` [n, units] to `key`."""
        query = hidden @ self.query_weight
        return self.tanh_constant * torch.tanh(
            self._cooled(torch.tanh(key + query[:, None]) @ self.attention)
        )

    def _op_logits(self, hidden: Tensor, *, fixed: bool) -> Tensor:
        """Logits [n, operations], within the reduced tanh constant but for the fixed bias."""
        raw = self._cooled(torch.addmm(self.op_bias, hidden, self.op_weight.T))
        logits = self.tanh_constant / self.op_tanh_reduce * torch.tanh(raw)
        return logits + self.fixed if fixed else logits

    def _cooled(self, logits: Tensor) -> Tensor:
        return logits if self.temperature is None else logits / self.temperature


def genotypes(actions: Tensor) -> list[Genotype]:
    """The architectures of decisions int64 [n, 32]."""
    return [from_genes(genes) for genes in actions[:, _GENE_ORDER].tolist()]


def shares(actions: Tensor) -> Tensor:
    """How often each edge has each operation among architectures [n, 32]: [2 cells, 14 edges, 8], as in `MIXTURE`.

    The share of "none" is that of the architectures without the edge.
    """
    found = torch.zeros(len(CELLS), len(EDGES), len(MIXTURE), dtype=torch.float64)
    weight = torch.full((len(actions),), 1 / len(actions), dtype=torch.float64)
    nodes = actions.reshape(len(actions), len(CELLS), NODES, 4)
    for cell in range(len(CELLS)):
        for place, node in enumerate(CONCAT):
            for edge in range(2):
                source, operation = nodes[:, cell, place, edge], nodes[:, cell, place, 2 + edge]
                rows = EDGES.index((node, 0)) + source
                found[cell].index_put_((rows, operation), weight, accumulate=True)
    found[..., -1] = 1 - found[..., :-1].sum(dim=-1)
    return found
