"""The edge-batched engine: the same numbers, gradients and statistics as the plain modules, in every mode."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nastransfer.space.engines import depthwise, mixed, stacked_norms
from nastransfer.space.genotype import Genotype
from nastransfer.space.known import known_genotype
from nastransfer.space.network import Network
from nastransfer.space.operations import batch_statistics
from nastransfer.space.supernet import Supernet

CLOSE = 1e-9
MODES = ("training", "evaluation", "batch statistics")
SIZES = {"cifar": 12, "imagenet": 32}
"""Sides whose last maps are odd, so that dilated kernels see uneven grids."""

M = TypeVar("M", bound=nn.Module)
Logits = Tensor | tuple[Tensor, Tensor]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def shaken(module: M) -> M:
    """The module in fp64, with scales, offsets and running statistics that are all different."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in module.double().state_dict().items():
        if tensor.dim() == 1 and tensor.is_floating_point():
            tensor.uniform_(
                *((-0.3, 0.3) if name.endswith(("mean", "bias")) else (0.5, 1.5)), generator=generator
            )
    return module


def results(
    module: Network | Supernet,
    engine: str,
    mode: str,
    x: Tensor,
    mix: list[Tensor],
    run: Callable[..., Logits],
) -> dict[str, Tensor]:
    """Outputs, gradients and statistics of one step with this engine, by name."""
    twin = copy.deepcopy(module)
    twin.engine = engine
    twin.train(mode == "training")
    mix = [weights.clone().requires_grad_() for weights in mix]
    with batch_statistics(twin) if mode == "batch statistics" else contextlib.nullcontext():
        out = run(twin, x, *mix)
    out = out if isinstance(out, Tensor) else torch.cat(out)
    (out * random(*out.shape, seed=9)).sum().backward()
    found = {"out": out.detach(), **twin.state_dict()}
    for name, tensor in (*twin.named_parameters(), *((f"mix {i}", weights) for i, weights in enumerate(mix))):
        found[f"gradient of {name}"] = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
    return found


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(
            found[name], tensor, rtol=CLOSE, atol=CLOSE, msg=lambda text, name=name: f"{name}: {text}"
        )


