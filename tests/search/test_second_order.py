"""The second-order gradient: its toy problem with a known end, its mixed derivative, weights left as they were."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nastransfer.search.bilevel import move
from nastransfer.search.second_order import second_order_gradient


def toy(alpha: float, weight: float) -> tuple[Tensor, nn.Parameter]:
    return (
        torch.tensor(alpha, dtype=torch.float64, requires_grad=True),
        nn.Parameter(torch.tensor(weight, dtype=torch.float64)),
    )


def train_loss(alpha: Tensor, weight: Tensor) -> Tensor:
    return weight**2 - 2 * alpha * weight + alpha**2


def val_loss(alpha: Tensor, weight: Tensor) -> Tensor:
    return alpha * weight - 2 * alpha + 1


def gradient(alpha: Tensor, weight: nn.Parameter, lr: float, optimizer: torch.optim.SGD) -> Tensor:
    (found,) = second_order_gradient(
        lambda: train_loss(alpha, weight),
        lambda: val_loss(alpha, weight),
        [alpha],
        optimizer,
        weights=[weight],
        lr=lr,
    )
    return found


@pytest.mark.parametrize(("lr", "end"), [(0.05, 1.818), (0.3, 1.25), (0.5, 1.0)])
def test_the_toy_problem_ends_where_the_paper_says(lr: float, end: float) -> None:
    """DARTS, figure 2: from (2, -2) to alpha = w = 2 / (1 + 2 lr); first order goes to (2, 2) (test_bilevel)."""
    alpha, weight = toy(2.0, -2.0)
    optimizer = torch.optim.SGD([weight], lr)
    arch = torch.optim.SGD([alpha], 0.05)
    for _ in range(1500):
        move(arch, [alpha], [gradient(alpha, weight, lr, optimizer)])
        optimizer.zero_grad()
        train_loss(alpha.detach(), weight).backward()
        optimizer.step()
    assert [alpha.item(), weight.item()] == pytest.approx([end, end], abs=1e-3)


@pytest.mark.parametrize("weight_at", [-2.0, 0.3, 5.0])
def test_the_second_term_is_the_mixed_derivative(weight_at: float) -> None:
    """D L_train / (da dw) is -2 everywhere, so h = -2 u for any epsilon; pt.darts' slip would make it about 0."""
    lr = 0.3
    alpha, weight = toy(0.7, weight_at)
    found = gradient(alpha, weight, lr, torch.optim.SGD([weight], lr))
    ahead = weight_at - lr * (2 * weight_at - 2 * 0.7)
    along, direct = 0.7, ahead - 2
    assert found.item() == pytest.approx(direct - lr * (-2 * along), abs=1e-9)


def test_momentum_and_weight_decay_are_in_the_virtual_step() -> None:
    lr, momentum, decay = 0.1, 0.9, 0.01
    alpha, weight = toy(0.7, 1.5)
    optimizer = torch.optim.SGD([weight], lr, momentum=momentum, weight_decay=decay)
    train_loss(alpha.detach(), weight).backward()
    optimizer.step()
    held = optimizer.state[weight]["momentum_buffer"].item()
    before = weight.item()
    found = gradient(alpha, weight, lr, optimizer)
    ahead = before - lr * (momentum * held + 2 * before - 2 * 0.7 + decay * before)
    assert found.item() == pytest.approx(ahead - 2 + lr * 2 * 0.7, abs=1e-9)
    assert weight.item() == before, "the weights are bit for bit what they were"


def test_weights_come_back_bit_for_bit_and_no_gradient_stays() -> None:
    torch.manual_seed(2)
    layers = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))
    weights = list(layers.parameters())
    optimizer = torch.optim.SGD(weights, 0.1, momentum=0.9)
    scale = torch.ones(5, requires_grad=True)
    before = [weight.detach().clone() for weight in weights]
    images = torch.randn(8, 5)
    found = second_order_gradient(
        lambda: (layers(images * scale) ** 2).mean(),
        lambda: layers(images * scale).mean(),
        [scale],
        optimizer,
        weights=weights,
        lr=0.1,
    )
    assert all(map(torch.equal, before, weights))
    assert all(weight.grad is None and weight.requires_grad for weight in weights)
    assert found[0].abs().max() > 0


def test_a_flat_validation_loss_leaves_the_direct_gradient() -> None:
    alpha, weight = toy(0.5, 1.0)
    (found,) = second_order_gradient(
        lambda: train_loss(alpha, weight),
        lambda: 3 * alpha + 0 * weight,
        [alpha],
        torch.optim.SGD([weight], 0.1),
        weights=[weight],
        lr=0.1,
    )
    assert found.item() == 3.0
