"""In which order images are shown: shuffled passes, capped epochs, shares of several processes, exact resumption."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nastransfer.data.transforms import Recipe


def group_ends(number: int, group: int) -> list[int]:
    """Where each group of a batch of `number` images ends: `group` images a group, filled in order.

    The last one has what is left; a remainder of a single image joins the group before, since batch norm needs two
    values a channel.
    """
    ends = [*range(group, number, group), number] if number else []
    if group > 1 and number > group and number % group == 1:
        del ends[-2]
    return ends


@dataclass(frozen=True)
class Share:
    """Which part of every batch a process ("rank") has: whole groups of `group` neighbours, in the order of the ranks.

    The last group of a batch may be smaller; a remainder of one image joins the group before. All ranks draw the whole
    batch's random numbers, so that the batch, put together, does not depend on how many they are. A rank's part of a
    short last batch may be empty.
    """

    rank: int = 0
    ranks: int = 1
    group: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.ranks or self.group < 1:
            raise ValueError(
                f"a share needs 0 <= rank < ranks and group >= 1, got rank {self.rank}, {self.ranks} ranks and "
                f"groups of {self.group}"
            )

    def of(self, number: int) -> slice:
        """Places of this rank in a batch of `number` images."""
        ends = group_ends(number, self.group)
        first, last = (len(ends) * rank // self.ranks for rank in (self.rank, self.rank + 1))
        starts = [0, *ends]
        return slice(starts[first], starts[last])


@dataclass(frozen=True)
class Pass:
    """What is left of a shuffled pass over `images` images: int64 positions, the last ones of a permutation.

    shuffle: state of the generator that the permutation was drawn with; None before the first one.
    """

    images: int
    left: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    shuffle: Tensor | None = None

    def take(self, number: int, generator: torch.Generator) -> tuple[Tensor, Pass]:
        """The next positions, int64 [number], and the pass after them; where one ends within, the next one begins."""
        left, shuffle = self.left, self.shuffle
        while len(left) < number:
            shuffle = generator.get_state()
            left = torch.cat([left, torch.randperm(self.images, generator=generator)])
        return left[:number], Pass(self.images, left[number:], shuffle)

    def to_state(self) -> dict[str, Any]:
        """A few kilobytes, however many images there are: the permutation is drawn again when it is needed."""
        return {"images": self.images, "left": len(self.left), "shuffle": self.shuffle}

    def from_state(self, state: dict[str, Any]) -> Pass:
        """The pass that `to_state` described; `ValueError` for one over another number of images."""
        if state["images"] != self.images or not 0 <= state["left"] <= self.images:
            raise ValueError(
                f"the state has {state['left']} images left of {state['images']}, there are {self.images}"
            )
        if state["shuffle"] is None:
            return Pass(self.images)
        generator = torch.Generator()
        generator.set_state(state["shuffle"])
        order = torch.randperm(self.images, generator=generator)
        return Pass(self.images, order[self.images - state["left"] :], state["shuffle"])


class Batches(ABC):
    """Images of one part of a data set, ready to be fed to a network: float32 [b, 3, side, side] and labels int64 [b].

    `batch` images at a time, counted over all ranks; `share` says which of them this process is given. What is random
    is drawn on the CPU from the generator given, so that neither device nor number of processes changes it.
    """

    def __init__(
        self, labels: Tensor, recipe: Recipe, *, batch: int, device: str | torch.device, share: Share
    ) -> None:
        if batch < 1 or not len(labels):
            raise ValueError(f"batch and number of images must be at least 1, got {batch} and {len(labels)}")
        self.batch = batch
        self.device = torch.device(device)
        self.recipe = recipe
        self.share = share
        self._labels = labels
        self._pass = Pass(len(labels))

    @property
    def num_images(self) -> int:
        """Number of images, of all ranks together."""
        return len(self._labels)

    def __len__(self) -> int:
        """Batches of one whole pass."""
        return (self.num_images + self.batch - 1) // self.batch

    def epoch(self, generator: torch.Generator, images: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Shuffled batches with the random transforms of the recipe; the last one may be smaller.

        `images` (default: all) is how many images the epoch has. A capped epoch goes on where the last one stopped, so
        that every image is used once before any is used again. After every batch `state()` and the generator's state
        say exactly what comes next: with both restored, an epoch of the images left gives the rest.
        """
        total = self.num_images if images is None else images
        if total < 1:
            raise ValueError(f"images must be at least 1, got {images}")
        yield from self._shuffled(self._sizes(total), generator)

    def ordered(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Evaluation batches in a fixed order, every image once, with the recipe's evaluation transforms."""
        places = torch.arange(self.num_images).split(self.batch)
        yield from self._in_order(index[self.share.of(len(index))] for index in places)

    def state(self) -> dict[str, Any]:
        """Where the current pass stands, for an exact resume."""
        return self._pass.to_state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on with the pass that `state()` described."""
        self._pass = self._pass.from_state(state)

    @abstractmethod
    def _shuffled(self, sizes: Iterator[int], generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Training batches of these numbers of images; moves the pass and the generator on with each one given."""

    @abstractmethod
    def _in_order(self, places: Iterator[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Evaluation batches of these positions."""

    def _sizes(self, total: int) -> Iterator[int]:
        for start in range(0, total, self.batch):
            yield min(self.batch, total - start)
