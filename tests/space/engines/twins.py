"""Two copies of a network, one run by plain torch and one by the C++ engine, and how far apart they come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from nastransfer.space.genotype import EDGES, MIXTURE, OPERATIONS, Genotype
from nastransfer.space.known import known_genotype
from nastransfer.space.network import Network
from nastransfer.space.supernet import Supernet

Run = Callable[[nn.Module, Tensor, Tensor], Sequence[Tensor]]
M = TypeVar("M", bound=nn.Module)
CLASSES = 5
FP64 = torch.float64


def of_operations(*names: str) -> Genotype:
    """A genotype whose edges take these operations in turn; the sources differ from node to node."""
    sources = ((0, 1), (0, 2), (1, 3), (2, 4)), ((0, 1), (1, 2), (0, 3), (3, 4))
    cells = {}
    for kind, pairs in zip(("normal", "reduce"), sources, strict=True):
        flat = [source for pair in pairs for source in pair]
        cells[kind] = [(names[i % len(names)], source) for i, source in enumerate(flat)]
    return Genotype.parse(cells)


GENOTYPES = {
    "darts_v2": known_genotype("DARTS_V2"),
    "max_pools": of_operations("max_pool_3x3"),
    "pools": of_operations("avg_pool_3x3", "max_pool_3x3", "avg_pool_3x3"),
    "skips": of_operations("skip_connect"),
    "separable": of_operations("sep_conv_3x3", "sep_conv_5x5", "sep_conv_5x5"),
    "dilated": of_operations("dil_conv_5x5", "dil_conv_3x3", "dil_conv_3x3"),
    "all": of_operations(*OPERATIONS),
    "random": Genotype.random(np.random.default_rng(7)),
}


def network(genotype: Genotype | str = "random", seed: int = 0, **arguments: Any) -> Callable[[str], Network]:
    """A maker of a small network, by engine."""
    found = GENOTYPES[genotype] if isinstance(genotype, str) else genotype
    settings: dict[str, Any] = {"channels": 8, "cells": 3, **arguments}
    return lambda engine: _built(lambda: Network(found, CLASSES, engine=engine, **settings), seed)


def supernet(seed: int = 0, **arguments: Any) -> Callable[[str], Supernet]:
    """A maker of a small supernet, by engine."""
    settings: dict[str, Any] = {"channels": 4, "cells": 3, **arguments}
    return lambda engine: _built(lambda: Supernet(CLASSES, engine=engine, **settings), seed)


def _built(make: Callable[[], M], seed: int) -> M:
    """The module with norms' scales and shifts and running statistics that are not 1 and 0."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = make().to(FP64)
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                if part.affine:
                    nn.init.uniform_(part.weight, 0.5, 1.5)
                    nn.init.normal_(part.bias, 0.0, 0.3)
                if part.running_mean is not None and part.running_var is not None:
                    nn.init.normal_(part.running_mean, 0.0, 0.3)
                    nn.init.uniform_(part.running_var, 0.5, 1.5)
    return module


def twins(make: Callable[[str], M], dtype: torch.dtype = FP64) -> tuple[M, M]:
    """The plain module and the engine's, with equal weights."""
    return make("plain").to(dtype), make("cpp").to(dtype)


def batch(count: int = 4, height: int = 16, width: int | None = None, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images [count, 3, height, width] in fp64 and labels."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 3, height, width or height, generator=generator, dtype=FP64)
    return x, torch.randint(CLASSES, (count,), generator=generator)


def mixture(seed: int = 0) -> Tensor:
    """Mixture weights [14, 8]; far from uniform, so that each counts on its own."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(len(EDGES), len(MIXTURE), generator=generator, dtype=FP64).softmax(dim=1)


def losses(outputs: Tensor | tuple[Tensor, Tensor], labels: Tensor) -> Tensor:
    """Cross entropy, an auxiliary head's with 0.4."""
    if isinstance(outputs, Tensor):
        return nn.functional.cross_entropy(outputs, labels)
    main, auxiliary = (nn.functional.cross_entropy(out, labels) for out in outputs)
    return main + 0.4 * auxiliary


def trained(module: nn.Module, x: Tensor, labels: Tensor) -> Sequence[Tensor]:
    """Forward and backward of a network; its outputs."""
    outputs = module(x)
    losses(outputs, labels).backward()
    return (outputs,) if isinstance(outputs, Tensor) else outputs


def observed(module: nn.Module, x: Tensor, _: Tensor) -> Sequence[Tensor]:
    """Forward alone."""
    with torch.no_grad():
        outputs = module(x)
    return (outputs,) if isinstance(outputs, Tensor) else outputs


def gradients(module: nn.Module) -> dict[str, Tensor]:
    """Gradients by parameter, of those that have one."""
    return {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


def assert_near(
    got: Mapping[str, Tensor], expected: Mapping[str, Tensor], tolerance: float, floor: float
) -> None:
    """Tensors of one name are nearer than `tolerance` times their norm, or than that times `floor` where it is less."""
    assert got.keys() == expected.keys()
    apart = {}
    for name, one in expected.items():
        other = got[name]
        assert other.shape == one.shape and other.dtype == one.dtype, name
        if not one.is_floating_point():
            assert torch.equal(other, one), name
            continue
        apart[name] = float((other - one).norm()) / max(float(one.norm()), floor)
    far = {name: distance for name, distance in apart.items() if not distance < tolerance}
    assert not far, f"{len(far)} of {len(apart)} differ: {far}"


def assert_twins(
    make: Callable[[str], nn.Module],
    run: Run,
    x: Tensor,
    labels: Tensor,
    *,
    steps: int = 2,
    training: bool = True,
    tolerance: float = 1e-9,
) -> None:
    """Outputs, gradients (also which there are) and statistics of `run` agree, again after a step downhill.

    The mean over one image's pixels of a normalised map is a constant: most gradients are zero then, and what
    is found in their place is rounding.
    """
    smallest = 1e-6 if len(x) > 1 else 1e-3
    pair = twins(make)
    for module in pair:
        module.train(training)
    for step in range(steps):
        found = []
        for module in pair:
            module.zero_grad()
            torch.manual_seed(step)  # the drop-path masks
            found.append({str(i): out.detach() for i, out in enumerate(run(module, x, labels))})
        plain, cpp = pair
        assert_near(found[1], found[0], tolerance, 1e-6)
        total = sum(float(g.square().sum()) for g in gradients(plain).values()) ** 0.5
        assert_near(gradients(cpp), gradients(plain), tolerance, max(smallest * total, 1e-12))
        assert_near(dict(cpp.named_buffers()), dict(plain.named_buffers()), tolerance, 1e-3)
        with torch.no_grad():
            for module in pair:
                for parameter in module.parameters():
                    if parameter.grad is not None:
                        parameter -= 0.05 * parameter.grad
