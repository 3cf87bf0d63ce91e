"""Training and search steps on random images, as benchmarks of engines repeat them.

Search: T is 8 channels, 5 cells, 16 px, batch 64; S is the papers' 16 channels, 8 cells, 32 px, batch 64.
Training: A is the papers' 36 channels, 20 cells, 32 px, batch 96; B 16 channels, 8 cells; C 8 channels, 5 cells, 16 px,
batch 64; D 48 channels, 14 cells, 224 px, batch 8.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from nastransfer.space.genotype import EDGES, MIXTURE, Genotype
from nastransfer.space.known import known_genotype
from nastransfer.space.network import Network
from nastransfer.space.supernet import Supernet
from nastransfer.train.loop import frozen, sgd, weight_step

CLASSES, CLIP = 10, 5.0
LR, MOMENTUM, DECAY = 0.025, 0.9, 3e-4


class Size(NamedTuple):
    """Width of the first cells, cells, pixels a side, images a batch."""

    channels: int
    cells: int
    pixels: int
    batch: int

    @property
    def stem(self) -> str:
        """The stem for these images."""
        return "imagenet" if self.pixels > 64 else "cifar"


SEARCHES = {"T": Size(8, 5, 16, 64), "S": Size(16, 8, 32, 64)}
TRAININGS = {
    "A": Size(36, 20, 32, 96),
    "B": Size(16, 8, 32, 96),
    "C": Size(8, 5, 16, 64),
    "D": Size(48, 14, 224, 8),
}


def heaviest(*kinds: str) -> Genotype:
    """Of 500 random genotypes the one with most operations of these kinds, the normal cell's counted first."""

    def weight(genotype: Genotype) -> tuple[int, int]:
        counts = [
            sum(edge.op.startswith(kinds) for pair in cell for edge in pair)
            for cell in (genotype.normal, genotype.reduce)
        ]
        return counts[0], counts[1]

    return max(Genotype.draw(np.random.default_rng(2), 500), key=weight)


GENOTYPES = {
    "DARTS_V2": known_genotype("DARTS_V2"),
    "separable": heaviest("sep"),
    "dilated, pools": heaviest("dil", "max", "avg"),
}


def _batch(size: Size) -> tuple[Tensor, Tensor]:
    return torch.randn(size.batch, 3, size.pixels, size.pixels), torch.randint(CLASSES, (size.batch,))


def training_step(size: Size, engine: str, genotype: Genotype) -> Callable[[], object]:
    """Forward, cross entropy, backward, clip, SGD of a fixed network."""
    torch.manual_seed(2)
    network = Network(genotype, CLASSES, size.channels, size.cells, size.stem, engine=engine)
    optimizer, batch = sgd(network, LR, MOMENTUM, DECAY), _batch(size)
    return lambda: weight_step(network, optimizer, *batch, clip=CLIP)


def path_step(size: Size, engine: str) -> Callable[[], object]:
    """Forward and backward along sampled paths, another genotype each time."""
    torch.manual_seed(2)
    supernet = Supernet(CLASSES, size.channels, size.cells, size.stem, engine=engine, affine=True)
    images, labels = _batch(size)
    genotypes = Genotype.draw(np.random.default_rng(2), 100)
    weights = list(supernet.parameters())

    def step() -> None:
        genotypes.append(genotypes.pop(0))
        for weight in weights:
            weight.grad = None
        cross_entropy(supernet(images, genotype=genotypes[-1]), labels).backward()

    return step


