"""NAO's last step: the best of the pool are trained from scratch and judged apart (methods.md 4.6, point 6)."""

from __future__ import annotations

from typing import Any

from nastransfer.data.passes import Batches
from nastransfer.data.streams import Streams
from nastransfer.search.nao import Nao
from nastransfer.search.paths import he_normal, thin_inputs
from nastransfer.search.searcher import SearchData
from nastransfer.space.genotype import Genotype
from nastransfer.space.network import Network
from nastransfer.train.device import exact_fp32, place, seeded
from nastransfer.train.loop import TrainScores, sgd, train_epoch
from nastransfer.train.schedule import num_steps
from nastransfer.train.scoring import evaluate


class Candidate:
    """A pool member in training, the `rank`-th of the pool (from 0): the network of the search's skeleton, on its own.

    Each has random numbers of its own and starts with the first image of a pass.
    """

    def __init__(
        self, settings: Nao, data: SearchData, streams: Streams, genotype: Genotype, rank: int
    ) -> None:
        self.rank = rank
        self.genotype = genotype
        self._settings = settings
        self._classes = data.classes
        self._batches_generator = streams.torch(f"rerank batches {rank}")
        self._drop_path_generator = streams.torch(f"rerank drop path {rank}")
        side = data.dataset.side_at(settings.resolution)
        with seeded(streams.seed(f"rerank weights {rank}")):
            network = Network(
                genotype,
                data.classes,
                settings.channels,
                settings.cells,
                data.dataset.stem_at(side),
                auxiliary=settings.rerank_auxiliary > 0,
                engine=settings.engine,
            )
            he_normal(network)
        self._network = place(network, data.pick_device())
        dropout = streams.torch(f"rerank dropout {rank}")
        thin_inputs(self._network.classifier, settings.rerank_dropout_keep, dropout, training_only=True)
        self._optimizer = sgd(self._network, settings.lr, settings.momentum, settings.weight_decay)

    def train(self, epoch: int, batches: Batches) -> TrainScores:
        """One pass over the train half. Raises `Diverged` where a loss was not a number."""
        settings = self._settings
        epoch_steps = num_steps(batches.num_images, settings.batch)
        dropped = [1.0 - kept for kept in settings.rerank_keep_at(epoch)]
        self._network.set_drop_path(dropped, self._drop_path_generator)
        with exact_fp32():
            return train_epoch(
                self._network,
                self._optimizer,
                batches.epoch(self._batches_generator),
                lr=lambda step: settings.rerank_lr_at(step, epoch_steps),
                clip=settings.clip,
                auxiliary=settings.rerank_auxiliary,
                first_step=epoch * epoch_steps,
            )

    def top1(self, val: Batches) -> float:
        """Percent of the whole validation half, by running batch-norm statistics."""
        with exact_fp32():
            return evaluate(self._network, val.ordered(), self._classes).top1

    def state(self) -> dict[str, Any]:
        """All but the streams."""
        return {
            "rank": self.rank,
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state()` gave, of the same member."""
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
