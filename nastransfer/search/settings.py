"""What the settings of the built-in methods share: a network, its training, how much of the source is seen (no torch).

A method re-declares a field where its paper has another default.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from nastransfer.data.streams import Streams
from nastransfer.search.searcher import SearchData, Searcher, SearchStep
from nastransfer.space import cost
from nastransfer.train.architecture import check_side
from nastransfer.train.run import Run, steps_of

if TYPE_CHECKING:
    from nastransfer.space.genotype import Genotype

# Above it, a single noisy gradient would settle an edge.
MAX_ARCH_LR = 0.1


def arch_lr_for(updates: int, *, paper_lr: float, paper_updates: int, largest: float) -> float:
    """Adam's rate at which `updates` steps can move a parameter as far as the paper's can (methods.md 11b)."""
    return min(paper_lr * paper_updates / updates, largest)


class NetworkSearcher(Searcher):
    """A method that trains networks: it is run unit by unit and can be interrupted at any."""

    cells: int = Field(default=8, ge=3, description="cells of a network; below 3 there is no normal cell")
    channels: int = Field(default=16, ge=2, multiple_of=2, description="channels of the first cell")
    batch: int = Field(default=64, ge=2, description="images a weight step")
    resolution: int | None = Field(
        default=None, ge=8, multiple_of=4, description="pixels; null: the data set's own"
    )
    search_images: int | None = Field(default=None, ge=2, description="most images of each half; null: all")
    engine: Literal["auto", "plain", "torch", "cpp"] = Field(
        default="auto", description="what computes the networks; plain is the slow, readable reference"
    )
    lr: float = Field(default=0.025, gt=0, allow_inf_nan=False, description="of the weights, at the start")
    lr_end: float = Field(default=0.001, ge=0, allow_inf_nan=False, description="where the cosine ends")
    lr_per: Literal["epoch", "step"] = Field(
        default="epoch", description="when the cosine moves (paper: epoch)"
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of SGD on the weights")
    weight_decay: float = Field(default=3e-4, ge=0, allow_inf_nan=False, description="of the weights")
    clip: float = Field(default=5.0, gt=0, description="largest global L2 norm of the weights' gradient")
    reports: int = Field(default=20, ge=1, description="steps yielded over the search, evenly spaced")

    @abstractmethod
    def begin(self, data: SearchData, streams: Streams) -> Run[SearchStep]:
        """The search before its first unit of work."""

    def search(self, data: SearchData, streams: Streams) -> Iterator[SearchStep]:
        """All steps of the search, one before the first unit of work among them."""
        return steps_of(self.begin(data, streams))

    def check(self, data: SearchData) -> None:
        """`ValueError` for a source of one class, of images that fit no network, or of too few in either half."""
        check_side(data.dataset, self.resolution)
        data.half("train", self.batch, self.search_images)
        data.half("val", self.judging_batch, self.search_images)

    @property
    def judging_batch(self) -> int:
        """Images of the val half that are needed at least: a batch, where steps are taken or rewards drawn on it."""
        return self.batch

    @model_validator(mode="after")
    def _anneals(self) -> NetworkSearcher:
        if self.lr_end > self.lr:
            raise ValueError(f"lr_end must not exceed lr: got {self.lr_end} above {self.lr}")
        return self

    def macs(self, data: SearchData, genotype: Genotype | None = None) -> int:
        """Multiply-adds of an image through a genotype's network, or (None) through all operations on all edges."""
        side = data.dataset.side_at(self.resolution)
        shape = (data.classes, self.channels, self.cells, data.dataset.stem_at(side), side)
        return cost.macs(genotype, *shape) if genotype is not None else cost.supernet_macs(*shape)


class SharedWeights(NetworkSearcher):
    """A method with one supernet whose weights are trained for a number of epochs or of steps: one of both is set."""

    epochs: int | None = Field(
        default=50, ge=1, description="passes over the train half; null: `steps` says it"
    )
    steps: int | None = Field(default=None, ge=1, description="weight steps; null: `epochs` says it")

    @model_validator(mode="after")
    def _one_length(self) -> SharedWeights:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError(
                f"give epochs or steps, the other null: got epochs={self.epochs}, steps={self.steps}"
            )
        if self.lr_per == "epoch" and self.epochs is None:
            raise ValueError("lr_per='epoch' needs epochs; a search of a number of steps has lr_per='step'")
        return self

    def total_steps(self, epoch_steps: int) -> int:
        """Weight steps of the search where a pass over the train half has `epoch_steps`."""
        return self.steps if self.steps is not None else (self.epochs or 0) * epoch_steps

    def position(self, step: int, epoch_steps: int) -> tuple[int, int]:
        """Where the learning rate stands at a weight step, and where it ends: in epochs or in steps."""
        total = self.total_steps(epoch_steps)
        return (step // epoch_steps, total // epoch_steps) if self.lr_per == "epoch" else (step, total)
