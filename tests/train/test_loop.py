"""The one training loop against arithmetic: a weight step by hand, clipping, batches of one, divergence."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from nastransfer.train.loop import (
    Tally,
    descend,
    join_single,
    train_epoch,
    weight_step,
)
from nastransfer.train.schedule import num_steps
from nastransfer.train.steps import Diverged


class Scale(nn.Module):
    """Logits (w * x, 0) of images [n, 1, 1, 1]: its loss and gradient are a line of arithmetic."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        value = self.weight * x.flatten()
        return torch.stack([value, torch.zeros_like(value)], dim=1)


def images(value: float, count: int = 2) -> tuple[Tensor, Tensor]:
    """Equal images of one pixel, all of class 0."""
    return torch.full((count, 1, 1, 1), value, dtype=torch.float64), torch.zeros(count, dtype=torch.int64)


def sgd(network: nn.Module, lr: float = 0.1, momentum: float = 0.0, decay: float = 0.0) -> torch.optim.SGD:
    return torch.optim.SGD(network.parameters(), lr, momentum, weight_decay=decay)


def test_a_weight_step_is_momentum_sgd_with_coupled_decay() -> None:
    network = Scale(0.5)
    optimizer = sgd(network, lr=0.1, momentum=0.9, decay=0.01)
    weight, buffer = 0.5, 0.0
    for _ in range(3):
        loss, right = weight_step(network, optimizer, *images(2.0), clip=100.0)
        assert float(loss) == pytest.approx(math.log1p(math.exp(-2 * weight)))
        assert int(right) == 2
        buffer = 0.9 * buffer + (-2 / (1 + math.exp(2 * weight)) + 0.01 * weight)
        weight -= 0.1 * buffer
        assert network.weight.item() == pytest.approx(weight, abs=1e-12)


def test_the_gradient_is_clipped_to_the_global_norm() -> None:
    weights = [nn.Parameter(torch.tensor(value, dtype=torch.float64)) for value in (1.0, 2.0)]
    optimizer = torch.optim.SGD(weights, 1.0)
    descend(optimizer, 30 * weights[0] + 40 * weights[1], clip=5.0)
    assert [weight.item() for weight in weights] == pytest.approx([1.0 - 3.0, 2.0 - 4.0], abs=1e-5)
    descend(optimizer, 0.3 * weights[0] + 0.4 * weights[1], clip=5.0)
    assert [weight.item() for weight in weights] == pytest.approx([-2.3, -2.4], abs=1e-5)


def test_the_auxiliary_loss_counts_by_its_weight_and_is_not_reported() -> None:
    network, second = Scale(0.0), Scale(0.0)
    optimizer = sgd(nn.ModuleList([network, second]), lr=1.0)
    loss, _ = weight_step(
        lambda x: (network(x), second(x)), optimizer, *images(1.0), clip=100.0, auxiliary=0.4
    )
    assert float(loss) == pytest.approx(math.log(2))
    assert network.weight.item() == pytest.approx(0.5)
    assert second.weight.item() == pytest.approx(0.4 * 0.5)


def test_an_epoch_sets_the_learning_rate_of_every_step() -> None:
    network = Scale(0.0)
    optimizer = sgd(network)
    asked: list[int] = []

    def lr(step: int) -> float:
        asked.append(step)
        return 1.0 / step

    scores = train_epoch(network, optimizer, [images(1.0, 4)] * 3, lr=lr, clip=5.0, first_step=7)
    assert asked == [7, 8, 9]
    assert optimizer.param_groups[0]["lr"] == 1 / 9
    assert (scores.images, scores.steps, scores.top1) == (12, 3, 100.0)


def test_means_are_over_images_not_over_batches() -> None:
    tally = Tally()
    tally.add(torch.tensor(1.0), torch.tensor(3), 3)
    tally.add(torch.tensor(5.0), torch.tensor(0), 1)
    scores = tally.take(2)
    assert (scores.loss, scores.top1, scores.images) == (2.0, 75.0, 4)
    assert tally.steps == 0


def test_a_loss_that_is_not_a_number_names_its_step() -> None:
    network = Scale(1.0)
    good, bad = images(2.0), images(float("nan"))
    with pytest.raises(Diverged, match="step 12 is nan") as caught:
        train_epoch(network, sgd(network), [good, good, bad, good], lr=lambda _: 0.1, clip=5.0, first_step=10)
    assert caught.value.step == 12
    assert isinstance(caught.value, RuntimeError)


def test_nothing_to_train_on_is_an_error() -> None:
    network = Scale(1.0)
    with pytest.raises(ValueError, match="at least one batch"):
        train_epoch(network, sgd(network), [], lr=lambda _: 0.1, clip=5.0)


@pytest.mark.parametrize("number", range(1, 14))
def test_a_last_image_alone_joins_the_batch_before(number: int) -> None:
    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, number, 4):
            part = torch.arange(start, min(start + 4, number))
            yield part[:, None, None, None].float(), part

    joined = list(join_single(batches()))
    assert torch.cat([labels for _, labels in joined]).tolist() == list(range(number))
    assert all(torch.equal(x.flatten().long(), y) for x, y in joined)
    assert number == 1 or all(len(labels) > 1 for _, labels in joined)
    assert len(joined) == num_steps(number, 4)
