"""Networks and supernets run by the C++ engine: the tie to modules and to autograd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from nastransfer.space.engines.choice import NormMode, Parts, norm_mode
from nastransfer.space.engines.flags import Wanted
from nastransfer.space.engines.maps import NUM_MIXES
from nastransfer.space.engines.passes import Pass
from nastransfer.space.engines.plan import Plan, Recent, Shape, Structure
from nastransfer.space.genotype import Genotype
from nastransfer.space.network import Network
from nastransfer.space.supernet import Supernet


class _Cells(torch.autograd.Function):
    """The engine's part of a network as one node of the autograd graph."""

    @staticmethod
    def forward(
        ctx: Any,
        call: Pass,
        keep: Tensor | None,
        track: bool,
        mix: Tensor | None,
        count: int,
        parameters: Sequence[Tensor],
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        given, learning = tensors[:count], tensors[count:]
        exports = call.forward(given, parameters, mix, keep, track)
        ctx.call, ctx.count = call, count
        ctx.save_for_backward(*given, *exports, *learning)
        return tuple(exports)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        given, learning = saved[: ctx.count], saved[ctx.count + len(outputs) :]
        found = ctx.call.backward(outputs, given, learning)
        mix = None if found.mix is None else found.mix.to(ctx.call.mix.dtype)
        return (None, None, None, mix, None, None, *found.given, *found.parameters)


class Runner:
    """A module's structures and plans; kept beside the module, which knows nothing of it."""

    def __init__(self) -> None:
        """Nothing is planned before the first batch."""
        self._structures: Recent = Recent()
        self._plans: Recent = Recent()
        self._parts: Parts | None = None

    def parts(self, module: Network | Supernet) -> Parts:
        """What of the module is looked at in every call."""
        if self._parts is None:
            self._parts = Parts(module)
        return self._parts

    def __call__(
        self,
        module: Network | Supernet,
        given: Sequence[Tensor],
        size: tuple[int, int],
        *,
        mode: NormMode,
        mix: Tensor | None = None,
        keep: Tensor | None = None,
        genotype: Genotype | None = None,
    ) -> list[Tensor]:
        """Outputs [n, 4 * width, h, w] of the exported cells, as channels-last views [4, n, h, w, width]."""
        structure = self._structures.remember(size, lambda: Structure(module, *size))
        parameters = structure.parameters()
        given = [_channels_last(one) for one in given]
        grad = torch.is_grad_enabled()
        wanted = Wanted(
            weights=grad and any(parameter.requires_grad for parameter in parameters),
            mix=grad and mix is not None and mix.requires_grad,
            given=grad and any(one.requires_grad for one in given),
        )
        assert mode.momentum is not None  # see choice.why_not_cpp
        shape = Shape(
            *(len(given[0]), *size, given[0].dtype, mode.training, any(wanted), torch.get_num_threads()),
            *(mode.momentum, mode.epsilon),
        )
        plan = self._plans.remember((size, shape), lambda: Plan(structure, shape))
        flags = structure.recent_flags.remember((wanted, genotype), lambda: structure.flags(wanted, genotype))
        if genotype is not None:
            mix = torch.ones(NUM_MIXES, dtype=shape.dtype)
        call = Pass(plan, flags, wanted)
        if not any(wanted):
            exports = call.forward(given, parameters, mix, keep, mode.track)
            call.release()
            return exports
        # Weights that want no gradient are no inputs of the node: a supernet has thousands.
        learning = parameters if wanted.weights else []
        return list(_Cells.apply(call, keep, mode.track, mix, len(given), parameters, *given, *learning))


def run_cells(
    module: Network | Supernet,
    x: Tensor,
    *,
    mix: Tensor | None = None,
    keep: Tensor | None = None,
    genotype: Genotype | None = None,
) -> list[Tensor]:
    """The nodes [4, n, height, width, channels] of the exported cells, for images [n, 3, height, width].

    The last is the last cell's; before it stands the one that the auxiliary head reads, where there is one. `mix` holds
    the mixture weights of normal and reduction cells, one after the other; `keep` [cells, 8, n, 1, 1, 1] the drop-path
    masks of a network, [cells, 14, n, 1, 1, 1] those of a supernet's path.
    """
    mode = norm_mode(runner(module).parts(module).norms)
    assert mode is not None  # see choice.why_not_cpp
    given: Sequence[Tensor] = [x] if module.stem_kind == "cifar" else module.stem(_channels_last(x))
    size = (x.shape[-2], x.shape[-1])
    mix = None if mix is None else mix.to(x.dtype).contiguous()
    keep = None if keep is None else keep.reshape(-1, len(x)).contiguous()
    return runner(module)(module, given, size, mode=mode, mix=mix, keep=keep, genotype=genotype)


def pooled(nodes: Tensor) -> Tensor:
    """Means over the pixels: [4, n, h, w, c] to [n, 4 * c]."""
    return nodes.mean(dim=(2, 3)).transpose(0, 1).flatten(1)


def as_map(nodes: Tensor) -> Tensor:
    """A cell's output as other modules read it: [4, n, h, w, c] to [n, 4 * c, h, w]."""
    return nodes.permute(1, 0, 4, 2, 3).flatten(1, 2)


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


_RUNNERS: WeakKeyDictionary[nn.Module, Runner] = WeakKeyDictionary()


def runner(module: nn.Module) -> Runner:
    """The runner that belongs to a module; copies of the module get their own."""
    found = _RUNNERS.get(module)
    return _RUNNERS.setdefault(module, Runner()) if found is None else found
