"""NAO without a network: the paper's settings, presets, schedules, the order of its work, bad settings."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import Any

import pytest

from nastransfer.search.nao import Nao, Unit, ramp
from nastransfer.search.searcher import make_searcher

PAPER_EPOCH = 391


def nao(preset: str = "paper", **changed: Any) -> Nao:
    made = make_searcher("nao", preset, **changed)
    assert isinstance(made, Nao)
    return made


def test_the_papers_settings() -> None:
    """Methods sheet 4.4 to 4.6, and its section 11."""
    paper = nao()
    assert (paper.cells, paper.channels, paper.batch, paper.epochs, paper.steps) == (11, 20, 64, 150, None)
    assert (paper.lr, paper.lr_end, paper.momentum, paper.weight_decay, paper.clip) == (
        0.025,
        0.001,
        0.9,
        3e-4,
        5,
    )
    assert (paper.drop_path_keep, paper.off_path, paper.lr_per) == (0.9, "decay", "epoch")
    assert (paper.pool, paper.new, paper.improved, paper.most_steps) == (600, 300, 100, 50)
    assert (paper.scorings, paper.score_images) == (5, 500)
    assert (paper.predictor_epochs, paper.predictor_batch, paper.predictor_lr) == (1000, 100, 1e-3)
    assert (paper.predictor_weight_decay, paper.predictor_clip) == (1e-4, 5)
    assert (paper.trade_off, paper.expand) == (0.8, None)
    assert (paper.rerank, paper.rerank_epochs, paper.rerank_ramp_epochs) == (5, 10, 150)
    assert (paper.rerank_auxiliary, paper.rerank_dropout_keep, paper.rerank_drop_path_keep) == (0.4, 0.6, 0.8)


@pytest.mark.parametrize(
    ("preset", "length", "network", "pool", "predictor_epochs", "rerank"),
    [
        ("paper", (150, None, 5), (11, 20, 64), (600, 300), 1000, (5, 10)),
        ("short", (30, None, 5), (11, 20, 64), (200, 100), 300, (5, 2)),
        ("small", (None, 2000, 5), (5, 8, 64), (200, 100), 300, (5, 3)),
        ("tiny", (None, 200, 4), (3, 8, 32), (60, 30), 200, (3, 1)),
    ],
)
def test_the_presets(
    preset: str,
    length: tuple[int | None, int | None, int],
    network: tuple[int, int, int],
    pool: tuple[int, int],
    predictor_epochs: int,
    rerank: tuple[int, int],
) -> None:
    """Methods sheet 11b; the predictor keeps its rate."""
    made = nao(preset)
    assert (made.epochs, made.steps, made.scorings) == length
    assert (made.cells, made.channels, made.batch) == network
    assert (made.pool, made.new) == pool
    assert made.predictor_epochs == predictor_epochs
    assert (made.rerank, made.rerank_epochs) == rerank
    assert made.predictor_lr == 1e-3


def test_the_order_of_the_papers_work() -> None:
    """150 epochs, scores every 30 of them, four rounds of new members, then five are trained from scratch."""
    plan = nao().plan(PAPER_EPOCH)
    kinds = [kind for kind, _ in groupby(plan, key=lambda unit: unit.kind)]
    assert kinds == ["weights", "scores", "predictor", "pool"] * 4 + ["weights", "scores", "rerank"]
    done: Counter[str] = Counter()
    scored_after = []
    for unit in plan:
        if unit.kind == "scores" and unit.first == 0:
            scored_after.append(done["weights"] / PAPER_EPOCH)
        done[unit.kind] += unit.size
    assert scored_after == [30, 60, 90, 120, 150]
    assert done == {
        "weights": 150 * PAPER_EPOCH,
        "scores": 5 * 600,
        "predictor": 4 * 1000,
        "pool": 4,
        "rerank": 5 * 10,
    }
    assert [unit.first for unit in plan if unit.kind == "weights"] == list(range(150 * PAPER_EPOCH))


def test_parts_of_the_pool_are_whole() -> None:
    plan = nao("tiny", steps=5, scorings=2, pool=10, new=3, predictor_epochs=25, rerank=1).plan(3)
    assert [unit.first for unit in plan if unit.kind == "weights"] == [0, 1, 2, 3, 4]
    assert plan[2:5] == [Unit("scores", 0, 4), Unit("scores", 4, 4), Unit("scores", 8, 2)]
    assert plan[5:9] == [
        Unit("predictor", 0, 10),
        Unit("predictor", 10, 10),
        Unit("predictor", 20, 5),
        Unit("pool", 1),
    ]


def test_learning_rates() -> None:
    paper = nao()
    rates = [paper.lr_at(epoch * PAPER_EPOCH + 7, PAPER_EPOCH) for epoch in (0, 75, 149)]
    assert rates == pytest.approx([0.025, 0.013, 0.0010026], rel=1e-3)
    rates = [paper.rerank_lr_at(epoch * PAPER_EPOCH + 7, PAPER_EPOCH) for epoch in (0, 5, 9)]
    assert rates == pytest.approx([0.025, 0.013, 0.001587], rel=1e-3)
    small = nao("small")
    rates = [small.rerank_lr_at(step, 40) for step in range(3 * 40)]
    assert (rates[0], rates[-1]) == (0.025, pytest.approx(0.001, abs=1e-5))


def test_drop_path_grows_with_depth_and_time() -> None:
    paper, steps = nao(), 150 * PAPER_EPOCH
    assert paper.keep_at(0, PAPER_EPOCH) == [1.0] * 11
    assert paper.keep_at(steps // 2, PAPER_EPOCH)[-1] == pytest.approx(0.95)
    last = paper.keep_at(steps - 1, PAPER_EPOCH)
    assert last[-1] == pytest.approx(0.9, abs=1e-5)
    assert last[0] == pytest.approx(1 - 0.1 / 11, abs=1e-5)
    assert last == sorted(last, reverse=True)
    # Methods sheet 4.6: the ramp of the reranked networks ends far behind their training.
    assert min(min(paper.rerank_keep_at(epoch)) for epoch in range(10)) >= 0.987
    assert ramp(0.5, 2, 1.0) == [0.75, 0.5]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"new": 61}, r"new must not exceed pool: got 61 above 60"),
        ({"rerank": 61}, r"rerank must not exceed pool: got 61 above 60"),
        ({"rerank_ramp_epochs": 2, "rerank_epochs": 3}, r"must not exceed rerank_ramp_epochs: got 3 above 2"),
        ({"pool": 1}, r"pool: .*greater than or equal to 2 \(found 1\)"),
        ({"trade_off": 1.5}, r"trade_off: .*less than or equal to 1 \(found 1.5\)"),
        ({"expand": 1}, r"expand: .*greater than or equal to 2 \(found 1\)"),
        ({"drop_path_keep": 0.0}, r"drop_path_keep: .*greater than 0 \(found 0.0\)"),
        ({"score_images": 1}, r"score_images: .*greater than or equal to 2"),
        ({"off_path": "stop"}, r"off_path: .*'decay' or 'frozen'"),
    ],
)
def test_settings_out_of_range_are_one_clear_error(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        nao("tiny", **settings)


def test_there_are_at_least_as_many_steps_as_scorings() -> None:
    with pytest.raises(ValueError, match="4 scorings need as many weight steps, there are 3"):
        nao("tiny", steps=3).plan(25)
