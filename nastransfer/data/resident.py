"""Batches from images that live on the device as uint8, transformed there as whole batches."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nastransfer.data.passes import Batches, Share
from nastransfer.data.transforms import Draws, Recipe


class ResidentBatches(Batches):
    """Batches from square images uint8 [n, 3, height, height], all on the device, with labels int64 [n]."""

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        recipe: Recipe,
        *,
        batch: int,
        device: str | torch.device = "cpu",
        share: Share | None = None,
    ) -> None:
        square = images.ndim == 4 and images.shape[1] == 3 and images.shape[2] == images.shape[3]
        if images.dtype != torch.uint8 or not square or len(images) != len(labels):
            raise ValueError(
                f"images must be uint8 [n, 3, height, height] with one label each, got {images.dtype} "
                f"{list(images.shape)} and {len(labels)} labels"
            )
        super().__init__(labels, recipe, batch=batch, device=device, share=share or Share())
        self._labels = labels.to(self.device)
        self._stored = recipe.stored(images.to(self.device))

    def _shuffled(self, sizes: Iterator[int], generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for number in sizes:
            index, self._pass = self._pass.take(number, generator)
            draws = self.recipe.draw(number, generator)
            mine = self.share.of(number)
            yield self._made(index[mine], {name: values[mine] for name, values in draws.items()})

    def _in_order(self, places: Iterator[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        for index in places:
            yield self._made(index, {})

    def _made(self, index: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        images = self.recipe.pick(self._stored, index, draws)
        return self.recipe.finish(images, draws), self._labels[index.to(self.device)]
