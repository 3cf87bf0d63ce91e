"""ENAS at work on a tiny planted set: what is trained, scored and answered, and what stays as it is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nastransfer.data.streams import Streams
from nastransfer.search.drive import search
from nastransfer.search.enas import Enas
from nastransfer.search.enas_run import EnasRun
from nastransfer.search.paths import thin_inputs
from nastransfer.search.searcher import SearchData, make_searcher
from nastransfer.space.cost import macs
from nastransfer.space.genotype import CONCAT, EDGES, OPERATIONS, Genotype, edge_index
from nastransfer.train.steps import Diverged
from tests.planted import planted

# 24 images a half: three weight steps a pass, one update after each.
SMALL: dict[str, Any] = {
    "channels": 4,
    "batch": 8,
    "resolution": None,
    "steps": 6,
    "rewards": 8,
    "rewards_per_update": 4,
    "last_samples": 3,
    "reports": 2,
}


def enas_run(seed: int = 2, **changed: Any) -> EnasRun:
    settings = make_searcher("enas", "tiny", **{**SMALL, **changed})
    assert isinstance(settings, Enas)
    return EnasRun(settings, SearchData(planted(), seed), Streams(seed))


def to_the_last_samples(run: EnasRun) -> EnasRun:
    while run.plan[run.done].kind != "last":
        run.advance()
    return run


def test_a_search_reports_from_before_the_first_unit_to_the_last() -> None:
    result = search("enas", planted(), preset="tiny", **SMALL)
    units = 6 + 2 + 3
    assert [row["step"] for row in result.history] == [0, round(units / 2), units]
    assert result.history[0]["genotype"] is None
    assert all(0 <= row[name] <= 100 for row in result.history[1:] for name in ("train_top1", "val_top1"))
    assert result.history[-1]["genotype"] == str(result.genotype)
    assert "answer_top1" in result.history[-1]
    cost = result.cost
    assert cost["images_seen"] == 8 * (6 + 2 * 4 + 3)
    assert cost["arch_lr_factor"] == 10.0
    # Of 30 decisions 16 are operations of about 1.88 nats, 14 are sources of 1.14.
    assert 1.5 < cost["entropy_start"] < 1.55
    assert all(cost[f"seconds_{name}"] > 0 for name in ("weights", "architecture", "scoring"))
    mixture = np.array([result.history[-1]["mixture"][kind] for kind in ("normal", "reduce")])
    assert mixture.shape == (2, 14, 8)
    assert mixture.sum(axis=2) == pytest.approx(1.0, abs=1e-5)


def test_multiply_adds_are_those_of_the_drawn_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    run = enas_run(steps=1, rewards=4, last_samples=1)
    drawn: list[Genotype] = []
    score, train = run.paths.score, run.paths.train_step

    def scored(genotype: Genotype, batch: Any) -> tuple[float, float]:
        drawn.append(genotype)
        return score(genotype, batch)

    def trained(genotype: Genotype, lr: float) -> None:
        drawn.extend([genotype] * 3)
        train(genotype, lr)

    monkeypatch.setattr(run.paths, "score", scored)
    monkeypatch.setattr(run.paths, "train_step", trained)
    while not run.finished:
        run.advance()
    assert len(drawn) == 3 + 4 + 1
    assert run.paths.spent.macs == sum(8 * macs(genotype, 3, 4, 3, "cifar", 8) for genotype in drawn)


def test_rewards_are_compared_with_a_mean_that_moves_first() -> None:
    run = enas_run()
    advantages = [run._advantage(reward) for reward in (0.5, 0.25)]
    first = 0.01 * 0.5
    second = first + 0.01 * (0.25 - first)
    assert advantages == pytest.approx([0.5 - first, 0.25 - second])
    assert run.baseline == pytest.approx(second)


def test_a_policy_update_is_one_adam_step_on_the_mean_over_its_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same step by hand: the samples redrawn, their accuracies replaced by known ones."""
    run, twin = enas_run(), enas_run()
    accuracies = iter([0.5, 0.0, 1.0, 0.25])
    monkeypatch.setattr(run.paths, "score", lambda *_: (next(accuracies), 1.0))
    weights = [value.clone() for value in run.paths.network.parameters()]
    run._policy_update()
    assert all(map(torch.equal, weights, run.paths.network.parameters()))
    drawn = twin.policy.sample(4, twin.streams.torch("scored architectures"))
    loss, baseline = torch.zeros(()), 0.0
    for log_prob, entropy, accuracy in zip(
        drawn.log_prob(), drawn.entropy().tolist(), [0.5, 0.0, 1.0, 0.25], strict=True
    ):
        reward = accuracy + 1e-4 * entropy
        baseline += 0.01 * (reward - baseline)
        loss = loss - log_prob * (reward - baseline) / 4
    loss.backward()
    torch.optim.Adam(twin.policy.parameters(), 0.035, betas=(0.0, 0.999), eps=1e-3).step()
    for (name, own), other in zip(run.policy.named_parameters(), twin.policy.parameters(), strict=True):
        assert own.detach().numpy() == pytest.approx(other.detach().numpy(), abs=1e-6), name


