"""NAO at work on a tiny planted set: what is trained, scored, renewed and answered, and what stays as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nastransfer.data.streams import Streams
from nastransfer.search import paths
from nastransfer.search.drive import search
from nastransfer.search.nao import Nao
from nastransfer.search.nao_model import sequences
from nastransfer.search.nao_rerank import Candidate
from nastransfer.search.nao_run import NaoRun
from nastransfer.search.paths import SharedPaths
from nastransfer.search.searcher import SearchData, make_searcher
from nastransfer.space.cost import macs
from nastransfer.space.encoding import from_tokens
from nastransfer.space.genotype import EDGES, OPERATIONS, Genotype
from nastransfer.train.loop import Batch
from nastransfer.train.steps import Diverged
from tests.planted import planted

# 24 images a half: three weight steps a pass.
SMALL: dict[str, Any] = {
    "channels": 4,
    "batch": 8,
    "resolution": None,
    "steps": 6,
    "scorings": 2,
    "score_images": 10,
    "pool": 10,
    "new": 4,
    "predictor_epochs": 11,
    "rerank": 2,
    "rerank_epochs": 2,
    "reports": 2,
}


def nao_run(seed: int = 2, **changed: Any) -> NaoRun:
    settings = make_searcher("nao", "tiny", **{**SMALL, **changed})
    assert isinstance(settings, Nao)
    return NaoRun(settings, SearchData(planted(), seed), Streams(seed))


def until(run: NaoRun, kind: str) -> NaoRun:
    """Run to the first unit of a kind that follows another kind."""
    run.advance()
    while run.plan[run.done].kind != kind:
        run.advance()
    return run


def test_a_search_reports_after_every_scoring_and_answers_what_was_best_alone() -> None:
    result = search("nao", planted(), preset="tiny", **SMALL)
    # 3 weight steps and 3 groups of scores, 2 blocks of the predictor, the new pool, the same again, 2 x 2 epochs.
    assert [row["step"] for row in result.history] == [0, 6, 10, 15, 19]
    first, scored, renewed, last_scored, last = result.history
    assert first["genotype"] is None
    assert all(0 <= row["val_top1"] <= row["pool_top1"] <= 100 for row in (scored, last_scored))
    assert 0 <= renewed["predictor_hamming"] <= 32 and 0 <= renewed["predictor_pairwise"] <= 100
    assert renewed["predictor_loss"] > 0 and 0 <= renewed["new"] <= 4
    assert last["rerank_top1"] >= last["rerank_first_top1"]
    assert last["genotype"] == str(result.genotype)
    assert last_scored["genotype"] is not None, "what the pool alone would answer"
    assert set(result.history[-1]["mixture"]) == {"normal", "reduce"}
    assert result.cost["arch_lr_factor"] == 1.0
    assert result.cost["images_seen"] == 8 * 6 + 2 * 10 * 10 + 2 * (2 * 24 + 24)
    assert all(result.cost[f"seconds_{part}"] > 0 for part in ("weights", "architecture", "scoring"))
    # Node 2 always has both its edges, the others some of theirs: less than the mean of 14 x log 8.
    assert 1.0 < result.cost["entropy_start"] < np.log(8)


def test_the_pool_begins_as_drawn_with_its_pairs_in_any_order() -> None:
    run = nao_run(pool=200, new=4)
    assert run.pool == Genotype.draw(Streams(2).numpy("pool"), 200)
    assert [from_tokens(sequence) for sequence in run.tokens.tolist()] == run.pool
    turned = run.tokens.view(200, 8, 4)[:, :, 0] > run.tokens.view(200, 8, 4)[:, :, 2]
    assert turned.double().mean().item() == pytest.approx(0.5, abs=0.05)


def test_members_are_trained_uniformly(monkeypatch: pytest.MonkeyPatch) -> None:
    run, seen = nao_run(steps=300, scorings=1), Counter[Genotype]()
    kept: list[Sequence[float]] = []

    def train_step(_: SharedPaths, genotype: Genotype, lr: float, keep: Sequence[float]) -> None:
        assert 0.001 <= lr <= 0.025
        seen[genotype] += 1
        kept.append(keep)

    monkeypatch.setattr(SharedPaths, "train_step", train_step)
    for _ in range(300):
        run.advance()
    assert set(seen) == set(run.pool)
    # 30 each is expected, with a standard deviation of 5.2.
    assert all(8 < count < 52 for count in seen.values())
    assert kept[0] == [1.0] * 3
    assert kept[150] == pytest.approx([1 - 0.05 / 3, 1 - 0.1 / 3, 0.95])


def test_drop_path_reaches_the_shared_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[Sequence[float], int, int]] = []
    keep_masks = paths.keep_masks

    def watched(kept: Sequence[float], edges: int, images: int, generator: torch.Generator) -> Tensor:
        drawn.append((kept, edges, images))
        return keep_masks(kept, edges, images, generator)

    monkeypatch.setattr(paths, "keep_masks", watched)
    run = nao_run()
    until(run, "scores")
    # None in the first step, where everything is kept.
    assert [(edges, images) for _, edges, images in drawn] == [(len(EDGES), 8)] * 2
    assert drawn[0][0] == pytest.approx([1 - 0.1 * (cell + 1) / 3 / 6 for cell in range(3)])


def test_scores_leave_the_weights_alone_and_sort_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    run = until(nao_run(), "scores")
    before = {name: value.clone() for name, value in run.paths.network.state_dict().items()}
    members = set(run.pool)
    sizes: list[int] = []
    score = run.paths.score

    def watched(genotype: Genotype, batch: Batch) -> tuple[float, float]:
        sizes.append(len(batch[1]))
        return score(genotype, batch)

    monkeypatch.setattr(run.paths, "score", watched)
    until(run, "predictor")
    assert sizes == [10] * 10
    assert all(torch.equal(value, before[name]) for name, value in run.paths.network.state_dict().items())
    assert run.scores == sorted(run.scores, reverse=True)
    assert set(run.pool) == members
    assert [from_tokens(sequence) for sequence in run.tokens.tolist()] == run.pool


def test_a_score_takes_all_images_where_there_are_fewer() -> None:
    run = until(nao_run(score_images=500), "predictor")
    assert run.paths.spent.images == 3 * 8 + 10 * 24


def test_new_members_replace_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    run = until(nao_run(), "pool")
    before, network = list(run.pool), run.network
    offered = Genotype.draw(np.random.default_rng(8), 3)
    tokens = [*run.tokens[:2].tolist(), *sequences(offered).tolist()]
    monkeypatch.setattr(network, "improve", lambda *_: torch.tensor(tokens))
    run.advance()
    assert run.pool == [*before[:7], *offered]
    assert [from_tokens(sequence) for sequence in run.tokens.tolist()] == run.pool
    assert run.report().scores["new"] == 3.0


def test_the_network_stays_and_the_optimizer_is_new_in_each_round() -> None:
    run = until(nao_run(scorings=3), "predictor")
    run.advance()
    first = run._training
    until(run, "pool")
    weights = {name: value.clone() for name, value in run.network.state_dict().items()}
    until(run, "predictor")
    assert all(torch.equal(value, weights[name]) for name, value in run.network.state_dict().items())
    run.advance()
    assert run._training is not None and run._training is not first
    assert any(not torch.equal(value, weights[name]) for name, value in run.network.state_dict().items())


def test_the_best_are_trained_from_scratch_apart() -> None:
    run = until(nao_run(rerank=3), "rerank")
    chosen = run.pool[:3]
    shared = run.paths.network.state_dict()["classifier.weight"].clone()
    before = run.paths.spent.macs
    candidates = []
    while not run.finished:
        run.advance()
        if run._candidate is not None:
            candidates.append((run._candidate.rank, run._candidate.genotype))
    assert candidates == list(enumerate(chosen))
    assert torch.equal(run.paths.network.state_dict()["classifier.weight"], shared)
    assert len(run._reranked) == 3
    passes = [macs(genotype, 3, 4, 3, "cifar", 8) * (3 * 2 * 24 + 24) for genotype in chosen]
    assert run.paths.spent.macs - before == sum(passes)
    run._reranked = [30.0, 50.0, 50.0]
    report = run.report()
    assert report.genotype == chosen[1], "of equals the one that shared weights put first"
    assert (report.scores["rerank_first_top1"], report.scores["rerank_top1"]) == (30.0, 50.0)


def test_a_candidate_loses_features_in_training_only() -> None:
    run = nao_run(rerank_dropout_keep=0.1)
    candidate = Candidate(run.settings, run.data, Streams(2), run.pool[0], 0)
    network, images = candidate._network, torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    network.eval()
    with torch.no_grad():
        assert torch.equal(network(images), network(images))
        network.train()
        assert not torch.equal(network(images), network(images))
    other = Candidate(run.settings, run.data, Streams(2), run.pool[0], 1)
    assert not torch.equal(other._network.classifier.weight, network.classifier.weight)


def test_the_auxiliary_head_is_refused_before_the_search_where_it_does_not_fit() -> None:
    with pytest.raises(
        ValueError, match=r"needs images of 32 pixels, those of .* have 8: set rerank_auxiliary to 0"
    ):
        nao_run(rerank_auxiliary=0.4)


def test_a_loss_that_blows_up_is_no_genotype() -> None:
    with pytest.raises(Diverged, match="diverged"):
        search("nao", planted(), preset="tiny", **{**SMALL, "lr": 1e30})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_pool_climbs_an_additive_accuracy(
    seed: int, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """Scores are made up: each operation is worth an amount of its own, and noise as large as a fifth of the spread."""
    rng = np.random.default_rng(seed)
    worth = rng.normal(size=(2, len(OPERATIONS)))

    def accuracy(genotype: Genotype) -> float:
        edges = enumerate(genotype.edges())
        return float(sum(worth[place // 8, OPERATIONS.index(edge.op)] for place, edge in edges))

    everyone = np.array([accuracy(genotype) for genotype in Genotype.draw(rng, 2_000)])
    noise = 0.2 * everyone.std()
    monkeypatch.setattr(SharedPaths, "train_step", lambda *_: None)
    monkeypatch.setattr(
        SharedPaths, "score", lambda _, genotype, __: (accuracy(genotype) + noise * rng.normal(), 1.0)
    )
    run = nao_run(seed, scorings=4, pool=100, new=50, predictor_epochs=200, improved=50)
    means = []
    while run.plan[run.done].kind != "rerank":
        run.advance()
        if run.plan[run.done - 1].kind == "scores" and len(run.scores) == 100:
            means.append(float(np.mean([accuracy(genotype) for genotype in run.pool])))
    record_property("means_in_sd", [round((mean - everyone.mean()) / everyone.std(), 2) for mean in means])
    record_property("answer_above", float((everyone < accuracy(run.pool[0])).mean().round(4)))
    assert all(later > earlier for earlier, later in pairwise(means))
    # The mean of 100 drawn at random is within 0.1 standard deviations, and the search was seen to gain 1.2 to 2.7.
    assert means[-1] > everyone.mean() + everyone.std()
    assert accuracy(run.pool[0]) > np.quantile(everyone, 0.99)
