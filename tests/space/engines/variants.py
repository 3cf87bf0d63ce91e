"""Runs a small matrix of calls on a library that is built with other flags: `python -m tests.space.engines.variants`.

Arguments: the library, and "double" (compared with plain torch) or "float" (run, and compared loosely). A process of
its own, because sanitizers must be loaded before everything else and end the process at the first thing they find.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from nastransfer.space.engines import compiled as home
from nastransfer.space.engines import passes
from nastransfer.space.genotype import Genotype
from tests.space.engines.twins import (
    GENOTYPES,
    assert_near,
    assert_twins,
    batch,
    losses,
    mixture,
    network,
    observed,
    supernet,
    trained,
    twins,
)

Case = tuple[str, Callable[[str], nn.Module], Callable[..., Sequence[Tensor]], tuple[Tensor, Tensor], bool]


def mixed(module: nn.Module, x: Tensor, labels: Tensor) -> Sequence[Tensor]:
    """Gradients of weights and mixtures."""
    mixtures = [mixture(kind).requires_grad_() for kind in (1, 2)]
    outputs = module(x, *(one.to(x.dtype) for one in mixtures))
    losses(outputs, labels).backward()
    return [outputs, *(one.grad for one in mixtures if one.grad is not None)]


def along(genotype: Genotype) -> Callable[..., Sequence[Tensor]]:
    """Forward and backward along a path."""

    def run(module: nn.Module, x: Tensor, labels: Tensor) -> Sequence[Tensor]:
        outputs = module(x, genotype=genotype)
        losses(outputs, labels).backward()
        return [outputs]

    return run


def cases() -> Iterator[Case]:
    """Name, module, run, images and labels, training or not."""
    for number, (name, genotype) in enumerate(GENOTYPES.items()):
        width, height = 4 * (1 + number % 4), 8 + 4 * (number % 3)
        yield name, network(genotype, channels=width, cells=3), trained, batch(3, height, 12), True
    for width in (4, 20, 36, 68):
        yield f"width {width}", network("all", channels=width, cells=2), trained, batch(2, 8, 20), True
    bare = network("all", channels=12, pool_norm=False, drop_path=0.3, affine=False)
    yield "bare pools, drop path", bare, trained, batch(5, 12), True
    yield "auxiliary", network("all", channels=4, auxiliary=True), trained, batch(2, 32), True
    yield "large stem", network("all", channels=20, stem="imagenet"), trained, batch(3, 32, 64), True
    yield "evaluation", network("all", channels=12), observed, batch(5, 8), False
    yield "no gradients", network("all", channels=28), observed, batch(2, 12), True
    yield "mixed", supernet(channels=4), mixed, batch(2, 8, 12), True
    yield "mixed, large stem", supernet(channels=12, stem="imagenet"), mixed, batch(2, 32, 64), True
    yield "partial", supernet(channels=16, partial=4), mixed, batch(2, 8, 12), True
    yield (
        "partial, large stem",
        supernet(channels=24, partial=2, stem="imagenet"),
        mixed,
        batch(2, 32, 64),
        True,
    )
    for name in ("all", "skips"):
        yield f"path {name}", supernet(affine=True), along(GENOTYPES[name]), batch(3, 8), True


def main(path: str, real: str) -> None:
    """Run all cases with 1 and 3 threads."""
    loaded = ctypes.CDLL(path)
    for place in (home, passes):
        place.compiled_engine = lambda dtype: loaded  # noqa: ARG005
    for threads in (1, 3):
        torch.set_num_threads(threads)
        for name, make, run, (x, labels), training in cases():
            try:
                if real == "double":
                    assert_twins(make, run, x, labels, training=training, steps=1)
                else:
                    found = []
                    for module in twins(make, torch.float32):
                        torch.manual_seed(0)
                        outputs = run(module.train(training), x.float(), labels)
                        found.append({str(i): out.detach() for i, out in enumerate(outputs)})
                    assert_near(found[1], found[0], 0.02, 1e-2)
            except AssertionError as error:
                raise AssertionError(f"{name}, {threads} threads: {error}") from error


if __name__ == "__main__":
    main(*sys.argv[1:])
