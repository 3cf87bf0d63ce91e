"""Depthwise convolution with a backward pass of its own, where the library's is slow: float maps on a CPU.

The CPU library has fast kernels for every forward pass and for the weight gradient of undilated 3x3 kernels; its other
weight gradients are 4 to 10 times slower, and so is the input gradient of dilated kernels. All of them are brought
back to the fast kernels here:

- input gradient at stride 1: a forward pass over the gradient with the kernel turned by 180 degrees;
- weight gradient of 5x5 kernels: four overlapping 3x3 blocks;
- dilation 2: the even and odd rows and columns are four separate maps on which the kernel is not dilated.

Maps are [n, channels, h, w], channels-last.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

BLOCK = 3
"""Side of the kernels whose weight gradient the library computes fast."""


def channels_last(x: Tensor) -> Tensor:
    """The same map with the channels of a pixel side by side."""
    return x.contiguous(memory_format=torch.channels_last)


def own_backward(x: Tensor) -> bool:
    """Whether maps like x are better off with the gradients of this file than with the library's."""
    return x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


def depthwise(x: Tensor, weight: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    """Convolve each channel of x with its kernel in `weight` [channels, 1, k, k], padded to keep the size at stride 1.

    The stride is 1 or 2, the dilation 1 or 2.
    """
    if stride == dilation == 2:
        # All taps of all outputs lie on even rows and columns: what is left is a plain kernel on a quarter of the map.
        x, stride, dilation = channels_last(x[:, :, ::2, ::2]), 1, 1
    if own_backward(x):
        out: Tensor = _Depthwise.apply(x, weight, stride, dilation)
        return out
    return _convolve(x, weight, stride, dilation)


def _convolve(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    padding = dilation * (weight.shape[-1] // 2)
    return functional.conv2d(x, weight, None, stride, padding, dilation, groups=x.shape[1])


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.dilation = stride, dilation
        return _convolve(x, weight, stride, dilation)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        gradient = channels_last(gradient)
        wants_x, wants_weight, *_ = ctx.needs_input_grad
        of_x = of_weight = None
        if wants_x:
            of_x = _input_gradient(gradient, x, weight, ctx.stride, ctx.dilation)
        if wants_weight:
            of_weight = _weight_gradient(gradient, x, weight, ctx.stride, ctx.dilation)
        return of_x, of_weight, None, None


def _input_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    if stride == 1:
        return _convolve(gradient, weight.flip(2, 3), 1, dilation)
    return _library_gradient(gradient, x, weight, stride, weight.shape[-1] // 2, wants_x=True)


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    side = weight.shape[-1]
    if dilation == 2:
        return _weight_gradient(_phases(gradient), _phases(x), weight, 1, 1)
    if side == BLOCK or stride != 1:
        return _library_gradient(gradient, x, weight, stride, side // 2, wants_x=False)
    height, width = x.shape[2:]
    reach = side // 2
    padded = functional.pad(x, (reach, reach, reach, reach))
    found = torch.empty_like(weight)
    block = weight[:, :, :BLOCK, :BLOCK]
    for top in (0, side - BLOCK):
        for left in (0, side - BLOCK):
            seen = channels_last(padded[:, :, top : top + height + 2, left : left + width + 2])
            found[:, :, top : top + BLOCK, left : left + BLOCK] = _library_gradient(
                gradient, seen, block, 1, 0, wants_x=False
            )
    return found


def _phases(x: Tensor) -> Tensor:
    """Maps of the even and odd rows and columns [4 * n, channels, h/2, w/2]; odd sides are filled up with zeros."""
    count, channels, height, width = x.shape
    x = functional.pad(x, (0, width % 2, 0, height % 2)) if height % 2 or width % 2 else x
    rows, columns = (height + 1) // 2, (width + 1) // 2
    pixels = x.permute(0, 2, 3, 1).reshape(count, rows, 2, columns, 2, channels)
    return pixels.permute(0, 2, 4, 1, 3, 5).reshape(4 * count, rows, columns, channels).permute(0, 3, 1, 2)


def _library_gradient(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int, *, wants_x: bool
) -> Tensor:
    """One of the two gradients of an undilated depthwise convolution, by the library's kernels."""
    of_x, of_weight, _ = torch.ops.aten.convolution_backward(
        gradient,
        x,
        weight,
        None,
        [stride, stride],
        [padding, padding],
        [1, 1],
        False,
        [0, 0],
        x.shape[1],
        [wants_x, not wants_x, False],
    )
    found: Tensor = of_x if wants_x else of_weight
    return found
