"""Which engine runs a network: plain torch modules, edge-batched torch, or own C++ kernels.

All give the same numbers and share the plain modules' weights, so they may be changed from one call to the next.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from nastransfer.space.skeleton import STEM_STRIDE, reductions

if TYPE_CHECKING:
    from nastransfer.space.network import Network
    from nastransfer.space.supernet import Supernet

ENGINES = ("auto", "plain", "torch", "cpp")
"""auto: the fastest that can run here; torch: the edge-batched one."""

WIDTH_STEP = 4
"""The C++ engine takes widths that are a multiple of this."""


def check_engine(engine: str) -> None:
    """ValueError for an engine that this version does not have."""
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}; this version has {', '.join(ENGINES)}")


def pick_engine(engine: str, module: Network | Supernet, x: Tensor, *mix: Tensor) -> str:
    """The engine to run `module` on images `x` with mixture weights `mix`: "plain", "torch" or "cpp".

    The environment variable NASTRANSFER_ENGINE says what "auto" means, for whole searches and studies.
    ValueError where "torch" or "cpp" is asked for and cannot.
    """
    if engine == "auto":
        engine = os.environ.get("NASTRANSFER_ENGINE", "auto")
        check_engine(engine)
    if engine == "plain":
        return engine
    if engine != "torch":
        reason = why_not_cpp(module, x, *mix)
        if reason is None:
            from nastransfer.space.engines.compiled import available, compiled_engine

            if engine == "cpp":
                compiled_engine(x.dtype)
                return engine
            if available(x.dtype):
                return "cpp"
        elif engine == "cpp":
            raise ValueError(f"engine='cpp' cannot run this network: {reason}; use engine='auto'")
    reason = why_not_torch(module, x, *mix)
    if engine == "torch" and reason is not None:
        raise ValueError(f"engine='torch' cannot run this network: {reason}; use engine='auto'")
    return "torch" if reason is None else "plain"


def why_not_torch(module: Network | Supernet, x: Tensor, *mix: Tensor) -> str | None:
    """Why the edge-batched engine cannot run this call, None where it can."""
    if not len(x):
        return "there are no images"
    from nastransfer.space.engines.planned import runner

    parts = runner(module).parts(module)
    if parts.hooked():
        return "there are hooks on modules that it does not call"
    if not mix:
        return None
    mode = norm_mode(parts.norms)
    if mode is None:
        return "its batch norms are in different modes"
    if mode.momentum is None:
        return "its batch norms average over all batches (momentum=None)"
    return None


def why_not_cpp(module: Network | Supernet, x: Tensor, *mix: Tensor) -> str | None:
    """Why the C++ engine cannot run this call, None where it can."""
    channels = module.settings["channels"]
    if x.device.type != "cpu" or module.classifier.weight.device.type != "cpu":
        return f"it runs on the CPU, the images are on {x.device}"
    if x.dtype not in (torch.float32, torch.float64) or module.classifier.weight.dtype != x.dtype:
        return f"it computes in float32 or float64, images are {x.dtype}, weights {module.classifier.weight.dtype}"
    if torch.is_autocast_enabled("cpu"):
        return "autocast is on"
    partial = getattr(module, "partial", 1)
    if channels % (WIDTH_STEP * partial):
        of = f" of each of {partial} parts" if partial > 1 else ""
        return f"its widths{of} are multiples of {WIDTH_STEP}, got channels={channels}"
    if x.requires_grad:
        return "it gives no gradient of the images"
    if not len(x):
        return "there are no images"
    from nastransfer.space.engines.planned import runner

    parts = runner(module).parts(module)
    mode = norm_mode(parts.norms)
    if mode is None:
        return "its batch norms are in different modes"
    if mode.momentum is None:
        return "its batch norms average over all batches (momentum=None)"
    wrong = parts.foreign_weights(x.dtype)
    if wrong is not None:
        return wrong
    if parts.hooked():
        return "there are hooks on modules that it does not call"
    if not mode.training and torch.is_grad_enabled() and parts.learns(*mix):
        return "gradients through running statistics are left to torch"
    shrunk = STEM_STRIDE[module.stem_kind] * 2 ** len(set(reductions(len(module.cells))))
    if mode.training and len(x) * (x.shape[-2] // shrunk) * (x.shape[-1] // shrunk) == 1:
        return "batch norms need more than one value a channel, the last map has a single pixel"
    return None


class NormMode(NamedTuple):
    """How batch norms work: by the batch's statistics or by running ones, and whether they go on keeping those."""

    training: bool
    track: bool
    momentum: float | None
    epsilon: float


def norm_mode(norms: Iterable[nn.BatchNorm2d]) -> NormMode | None:
    """The mode of all these batch norms; None where they differ."""
    norms = list(norms)
    training = {norm.training or norm._buffers["running_mean"] is None for norm in norms}
    track = {norm.training and norm.track_running_stats for norm in norms}
    momentum, epsilon = {norm.momentum for norm in norms}, {norm.eps for norm in norms}
    if any(len(values) != 1 for values in (training, track, momentum, epsilon)):
        return None
    return NormMode(training.pop(), track.pop(), momentum.pop(), epsilon.pop())


class Parts:
    """The parts of a module that are looked at in every call; a walk over thousands of modules is made only once."""

    def __init__(self, module: Network | Supernet) -> None:
        """The dictionaries are those that the modules themselves use, so they show later changes."""
        parts = list(module.modules())
        self.norms = [part for part in parts if isinstance(part, nn.BatchNorm2d)]
        self._weights = [part._parameters for part in parts if part._parameters]
        self._convs = [part._parameters for part in parts if isinstance(part, nn.Conv2d)]
        self._means = [part._buffers for part in self.norms]
        # Torch itself calls the module, the large stem, and what comes behind the last cell.
        stem = [] if module.stem_kind == "imagenet" else [module.stem]
        called = [part for root in (*stem, module.cells) for part in root.modules()]
        self._hooks = [
            getattr(part, name)
            for part in called
            for name in ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
        ]

    def foreign_weights(self, dtype: torch.dtype) -> str | None:
        """What is wrong with weights that the engine cannot read as numbers of this type on the CPU."""
        if any(held.get("weight") is None for held in self._convs):
            return "some weights are computed from others (parametrized)"
        held: list[Tensor] = [
            tensor for part in self._weights for tensor in part.values() if tensor is not None
        ]
        held += [mean for part in self._means if (mean := part["running_mean"]) is not None]
        if {tensor.dtype for tensor in held} == {dtype} and all(tensor.is_cpu for tensor in held):
            return None
        wrong = next(tensor for tensor in held if tensor.dtype != dtype or not tensor.is_cpu)
        return f"not all weights are {dtype} on the CPU, one is {wrong.dtype} on {wrong.device}"

    def learns(self, *mix: Tensor) -> bool:
        """Whether a weight or one of the mixture weights wants a gradient."""
        weights = (tensor for part in self._weights for tensor in part.values() if tensor is not None)
        return any(tensor.requires_grad for tensor in (*mix, *weights))

    def hooked(self) -> bool:
        """Whether someone listens to modules whose work the engine does."""
        return any(self._hooks)
