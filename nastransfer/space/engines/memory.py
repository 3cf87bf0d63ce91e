"""Bytes that a network's maps take, known before the first batch: from the plan, or by a dry run without numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nastransfer.space.engines.choice import norm_mode, why_not_cpp
from nastransfer.space.engines.plan import Plan, Shape, Structure
from nastransfer.space.network import Network


def planned(network: Network, x: Tensor) -> bool:
    """Whether batches like `x` run by a plan: on the CPU, by the C++ engine."""
    from nastransfer.space.engines.compiled import available

    return network.engine in ("auto", "cpp") and why_not_cpp(network, x) is None and available(x.dtype)


def plan_bytes(network: Network, images: int, side: int, threads: int, *, learns: bool) -> int:
    """What the plan of a batch of `images` holds: maps, and with `learns` their gradients; outputs included."""
    structure = Structure(network, side, side)
    mode = norm_mode(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    assert mode is not None and mode.momentum is not None
    shape = Shape(images, side, side, torch.float32, learns, learns, threads, mode.momentum, mode.epsilon)
    plan, tables = Plan(structure, shape), structure.tables
    numbers = plan.value_size * plan.copies
    # Weights in the order that kernels read them, statistics, and scales and shifts of norms.
    numbers += tables.weights + 2 * tables.statistics + 4 * tables.channels
    outputs = images * sum(node.size for node in structure.exported)
    if learns:
        # Every output has a gradient.
        numbers += plan.gradient_size * images + outputs + tables.weights + 3 * tables.channels
    return shape.dtype.itemsize * (numbers + outputs)


def saved_bytes(module: nn.Module, *shapes: tuple[int, ...], device: str = "cpu") -> int:
    """What autograd keeps for the backward pass of `module` on inputs of these shapes, its own weights apart.

    Counts tensors of a dry run in which only shapes are computed; views of one memory count once.
    """
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        return tensor

    # A second to import, and not wanted where a plan says all.
    from torch._subclasses.fake_tensor import FakeTensorMode

    dry = FakeTensorMode(allow_non_fake_inputs=True)
    with dry, torch.autograd.graph.saved_tensors_hooks(keep, _same):
        inputs = [torch.empty(shape, device=device, requires_grad=True) for shape in shapes]
        held = module(*inputs)
        for weight in module.parameters():
            # Kept as it is, or as its double without numbers.
            for own in (weight, dry.from_tensor(weight)):
                kept.pop(own.untyped_storage()._cdata, None)
        del held
    return sum(kept.values())


def _same(tensor: Tensor) -> Tensor:
    return tensor
