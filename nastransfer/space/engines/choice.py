"""Which engine runs a network: plain torch modules, edge-batched torch, or own C++ kernels.

All give the same numbers and share the plain modules' weights, so they may be changed from one call to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from torch import Tensor, nn

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


def pick_engine(engine: str, module: Network | Supernet, x: Tensor) -> str:
    """The engine to run `module` on images `x`: "plain" or "cpp"; ValueError where "cpp" is asked for and cannot."""
    if engine == "plain":
        return engine
    reason = why_not_cpp(module, x)
    if reason is None:
        from nastransfer.space.engines.library import available, library

        if engine == "cpp":
            library(x.dtype)
            return engine
        return "cpp" if available(x.dtype) else "plain"
    if engine == "cpp":
        raise ValueError(f"engine='cpp' cannot run this network: {reason}; use engine='auto'")
    return "plain"


def why_not_cpp(module: Network | Supernet, x: Tensor) -> str | None:
    """Why the C++ engine cannot run this call, None where it can."""
    import torch

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

    modes = norm_modes(runner(module).norms(module))
    if modes is None:
        return "its batch norms are in different modes"
    training, _ = modes
    if not training and torch.is_grad_enabled() and any(p.requires_grad for p in module.parameters()):
        return "gradients through running statistics are left to torch"
    return None


def norm_modes(norms: Iterable[nn.BatchNorm2d]) -> tuple[bool, bool] | None:
    """Whether batch norms use the batch's statistics, and whether they keep running ones; None where they differ."""
    modes = {
        (norm.training or norm.running_mean is None, norm.training and norm.track_running_stats)
        for norm in norms
    }
    return modes.pop() if len(modes) == 1 else None
