"""NAO's pool: the new members that its network makes of the best, and what the pool is made of (methods.md 4.6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nastransfer.search.nao import Nao
from nastransfer.search.nao_model import CodeNetwork
from nastransfer.space.encoding import from_tokens, to_one_hot
from nastransfer.space.genotype import Genotype


def new_members(
    network: CodeNetwork, settings: Nao, tokens: Tensor, pool: Sequence[Genotype]
) -> dict[Genotype, list[int]]:
    """Up to `new` genotypes that are not in the pool, with their sequences, in the order found.

    The sequences [n, 32] of the pool, best first: the first `improved` of them go uphill by 1, 2, 3, ... up to
    `most_steps` gradients until there are enough.
    """
    network.eval()
    known = set(pool)
    found: dict[Genotype, list[int]] = {}
    for step in range(1, settings.most_steps + 1):
        for sequence in network.improve(tokens[: settings.improved], step).tolist():
            genotype = from_tokens(sequence)
            if genotype in known:
                continue
            known.add(genotype)
            found[genotype] = sequence
            if len(found) == settings.new:
                return found
    return found


def operation_shares(pool: Sequence[Genotype]) -> NDArray[np.float64]:
    """How often each edge has each operation [2 cells, 14 edges, 8], as in `MIXTURE`; "none" where it is not there."""
    taken = np.mean([to_one_hot(genotype) for genotype in pool], axis=0, dtype=np.float64)
    return np.concatenate([taken, 1.0 - taken.sum(axis=2, keepdims=True)], axis=2)


def share_entropy(shares: NDArray[np.float64]) -> float:
    """Mean entropy (nats) of the edges' shares [..., 8]."""
    shares = shares.clip(0.0)
    logs = np.log(shares, where=shares > 0, out=np.zeros_like(shares))
    return float(-(shares * logs).sum(axis=-1).mean())
