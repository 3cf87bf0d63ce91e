"""The one evaluation loop against arithmetic: accuracies, classes, what is taken for what, a loss that is no number."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nastransfer.train import scoring
from nastransfer.train.scoring import evaluate
from nastransfer.train.steps import Diverged


class Answers(nn.Module):
    """Gives the images back as logits."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


def test_scores_by_hand() -> None:
    """Six classes: label 5 is first for image 0, second for image 1 and last for image 2."""
    logits = torch.tensor([[0, 1, 2, 3, 4, 9.0], [9, 1, 2, 3, 4, 5.0], [9, 8, 7, 6, 5, 0.0]])
    scores = evaluate(Answers(), [(logits[:2], torch.tensor([5, 5])), (logits[2:], torch.tensor([5]))], 6)
    assert (scores.top1, scores.top5) == (pytest.approx(100 / 3), pytest.approx(200 / 3))
    assert (scores.correct, scores.total) == ((0, 0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 3))
    assert scores.confusion is not None and scores.confusion[5] == (2, 0, 0, 0, 0, 1)
    assert scores.loss == pytest.approx(float(nn.functional.cross_entropy(logits, torch.tensor([5, 5, 5]))))


def test_top5_says_nothing_below_six_classes() -> None:
    assert evaluate(Answers(), [(torch.eye(5), torch.arange(5))], 5).top5 is None
    assert evaluate(Answers(), [(torch.eye(6), torch.arange(6))], 6).top5 == 100.0


def test_evaluation_leaves_the_network_as_it_was() -> None:
    network = nn.Sequential(nn.BatchNorm1d(2), nn.Flatten())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    evaluate(network, [(torch.randn(4, 2, 1), torch.zeros(4, dtype=torch.int64))], 2)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_nothing_to_judge_on_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        evaluate(Answers(), [], 2)


def test_many_classes_have_the_same_scores_and_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(3)
    batches = [
        (torch.randn(size, 7, generator=generator), torch.randint(0, 7, (size,), generator=generator))
        for size in (5, 4)
    ]
    table = evaluate(Answers(), batches, 7)
    monkeypatch.setattr(scoring, "MOST_CONFUSED", 6)
    plain = evaluate(Answers(), batches, 7)
    assert plain.confusion is None and table.confusion is not None
    assert (plain.correct, plain.total, plain.top1) == (table.correct, table.total, table.top1)
    guesses = torch.cat([logits for logits, _ in batches]).argmax(1)
    labels = torch.cat([labels for _, labels in batches])
    for label, row in enumerate(table.confusion):
        assert row == tuple(int(((labels == label) & (guesses == other)).sum()) for other in range(7))


def test_an_empty_part_of_a_batch_counts_nothing() -> None:
    batch = (torch.eye(6), torch.arange(6))
    empty = (torch.empty(0, 6), torch.empty(0, dtype=torch.int64))
    assert evaluate(Answers(), [batch, empty], 6) == evaluate(Answers(), [batch], 6)


def test_a_loss_that_is_not_a_number_names_its_step() -> None:
    with pytest.raises(Diverged, match="step 3 is nan"):
        evaluate(Answers(), [(torch.full((2, 3), float("nan")), torch.tensor([0, 1]))], 3, step=3)