def test_reports_show_the_best_of_the_last_update_and_the_end_the_best_last_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = to_the_last_samples(enas_run())
    seen: list[tuple[float, Genotype]] = []
    fixed = iter([0.25, 0.75, 0.75, 0.5, 0.0, 0.125, 0.125])

    def scored(genotype: Genotype, _: Any) -> tuple[float, float]:
        seen.append((next(fixed), genotype))
        return seen[-1][0], 1.0

    monkeypatch.setattr(run.paths, "score", scored)
    run._policy_update()
    assert run.report().genotype == seen[1][1]
    while not run.finished:
        run.advance()
    step = run.report()
    assert step.genotype == seen[5][1], "the samples of an update are no last samples"
    assert step.scores["answer_top1"] == 12.5
    assert step.scores["val_top1"] == pytest.approx(100 * np.mean([0.0, 0.125, 0.125]))


def test_a_last_sample_may_be_scored_on_the_whole_half(monkeypatch: pytest.MonkeyPatch) -> None:
    run = to_the_last_samples(enas_run(last_scored_on="half", batch=7))
    sizes: list[int] = []

    def scored(_: Genotype, batch: Any) -> tuple[float, float]:
        sizes.append(len(batch[1]))
        return (1.0 if sizes[-1] == 3 else 0.0), 1.0

    monkeypatch.setattr(run.paths, "score", scored)
    run.advance()
    assert sizes == [7, 7, 7, 3]
    assert run._best is not None
    assert run._best[0] == pytest.approx(3 / 24)


def test_rewards_come_from_whole_plain_batches_of_the_validation_half() -> None:
    run = enas_run(batch=7)
    val = SearchData(planted(), 2).batches("val", batch=24, training=False)
    ((images, _),) = val.ordered()
    known = {image.numpy().tobytes() for image in images}
    seen = [image.numpy().tobytes() for _ in range(3) for image in next(run._val)[0]]
    assert len(seen) == 21
    assert set(seen) <= known
    assert len(set(seen)) == 21, "no image comes twice in a pass"


@pytest.mark.parametrize("engine", ["plain", "auto"])
@pytest.mark.parametrize(("off_path", "moves"), [("decay", True), ("frozen", False)])
def test_weights_off_the_path_decay_unless_they_are_frozen(off_path: str, moves: bool, engine: str) -> None:
    run = enas_run(off_path=off_path, engine=engine)
    pair = [["sep_conv_3x3", 0], ["max_pool_3x3", 1]]
    genotype = Genotype.parse({"normal": [pair] * 4, "reduce": [pair] * 4})
    before = {name: value.detach().clone() for name, value in run.paths.network.named_parameters()}
    run.paths.train_step(genotype, 0.05)
    sampled = {
        f"edges.{edge_index(node, source)}.operations.{OPERATIONS.index(op)}."
        for node in CONCAT
        for op, source in genotype.normal[0]
    }
    assert len(sampled) == 8 < len(EDGES)
    counts = {True: 0, False: 0}
    for name, value in run.paths.network.named_parameters():
        on = "edges" not in name or any(part in name for part in sampled)
        counts[on] += 1
        # The last cell's norms before a sum may get no gradient to speak of, so only weights are looked at.
        if on and value.ndim > 1:
            assert not torch.equal(value, before[name]), name
        if not on and moves:
            # Nesterov's first step: weight decay, and once more by the momentum.
            wanted = before[name] * (1 - 0.05 * 2e-4 * 1.9)
            assert value.detach().numpy() == pytest.approx(wanted.numpy(), rel=1e-5, abs=1e-7), name
        if not on and not moves:
            assert torch.equal(value, before[name]), name
    assert min(counts.values()) > 50


