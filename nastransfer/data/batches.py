"""Batches from images that live on the device as uint8, cropped, flipped and normalised there as whole batches.

What is random is drawn on the CPU, so that the device does not change it (methods.md 8.4 has the transforms).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.nn.functional import pad

from nastransfer.data.datasets import Dataset
from nastransfer.data.manifest import Manifest


class Batches:
    """Images of one part of a data set, ready to be fed to a network.

    images uint8 [n, 3, side, side], labels int64 [n]; mean and std of each channel for values in 0..1.
    Training batches: random crop of the image padded with `crop_padding` zeros a side, random mirror image where
    `flip` is true, then normalised; evaluation batches: normalised only.
    """

    def __init__(
        self,
        images: torch.Tensor,
        labels: torch.Tensor,
        *,
        batch: int,
        mean: Sequence[float],
        std: Sequence[float],
        crop_padding: int = 0,
        flip: bool = False,
        device: str | torch.device = "cpu",
    ) -> None:
        if images.dtype != torch.uint8 or images.ndim != 4 or len(images) != len(labels) or not len(images):
            raise ValueError(
                f"images must be uint8 [n, 3, side, side] with one label each and n >= 1, got {images.dtype} "
                f"{list(images.shape)} and {len(labels)} labels"
            )
        if batch < 1 or crop_padding < 0:
            raise ValueError(
                f"batch must be at least 1 and crop_padding at least 0, got {batch} and {crop_padding}"
            )
        self.batch = batch
        self.device = torch.device(device)
        self._images = images.to(self.device)
        self._padded = pad(self._images, [crop_padding] * 4) if crop_padding else self._images
        self._labels = labels.to(self.device)
        self._crop_padding = crop_padding
        self._flip = flip
        scale = 1 / (255 * torch.tensor(std, dtype=torch.float32))
        shift = -torch.tensor(mean, dtype=torch.float32) / torch.tensor(std, dtype=torch.float32)
        self._scale, self._shift = (value.view(1, -1, 1, 1).to(self.device) for value in (scale, shift))
        self._order = torch.empty(0, dtype=torch.int64)

    @property
    def num_images(self) -> int:
        """Number of images."""
        return len(self._images)

    def __len__(self) -> int:
        """Batches of one whole pass."""
        return (self.num_images + self.batch - 1) // self.batch

    def epoch(
        self, generator: torch.Generator, images: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Shuffled training batches x float32 [b, 3, side, side], y int64 [b]; the last one may be smaller.

        `images` (default: all) is how many images the epoch has. A capped epoch goes on where the last one stopped, so
        that every image is used once before any is used again. Randomness is drawn from the CPU `generator`.
        """
        left = self.num_images if images is None else images
        if left < 1:
            raise ValueError(f"images must be at least 1, got {images}")
        while left:
            index = self._next(min(self.batch, left), generator)
            left -= len(index)
            yield self._transformed(index, generator), self._labels[index.to(self.device)]

    def ordered(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Evaluation batches in a fixed order, every image once, normalised only."""
        for images, labels in zip(
            self._images.split(self.batch), self._labels.split(self.batch), strict=True
        ):
            yield self._normalised(images), labels

    def state(self) -> dict[str, Any]:
        """What is left of the current pass, for an exact resume."""
        return {"order": self._order.clone()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on with the pass that `state()` described."""
        order = state["order"]
        if len(order) and int(order.max()) >= self.num_images:
            raise ValueError(f"the state names image {int(order.max())}, there are {self.num_images}")
        self._order = order.clone()

    def _next(self, number: int, generator: torch.Generator) -> torch.Tensor:
        """The next images' positions, int64 [number]; a pass that ends within a batch is followed by the next one."""
        while len(self._order) < number:
            self._order = torch.cat([self._order, torch.randperm(self.num_images, generator=generator)])
        index, self._order = self._order[:number], self._order[number:]
        return index

    def _transformed(self, index: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        number, side = len(index), self._images.shape[-1]
        across = torch.arange(side).expand(number, side)
        down = across
        if self._crop_padding:
            corner = torch.randint(2 * self._crop_padding + 1, (2, number, 1), generator=generator)
            down, across = down + corner[0], across + corner[1]
        if self._flip:
            mirrored = torch.rand(number, 1, generator=generator) < 0.5
            across = torch.where(mirrored, across.flip(1), across)
        index, down, across = (value.to(self.device) for value in (index, down, across))
        channels = torch.arange(self._images.shape[1], device=self.device)[None, :, None, None]
        picked = self._padded[
            index[:, None, None, None], channels, down[:, None, :, None], across[:, None, None, :]
        ]
        return self._normalised(picked)

    def _normalised(self, images: torch.Tensor) -> torch.Tensor:
        return torch.addcmul(self._shift, images.float(), self._scale)


def load_batches(
    dataset: Dataset,
    part: str,
    *,
    batch: int,
    resolution: int | None = None,
    manifest: Manifest | None = None,
    device: str | torch.device = "cpu",
    training: bool,
) -> Batches:
    """One part of a data set as batches; `manifest` (default: the set's own) says which images.

    Training crops after a padding of an eighth of the side (4 px at 32), and mirrors where the set allows it.
    `ValueError` where the part has no image.
    """
    chosen = (dataset.manifest if manifest is None else manifest).part(part)
    if not len(chosen):
        raise ValueError(f"data set {dataset.name!r} has no image in the part {part!r}")
    images, labels = dataset.read_images(chosen, resolution)
    return Batches(
        torch.from_numpy(images),
        torch.from_numpy(labels),
        batch=batch,
        mean=dataset.mean,
        std=dataset.std,
        crop_padding=images.shape[-1] // 8 if training else 0,
        flip=dataset.flip and training,
        device=device,
    )
