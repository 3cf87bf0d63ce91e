"""Which engine runs a network: plain torch modules, edge-batched torch, or own C++ kernels.

All give the same numbers and share the plain modules' weights, so they may be changed from one call to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from nastransfer.space.skeleton import STEM_STRIDE, reductions

if TYPE_CHECKING:
    from nastransfer.space.network import Network
    from nastransfer.space.supernet import Supernet

ENGINES = ("auto", "plain", "cpp")
"""auto: the fastest that can run here."""

WIDTH_STEP = 4
"""The C++ engine takes widths that are a multiple of this."""


def check_engine(engine: str) -> None:
    """ValueError for an engine that this version does not have."""
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}; this version has {', '.join(ENGINES)}")


def pick_engine(engine: str, module: Network | Supernet, x: Tensor, *mix: Tensor) -> str:
    """The engine to run `module` on images `x` with mixture weights `mix`: "plain" or "cpp".

    ValueError where "cpp" is asked for and cannot.
    """
    if engine == "plain":
        return engine
    reason = why_not_cpp(module, x, *mix)
    if reason is None:
        from nastransfer.space.engines.library import available, library

        if engine == "cpp":
            library(x.dtype)
            return engine
        return "cpp" if available(x.dtype) else "plain"
    if engine == "cpp":
        raise ValueError(f"engine='cpp' cannot run this network: {reason}; use engine='auto'")
    return "plain"


def why_not_cpp(module: Network | Supernet, x: Tensor, *mix: Tensor) -> str | None:
    """Why the C++ engine cannot run this call, None where it can."""
    channels = module.settings["channels"]
    if x.device.type != "cpu" or module.classifier.weight.device.type != "cpu":
        return f"it runs on the CPU, the images are on {x.device}"
    if x.dtype not in (torch.float32, torch.float64) or module.classifier.weight.dtype != x.dtype:
        return f"it computes in float32 or float64, images are {x.dtype}, weights {module.classifier.weight.dtype}"
    if torch.is_autocast_enabled("cpu"):
        return "autocast is on"
    if channels % WIDTH_STEP:
        return f"its widths are multiples of {WIDTH_STEP}, got channels={channels}"
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
    learns = torch.is_grad_enabled() and any(p.requires_grad for p in (*module.parameters(), *mix))
    if not mode.training and learns:
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
    modes = {
        NormMode(
            norm.training or norm._buffers["running_mean"] is None,
            norm.training and norm.track_running_stats,
            norm.momentum,
            norm.eps,
        )
        for norm in norms
    }
    return modes.pop() if len(modes) == 1 else None


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
        means = [held["running_mean"] for held in self._means]
        for held in (*(tensor for part in self._weights for tensor in part.values()), *means):
            if held is not None and not (held.dtype is dtype and held.is_cpu):
                return f"not all weights are {dtype} on the CPU, one is {held.dtype} on {held.device}"
        return None

    def hooked(self) -> bool:
        """Whether someone listens to modules whose work the engine does."""
        return any(self._hooks)
