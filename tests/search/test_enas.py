"""ENAS without a network: the paper's numbers, cycles of the learning rate, order of the work, bad values."""

from __future__ import annotations

from collections import Counter
from itertools import groupby, pairwise
from typing import Any

import pytest

from nastransfer.search.enas import Enas
from nastransfer.search.searcher import make_searcher


def enas(preset: str = "paper", **changed: Any) -> Enas:
    made = make_searcher("enas", preset, **changed)
    assert isinstance(made, Enas)
    return made


def test_the_papers_settings() -> None:
    """Methods sheet 3.2 to 3.6."""
    paper = enas()
    assert (paper.cells, paper.channels, paper.batch, paper.epochs, paper.steps) == (8, 20, 160, 150, None)
    assert (paper.lr, paper.lr_end, paper.lr_cycles, paper.lr_per) == (0.05, 0.0005, 4, "epoch")
    assert (paper.momentum, paper.weight_decay, paper.clip) == (0.9, 2e-4, 5)
    assert (paper.dropout_keep, paper.off_path) == (0.9, "decay")
    assert (paper.rewards_per_epoch, paper.rewards_per_update, paper.rewards) == (300, 10, None)
    assert (paper.arch_lr, paper.arch_beta1, paper.arch_beta2, paper.arch_eps) == (3.5e-3, 0, 0.999, 1e-3)
    assert (paper.entropy_weight, paper.baseline_decay) == (1e-4, 0.99)
    assert (paper.tanh_constant, paper.op_tanh_reduce, paper.temperature) == (1.10, 2.5, None)
    assert paper.favoured == ("sep_conv_3x3", "sep_conv_5x5")
    assert (paper.learned_bias, paper.fixed_bias) == (10, 0.25)
    assert (paper.last_samples, paper.last_scored_on) == (10, "batch")


def test_the_learning_rate_of_the_paper() -> None:
    """Methods sheet section 12: restarts at epochs 10, 30 and 70; the rate stays for the 157 steps of an epoch."""
    paper = enas()
    rates = [paper.lr_at(epoch * 157, 157) for epoch in range(150)]
    assert [epoch for epoch, rate in enumerate(rates) if rate == 0.05] == [0, 10, 30, 70]
    assert rates[9] == pytest.approx(0.001711, abs=1e-6)
    assert rates[29] == pytest.approx(0.000805, abs=1e-6)
    assert rates[149] < 0.0006
    falls = [later < earlier for earlier, later in pairwise(rates)]
    assert [place + 1 for place, fell in enumerate(falls) if not fell] == [10, 30, 70]
    assert all(paper.lr_at(epoch * 157 + 156, 157) == rates[epoch] for epoch in (0, 9, 10, 149))


@pytest.mark.parametrize(
    ("preset", "epoch_steps", "restarts"),
    [("short", 157, [314, 942, 2198]), ("small", 40, [134, 400, 934]), ("tiny", 25, [14, 40, 94])],
)
def test_short_searches_have_the_same_cycles(preset: str, epoch_steps: int, restarts: list[int]) -> None:
    """Restarts at 1, 3 and 7 fifteenths of the steps; the last cycle is annealed to its end."""
    made = enas(preset)
    rates = [made.lr_at(step, epoch_steps) for step in range(made.total_steps(epoch_steps))]
    assert [place + 1 for place, (one, next_) in enumerate(pairwise(rates)) if next_ > one] == restarts
    assert rates[-1] == pytest.approx(0.0005, abs=1e-4)
    assert all(0.0005 <= rate <= 0.05 for rate in rates)


def test_one_cycle_is_a_plain_cosine() -> None:
    made = enas("tiny", lr_cycles=1)
    assert [made.lr_at(step, 25) for step in (0, 100)] == pytest.approx([0.05, 0.02525])


def test_thirty_updates_follow_every_pass_of_the_paper() -> None:
    """Methods sheet section 12: 300 rewards and 30 Adam updates an epoch; here with 7 steps an epoch."""
    plan = enas().plan(7)
    runs = [(kind, len(list(units))) for kind, units in groupby(plan, key=lambda unit: unit.kind)]
    assert runs == [("weights", 7), ("policy", 30)] * 150 + [("last", 10)]
    for kind in ("weights", "policy", "last"):
        numbers = [unit.number for unit in plan if unit.kind == kind]
        assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize(
    ("preset", "epoch_steps", "steps", "updates"),
    [("small", 40, 2000, 600), ("tiny", 25, 200, 100), ("tiny", 23, 200, 100), ("tiny", 300, 200, 100)],
)
def test_a_number_of_rewards_is_spread_over_the_passes(
    preset: str, epoch_steps: int, steps: int, updates: int
) -> None:
    plan = enas(preset).plan(epoch_steps)
    assert Counter(unit.kind for unit in plan) == {"weights": steps, "policy": updates, "last": 10}
    runs = [(kind, len(list(units))) for kind, units in groupby(plan, key=lambda unit: unit.kind)]
    trained = [number for kind, number in runs if kind == "weights"]
    assert trained[:-1] == [epoch_steps] * (len(trained) - 1)
    scored = [number for kind, number in runs if kind == "policy"]
    assert max(scored) - min(scored) <= 1
    assert len(scored) == len(trained)


@pytest.mark.parametrize(
    ("updates", "rate"), [(4500, 3.5e-3), (900, 0.0175), (600, 0.02625), (450, 0.035), (100, 0.035)]
)
def test_the_policys_rate_grows_up_to_ten_times_the_papers(updates: int, rate: float) -> None:
    assert enas("tiny").arch_lr_at(updates) == pytest.approx(rate)
    assert enas().arch_lr_at(updates) == 3.5e-3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rewards_per_epoch": 10}, "give rewards_per_epoch or rewards, the other null: .*=10, rewards=1000"),
        ({"rewards": None}, "give rewards_per_epoch or rewards, the other null"),
        ({"rewards": 1005}, r"whole updates of 10 \(rewards_per_update\), got 1005"),
        ({"rewards_per_update": 3}, r"whole updates of 3 \(rewards_per_update\), got 1000"),
        ({"dropout_keep": 0.0}, r"dropout_keep: .*greater than 0 \(found 0\.0\)"),
        ({"favoured": ["sep_conv_7x7"]}, r"favoured\.0: .*'sep_conv_3x3'.*'sep_conv_7x7'"),
        ({"off_path": "stay"}, r"off_path: .*'decay' or 'frozen'.*'stay'"),
        ({"temperature": 0.0}, r"temperature: .*greater than 0"),
        ({"lr_cycles": 0}, r"lr_cycles: .*greater than or equal to 1"),
        ({"last_scored_on": "image"}, r"last_scored_on: .*'batch' or 'half'"),
    ],
)
def test_values_out_of_range_are_told(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        enas("tiny", **settings)


def test_favoured_operations_may_come_as_a_list() -> None:
    made = enas("tiny", favoured=["dil_conv_3x3"])
    assert made.favoured == ("dil_conv_3x3",)
    assert Enas(**made.model_dump(mode="json")) == made
