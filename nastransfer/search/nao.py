"""NAO with weight sharing: settings and the order of its work (methods.md section 4; Luo et al. 2018; no torch).

A pool of architectures shares weights; a network that encodes an architecture, predicts its accuracy and decodes it
again learns from the pool's scores, and improves the best of them by moving their codes uphill.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal, NamedTuple, final

from pydantic import Field, model_validator

from nastransfer.data.streams import Streams
from nastransfer.search.searcher import Presets, SearchData, SearchStep
from nastransfer.search.settings import SharedWeights
from nastransfer.train.architecture import check_auxiliary
from nastransfer.train.run import Run
from nastransfer.train.schedule import cosine_lr, num_steps

PAPER_PREDICTOR_LR = 1e-3

# What is done in one unit, between which a search may be saved: each takes about as long as ten weight steps.
SCORED_AT_ONCE = 4
PREDICTOR_EPOCHS_AT_ONCE = 10

# What the presets of a number of steps on small images share. Their images are too small for an auxiliary head.
_SMALL = {"channels": 8, "resolution": 16, "epochs": None, "lr_per": "step", "rerank_auxiliary": 0.0}
_PRESETS: Presets = {
    "paper": {},
    "short": {
        "epochs": 30,
        "lr_per": "step",
        "pool": 200,
        "new": 100,
        "predictor_epochs": 300,
        "rerank_epochs": 2,
    },
    "small": {
        **_SMALL,
        "cells": 5,
        "batch": 64,
        "search_images": 2500,
        "steps": 2000,
        "pool": 200,
        "new": 100,
        "predictor_epochs": 300,
        "rerank_epochs": 3,
    },
    "tiny": {
        **_SMALL,
        "cells": 3,
        "batch": 32,
        "search_images": 800,
        "steps": 200,
        "scorings": 4,
        "pool": 60,
        "new": 30,
        "predictor_epochs": 200,
        "rerank": 3,
        "rerank_epochs": 1,
    },
}


class Unit(NamedTuple):
    """A piece of work: `size` of a kind, from number `first` on.

    Weight steps, counted over the search; pool members scored; epochs of the predictor, counted from 0 in each round; a
    round's new pool; epochs of a pool member retrained, `rerank_epochs` a member, the best member first.
    """

    kind: Literal["weights", "scores", "predictor", "pool", "rerank"]
    first: int
    size: int = 1


@final
class Nao(SharedWeights):
    """NAO in the DARTS space; defaults are those of the authors' PyTorch code (AMB-9, AMB-10; methods.md 4.3 to 4.6).

    The shared weights are trained along members of the pool, drawn uniformly. At `scorings` points, evenly spaced, the
    last at the end, every member is scored on a validation minibatch of its own. After each but the last the predictor
    is trained on the pool, and up to `new` architectures that it makes out of the best replace the worst. In the end
    the `rerank` best are trained from scratch, and the most accurate on the validation half is the answer.

    Departures from that code: the pool starts from the space's uniform sampler; a node's second source is decoded from
    the others alone; a cell's output joins its four nodes; weights belong to (cell, edge, operation); identities are
    never dropped; the validation data are half of the train part, not a tenth; an architecture is new if no equal one
    is known, in whatever order its pairs come; the pool's first sequences have their pairs in a random order, as theirs
    have; minibatches for scores are drawn without replacement within a pass; drop path while reranking grows from epoch
    to epoch, not from step to step, and 224-pixel sets are reranked like the others. With `lr_per` "epoch" the rate
    moves from epoch to epoch as there; the presets below `paper` move it at every step.
    """

    method: ClassVar[str] = "nao"
    title: ClassVar[str] = "NAO"
    presets: ClassVar[Presets] = _PRESETS
    preset_version: ClassVar[int] = 1

    cells: int = Field(default=11, ge=3, description="cells of a network; below 3 there is no normal cell")
    channels: int = Field(default=20, ge=2, multiple_of=2, description="channels of the first cell")
    epochs: int | None = Field(
        default=150, ge=1, description="passes over the train half; null: `steps` says it"
    )
    off_path: Literal["decay", "frozen"] = Field(
        default="decay",
        description="what weight decay and momentum do to weights off the drawn path: go on, or stop (AMB-21)",
    )
    drop_path_keep: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="share of edges kept in the last cell at the end of the shared weights' training",
    )
    scorings: int = Field(default=5, ge=1, description="times that the pool is scored, evenly spaced")
    score_images: int = Field(
        default=500, ge=2, description="validation images a score; all where there are fewer"
    )
    pool: int = Field(default=600, ge=2, description="architectures known at a time")
    new: int = Field(default=300, ge=1, description="most of them replaced in a round")
    improved: int = Field(default=100, ge=1, description="best members that new ones are made of")
    most_steps: int = Field(
        default=50, ge=1, description="longest step uphill, in gradients; 1, 2, 3, ... are tried in turn"
    )
    predictor_epochs: int = Field(
        default=1000, ge=1, description="passes of the predictor over the pool, a round"
    )
    predictor_batch: int = Field(default=100, ge=1, description="architectures a step of the predictor")
    predictor_lr: float = Field(
        default=PAPER_PREDICTOR_LR, gt=0, allow_inf_nan=False, description="Adam's rate on the predictor"
    )
    predictor_weight_decay: float = Field(
        default=1e-4, ge=0, allow_inf_nan=False, description="coupled L2 of the predictor"
    )
    predictor_clip: float = Field(
        default=5.0, gt=0, description="largest global L2 norm of the predictor's gradient"
    )
    trade_off: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="weight of the accuracies' squared error, the rest is the reconstruction's",
    )
    expand: int | None = Field(
        default=None,
        ge=2,
        description="learn from nine tenths of the pool, each so many times with fixed swaps; null: from all, "
        "swapped anew each time",
    )
    rerank: int = Field(default=5, ge=1, description="best members trained from scratch in the end")
    rerank_epochs: int = Field(default=10, ge=1, description="passes over the train half for each")
    rerank_ramp_epochs: int = Field(
        default=150, ge=1, description="epochs after which drop path would have grown to its end"
    )
    rerank_drop_path_keep: float = Field(
        default=0.8, gt=0, le=1, description="share of edges kept in the last cell at that end"
    )
    rerank_dropout_keep: float = Field(
        default=0.6, gt=0, le=1, description="share of the classifier's inputs kept while reranking"
    )
    rerank_auxiliary: float = Field(
        default=0.4, ge=0, le=1, description="weight of the auxiliary head's loss while reranking; 0: none"
    )

    @model_validator(mode="after")
    def _within_the_pool(self) -> Nao:
        for name in ("new", "rerank"):
            if getattr(self, name) > self.pool:
                raise ValueError(f"{name} must not exceed pool: got {getattr(self, name)} above {self.pool}")
        if self.rerank_epochs > self.rerank_ramp_epochs:
            raise ValueError(
                "rerank_epochs must not exceed rerank_ramp_epochs: "
                f"got {self.rerank_epochs} above {self.rerank_ramp_epochs}"
            )
        return self

    def lr_at(self, step: int, epoch_steps: int) -> float:
        """Learning rate of the shared weights at `step`: one cosine over the whole search."""
        return cosine_lr(*self.position(step, epoch_steps), self.lr, self.lr_end)

    def rerank_lr_at(self, step: int, epoch_steps: int) -> float:
        """The same for the `step` of a member that is trained from scratch."""
        if self.lr_per == "epoch":
            return cosine_lr(step // epoch_steps, self.rerank_epochs, self.lr, self.lr_end)
        return cosine_lr(step, self.rerank_epochs * epoch_steps, self.lr, self.lr_end)

    def keep_at(self, step: int, epoch_steps: int) -> list[float]:
        """Probability that an edge is kept at a weight step, by cell: it falls with depth and with time."""
        return ramp(self.drop_path_keep, self.cells, step / self.total_steps(epoch_steps))

    def rerank_keep_at(self, epoch: int) -> list[float]:
        """The same in an epoch of a member that is trained from scratch."""
        return ramp(self.rerank_drop_path_keep, self.cells, epoch / self.rerank_ramp_epochs)

    def plan(self, epoch_steps: int) -> list[Unit]:
        """All work in order, where a pass over the train half has `epoch_steps`."""
        steps = self.total_steps(epoch_steps)
        if steps < self.scorings:
            raise ValueError(f"{self.scorings} scorings need as many weight steps, there are {steps}")
        marks = [steps * number // self.scorings for number in range(self.scorings + 1)]
        units: list[Unit] = []
        for number, (start, end) in enumerate(pairwise(marks), start=1):
            units += [Unit("weights", step) for step in range(start, end)]
            units += _in_parts("scores", self.pool, SCORED_AT_ONCE)
            if number < self.scorings:
                units += _in_parts("predictor", self.predictor_epochs, PREDICTOR_EPOCHS_AT_ONCE)
                units.append(Unit("pool", number))
        return units + [Unit("rerank", number) for number in range(self.rerank * self.rerank_epochs)]

    def check(self, data: SearchData) -> None:
        """Also `ValueError` for fewer weight steps than scorings, and where the auxiliary head of reranked networks,
        which come last, fits no image."""
        super().check(data)
        self.plan(num_steps(len(data.half("train", self.batch, self.search_images)), self.batch))
        check_auxiliary(self.rerank_auxiliary, data.dataset, self.resolution, "rerank_auxiliary")

    @property
    def judging_batch(self) -> int:
        """Members are scored on all of the val half where it is smaller than a scoring asks for."""
        return 1

    def begin(self, data: SearchData, streams: Streams) -> Run[SearchStep]:
        """Rounds of weight steps, scores, predictor and new pool; then the best are trained from scratch."""
        from nastransfer.search.nao_run import NaoRun

        return NaoRun(self, data, streams)


def ramp(keep: float, cells: int, progress: float) -> list[float]:
    """Probabilities to keep an edge, by cell: 1 - (1 - keep) * progress * (cell + 1) / cells, cells from 0."""
    return [1.0 - (1.0 - keep) * progress * (cell + 1) / cells for cell in range(cells)]


def _in_parts(kind: Literal["scores", "predictor"], total: int, most: int) -> list[Unit]:
    return [Unit(kind, first, min(most, total - first)) for first in range(0, total, most)]
