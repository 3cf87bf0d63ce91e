"""Colour jitter of whole batches: what torchvision's ColorJitter does to an image, with numbers drawn beforehand.

On values 0..255 as floats: where Pillow rounds to bytes after every change, nothing is rounded here.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Luma of ITU-R BT.601, in torchvision's digits.
_GREY = (0.2989, 0.587, 0.114)
_TINY = 1e-6
# Of floats that a CPU works on at once: what its caches hold. A whole batch of 224 pixels takes 2.7 times as long.
_CPU_BYTES = 2 << 20


def colour_jitter(images: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    """`images` [n, 3, height, width] of values 0..255 as float32, brightness, contrast, saturation and hue changed.

    factors float32 [n, 4]: how much of each is kept (1: all), and the turn of the hue (1: once around the wheel); order
    int64 [n, 4]: which of the four comes first, second and so on. Both lie on the CPU.
    """
    if images.device.type != "cpu" or not len(images):
        return _jittered(images, factors, order)
    some = max(1, _CPU_BYTES // (4 * images[0].numel()))
    parts = zip(images.split(some), factors.split(some), order.split(some), strict=True)
    return torch.cat([_jittered(*part) for part in parts])


def _jittered(images: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    changes = (_brightness, _contrast, _saturation, _hue)
    place = torch.arange(len(images))
    # Two buffers taking turns: fresh memory of this size costs a CPU more than what is done with it.
    values, spare = images.to(torch.float32, copy=True), torch.empty(images.shape, device=images.device)
    for step in range(len(changes)):
        # Images with the same change are brought together, so that each change works on a slice, in place.
        together = order[place, step].argsort()
        torch.index_select(values, 0, together.to(images.device), out=spare)
        values, spare, place = spare, values, place[together]
        sizes = order[:, step].bincount(minlength=len(changes)).tolist()
        for kind, some, of in zip(range(len(changes)), values.split(sizes), place.split(sizes), strict=True):
            if len(some):
                changes[kind](some, factors[of, kind].view(-1, 1, 1, 1).to(images.device))
    return torch.index_select(values, 0, place.argsort().to(images.device), out=spare)


def _brightness(images: Tensor, factor: Tensor) -> None:
    images.mul_(factor).clamp_(0, 255)


def _contrast(images: Tensor, factor: Tensor) -> None:
    means = _grey(images.mean(dim=(2, 3), keepdim=True))
    _blend(images, means, factor)


def _saturation(images: Tensor, factor: Tensor) -> None:
    _blend(images, _grey(images), factor)


def _blend(images: Tensor, other: Tensor, factor: Tensor) -> None:
    images.mul_(factor).add_(other * (1 - factor)).clamp_(0, 255)


def _grey(images: Tensor) -> Tensor:
    red, green, blue = images.split(1, dim=1)
    return (red * _GREY[0]).add_(green, alpha=_GREY[1]).add_(blue, alpha=_GREY[2])


def _hue(images: Tensor, factor: Tensor) -> None:
    """The hue turned, value and chroma (the largest channel, and how far the smallest lies below it) kept.

    With the hue h on a wheel of 6 (red 0, green 2, blue 4) a channel is smallest + chroma * f, where f falls linearly
    from 1 to 0 between a distance of 1 and 2 from the channel's own place on the wheel.
    """
    red, green, blue = images.unbind(1)
    high, low = torch.maximum(red, green), torch.minimum(red, green)
    high, low = torch.maximum(high, blue, out=high), torch.minimum(low, blue, out=low)
    chroma = high - low
    # Weights of exactly 0 or 1 choose; on a CPU this takes a fraction of the time of torch.where.
    other_than_red = torch.ne(high, red, out=torch.empty_like(high))
    other_than_green = torch.ne(high, green, out=high)
    near_green, near_blue = (blue - red).add_(chroma, alpha=2), (red - green).add_(chroma, alpha=4)
    hue = (green - blue).lerp_(near_green.lerp_(near_blue, other_than_green), other_than_red)
    # Grey has no hue: it counts as 0, and no chroma is spread. Between 0 and 6 it is brought as turns, by frac.
    hue.div_(chroma.clamp(min=_TINY)).add_(6 + 6 * factor[:, 0]).mul_(1 / 6).frac_().mul_(6)
    shares = (hue - 3).abs_().sub_(1), (hue - 2).abs_().neg_().add_(2), hue.sub_(4).abs_().neg_().add_(2)
    for channel, share in enumerate(shares):
        torch.addcmul(low, chroma, share.clamp_(0, 1), out=images[:, channel])
