"""First-order DARTS at work on a tiny planted set, and its alternation on a quadratic with a known end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nastransfer.data.proxies import ProxySpec, build_proxy
from nastransfer.data.streams import Streams
from nastransfer.search.bilevel import Bilevel, first_order_gradient, move
from nastransfer.search.darts import SKIP, Darts
from nastransfer.search.drive import Journal, SearchResult, search
from nastransfer.search.searcher import SearchData, make_searcher
from nastransfer.space.cost import supernet_macs
from nastransfer.train.loop import Batch, descend
from nastransfer.train.steps import Diverged
from tests.planted import planted

SMALL: dict[str, Any] = {"channels": 2, "batch": 8, "resolution": None, "steps": 4, "reports": 2}


def settings(method: str = "darts1", **changed: Any) -> Darts:
    made = make_searcher(method, "tiny", **{**SMALL, **changed})
    assert isinstance(made, Darts)
    return made


def bilevel(method: str = "darts1", seed: int = 2, arch_lr: float = 0.01, **changed: Any) -> Bilevel:
    data = SearchData(planted(), seed)
    return Bilevel(settings(method, arch_lr=arch_lr, **changed), data, Streams(seed))


def batch_of(run: Bilevel, half: str) -> Batch:
    return next(run._feeds[half])


def numbers(result: SearchResult) -> list[Any]:
    """All that a repetition must reproduce: everything but times and memory."""
    kept = [
        {
            name: value
            for name, value in row.items()
            if not name.startswith("seconds") and name not in ("peak_bytes", "images_per_second")
        }
        for row in result.history
    ]
    return [result.genotype, kept]


def test_first_order_ends_where_arithmetic_says() -> None:
    """Fig. 2 of the DARTS paper, L_val = aw - 2a + 1, L_train = (w - a)^2: from (2, -2) first order goes to (2, 2)."""
    alpha = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    weight = nn.Parameter(torch.tensor(-2.0, dtype=torch.float64))
    arch_optimizer = torch.optim.SGD([alpha], 0.05)
    weight_optimizer = torch.optim.SGD([weight], 0.3)
    for _ in range(500):
        move(arch_optimizer, [alpha], first_order_gradient([alpha], alpha * weight - 2 * alpha + 1))
        fixed = alpha.detach()
        descend(weight_optimizer, weight**2 - 2 * fixed * weight + fixed**2, clip=5.0)
    assert [alpha.item(), weight.item()] == pytest.approx([2.0, 2.0], abs=1e-6)


@pytest.mark.parametrize("method", ["darts1", "darts2"])
def test_an_architecture_step_moves_alphas_alone(method: str) -> None:
    search_state = bilevel(method)
    weights = [value.clone() for value in search_state.network.parameters()]
    alphas = [value.detach().clone() for value in search_state.alphas]
    search_state.architecture_step(batch_of(search_state, "val"), batch_of(search_state, "train"), lr=0.1)
    for before, after in zip(alphas, search_state.alphas, strict=True):
        moved = (after.detach() - before).abs()
        # Adam's first step has the length of its rate, whatever the gradient.
        assert moved.max().item() == pytest.approx(0.01, rel=0.01)
        assert (moved > 0).float().mean().item() > 0.9
    assert all(map(torch.equal, weights, search_state.network.parameters()))
    assert all(value.grad is None for value in search_state.network.parameters())


def test_a_weight_step_moves_weights_alone_and_is_clipped() -> None:
    search_state = bilevel(clip=1e-3, momentum=0.0, weight_decay=0.0)
    weights = [value.detach().clone() for value in search_state.network.parameters()]
    alphas = [value.detach().clone() for value in search_state.alphas]
    search_state.weights_step(batch_of(search_state, "train"), lr=2.0)
    moves = [after - before for before, after in zip(weights, search_state.network.parameters(), strict=True)]
    assert torch.linalg.vector_norm(torch.cat([move.flatten() for move in moves])).item() == pytest.approx(
        2.0 * 1e-3, rel=1e-2
    )
    assert all(map(torch.equal, alphas, search_state.alphas))
    assert all(value.grad is None for value in search_state.alphas)


def test_alphas_start_small_and_different_for_both_cells() -> None:
    search_state = bilevel()
    normal, reduce = (alpha.detach() for alpha in search_state.alphas)
    assert normal.shape == reduce.shape == (14, 8)
    assert not torch.equal(normal, reduce)
    assert torch.cat([normal, reduce]).std().item() == pytest.approx(1e-3, rel=0.3)


def test_alphas_move_before_the_weights_do() -> None:
    """The entropy after one step is that of an architecture step by the first weights and validation batch."""
    found = search("darts1", planted(), seed=2, preset="tiny", **{**SMALL, "steps": 1})
    data, streams = SearchData(planted(), 2), Streams(2, "search", "darts1")
    state = Bilevel(settings(steps=1, arch_lr=0.1), data, streams)
    state.architecture_step(batch_of(state, "val"), batch_of(state, "train"), lr=0.025)
    assert found.cost["entropy_end"] == state.report().entropy


def test_a_search_reports_from_before_the_first_step_to_the_last() -> None:
    result = search("darts1", planted(), preset="tiny", **SMALL)
    assert [row["step"] for row in result.history] == [0, 2, 4]
    assert {row["steps"] for row in result.history} == {4}
    assert "val_top1" not in result.history[0]
    assert all(0 <= row[name] <= 100 for row in result.history[1:] for name in ("train_top1", "val_top1"))
    assert result.history[-1]["genotype"] == str(result.genotype)
    cost = result.cost
    assert cost["entropy_start"] == pytest.approx(np.log(8), abs=1e-4)
    assert cost["entropy_end"] < cost["entropy_start"]
    assert cost["images_seen"] == 4 * 2 * 8
    assert cost["arch_lr_factor"] == pytest.approx(0.1 / 3e-4)
    assert cost["seconds"] >= cost["seconds_weights"] + cost["seconds_architecture"] > 0
    assert cost["peak_bytes"] > 1e6
    assert set(cost) <= {
        *("seconds", "seconds_weights", "seconds_architecture", "images_seen", "peak_bytes"),
        *("preset_version", "arch_lr_factor", "entropy_start", "entropy_end", "device"),
        *("seconds_scoring", "search_macs", "collapsed_at"),
    }


def test_a_step_carries_the_mixture_it_derives_from() -> None:
    state = bilevel()
    with torch.no_grad():
        state.alphas[0][3, 5] = 2.0
    step = state.report()
    assert step.mixture is not None
    for table, mixed in zip((step.mixture["normal"], step.mixture["reduce"]), state.mixtures(), strict=True):
        assert np.allclose(table, mixed.detach().numpy(), atol=1e-6)
    assert "mixture" not in step.to_event()
    result = search("darts1", planted(), preset="tiny", **SMALL)
    assert ["mixture" in row for row in result.history] == [False, False, True], "histories stay small"
    assert np.shape(result.history[-1]["mixture"]["reduce"]) == (14, 8)


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not() -> None:
    def found(seed: int) -> list[Any]:
        return numbers(search("darts1", planted(), seed=seed, preset="tiny", **{**SMALL, "steps": 2}))

    torch.manual_seed(5)
    first = found(2)
    torch.manual_seed(6)
    assert found(2) == first
    assert found(3) != first


def test_epochs_are_passes_over_the_train_half() -> None:
    length = {"steps": None, "epochs": 1, "lr_per": "epoch", "arch_lr": 3e-4}
    result = search("darts1", planted(train=50), preset="tiny", **{**SMALL, **length})
    # 25 images in batches of 8: the last one joins the third batch.
    assert result.history[-1]["steps"] == 3
    assert result.cost["arch_lr_factor"] == 1.0


def test_images_of_the_test_part_are_never_seen() -> None:
    # `part` says what an image is used for here, `parent_part` where it came from.
    seen: list[str] = []
    data = planted()
    watched = replace(
        data, read=lambda manifest: seen.extend(manifest.rows["parent_part"]) or data.read(manifest)
    )
    search("darts1", watched, preset="tiny", **{**SMALL, "steps": 1})
    assert set(seen) == {"train"}
    leaking = build_proxy(data.manifest, ProxySpec(parts="halves"), seed=2)
    search("darts1", watched.with_manifest(leaking), preset="tiny", **{**SMALL, "steps": 1})
    assert set(seen) == {"train", "test"}


def test_a_loss_that_blows_up_is_no_genotype() -> None:
    with pytest.raises(Diverged, match="diverged"):
        search("darts1", planted(), preset="tiny", **{**SMALL, "lr": 1e30, "steps": 3})


def test_early_stopping_ends_the_search_at_a_report() -> None:
    """With the threshold at one skip connection, the first report that has any is the last."""
    long = {**SMALL, "steps": 12, "reports": 12, "arch_lr": 0.1}
    whole = search("darts1", planted(), preset="tiny", **long)
    shares = [row["skip_share"] for row in whole.history]
    first = next(row["step"] for row, share in zip(whole.history[1:], shares[1:], strict=True) if share > 0)
    stopped = search("darts1", planted(), preset="tiny", **long, stop_at_skips=1)
    assert [row["step"] for row in stopped.history] == list(range(first + 1))
    assert str(stopped.genotype) == whole.history[first]["genotype"]


def test_the_best_validation_score_can_be_the_answer() -> None:
    long = {**SMALL, "steps": 8, "reports": 8, "arch_lr": 0.1}
    last = search("darts1", planted(), preset="tiny", **long)
    best = search("darts1", planted(), preset="tiny", **long, pick="best_val")
    top = max(last.history[1:], key=lambda row: row["val_top1"])
    assert str(best.genotype) == top["genotype"]


@pytest.mark.parametrize("method", ["darts1", "darts2"])
def test_a_cell_full_of_skips_is_flagged_as_it_happens(method: str) -> None:
    run = bilevel(method)
    with torch.no_grad():
        run.alphas[0][:, SKIP] = 3.0
    journal = Journal()
    assert journal.note(run.report()).collapsed
    run.done = 2
    with torch.no_grad():
        run.alphas[0][:, SKIP] = -3.0
    healthy = journal.note(run.report())
    assert not healthy.collapsed
    assert healthy.seconds_left is not None and healthy.images_per_second is not None
    result = journal.result(run.settings, 2)
    assert result.cost["collapsed_at"] == 0
    assert [row["collapsed"] for row in result.history] == [True, False]


@pytest.mark.parametrize(("method", "passes"), [("darts1", 2 + 3), ("darts2", 3 + 2 + 2 + 3 + 3)])
def test_multiply_adds_and_images_are_counted(method: str, passes: int) -> None:
    result = search(method, planted(), preset="tiny", **{**SMALL, "steps": 3})
    one = supernet_macs(3, 2, 3, "cifar", 8)
    assert result.cost["search_macs"] == 3 * 8 * one * passes
    assert result.cost["images_seen"] == 3 * 16
    assert all(result.cost[f"seconds_{name}"] > 0 for name in ("weights", "architecture"))


def test_early_stopping_looks_at_the_cell_of_now_and_not_at_the_best_one() -> None:
    run = bilevel("darts1", pick="best_val", stop_at_skips=8)
    run.done = 1
    run._best = (200.0, str(run.settings.derive(*run._arrays()).to_json()))
    with torch.no_grad():
        run.alphas[0][:, SKIP] = 3.0
    assert run.report().skip_share != 1.0, "the answer is the best one"
    assert run.units == 1, "the search ends here"


def test_one_class_is_no_problem_to_search_on() -> None:
    with pytest.raises(ValueError, match="a search needs at least 2 classes, 'planted' has 1"):
        search("darts1", planted(classes=1), preset="tiny", **SMALL)


def test_a_blown_up_search_says_where_it_was_well() -> None:
    with pytest.raises(Diverged) as caught:
        search("darts1", planted(), preset="tiny", **{**SMALL, "lr": 1e30, "steps": 3, "reports": 3})
    assert caught.value.last is not None
    assert caught.value.last.genotype is not None
