"""Image transforms of methods.md 8.4 on whole batches, with parameters drawn beforehand from a generator on the CPU.

Up to 64 pixels a side: crop after padding with zeros, mirror. Above: random resized crop, mirror, colour jitter; to
evaluate, shorter side scaled to 8/7 of that (256 for 224), then the middle. Then channels are normalised. Cutout is an
option.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from nastransfer.data.colour import colour_jitter
from nastransfer.data.resample import columns_first, resample, resample_centre

# Random numbers of a batch by what they are for, one row an image, on the CPU.
Draws = dict[str, Tensor]

# Random resized crop: share of the image's area, ratio of width to height, tries before the middle is taken.
_AREA, _RATIO, _TRIES = (0.08, 1.0), (3 / 4, 4 / 3), 10


@dataclass(frozen=True)
class Recipe(ABC):
    """How stored images become network inputs of `side` pixels. mean, std: of each channel, for values in 0..1.

    flip: mirrored images are equally good. random: whether shuffled batches go through random transforms at all.
    """

    side: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    flip: bool = False
    random: bool = True

    def __post_init__(self) -> None:
        if self.side < 1:
            raise ValueError(f"side must be at least 1 pixel, got {self.side}")

    @abstractmethod
    def draw(self, number: int, generator: torch.Generator) -> Draws:
        """The random numbers of a training batch."""

    @abstractmethod
    def stored(self, images: Tensor) -> Tensor:
        """Square images uint8 [n, 3, height, height] in the form that `pick` wants."""

    @abstractmethod
    def pick(self, stored: Tensor, index: Tensor, draws: Draws) -> Tensor:
        """Images of these positions (int64 [b], on the CPU), cut as drawn, uint8 [b, 3, side, side].

        Without draws: as evaluation wants them.
        """

    @abstractmethod
    def loaded(self, images: Tensor, draws: Draws) -> Tensor:
        """Images uint8 [b, 3, height, height] as a worker read them, cut as drawn where it has not done that."""

    def finish(self, images: Tensor, draws: Draws) -> Tensor:
        """Images uint8 [b, 3, side, side] with their drawn colours and mirrored, normalised, float32."""
        if "mirrored" in draws:
            # While they are bytes, a quarter of what they are as floats.
            place = torch.arange(len(images)) + len(images) * draws["mirrored"]
            images = torch.cat([images, images.flip(3)]).index_select(0, place.to(images.device))
        coloured = "factors" in draws
        values = colour_jitter(images, draws["factors"], draws["order"]) if coloured else images.float()
        std = torch.tensor(self.std, dtype=torch.float32)
        scale, shift = 1 / (255 * std), -torch.tensor(self.mean, dtype=torch.float32) / std
        scale, shift = (value.view(1, -1, 1, 1).to(images.device) for value in (scale, shift))
        # Each in place: addcmul takes several times as long with what is one number a channel.
        return values.mul_(scale).add_(shift)

    def _draw_mirrored(self, number: int, generator: torch.Generator) -> Draws:
        return {"mirrored": torch.rand(number, 1, generator=generator)[:, 0] < 0.5} if self.flip else {}


@dataclass(frozen=True)
class PaddedCrop(Recipe):
    """For images of `side` pixels: a random crop of the image padded with `padding` zeros a side; whole to evaluate."""

    padding: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.padding < 0:
            raise ValueError(f"padding must not be negative, got {self.padding}")

    def draw(self, number: int, generator: torch.Generator) -> Draws:
        """With `corner` (top and left of the crop in the padded image, int64 [n, 2]) and `mirrored` if they apply."""
        if not self.random:
            return {}
        draws = {}
        if self.padding:
            corner = torch.randint(2 * self.padding + 1, (2, number, 1), generator=generator)
            draws["corner"] = corner[..., 0].T
        return draws | self._draw_mirrored(number, generator)

    def stored(self, images: Tensor) -> Tensor:
        """With their zeros around them; `ValueError` for images of another side."""
        if images.shape[2:] != (self.side, self.side):
            raise ValueError(f"images must have {self.side} x {self.side} pixels, got {list(images.shape)}")
        return pad(images, [self.padding] * 4) if self.padding else images

    def pick(self, stored: Tensor, index: Tensor, draws: Draws) -> Tensor:
        """The crops; the whole images where no corner was drawn."""
        corner = draws.get("corner", torch.full((len(index), 2), self.padding))
        # A view with every possible crop of every image; what is picked of it is copied by whole rows of pixels.
        crops = stored.unfold(2, self.side, 1).unfold(3, self.side, 1).permute(0, 2, 3, 1, 4, 5)
        top, left = corner.T
        return crops[tuple(value.to(stored.device) for value in (index, top, left))]

    def loaded(self, images: Tensor, draws: Draws) -> Tensor:
        """Workers give whole images."""
        return self.pick(self.stored(images), torch.arange(len(images)), draws)


@dataclass(frozen=True)
class ResizedCrop(Recipe):
    """For images of any size: random resized crop and colour jitter; shorter side scaled and the middle to evaluate.

    jitter: how far brightness, contrast, saturation (factors 1 - x to 1 + x) and hue (turns -x to x) may be changed.
    """

    jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.2)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(0 <= value <= most for value, most in zip(self.jitter, (1, 1, 1, 0.5), strict=True)):
            raise ValueError(f"jitter must be within 0 and (1, 1, 1, 0.5), got {self.jitter}")

    @property
    def shorter_side(self) -> int:
        """What the shorter side is scaled to for evaluation: 256 for 224."""
        return round(self.side * 256 / 224)

    def draw(self, number: int, generator: torch.Generator) -> Draws:
        """With `crop` (of `resized_boxes`, float64 [n, 22]), `mirrored`, `factors` and `order` (of `colour_jitter`)."""
        if not self.random:
            return {}
        draws = {"crop": torch.rand(number, 2 * _TRIES + 2, generator=generator, dtype=torch.float64)}
        draws |= self._draw_mirrored(number, generator)
        if any(self.jitter):
            spread = 2 * torch.rand(number, 4, generator=generator) - 1
            draws["factors"] = torch.tensor([1.0, 1.0, 1.0, 0.0]) + torch.tensor(self.jitter) * spread
            draws["order"] = torch.rand(number, 4, generator=generator).argsort(dim=1)
        return draws

    def stored(self, images: Tensor) -> Tensor:
        """Columns first, as `resample` takes them."""
        return columns_first(images)

    def pick(self, stored: Tensor, index: Tensor, draws: Draws) -> Tensor:
        """Random resized crops, or the middle of scaled images, of stored squares; the bytes that `cut` gives."""
        if "crop" not in draws:
            return resample_centre(stored, index, self.shorter_side, self.side)
        size = np.full(len(index), stored.shape[1])
        boxes = torch.from_numpy(resized_boxes(draws["crop"].numpy(), size, size))
        return resample(stored, index, boxes, self.side)

    def loaded(self, images: Tensor, draws: Draws) -> Tensor:  # noqa: ARG002 - workers were told them
        """Workers give cut images."""
        return images

    def cut(self, image: np.ndarray, crop: np.ndarray | None) -> np.ndarray:
        """One image uint8 [height, width, 3] cut and scaled by Pillow, uint8 [side, side, 3].

        crop: its row of draws["crop"], float64 [22]; None to evaluate.
        """
        height, width = image.shape[:2]
        if crop is not None:
            top, left, high, wide = resized_boxes(crop[None], np.array([height]), np.array([width]))[0]
            return scaled(image[top : top + high, left : left + wide], self.side, self.side)
        short = min(height, width)
        size = (int(self.shorter_side * value / short) for value in (height, width))
        image = scaled(image, *size)
        top, left = (round((length - self.side) / 2) for length in image.shape[:2])
        return image[top : top + self.side, left : left + self.side]


def scaled(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image uint8 [h, w, 3] at another size, by Pillow's bilinear filter (which averages where it shrinks).

    Rows first, then columns, each rounded to bytes: Pillow 13 picks the cheaper order, which moves some values by one.
    """
    picture = Image.fromarray(np.ascontiguousarray(image))
    for size in ((width, picture.height), (width, height)):
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(picture)


