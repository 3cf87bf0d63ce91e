"""Random genotypes: uniform, the same for the same generator, one by one or many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import chisquare

from nastransfer.space.genotype import CELLS, CONCAT, OPERATIONS, Genotype

DRAWS = Genotype.draw(np.random.default_rng(5), 20_000)
SEED_0 = ["456e392002af80b2", "e1bfeb89f0894b4b", "c66006c533c26471", "3a5d95972ca3d78a", "a699ab603f4c47ae"]


def probability(drawn: Iterable[object], possible: Iterable[object]) -> float:
    """Of counts at least as uneven as these where all that is possible is equally likely; 0 if more was drawn."""
    counts = Counter(drawn)
    expected = list(possible)
    return (
        float(chisquare([counts[value] for value in expected]).pvalue)
        if counts.keys() <= {*expected}
        else 0.0
    )


@pytest.mark.parametrize("kind", CELLS)
def test_operations_are_uniform(kind: str) -> None:
    ops = [edge.op for genotype in DRAWS for node in genotype.cell(kind) for edge in node]
    assert probability(ops, OPERATIONS) > 1e-3
    for index in range(len(CONCAT)):
        both = [tuple(edge.op for edge in genotype.cell(kind)[index]) for genotype in DRAWS]
        assert probability(both, product(OPERATIONS, repeat=2)) > 1e-3


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("node", CONCAT[1:])
def test_source_pairs_are_uniform(kind: str, node: int) -> None:
    """3, 6 and 10 pairs for nodes 3, 4 and 5; node 2 has only one."""
    pairs = [tuple(edge.source for edge in genotype.cell(kind)[node - 2]) for genotype in DRAWS]
    assert probability(pairs, combinations(range(node), 2)) > 1e-3


def test_both_cells_and_all_nodes_are_drawn_independently() -> None:
    assert len({genotype.digest for genotype in DRAWS}) == len(DRAWS)
    places = [(kind, index, edge) for kind in CELLS for index in range(len(CONCAT)) for edge in range(2)]
    ids = {op: number for number, op in enumerate(OPERATIONS)}
    ops = {
        (kind, index, edge): [ids[genotype.cell(kind)[index][edge].op] for genotype in DRAWS]
        for kind, index, edge in places
    }
    worst = min(
        probability(zip(ops[a], ops[b], strict=True), product(range(len(OPERATIONS)), repeat=2))
        for a, b in combinations(places, 2)
    )
    # The least of 120 probabilities: below 1e-5 once in about 800 trials.
    assert worst > 1e-5


def test_draws_follow_their_generator() -> None:
    first, again, other = (Genotype.random(np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_many_at_once_are_the_same_as_one_by_one() -> None:
    together, alone = np.random.default_rng(0), np.random.default_rng(0)
    drawn = Genotype.draw(together, 300)
    assert drawn == [Genotype.random(alone) for _ in range(300)]
    assert together.bit_generator.state == alone.bit_generator.state
    assert Genotype.draw(together, 0) == []


def test_what_a_seed_draws_is_fixed_for_ever() -> None:
    """Random baselines of old studies are named by their seeds; numpy's own stream is part of this."""
    assert [genotype.digest for genotype in Genotype.draw(np.random.default_rng(0), 5)] == SEED_0


def test_drawn_genotypes_are_checked_genotypes() -> None:
    """Draws skip the checks: here they are made up for."""
    for genotype in DRAWS[:500]:
        checked = Genotype(normal=genotype.normal, reduce=genotype.reduce)
        assert checked == genotype == Genotype.parse(str(genotype))
        assert (checked.normal, checked.reduce, hash(checked)) == (
            genotype.normal,
            genotype.reduce,
            hash(genotype),
        )


def test_wrong_generators_and_counts_are_refused() -> None:
    for wrong in (0, None, np.random.RandomState(0)):
        with pytest.raises(ValueError, match=r"for instance numpy\.random\.default_rng\(seed\), got "):
            Genotype.random(wrong)
    for count in (-1, 2.5, True):
        with pytest.raises(ValueError, match=f"a whole number from 0 on, got {count}"):
            Genotype.draw(np.random.default_rng(0), count)
