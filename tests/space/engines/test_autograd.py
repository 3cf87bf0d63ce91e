"""The C++ engine as a part of torch: graphs, copies, checkpoints, memory, numbers that are none."""

from __future__ import annotations

import copy
import gc
import io
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nastransfer.space.engines import planned
from nastransfer.space.engines.plan import Plan
from nastransfer.train.loop import frozen
from tests.space.engines.twins import (
    FP64,
    GENOTYPES,
    assert_near,
    batch,
    gradients,
    losses,
    mixture,
    network,
    supernet,
    trained,
    twins,
)

X, LABELS = batch(4, 8)


def assert_same_gradients(module: nn.Module, other: nn.Module) -> None:
    assert_near(gradients(module), gradients(other), 1e-9, 1e-9)


def plans(module: nn.Module) -> list[Plan]:
    return list(planned.runner(module)._plans.values())


def kept(module: nn.Module) -> int:
    """Blocks of memory that wait for the next call."""
    return sum(len(blocks) for plan in plans(module) for blocks in plan._free.values())


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_second_forward_may_come_before_the_first_backward(order: tuple[int, int]) -> None:
    found = []
    for module in twins(network("all")):
        outputs = [losses(module(batch(4, 8, seed=seed)[0]), LABELS) for seed in (0, 1)]
        outputs[order[0]].backward()
        outputs[order[1]].backward()
        found.append(module)
    assert_same_gradients(found[1], found[0])


def test_two_outputs_may_share_a_backward() -> None:
    plain, cpp = twins(network("all"))
    for module in (plain, cpp):
        (losses(module(X), LABELS) + 2 * losses(module(-X), LABELS)).backward()
    assert_same_gradients(cpp, plain)


def test_one_output_may_be_propagated_backward_twice() -> None:
    found = []
    for module in twins(network("all", drop_path=0.3)):
        torch.manual_seed(1)
        loss = losses(module(X), LABELS)
        loss.backward(retain_graph=True)
        losses(module(-X), LABELS)  # takes the memory that the first call gave back
        loss.backward()
        with pytest.raises(RuntimeError, match="second time"):
            loss.backward()
        found.append({**gradients(module), **dict(module.named_buffers())})
    assert_near(found[1], found[0], 1e-9, 1e-3)


def test_a_second_backward_after_a_step_is_refused_by_both() -> None:
    for module in twins(supernet()):
        mix = [mixture(kind).requires_grad_() for kind in (1, 2)]
        with frozen(module.parameters()):
            loss = losses(module(X, *mix), LABELS)
            loss.backward(retain_graph=True)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter += 1.0
        with pytest.raises(RuntimeError, match=r"modified by an inplace operation|weights have changed"):
            loss.backward()


def test_there_is_no_gradient_of_a_gradient() -> None:
    _, cpp = twins(network("all"))
    weights = list(cpp.cells.parameters())
    first = torch.autograd.grad(losses(cpp(X), LABELS), weights, create_graph=True, allow_unused=True)
    total = sum(g.square().sum() for g in first if g is not None)
    assert isinstance(total, Tensor)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        total.backward()


def test_forward_calls_without_a_backward_keep_no_memory() -> None:
    _, cpp = twins(network("all"))
    trained(cpp, X, LABELS)
    before = kept(cpp)
    for _ in range(3):
        loss = losses(cpp(X), LABELS)
        assert kept(cpp) < before, "the values are in use"
        del loss
        assert kept(cpp) == before
    with torch.no_grad():
        cpp(X)
        after = kept(cpp)
        cpp(X)
    assert kept(cpp) == after


def test_weights_may_not_change_between_forward_and_backward() -> None:
    for module in twins(network("all")):
        loss = losses(module(X), LABELS)
        with torch.no_grad():
            next(module.cells.parameters()).mul_(2.0)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_images_may_not_change_between_forward_and_backward() -> None:
    x = X.clone(memory_format=torch.channels_last)
    for module in twins(network("all")):
        loss = losses(module(x), LABELS)
        x.mul_(2.0)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


@pytest.mark.parametrize("make", [network("all"), supernet(affine=True)], ids=["network", "supernet"])
def test_copies_are_independent(make: Callable[[str], nn.Module]) -> None:
    module = make("cpp")
    more = {} if hasattr(module, "genotype") else {"genotype": GENOTYPES["all"]}
    module(X, **more)
    twin = copy.deepcopy(module)
    assert planned.runner(twin) is not planned.runner(module)
    assert torch.equal(twin(X, **more), module(X, **more))
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(0.01)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    changed = twin(X, **more)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    twin.engine = "plain"
    assert torch.allclose(twin(X, **more), changed, rtol=0, atol=1e-9)


