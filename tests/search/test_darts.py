"""DARTS without a network: defaults, schedules, the rule for architecture learning rates, entropy, derivation."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from nastransfer.search.darts import SKIP, Darts, FirstOrderDarts, cap_skips, derive, mean_entropy, softmax
from nastransfer.search.searcher import make_searcher
from nastransfer.space.genotype import EDGES, MIXTURE, OPERATIONS

NONE = MIXTURE.index("none")


def row(node: int, source: int) -> int:
    return EDGES.index((node, source))


def test_the_papers_settings() -> None:
    """Methods sheet 2.3 and 2.4."""
    paper = make_searcher("darts1", "paper")
    assert isinstance(paper, FirstOrderDarts)
    assert (paper.cells, paper.channels, paper.batch, paper.epochs, paper.steps) == (8, 16, 64, 50, None)
    assert (paper.lr, paper.lr_end, paper.momentum, paper.weight_decay, paper.clip) == (
        0.025,
        0.001,
        0.9,
        3e-4,
        5,
    )
    assert (paper.arch_lr, paper.arch_beta1, paper.arch_beta2, paper.arch_weight_decay) == (
        3e-4,
        0.5,
        0.999,
        1e-3,
    )
    assert (paper.alpha_scale, paper.ranking) == (1e-3, "softmax")


def test_the_learning_rate_of_the_paper() -> None:
    """Methods sheet section 12: a cosine per epoch of 391 steps."""
    paper = FirstOrderDarts()
    rates = [paper.lr_at(epoch * 391 + 200, 391) for epoch in (0, 25, 49)]
    assert rates == pytest.approx([0.025, 0.013, 0.001024], rel=1e-3)
    assert paper.total_steps(391) == 19_550


def test_short_searches_anneal_to_their_own_end() -> None:
    tiny = make_searcher("darts1", "tiny")
    assert isinstance(tiny, FirstOrderDarts)
    rates = [tiny.lr_at(step, 25) for step in range(tiny.total_steps(25))]
    assert (len(rates), rates[0]) == (100, 0.025)
    assert rates[-1] == pytest.approx(0.001, abs=1e-5)
    assert all(later < earlier for earlier, later in pairwise(rates))


@pytest.mark.parametrize(("updates", "rate"), [(19_550, 3e-4), (3_910, 1.5e-3), (1_000, 5.865e-3), (40, 0.1)])
def test_alphas_can_move_as_far_as_in_the_paper(updates: int, rate: float) -> None:
    tiny = make_searcher("darts1", "tiny")
    assert isinstance(tiny, FirstOrderDarts)
    assert tiny.arch_lr_at(updates) == pytest.approx(rate)


def test_entropy_of_known_distributions() -> None:
    flat = np.zeros((14, 8))
    assert mean_entropy(flat, flat) == pytest.approx(math.log(8))
    sure = np.where(np.arange(8) == 3, 1000.0, 0.0) * np.ones((14, 1))
    assert mean_entropy(sure, sure) == pytest.approx(0.0, abs=1e-12)
    assert mean_entropy(flat, sure) == pytest.approx(math.log(8) / 2)


def test_derivation_by_hand() -> None:
    """Node 3 has its strongest operations on sources 0 and 2, node 5 on 1 and 4; elsewhere ties go to the first."""
    alphas = np.zeros((14, 8))
    alphas[row(3, 0), OPERATIONS.index("dil_conv_5x5")] = 2.0
    alphas[row(3, 2), OPERATIONS.index("skip_connect")] = 1.0
    alphas[row(5, 4), OPERATIONS.index("sep_conv_3x3")] = 3.0
    alphas[row(5, 1), OPERATIONS.index("avg_pool_3x3")] = 2.0
    alphas[row(5, 1), OPERATIONS.index("sep_conv_5x5")] = 1.0
    genotype = derive(alphas, np.zeros((14, 8)))
    first = (("max_pool_3x3", 0), ("max_pool_3x3", 1))
    assert genotype.normal == (
        first,
        (("dil_conv_5x5", 0), ("skip_connect", 2)),
        first,
        (("avg_pool_3x3", 1), ("sep_conv_3x3", 4)),
    )
    assert genotype.reduce == (first,) * 4


def test_the_share_of_zero_counts_by_softmax_and_not_by_raw_values() -> None:
    """Methods sheet section 12, AMB-4: a raised zero operation may cost an edge its place, raw ranking ignores it."""
    alphas = np.zeros((14, 8))
    for source, value in ((0, 1.0), (1, 0.9), (2, 0.8)):
        alphas[row(4, source), 0] = value
    alphas[row(4, 0), NONE] = 5.0
    assert [edge.source for edge in derive(alphas, alphas, "softmax").normal[2]] == [1, 2]
    assert [edge.source for edge in derive(alphas, alphas, "raw").normal[2]] == [0, 1]
    assert softmax(alphas)[row(4, 0), 0] < softmax(alphas)[row(4, 2), 0]


@pytest.mark.parametrize("ranking", ["softmax", "raw"])
def test_random_alphas_give_legal_cells_without_zero(ranking: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        alphas = rng.normal(size=(2, 14, 8)) * 3
        alphas[..., NONE] += 2
        genotype = derive(*alphas, ranking=ranking)
        for cell, values in ((genotype.normal, alphas[0]), (genotype.reduce, alphas[1])):
            for node, pair in zip((2, 3, 4, 5), cell, strict=True):
                assert pair[0].source < pair[1].source < node
                for edge in pair:
                    assert OPERATIONS.index(edge.op) == values[row(node, edge.source), :NONE].argmax()


def skipping(edges: int, *, behind: float = 0.0) -> np.ndarray:
    """Alphas whose first `edges` edges are led by the skip connection, each a little less than the one before."""
    alphas = np.full((len(EDGES), len(MIXTURE)), behind)
    alphas[:, OPERATIONS.index("sep_conv_3x3")] = behind + 0.5
    for edge in range(edges):
        alphas[edge, SKIP] = 2.0 - 0.1 * edge
    return alphas


def led_by_skips(alphas: np.ndarray) -> list[int]:
    return np.flatnonzero(alphas.argmax(axis=1) == SKIP).tolist()


@pytest.mark.parametrize(("edges", "most", "left"), [(5, 2, [0, 1]), (5, 0, []), (2, 2, [0, 1]), (0, 2, [])])
def test_the_skip_cap_takes_the_weakest_first(edges: int, most: int, left: list[int]) -> None:
    alphas = skipping(edges)
    capped = cap_skips(alphas, most)
    assert led_by_skips(capped) == left
    assert led_by_skips(alphas) == list(range(edges)), "the alphas given stay as they are"
    assert np.array_equal(capped[edges:], alphas[edges:])


def test_the_skip_cap_ends_where_zero_would_still_lead() -> None:
    assert led_by_skips(cap_skips(skipping(4, behind=-3.0), 1)) == [0]


def test_options_are_off_in_every_preset() -> None:
    for method in ("darts1", "darts2"):
        for preset in ("paper", "short", "small", "tiny"):
            made = make_searcher(method, preset)
            assert isinstance(made, Darts)
            assert (made.skip_cap, made.stop_at_skips, made.pick, made.ranking) == (
                None,
                None,
                "last",
                "softmax",
            )


def test_a_capped_genotype_has_fewer_skips() -> None:
    alphas = skipping(len(EDGES))
    free, capped = (
        make_searcher("darts1", "tiny", **changed).derive(alphas, alphas) for changed in ({}, {"skip_cap": 2})
    )
    counts = [sum(edge.op == "skip_connect" for node in g.normal for edge in node) for g in (free, capped)]
    assert counts == [8, 2]
    assert capped.reduce == free.reduce, "only the normal cell is capped"
