"""Batch norms of many edges at once: their maps lie side by side in the channels, their numbers stay in the modules.

A norm behind which a weighted sum stands (`Norms.mix`) is never written out: its statistics and its weight in the
mixture make one factor and one offset a channel. On a CPU in training, the passes over memory are spelled out here,
because torch's own batch norm, ReLU and sum need twice as many; elsewhere torch's operations do it.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nastransfer.space.engines.choice import NormMode
from nastransfer.space.engines.depthwise import channels_last, own_backward

Modules = Sequence[nn.BatchNorm2d]
"""The norms of the edges of a stack, in the order of their channels."""


class Norms:
    """What the batch norms do in one forward pass: which statistics they use, and those that they will remember."""

    def __init__(self, mode: NormMode) -> None:
        """All norms work in the same mode."""
        self.batch, self.track, self._momentum, self._epsilon = mode
        self._seen: list[tuple[Modules, Tensor, Tensor]] = []

    def relu(self, y: Tensor, modules: Modules) -> Tensor:
        """ReLU of the normalised map y [n, edges * channels, h, w]."""
        weight, bias = _scales(modules), _offsets(modules)
        if self.batch and _own(y):
            mean, deviation = self._measure(y, modules)
            out: Tensor = _NormRelu.apply(y, mean, deviation, weight, bias)
            return out
        return functional.relu_(self._library(y, modules, weight, bias))

    def pool(self, y: Tensor, modules: Modules) -> Tensor:
        """A pooled map [n, channels, h, w] normalised once for all edges that read it, without their scales.

        By running statistics the edges may differ: the map stays raw and `mix` normalises it.
        """
        if not self.batch:
            return y
        return self._library(y, modules, None, None)

    def mix(
        self,
        weights: Sequence[Tensor],
        stacked: Sequence[tuple[Tensor, Modules]],
        shared: Sequence[tuple[Tensor, Modules | None]],
    ) -> Tensor:
        """The weighted sum over the operations of each edge [n, edges * channels, h, w].

        `stacked` are maps [n, edges * channels, h, w] to be normalised; `shared` are maps [n, channels, h, w] that all
        edges read, given by `pool` or (without norms) as they are. `weights` [edges] come for the stacked ones first.
        """
        maps = [*stacked, *shared]
        width = shared[0][0].shape[1]
        factors: list[Tensor] = []
        offset: Tensor | None = None
        for weight, (_, modules) in zip(weights, maps, strict=True):
            # Not an expanded view, which torch's batch norm misreads in its backward pass in evaluation.
            wide = weight.repeat_interleave(width)
            scales, offsets = (None, None) if modules is None else (_scales(modules), _offsets(modules))
            factors.append(wide if scales is None else wide * scales)
            if offsets is not None:
                offset = wide * offsets if offset is None else offset + wide * offsets
        if self.batch and _own(stacked[0][0]):
            measured = [number for y, modules in stacked for number in self._measure(y, modules)]
            out: Tensor = _Mix.apply(
                len(stacked), torch.stack(factors), offset, *measured, *(y for y, _ in maps)
            )
            return out
        none = torch.zeros_like(factors[0])
        parts: list[Tensor] = []
        for (y, modules), factor in zip(maps, factors, strict=True):
            is_shared = len(parts) >= len(stacked)
            y = repeated(y, len(weights[0])) if is_shared else y
            if modules is None or (self.batch and is_shared):
                parts.append((y * _pixel(factor)).to(y.dtype))
            else:
                parts.append(self._library(y, modules, factor, none if parts or offset is None else offset))
        return sum(parts[1:], parts[0])

    def remember(self) -> None:
        """Move the running statistics of all norms that this pass has measured."""
        if not self.track or not self._seen:
            return
        assert self._momentum is not None, "norms that average over all batches are left to the plain modules"
        modules = [module for group, *_ in self._seen for module in group]
        means = [part for group, mean, _ in self._seen for part in _split(mean, group)]
        variances = [part for group, _, variance in self._seen for part in _split(variance, group)]
        with torch.no_grad():
            torch._foreach_lerp_([_held(module.running_mean) for module in modules], means, self._momentum)
            torch._foreach_lerp_([_held(module.running_var) for module in modules], variances, self._momentum)
            torch._foreach_add_([_held(module.num_batches_tracked) for module in modules], 1)

    def _measure(self, y: Tensor, modules: Modules) -> tuple[Tensor, Tensor]:
        """Means and reciprocal deviations of a map's channels; autograd meets them in the functions below."""
        with torch.no_grad():
            mean, variance = torch.batch_norm_update_stats(y, None, None, 0.0)
            if self.track:
                count = y.numel() // y.shape[1]
                self._seen.append((modules, mean, variance * (count / (count - 1))))
            return mean, torch.rsqrt(variance + self._epsilon)

    def _library(self, y: Tensor, modules: Modules, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        if not self.batch:
            means = torch.cat([_held(module.running_mean) for module in modules])
            variances = torch.cat([_held(module.running_var) for module in modules])
            return functional.batch_norm(y, means, variances, weight, bias, False, 0.0, self._epsilon)
        if not self.track:
            return functional.batch_norm(y, None, None, weight, bias, True, 0.0, self._epsilon)
        # Momentum 1 replaces what stands there: the call hands out the statistics that it needs anyway.
        mean = torch.zeros(y.shape[1], dtype=_held(modules[0].running_mean).dtype, device=y.device)
        variance = torch.zeros_like(mean)
        out = functional.batch_norm(y, mean, variance, weight, bias, True, 1.0, self._epsilon)
        self._seen.append((modules, mean, variance))
        return out


class _NormRelu(torch.autograd.Function):
    """Batch norm and ReLU in one pass each way; only the raw map and the result are kept."""

    @staticmethod
    def forward(
        ctx: Any, y: Tensor, mean: Tensor, deviation: Tensor, weight: Tensor | None, bias: Tensor | None
    ) -> Tensor:
        factor = deviation if weight is None else deviation * weight
        offset = -mean * factor if bias is None else bias - mean * factor
        out = torch.addcmul(_pixel(offset), y, _pixel(factor)).relu_()
        ctx.save_for_backward(y, out, mean, deviation, factor)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        y, out, mean, deviation, factor = ctx.saved_tensors
        gradient = torch.ops.aten.threshold_backward(channels_last(gradient), out, 0)
        along, total = _sums(gradient, y, mean, deviation)
        of_y = None
        if ctx.needs_input_grad[0]:
            of_y = _norm_gradient(gradient, y, mean, deviation, factor, along, total)
        affine = ctx.needs_input_grad[3]
        return of_y, None, None, along if affine else None, total if affine else None


class _Mix(torch.autograd.Function):
    """The sum of normalised and shared maps, each with a factor a channel; no normalised map is ever written."""

    @staticmethod
    def forward(ctx: Any, stacked: int, factors: Tensor, offset: Tensor | None, *tensors: Tensor) -> Tensor:
        numbers, maps = tensors[: 2 * stacked], tensors[2 * stacked :]
        means, deviations = torch.stack(numbers[::2]), torch.stack(numbers[1::2])
        scales = factors[:stacked] * deviations
        start = -(means * scales).sum(0)
        out = torch.addcmul(_pixel(start if offset is None else start + offset), maps[0], _pixel(scales[0]))
        for y, scale in zip(maps[1:stacked], scales[1:], strict=True):
            out.addcmul_(y, _pixel(scale))
        edges = out.shape[1] // maps[-1].shape[1]
        for y, factor in zip(maps[stacked:], factors[stacked:], strict=True):
            out.addcmul_(repeated(y, edges), _pixel(factor))
        ctx.stacked, ctx.edges = stacked, edges
        ctx.save_for_backward(factors, means, deviations, scales, *maps)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        factors, means, deviations, scales, *maps = ctx.saved_tensors
        wanted = ctx.needs_input_grad[-len(maps) :]
        wants_factors, wants_offset = ctx.needs_input_grad[1:3]
        gradient = channels_last(gradient)
        of_factors: list[Tensor] = []
        of_maps: list[Tensor | None] = []
        total = None
        for index, y in enumerate(maps[: ctx.stacked]):
            along, total = _sums(gradient, y, means[index], deviations[index])
            of_factors.append(along)
            numbers = (means[index], deviations[index], scales[index], along, total)
            of_maps.append(_norm_gradient(gradient, y, *numbers) if wanted[index] else None)
        neutral = torch.zeros_like(means[0]), torch.ones_like(means[0])
        for index, y in enumerate(maps[ctx.stacked :], ctx.stacked):
            if wants_factors:
                of_factors.append(_sums(gradient, repeated(y, ctx.edges), *neutral)[0])
            of_maps.append(_folded(gradient * _pixel(factors[index]), ctx.edges) if wanted[index] else None)
        of_factor = torch.stack(of_factors) if wants_factors else None
        return None, of_factor, total if wants_offset else None, *[None] * (2 * ctx.stacked), *of_maps


def _own(y: Tensor) -> bool:
    """Whether the functions of this file run; torch's batch norm refuses maps of one number a channel, with reason."""
    return own_backward(y) and y.numel() > y.shape[1]


def _sums(gradient: Tensor, y: Tensor, mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
    """Sums a channel of the gradient times the normalised map, and of the gradient, in one pass of the library."""
    _, along, total = torch.ops.aten.native_batch_norm_backward(
        gradient, y, torch.ones_like(mean), None, None, mean, deviation, True, 0.0, [False, True, True]
    )
    return along, total


def _norm_gradient(
    gradient: Tensor,
    y: Tensor,
    mean: Tensor,
    deviation: Tensor,
    factor: Tensor,
    along: Tensor,
    total: Tensor,
) -> Tensor:
    """What a batch norm hands back: factor * (g - mean(g) - normalised * mean(g * normalised))."""
    slope = -factor * deviation * along / (y.numel() // len(mean))
    start = -factor * total / (y.numel() // len(mean)) - slope * mean
    return torch.addcmul(_pixel(start), y, _pixel(slope)).addcmul_(gradient, _pixel(factor))


def repeated(y: Tensor, edges: int) -> Tensor:
    """A map [n, channels, h, w] once for each edge [n, edges * channels, h, w]."""
    return y if edges == 1 else torch.cat([y] * edges, dim=1)


def _folded(y: Tensor, edges: int) -> Tensor:
    """The sum over edges; slice by slice, because a reduction over a middle axis is slow for few channels."""
    first, *others = y.chunk(edges, dim=1)
    return channels_last(sum(others, first))


def _pixel(numbers: Tensor) -> Tensor:
    """Numbers of channels as they act on maps."""
    return numbers.view(1, -1, 1, 1)


def _scales(modules: Modules) -> Tensor | None:
    return torch.cat([module.weight for module in modules]) if modules[0].affine else None


def _offsets(modules: Modules) -> Tensor | None:
    return torch.cat([module.bias for module in modules]) if modules[0].affine else None


def _held(values: Tensor | None) -> Tensor:
    assert values is not None, "a norm without running statistics works by the batch's and has none to move"
    return values


def _split(numbers: Tensor, modules: Modules) -> Sequence[Tensor]:
    """Numbers of stacked channels by module; where the modules share a map, all get the same."""
    if len(numbers) == modules[0].num_features:
        return [numbers] * len(modules)
    return numbers.split(modules[0].num_features)