def test_checkpoints_move_between_engines() -> None:
    plain, cpp = twins(network("all", auxiliary=False))
    trained(cpp, X, LABELS)
    file = io.BytesIO()
    torch.save(cpp.state_dict(), file)
    file.seek(0)
    plain.load_state_dict(torch.load(file, weights_only=True))
    assert list(plain.state_dict()) == list(cpp.state_dict())
    with torch.no_grad():
        assert torch.allclose(plain.eval()(X), cpp.eval()(X), rtol=0, atol=1e-12)


def test_a_whole_module_can_be_saved_and_read() -> None:
    _, cpp = twins(network("all"))
    expected = cpp(X)
    file = io.BytesIO()
    torch.save(cpp, file)
    file.seek(0)
    # A pickle of this test's own making, from memory: nothing on disk is read so.
    read = torch.load(file, weights_only=False)
    assert read.engine == "cpp"
    assert torch.equal(read(X), expected)


def test_weights_may_be_replaced() -> None:
    """Other memory, other layouts: the engine looks weights up in every call."""
    plain, cpp = twins(network("all"))
    cpp(X), plain(X)
    other = network("all", seed=1)("plain").state_dict()
    for module in (plain, cpp):
        module.load_state_dict({name: tensor.clone() for name, tensor in other.items()}, assign=True)
    assert torch.allclose(cpp(X), plain(X), rtol=0, atol=1e-9)
    for module in (plain, cpp):
        module.to(memory_format=torch.channels_last)
        trained(module, X, LABELS)
    assert_same_gradients(cpp, plain)
    assert all(
        torch.allclose(a, b, rtol=0, atol=1e-9) for a, b in zip(cpp.buffers(), plain.buffers(), strict=True)
    )


def test_a_module_may_change_its_precision() -> None:
    plain, cpp = twins(network("all"))
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-4), (torch.float64, 1e-9)):
        for module in (plain, cpp):
            module.to(dtype)
        assert torch.allclose(cpp(X.to(dtype)), plain(X.to(dtype)), rtol=0, atol=tolerance)


def test_changed_momentum_and_epsilon_are_seen() -> None:
    pair = twins(network("all"))
    for momentum, epsilon in ((0.1, 1e-5), (0.5, 1e-5), (0.01, 1e-2)):
        for module in pair:
            for part in module.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.momentum, part.eps = momentum, epsilon
            trained(module, X, LABELS)
        assert_near(dict(pair[1].named_buffers()), dict(pair[0].named_buffers()), 1e-9, 1e-3)
        assert_same_gradients(pair[1], pair[0])


def test_a_module_goes_when_its_last_reference_goes() -> None:
    gc.collect()
    before = len(planned._RUNNERS)
    module = network("all")("cpp")
    trained(module, X, LABELS)
    runner, gone = weakref.ref(planned.runner(module)), weakref.ref(module)
    assert len(planned._RUNNERS) == before + 1
    del module
    gc.collect()
    assert gone() is None and runner() is None
    assert len(planned._RUNNERS) == before


def test_images_of_many_shapes_do_not_pile_up() -> None:
    _, cpp = twins(network("skips", channels=4))
    with torch.no_grad():
        for count in range(1, 20):
            cpp(batch(count, 8)[0])
    assert len(plans(cpp)) < 10


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [FP64, torch.float32])
def test_numbers_that_are_none_reach_the_loss(value: float, dtype: torch.dtype) -> None:
    x = X.to(dtype).clone()
    x[1, 2, 3, 4] = value
    for genotype in ("all", "max_pools", "skips"):
        for module in twins(network(genotype), dtype):
            assert losses(module(x), LABELS).isnan(), module.engine
        for module in twins(network(genotype), dtype):
            with torch.no_grad():
                seen = module.eval()(x)
            assert seen[1].isnan().any() and seen[0].isfinite().all(), module.engine


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_none_reach_the_loss_and_their_gradients(value: float) -> None:
    for place in ("stem.0.weight", "cells.1.preprocess0.1.weight", "cells.2.preprocess1.2.bias"):
        found = []
        for module in twins(network("all")):
            with torch.no_grad():
                module.get_parameter(place).view(-1)[0] = value
            loss = losses(module(X), LABELS)
            loss.backward()
            assert loss.isnan(), (module.engine, place)
            found.append({name for name, gradient in gradients(module).items() if gradient.isnan().any()})
        assert found[0] == found[1]