def mixture() -> list[Tensor]:
    return [random(14, 8, seed=seed).softmax(dim=1) for seed in (1, 2)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("stem", "affine", "at_once", "own"),
    [("cifar", False, 2**23, True), ("imagenet", True, 5000, True), ("cifar", True, 2**23, False)],
)
def test_a_mixture_has_the_numbers_of_the_plain_modules(
    mode: str, stem: str, affine: bool, at_once: int, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All edges of a source together, or some and then the rest; without own gradients as on a GPU."""
    monkeypatch.setattr(mixed, "BYTES_AT_ONCE", at_once)
    if not own:
        for room in (depthwise, mixed, stacked_norms):
            monkeypatch.setattr(room, "own_backward", lambda _: False)
    x = random(3, 3, SIZES[stem], SIZES[stem])
    supernet = shaken(Supernet(5, 4, 3, stem, "plain", affine))
    run = [
        results(supernet, engine, mode, x, mixture(), lambda m, x, *w: m(x, *w))
        for engine in ("torch", "plain")
    ]
    assert_same(*run)


def test_nothing_looks_at_values() -> None:
    """On a device without values every look at one is an error: a CUDA graph can capture the step."""
    supernet = Supernet(5, 4, 3, engine="torch").to("meta")
    x, mix = torch.empty(2, 3, 8, 8, device="meta"), [torch.empty(14, 8, device="meta") for _ in range(2)]
    supernet(x, *mix).sum().backward()
    assert all(parameter.grad is not None for parameter in supernet.parameters())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stem", SIZES)
def test_a_sampled_path_has_the_numbers_of_the_plain_modules(mode: str, stem: str) -> None:
    genotype = Genotype.random(np.random.default_rng(5))
    x = random(3, 3, SIZES[stem], SIZES[stem])
    supernet = shaken(Supernet(5, 4, 3, stem, "plain", True))
    run = [
        results(supernet, engine, mode, x, [], lambda m, x: m(x, genotype=genotype))
        for engine in ("torch", "plain")
    ]
    assert_same(*run)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "pool_norm"), [("DARTS_V2", True), ("SNAS", False)])
def test_a_network_has_the_numbers_of_the_plain_modules(mode: str, name: str, pool_norm: bool) -> None:
    """With drop path and the auxiliary head, whose map comes from the second reduction."""
    x = random(2, 3, 32, 32)
    network = shaken(
        Network(known_genotype(name), 5, 4, 3, auxiliary=True, pool_norm=pool_norm, engine="plain")
    )

    def run(module: Network, x: Tensor) -> Logits:
        module.set_drop_path(0.5, torch.Generator().manual_seed(3))
        return module(x)

    assert_same(*[results(network, engine, mode, x, [], run) for engine in ("torch", "plain")])


def test_a_second_forward_before_the_backward_changes_nothing() -> None:
    x = [random(2, 3, 8, 8, seed=seed) for seed in (0, 1)]
    gradients = []
    for both in (False, True):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            supernet = Supernet(5, 4, 3, engine="torch").double()
        losses = [supernet(one, *mixture()).square().sum() for one in x[: 1 + both]]
        gradients.append(torch.autograd.grad(losses[0], list(supernet.parameters())))
    for alone, before in zip(*gradients, strict=True):
        assert torch.equal(alone, before)


def test_no_gradient_is_made_that_is_not_wanted() -> None:
    supernet = Supernet(5, 4, 3, engine="torch").requires_grad_(False)
    mix = [weights.float().requires_grad_() for weights in mixture()]
    out = supernet(torch.randn(2, 3, 8, 8), *mix)
    assert all(gradient.abs().sum() > 0 for gradient in torch.autograd.grad(out.sum(), mix))
    assert not supernet(torch.randn(2, 3, 8, 8), *(weights.detach() for weights in mix)).requires_grad


def test_the_parameters_are_those_of_the_plain_modules() -> None:
    plain, batched = Supernet(5, 4, 3, engine="plain"), Supernet(5, 4, 3, engine="torch")
    batched.load_state_dict(plain.state_dict())
    x = torch.randn(4, 3, 8, 8)
    mix = [weights.float() for weights in mixture()]
    torch.testing.assert_close(batched(x, *mix), plain(x, *mix))


@pytest.mark.parametrize("size", [(6, 8), (5, 7), (2, 1)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
def test_depthwise_convolutions_have_the_gradients_of_the_library(
    kernel: int, dilation: int, stride: int, size: tuple[int, int]
) -> None:
    def run(convolve: Callable[..., Tensor]) -> tuple[Tensor, ...]:
        x, weight = (
            random(2, 3, *size).requires_grad_(),
            random(3, 1, kernel, kernel, seed=1).requires_grad_(),
        )
        out = convolve(x, weight, stride=stride, dilation=dilation)
        return out, *torch.autograd.grad(out, (x, weight), random(*out.shape, seed=2))

    padding = dilation * (kernel // 2)
    library = run(lambda x, w, **options: functional.conv2d(x, w, padding=padding, groups=3, **options))
    for found, expected in zip(run(depthwise.depthwise), library, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_what_it_cannot_run_is_left_to_the_plain_modules() -> None:
    x, mix = torch.randn(2, 3, 8, 8), [weights.float() for weights in mixture()]
    supernet = Supernet(5, 3, 3, engine="torch")
    supernet.cells[0].preprocess1[2].eval()
    with pytest.raises(ValueError, match="engine='torch' cannot run this network: its batch norms are in"):
        supernet(x, *mix)
    supernet.engine = "auto"
    assert supernet(x, *mix).shape == (2, 5)
    supernet.engine = "torch"
    with pytest.raises(ValueError, match="there are no images"):
        supernet(x[:0], *mix)