def resized_boxes(crop: np.ndarray, heights: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Boxes of random resized crops, int64 [n, 4]: top, left, height, width; heights, widths int64 [n] of the images.

    crop float64 [n, 22], uniform in 0..1: ten tries of an area (8 to 100% of the image's) and ten of a ratio of width
    to height (3/4 to 4/3, uniform in its logarithm), then the place. The first try that fits counts; where none does,
    the middle of the image is taken, as large as the ratios allow. Source: torchvision's RandomResizedCrop.
    """
    areas, ratios = crop[:, :_TRIES], crop[:, _TRIES : 2 * _TRIES]
    area = (heights * widths)[:, None] * (_AREA[0] + (_AREA[1] - _AREA[0]) * areas)
    low, high = (math.log(value) for value in _RATIO)
    ratio = np.exp(low + (high - low) * ratios)
    wide, tall = (np.rint(np.sqrt(value)).astype(np.int64) for value in (area * ratio, area / ratio))
    fits = (wide > 0) & (wide <= widths[:, None]) & (tall > 0) & (tall <= heights[:, None])
    rows, first = np.arange(len(crop)), fits.argmax(axis=1)
    found = fits[rows, first]
    middle_wide = np.where(
        widths / heights > _RATIO[1], np.rint(heights * _RATIO[1]).astype(np.int64), widths
    )
    middle_tall = np.where(
        widths / heights < _RATIO[0], np.rint(widths / _RATIO[0]).astype(np.int64), heights
    )
    wide = np.where(found, wide[rows, first], middle_wide)
    tall = np.where(found, tall[rows, first], middle_tall)
    place = crop[:, 2 * _TRIES :]
    top = np.where(found, place[:, 0] * (heights - tall + 1), (heights - tall) // 2).astype(np.int64)
    left = np.where(found, place[:, 1] * (widths - wide + 1), (widths - wide) // 2).astype(np.int64)
    return np.stack([top, left, tall, wide], axis=1)


def cutout(
    images: Tensor,
    side: int,
    generator: torch.Generator,
    number: int | None = None,
    part: slice = slice(None),
) -> Tensor:
    """`images` [n, 3, H, W], normalised, with a square of `side` pixels an image set to 0.

    Its centre is a uniformly random pixel, so at the border part of the square falls outside. Centres are drawn from
    `generator` (on the CPU), so that the device does not change them, for all `number` images of a batch (default: n)
    of which `images` are this `part`. Source: methods.md 7.4; DeVries and Taylor, 1708.04552.
    """
    count, (height, width) = len(images) if number is None else number, images.shape[2:]
    inside = []
    for length in (height, width):
        start = torch.randint(0, length, (count, 1), generator=generator) - side // 2
        place = torch.arange(length)[None]
        inside.append(((place >= start) & (place < start + side))[part])
    square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images.masked_fill(square.to(images.device), 0.0)