class Search:
    """DARTS: shared weights, architecture parameters, their optimizers, a training and a validation batch."""

    def __init__(self, size: Size, engine: str) -> None:
        torch.manual_seed(2)
        self.supernet = Supernet(CLASSES, size.channels, size.cells, size.stem, engine=engine)
        self.alphas = [(1e-3 * torch.randn(len(EDGES), len(MIXTURE))).requires_grad_() for _ in range(2)]
        self.weights = list(self.supernet.parameters())
        self.weights_optimizer = sgd(self.supernet, LR, MOMENTUM, DECAY)
        self.alphas_optimizer = torch.optim.Adam(self.alphas, 3e-4, (0.5, 0.999), weight_decay=1e-3)
        self.train, self.val = _batch(size), _batch(size)

    def as_the_original(self) -> None:
        """First order as the original code has it: both halves propagate into weights and alphas alike.

        github.com/quark0/darts (train_search.py, architect.py) and its rewrites do; half of these gradients is unused.
        """
        self.weights_optimizer.zero_grad(set_to_none=True)
        self.alphas_optimizer.zero_grad(set_to_none=True)
        self._loss(self.val, True).backward()
        self.alphas_optimizer.step()
        mixtures = self._mixtures(True)
        weight_step(
            lambda images: self.supernet(images, *mixtures), self.weights_optimizer, *self.train, clip=CLIP
        )

    def first_order(self) -> None:
        """Alphas down the loss of the validation batch at the present weights, then a weight step."""
        with frozen(self.weights):
            self._move_alphas(self._alpha_gradients(self.val))
        self._weight_step()

    def second_order_as_the_original(self) -> None:
        """Second order as the original code has it: a new model for the unrolled weights, alphas in every graph.

        github.com/quark0/darts, architect.py: only what is asked for is differentiated in the architecture half (by
        `autograd.grad`), but the weight step gives gradients of the alphas, too.
        """
        copy.deepcopy(self.supernet)
        self._move_alphas(self._second_order_gradients(learn=True))
        self.alphas_optimizer.zero_grad(set_to_none=True)
        mixtures = self._mixtures(True)
        weight_step(
            lambda images: self.supernet(images, *mixtures), self.weights_optimizer, *self.train, clip=CLIP
        )

    def second_order(self) -> None:
        """The same with the unrolled weights and the finite difference of methods.md 2.6."""
        self._move_alphas(self._second_order_gradients(learn=False))
        self._weight_step()

    def _second_order_gradients(self, learn: bool) -> list[Tensor]:
        """Gradients of the alphas; `learn`: alphas are in the graph of the unrolled step, though nobody asks."""
        gradient = torch.autograd.grad(self._loss(self.train, learn), self.weights)
        saved = [weight.detach().clone() for weight in self.weights]
        with torch.no_grad():
            step = torch._foreach_add(gradient, self.weights, alpha=DECAY)
            momenta = [self.weights_optimizer.state[weight].get("momentum_buffer") for weight in self.weights]
            if momenta[0] is not None:
                torch._foreach_add_(step, momenta, alpha=MOMENTUM)
            torch._foreach_add_(self.weights, step, alpha=-LR)
        both = torch.autograd.grad(self._loss(self.val, True), (*self.weights, *self.alphas))
        along, direct = both[: len(self.weights)], both[len(self.weights) :]
        epsilon = 0.01 / torch.linalg.vector_norm(torch.stack(torch._foreach_norm(along))).item()
        sides = []
        for sign in (1, -1):
            with torch.no_grad():
                torch._foreach_copy_(self.weights, saved)
                torch._foreach_add_(self.weights, along, alpha=sign * epsilon)
            with frozen(self.weights):
                sides.append(self._alpha_gradients(self.train))
        with torch.no_grad():
            torch._foreach_copy_(self.weights, saved)
        plus, minus = sides
        return [d - LR * (p - m) / (2 * epsilon) for d, p, m in zip(direct, plus, minus, strict=True)]

    def _mixtures(self, learn: bool) -> list[Tensor]:
        mixtures = [alpha.softmax(dim=1) for alpha in self.alphas]
        return mixtures if learn else [mixture.detach() for mixture in mixtures]

    def _loss(self, batch: tuple[Tensor, Tensor], learn: bool) -> Tensor:
        images, labels = batch
        return cross_entropy(self.supernet(images, *self._mixtures(learn)), labels)

    def _alpha_gradients(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        return torch.autograd.grad(self._loss(batch, True), self.alphas)

    def _move_alphas(self, gradients: tuple[Tensor, ...] | list[Tensor]) -> None:
        for alpha, gradient in zip(self.alphas, gradients, strict=True):
            alpha.grad = gradient
        self.alphas_optimizer.step()

    def _weight_step(self) -> None:
        mixtures = self._mixtures(False)
        weight_step(
            lambda images: self.supernet(images, *mixtures), self.weights_optimizer, *self.train, clip=CLIP
        )


def first_order(size: Size, engine: str) -> Callable[[], None]:
    """A first-order step by an engine, or "original"."""
    if engine == "original":
        return Search(size, "plain").as_the_original
    return Search(size, engine).first_order


def second_order(size: Size, engine: str) -> Callable[[], None]:
    """A second-order step by an engine, or "original"."""
    if engine == "original":
        return Search(size, "plain").second_order_as_the_original
    return Search(size, engine).second_order
