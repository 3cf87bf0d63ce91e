"""For own methods: how good is this genotype? Short trainings on one half of a source, judged on the other."""

from __future__ import annotations

from typing import Any

from nastransfer.search.children import Children
from nastransfer.search.nsganet import NsgaNet
from nastransfer.search.searcher import SearchData, make_searcher
from nastransfer.search.spent import Spent
from nastransfer.space.genotype import Genotype


class Scorer:
    """Trains a genotype's network as NSGA-Net trains its children, by the one training loop, and counts the cost.

    The same genotype gets the same score: initial weights and the order of images come from the search's seed alone.
    """

    def __init__(self, data: SearchData, preset: str = "tiny", **training: Any) -> None:
        """`training`: settings of `nsganet` other than its preset's, such as epochs, cells, channels, search_images."""
        settings = make_searcher("nsganet", preset, **training)
        assert isinstance(settings, NsgaNet)
        self._children = Children(settings, data, data.seed)
        self._spent = Spent(data.pick_device())

    def __call__(self, genotype: Genotype) -> float:
        """Percent of the validation half that the trained network is right about; 0 where its loss diverged."""
        score = self._children.score(genotype)
        self._spent.add(score.seconds, score.images, score.macs)
        return score.top1 or 0.0

    def cost(self) -> dict[str, Any]:
        """What all scores so far have cost: the `cost` of a `SearchStep`."""
        return self._spent.cost()
