"""Training batches without end, whose position is exact between any two of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from nastransfer.data.passes import Batches
from nastransfer.train.loop import Batch


class Feed:
    """One shuffled pass over `batches` after the other, drawn by `generator`.

    A last batch of a single image is joined to the one before (batch norm needs two values a channel), as `join_single`
    does. With `whole` every batch is a full one: a pass stops before a smaller one, and the next pass begins with the
    images left. `images` caps a pass, which then goes on where the last one stopped. `size` is the number of images of
    the last batch given, of all processes that share it. The position does not hold the generator's state: that is the
    streams' (`Streams.state`).
    """

    def __init__(
        self,
        batches: Batches,
        generator: torch.Generator,
        *,
        whole: bool = False,
        images: int | None = None,
    ) -> None:
        self.batches = batches
        self.size = 0
        images = batches.num_images if images is None else images
        self._images = images // batches.batch * batches.batch if whole else images
        self._generator = generator
        self._left = 0
        self._pass: Iterator[Batch] = iter(())

    def __iter__(self) -> Feed:
        return self

    def __next__(self) -> Batch:
        if self._left == 0:
            self._begin(self._images)
        images, labels = next(self._pass)
        self.size = min(self.batches.batch, self._left)
        self._left -= self.size
        if self._left == 1:
            self.size += 1
            last_images, last_labels = next(self._pass)
            self._left = 0
            return torch.cat([images, last_images]), torch.cat([labels, last_labels])
        return images, labels

    def state(self) -> dict[str, Any]:
        """What comes next, given the generator's state."""
        return {"left": self._left, "pass": self.batches.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state()` was taken; the generator's own state must be restored before the next batch."""
        self.batches.load_state(state["pass"])
        self._begin(state["left"])

    def _begin(self, images: int) -> None:
        self._left = images
        self._pass = self.batches.epoch(self._generator, images) if images else iter(())
