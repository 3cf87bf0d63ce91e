"""The second-order gradient of DARTS by finite differences (Liu et al. 2019, section 2.3, equations 6 to 8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nastransfer.train.loop import frozen

Loss = Callable[[], Tensor]

# The paper's scale of the finite difference: epsilon = 0.01 / |u| (footnote 2).
SCALE = 0.01


def second_order_gradient(
    train_loss: Loss,
    val_loss: Loss,
    alphas: Sequence[Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    weights: Sequence[Tensor],
    lr: float,
) -> list[Tensor]:
    """The gradient by `alphas` of the validation loss after one virtual weight step on the training loss.

    With v the momentum buffers of `optimizer` (SGD, one group; zero before its first step), mu its momentum, lambda its
    weight decay: w' = w - lr (mu v + grad_w L_train + lambda w), d and u the gradients of L_val by alphas and weights
    at w', and h = [grad_a L_train(w + eps u) - grad_a L_train(w - eps u)] / (2 eps) with eps = 0.01 / |u|: the result
    is d - lr h. No clipping inside (methods.md 2.6). The losses (0-d, at the weights and alphas as they are) are
    evaluated four times in all; the weights are bit for bit what they were afterwards.

    pt.darts multiplies by eps / 2 where the formula divides by 2 eps, which makes the second term vanish (AMB-3).
    """
    group = optimizer.param_groups[0]
    with frozen(alphas):
        gradient = torch.autograd.grad(train_loss(), weights)
    before = [weight.detach().clone() for weight in weights]
    with torch.no_grad():
        step = torch._foreach_add(list(gradient), before, alpha=group["weight_decay"])
        buffers = [optimizer.state[weight].get("momentum_buffer") for weight in weights]
        moving = [(own, buffer) for own, buffer in zip(step, buffers, strict=True) if buffer is not None]
        if moving:
            own, held = map(list, zip(*moving, strict=True))
            torch._foreach_add_(own, held, alpha=group["momentum"])
        torch._foreach_add_(list(weights), step, alpha=-lr)
    both = torch.autograd.grad(val_loss(), (*weights, *alphas))
    along, direct = both[: len(weights)], both[len(weights) :]
    norm = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(along)))))
    sides = []
    if norm > 0:
        for sign in (1, -1):
            with torch.no_grad():
                torch._foreach_copy_(list(weights), before)
                torch._foreach_add_(list(weights), list(along), alpha=sign * SCALE / norm)
            with frozen(weights):
                sides.append(torch.autograd.grad(train_loss(), alphas))
    with torch.no_grad():
        torch._foreach_copy_(list(weights), before)
    if not sides:
        return list(direct)
    plus, minus = sides
    return [d - lr * norm * (p - m) / (2 * SCALE) for d, p, m in zip(direct, plus, minus, strict=True)]