def test_frozen_weights_move_as_plain_sgd_moves_them() -> None:
    """Over several paths: weights come under a path for the first time while others have their momentum already."""
    run, plain = enas_run(off_path="frozen", dropout_keep=1.0), enas_run(off_path="frozen", dropout_keep=1.0)
    settings = plain.settings
    plain.paths._optimizer = torch.optim.SGD(
        plain.paths.network.parameters(),
        lr=settings.lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        nesterov=True,
        foreach=False,
        fused=False,
    )
    for genotype in Genotype.draw(np.random.default_rng(3), 6):
        for one in (run, plain):
            one.paths.train_step(genotype, 0.05)
    pairs = zip(run.paths.network.named_parameters(), plain.paths.network.parameters(), strict=True)
    for (name, own), other in pairs:
        assert own.detach().numpy() == pytest.approx(other.detach().numpy(), rel=1e-4, abs=1e-6), name


def test_dropout_thins_the_classifiers_inputs_in_training_and_scoring() -> None:
    layer = nn.Linear(2000, 1, bias=False)
    nn.init.ones_(layer.weight)
    thin_inputs(layer, 0.9, torch.Generator().manual_seed(3))
    for mode in (True, False):
        layer.train(mode)
        sums = layer(torch.ones(50, 2000)).detach()
        assert sums.mean().item() == pytest.approx(2000, rel=0.01)
        assert sums.std().item() == pytest.approx(math.sqrt(2000 * 0.1 / 0.9), rel=0.3)
    plain = nn.Linear(3, 1)
    thin_inputs(plain, 1.0, torch.Generator())
    assert not plain._forward_pre_hooks


def test_scores_differ_by_their_dropout_masks_alone() -> None:
    def scores(keep: float) -> list[float]:
        run = enas_run(dropout_keep=keep)
        batch = next(run._val)
        genotype = Genotype.random(np.random.default_rng(1))
        with run.paths.scoring():
            return [run.paths.score(genotype, batch)[1] for _ in range(2)]

    thinned, plain = scores(0.5), scores(1.0)
    assert plain[0] == plain[1]
    assert thinned[0] != thinned[1]
    assert scores(0.5) == thinned


def test_paths_are_drawn_ahead_as_far_as_the_policy_stays_the_same() -> None:
    run = enas_run()
    left = []
    for _ in range(3):
        run.advance()
        left.append(len(run._drawn))
    assert left == [2, 1, 0]
    assert run.plan[run.done].kind == "policy"


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not() -> None:
    def found(seed: int) -> list[Any]:
        rows = search("enas", planted(), seed=seed, preset="tiny", **SMALL).history
        return [[row.get(name) for name in ("genotype", "train_loss", "val_loss", "entropy")] for row in rows]

    torch.manual_seed(5)
    first = found(2)
    torch.manual_seed(6)
    assert found(2) == first
    assert found(3) != first


def test_a_loss_that_blows_up_is_no_genotype() -> None:
    with pytest.raises(Diverged, match="diverged"):
        search("enas", planted(), preset="tiny", **{**SMALL, "lr": 1e30})


def test_a_policy_that_is_no_number_is_not_kept() -> None:
    run = enas_run()
    run.check()
    with torch.no_grad():
        run.policy.attention.fill_(float("nan"))
    with pytest.raises(Diverged):
        run.check()
