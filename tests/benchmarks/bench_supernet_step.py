"""One step of first-order DARTS on the plain supernet (size T: 8 channels, 5 cells, 16 px, batch 64).

A matrix product stands beside it as the machine's yardstick: the ratio can be compared across machines.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from nastransfer.space.genotype import EDGES, MIXTURE
from nastransfer.space.supernet import Supernet
from nastransfer.train.loop import descend, weight_step
from tests.benchmarks.measure import take_turns

ROUNDS = 7
CHANNELS, CELLS, PIXELS, BATCH, CLASSES = 8, 5, 16, 64, 10
CLIP = 5.0


class FirstOrderSearch:
    """Weights, architecture parameters, their optimizers and one batch each, on random images."""

    def __init__(self, engine: str) -> None:
        torch.manual_seed(2)
        self.supernet = Supernet(CLASSES, CHANNELS, CELLS, "cifar", engine=engine)
        self.alphas = [(1e-3 * torch.randn(len(EDGES), len(MIXTURE))).requires_grad_() for _ in range(2)]
        self.weights_optimizer = torch.optim.SGD(self.supernet.parameters(), 0.025, 0.9, weight_decay=3e-4)
        self.alphas_optimizer = torch.optim.Adam(self.alphas, 3e-4, (0.5, 0.999), weight_decay=1e-3)
        self.images = torch.randn(2, BATCH, 3, PIXELS, PIXELS)
        self.labels = torch.randint(CLASSES, (2, BATCH))

    def forward(self, images: Tensor) -> Tensor:
        """Logits under the current mixture, differentiable in weights and alphas as in the papers' code."""
        normal, reduce = (alpha.softmax(dim=1) for alpha in self.alphas)
        return self.supernet(images, normal, reduce)

    def weight_step(self) -> None:
        """Shared weights down the loss of the training batch."""
        weight_step(self.forward, self.weights_optimizer, self.images[0], self.labels[0], clip=CLIP)

    def whole_step(self) -> None:
        """Alphas down the loss of the validation batch, then a weight step."""
        loss = cross_entropy(self.forward(self.images[1]), self.labels[1])
        descend(self.alphas_optimizer, loss, CLIP)
        self.weight_step()


def run() -> dict[str, Any]:
    """Milliseconds of the yardstick, of a weight step and of a whole step, taking turns."""
    left, right = torch.randn(2, 2048, 2048)
    plain = FirstOrderSearch("plain")
    return take_turns(
        {
            "matrix product 2048": partial(torch.mm, left, right),
            "plain: weight step": plain.weight_step,
            "plain: first-order step": plain.whole_step,
        },
        ROUNDS,
    )
