"""NAO's network: a sequence is encoded, its accuracy predicted from the code, and the code decoded (methods.md 4.3).

Sequences are int64 [n, 32], 16 pairs (source, operation) as `space.encoding.to_tokens` writes them, but with a node's
two pairs in any order. A sequence's states are [n, 16, 96], one a pair, and its code [n, 96] is their mean; all of them
have length 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, normalize

from nastransfer.space.encoding import (
    FIRST_OPERATION_TOKEN,
    GENE_CHOICES,
    START_TOKEN,
    VOCABULARY,
    to_tokens,
)
from nastransfer.space.genotype import CELLS, NODES, Genotype

EMBEDDING = 48
HIDDEN = 96
PREDICTOR_WIDTH = 200
PREDICTOR_LAYERS = 3
PREDICTOR_DROPOUT = 0.1

LENGTH = len(GENE_CHOICES)
PAIRS = LENGTH // 2
# Tokens of a node: source, operation, source, operation.
_NODE_TOKENS = LENGTH // (len(CELLS) * NODES)


def sequences(genotypes: Sequence[Genotype]) -> Tensor:
    """The sequences of genotypes, pairs in their canonical order."""
    return torch.tensor([to_tokens(genotype) for genotype in genotypes], dtype=torch.int64).view(-1, LENGTH)


def swap_pairs(tokens: Tensor, swapped: Tensor) -> Tensor:
    """Sequences with the two pairs of those nodes exchanged where `swapped` [n, 2 cells, 4 nodes] is true."""
    nodes = tokens.view(-1, len(CELLS), NODES, 2, _NODE_TOKENS // 2)
    return torch.where(swapped[..., None, None], nodes.flip(3), nodes).view(-1, LENGTH)


def _allowed() -> Tensor:
    """Which tokens may stand at each place of a sequence, bool [32, 13]."""
    table = torch.zeros(LENGTH, VOCABULARY, dtype=torch.bool)
    for pair in range(PAIRS):
        table[2 * pair, 1 : GENE_CHOICES[2 * pair + 1] + 1] = True
        table[2 * pair + 1, FIRST_OPERATION_TOKEN:] = True
    return table


class Decoder(nn.Module):
    """An LSTM that starts from the code, and attention over the states: what the next token is."""

    def __init__(self) -> None:
        """With torch's default initial weights."""
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, HIDDEN)
        self.lstm = nn.LSTM(HIDDEN, HIDDEN, batch_first=True)
        self.query = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.join = nn.Linear(2 * HIDDEN, HIDDEN, bias=False)
        self.output = nn.Linear(HIDDEN, VOCABULARY)

    def forward(
        self, tokens: Tensor, states: Tensor, memory: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Logits [n, length, 13] of what follows each of `tokens` [n, length], and the memory behind the last."""
        queries, memory = self.lstm(self.embedding(tokens), memory)
        attention = torch.softmax(self.query(queries) @ states.transpose(1, 2), dim=2)
        joined = torch.cat([attention @ states, queries], dim=2)
        return self.output(torch.tanh(self.join(joined))), memory


class CodeNetwork(nn.Module):
    """Encoder, predictor and decoder: 279,774 parameters."""

    def __init__(self) -> None:
        """With torch's default initial weights."""
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, EMBEDDING)
        self.encoder = nn.LSTM(2 * EMBEDDING, HIDDEN, batch_first=True)
        layers: list[nn.Module] = []
        width = HIDDEN
        for _ in range(PREDICTOR_LAYERS):
            layers += [nn.Linear(width, PREDICTOR_WIDTH), nn.ReLU(), nn.Dropout(PREDICTOR_DROPOUT)]
            width = PREDICTOR_WIDTH
        self.predictor = nn.Sequential(*layers, nn.Linear(width, 1), nn.Sigmoid())
        self.decoder = Decoder()
        self.register_buffer("_allowed", _allowed(), persistent=False)

    def encode(self, tokens: Tensor) -> Tensor:
        """The states of sequences."""
        states, _ = self.encoder(self.embedding(tokens).view(len(tokens), PAIRS, 2 * EMBEDDING))
        return normalize(states, dim=2)

    def predict(self, states: Tensor) -> Tensor:
        """Predicted accuracies [n], on the scale of the targets (0 to 1)."""
        return self.predictor(code(states)).squeeze(1)

    def log_probabilities(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Of every token at each place [n, 32, 13], given the states and the right tokens before it."""
        before = torch.cat([tokens.new_full((len(tokens), 1), START_TOKEN), tokens[:, :-1]], dim=1)
        logits, _ = self.decoder(before, states, self._start(states))
        return log_softmax(logits, dim=2)

    @torch.no_grad()
    def decode(self, states: Tensor) -> Tensor:
        """The sequences of states, greedily token by token: each the likeliest of those that are legal there.

        Legal are the sources that come before a node, the second one not the first one again, and the operations.
        """
        memory = self._start(states)
        count = len(states)
        tokens = torch.full((count, 1), START_TOKEN, dtype=torch.int64, device=states.device)
        found: list[Tensor] = []
        for place in range(LENGTH):
            logits, memory = self.decoder(tokens, states, memory)
            legal = self.get_buffer("_allowed")[place].expand(count, -1)
            if place % _NODE_TOKENS == 2:
                legal = legal.scatter(1, found[-2], False)
            tokens = logits[:, 0].masked_fill(~legal, -torch.inf).argmax(dim=1, keepdim=True)
            found.append(tokens)
        return torch.cat(found, dim=1)

    def improve(self, tokens: Tensor, step: float) -> Tensor:
        """Sequences like these, whose states went up the gradient of their predicted accuracy by `step` times it."""
        states = self.encode(tokens).detach().requires_grad_()
        (uphill,) = torch.autograd.grad(self.predict(states).sum(), states)
        return self.decode(normalize(states.detach() + step * uphill, dim=2))

    def _start(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's first memory: hidden and cell state are the code."""
        first = code(states)[None]
        return first, first


def code(states: Tensor) -> Tensor:
    """The code [n, 96] of states [n, 16, 96]: their mean, brought to length 1."""
    return normalize(states.mean(dim=1), dim=1)


# Multiply-adds of a sequence forward through all parts, the matrix products.
MACS = (
    (PAIRS + LENGTH) * 8 * HIDDEN * HIDDEN
    + HIDDEN * PREDICTOR_WIDTH
    + (PREDICTOR_LAYERS - 1) * PREDICTOR_WIDTH**2
    + PREDICTOR_WIDTH
    + LENGTH * (3 * HIDDEN**2 + 2 * PAIRS * HIDDEN + VOCABULARY * HIDDEN)
)
