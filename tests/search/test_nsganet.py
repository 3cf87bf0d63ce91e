"""NSGA-Net: the paper's numbers, how a child is trained, what the search says, and that processes change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from nastransfer.data.streams import Streams
from nastransfer.search import children, nsganet_run
from nastransfer.search.children import Children, Score
from nastransfer.search.drive import SearchResult, search
from nastransfer.search.nsganet import NsgaNet, edge_shares, mean_entropy_of
from nastransfer.search.nsganet_run import Evolution
from nastransfer.search.searcher import SearchData, make_searcher
from nastransfer.space.genotype import EDGES, MIXTURE, Genotype
from nastransfer.train.steps import Diverged
from tests.planted import planted
from tests.search.test_resume import lasting

TINY: dict[str, Any] = {"channels": 4, "batch": 8, "resolution": None, "epochs": 1}


def settings(**changed: Any) -> NsgaNet:
    made = make_searcher("nsganet", "tiny", **{**TINY, **changed})
    assert isinstance(made, NsgaNet)
    return made


def genotype(seed: int = 0) -> Genotype:
    return Genotype.random(np.random.default_rng(seed))


def scored_by(monkeypatch: pytest.MonkeyPatch, top1: Callable[[Genotype], float | None]) -> None:
    """Instead of training: a known accuracy in percent."""

    def score(_: Children, child: Genotype) -> Score:
        return Score(top1(child), {"seconds_weights": 0.0, "seconds_scoring": 0.0}, 1, 1, 0, 0)

    monkeypatch.setattr(Children, "score", score)


def dilated(child: Genotype) -> float:
    return 100.0 * sum(edge.op == "dil_conv_5x5" for edge in child.edges()) / 16


def test_the_papers_settings() -> None:
    """Methods sheet 5.2, 5.3, 5.5."""
    paper = NsgaNet()
    assert (paper.cells, paper.channels, paper.batch, paper.epochs) == (8, 16, 128, 20)
    assert (paper.lr, paper.lr_end, paper.lr_per) == (0.025, 0.0, "epoch")
    assert (paper.momentum, paper.weight_decay, paper.clip) == (0.9, 3e-4, 5.0)
    assert (paper.population, paper.offspring, paper.generations) == (40, 20, 30)
    assert (paper.networks, paper.mutation_eta) == (620, 3.0)
    rates = [paper.lr_at(epoch * 196 + 100, 196) for epoch in (0, 10, 19)]
    assert rates == pytest.approx([0.025, 0.0125, 0.025 * 0.5 * (1 + np.cos(np.pi * 0.95))])


@pytest.mark.parametrize(("preset", "networks"), [("short", 52), ("small", 52), ("tiny", 20)])
def test_presets_anneal_to_their_own_end(preset: str, networks: int) -> None:
    chosen = make_searcher("nsganet", preset)
    assert isinstance(chosen, NsgaNet)
    assert chosen.networks == networks
    rates = [chosen.lr_at(step, 25) for step in range(25 * chosen.epochs)]
    assert rates[0] == 0.025 and rates == sorted(rates, reverse=True) and 0 < rates[-1] < 1e-4


@pytest.mark.parametrize(
    "wrong", [{"population": 1}, {"offspring": 0}, {"generations": 0}, {"mutation_eta": 0.0}, {"epochs": 0}]
)
def test_settings_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"settings of nsganet: {next(iter(wrong))}: "):
        settings(**wrong)


def test_sources_that_cannot_be_searched_on() -> None:
    with pytest.raises(ValueError, match="a search needs at least 2 classes"):
        search("nsganet", planted(classes=1), workers=1, **TINY)
    with pytest.raises(ValueError, match="fewer than a batch of 64"):
        search("nsganet", planted(), workers=1, **{**TINY, "batch": 64})
    few_to_judge_by = planted(train=48, val=6)
    assert search("nsganet", few_to_judge_by, workers=1, **{**TINY, "batch": 8}).cost["entropy_start"] > 0
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        search("nsganet", planted(), workers=0, **TINY)


def test_a_child_is_the_same_whoever_came_before_and_however_many_threads_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged: list[float] = []
    judge = children.evaluate

    def noting(*given: Any) -> Any:
        scores = judge(*given)
        judged.append(scores.loss)
        return scores

    monkeypatch.setattr(children, "evaluate", noting)
    data = SearchData(planted(), 2)
    both = Children(settings(epochs=2), data, 7)
    first = both.score(genotype(1))
    both.score(genotype(2))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        again = both.score(genotype(1))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    Children(settings(epochs=2), data, 8).score(genotype(1))
    assert again.top1 == first.top1
    assert judged[2] == judged[0], "bit for bit"
    assert len({judged[0], judged[1], judged[3]}) == 3, (
        "another genotype, or another seed, is another training"
    )
    macs = settings().macs(data, genotype(1))
    # 2 passes over 24 images with gradients, and one over the 24 of the other half.
    assert (first.images, first.macs) == (72, (3 * 48 + 24) * macs)


def test_a_child_is_trained_by_the_papers_rates_and_judged_on_the_other_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rates: list[float] = []
    seen: dict[str, list[torch.Tensor]] = {"train": [], "val": []}
    epoch, judge = children.train_epoch, children.evaluate

    def noting_epoch(network: Any, optimizer: Any, batches: Any, **options: Any) -> Any:
        rates.extend(options["lr"](options["first_step"] + step) for step in range(3))
        kept = list(batches)
        seen["train"] += [labels for _, labels in kept]
        return epoch(network, optimizer, kept, **options)

    def noting_judge(network: Any, batches: Any, classes: int) -> Any:
        kept = list(batches)
        seen["val"] += [labels for _, labels in kept]
        return judge(network, kept, classes)

    monkeypatch.setattr(children, "train_epoch", noting_epoch)
    monkeypatch.setattr(children, "evaluate", noting_judge)
    Children(settings(epochs=4, lr_per="epoch"), SearchData(planted(), 2), 7).score(genotype())
    assert rates == pytest.approx([0.0125 * (1 + np.cos(np.pi * e / 4)) for e in range(4) for _ in range(3)])
    shown = [torch.cat(seen["train"][3 * e : 3 * e + 3]) for e in range(4)]
    assert all(torch.equal(labels.sort().values, shown[0].sort().values) for labels in shown)
    assert not torch.equal(shown[0], shown[1]), "shuffled anew"
    assert len(torch.cat(seen["val"])) == 24, "once, at the end"


def test_a_diverging_child_costs_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    child = Children(settings(lr=1e30, epochs=2), SearchData(planted(), 2), 7).score(genotype())
    assert child.top1 is None
    calls = iter(range(100))
    scored_by(monkeypatch, lambda found: None if next(calls) % 3 == 0 else dilated(found))
    result = search("nsganet", planted(), workers=1, **TINY)
    assert result.history[-1]["diverged"] == 7
    assert result.history[-1]["val_top1"] == dilated(result.genotype)


def test_a_search_of_which_every_child_diverges_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    scored_by(monkeypatch, lambda _: None)
    with pytest.raises(Diverged):
        search("nsganet", planted(), workers=1, **TINY)


def test_a_known_accuracy_is_found() -> None:
    """Methods sheet section 12, with an additive accuracy: far above the best of as many random architectures."""
    with pytest.MonkeyPatch.context() as patch:
        scored_by(patch, dilated)
        budget = {"population": 40, "offspring": 20, "generations": 30}
        result = search("nsganet", planted(), workers=1, **TINY, **budget)
    drawn = max(map(dilated, Genotype.draw(np.random.default_rng(0), 620)))
    history = result.history
    assert dilated(result.genotype) > drawn + 10
    assert history[-1]["val_top1_mean"] > 2 * 100 / 7, "twice what random ones have"
    assert history[-1]["hypervolume"] > history[1]["hypervolume"]
    assert [row["step"] for row in history] == [0, *(31 * (index + 1) for index in range(20))]
    assert history[-1]["generation"] == 30


def test_the_answer_is_the_member_of_the_front_with_the_lowest_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """AMB-11, with errors so coarse that FLOPs decide."""
    scored_by(monkeypatch, lambda child: 50.0 if dilated(child) > 10 else 20.0)
    searcher, streams = settings(population=12, generations=6), Streams(2, "search", "nsganet")
    run = searcher.begin(SearchData(planted(), 2, workers=1), streams)
    assert isinstance(run, Evolution)
    while not run.finished:
        run.advance()
    step = run.report()
    algorithm = run._algorithm
    errors, megaflops = algorithm.objectives.T
    assert errors.min() == 50.0
    assert step.scores["val_top1"] == 50.0
    assert step.scores["megaflops"] == megaflops[errors == 50.0].min()
    assert step.scores["val_top1_mean"] == pytest.approx(100 - errors.mean())
    assert step.genotype is not None and step.front is not None
    assert step.front[0] == {
        "genotype": step.genotype.to_json(),
        "val_top1": 50.0,
        "megaflops": step.scores["megaflops"],
    }
    for row in step.front:
        found = (100 - row["val_top1"], row["megaflops"])
        assert not any(e <= found[0] and f <= found[1] and (e, f) != found for e, f in algorithm.objectives)
        assert row["megaflops"] == searcher.megaflops(
            SearchData(planted(), 2), Genotype.parse(row["genotype"])
        )


def test_shares_of_operations_and_their_entropy_by_hand() -> None:
    one, other = genotype(1), genotype(2)
    alone = edge_shares([one])
    assert mean_entropy_of(alone) == 0.0
    for kind, table in edge_shares([one, other, one, one]).items():
        assert table.shape == (len(EDGES), len(MIXTURE))
        assert table.sum(axis=1) == pytest.approx(1.0)
        assert table[:, :-1].sum() == pytest.approx(8.0)
        assert np.array_equal(table, 0.75 * alone[kind] + 0.25 * edge_shares([other])[kind])
    mixed = edge_shares([one, other])
    differing = sum((alone[kind] != edge_shares([other])[kind]).any(axis=1).sum() for kind in alone)
    assert mean_entropy_of(mixed) == pytest.approx(differing * np.log(2) / 28)


def test_results_do_not_depend_on_how_many_processes_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes against this one, which has two threads: the same steps bit for bit; memory counts together."""
    small = {**TINY, "population": 4, "offspring": 3, "generations": 2, "reports": 7}

    def found(workers: int) -> SearchResult:
        return search("nsganet", planted(), workers=workers, **small)

    alone = found(1)
    monkeypatch.setattr(nsganet_run, "Children", None)
    together = found(2)
    assert lasting(together) == lasting(alone)
    assert together.cost["peak_bytes"] > 2e8
    assert together.cost["seconds_weights"] > 0
    assert alone.cost["images_seen"] == 7 * 48
