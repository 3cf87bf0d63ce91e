"""NSGA-Net's search: generations of networks, each trained by itself, alone or several at a time (methods.md 5.2, 5.3).

A unit is one network. Where several are trained at a time, they are counted in the order in which they were asked for,
so that neither results nor what is saved depend on how many they are; what was trained and not yet counted when a
search is cut off is trained again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from nastransfer.data.streams import Streams
from nastransfer.search.children import Children, Score
from nastransfer.search.nsga2 import Nsga2
from nastransfer.search.nsganet import NsgaNet, edge_shares, hypervolume, mean_entropy_of, non_dominated
from nastransfer.search.searcher import SearchData, SearchStep
from nastransfer.search.spent import Spent
from nastransfer.search.workers import Workers
from nastransfer.space.encoding import from_genes
from nastransfer.space.genotype import Genotype
from nastransfer.train.run import Run
from nastransfer.train.steps import Diverged

# Percent of images that a child is wrong about whose loss is no number.
FAILED_ERROR = 100.0
# On a GPU each process needs half a gigabyte of its memory for itself.
_MOST_ON_GPU = 4


class Evolution(Run[SearchStep]):
    """NSGA-II and the scores of all networks trained so far, in the order in which they were asked for."""

    def __init__(self, settings: NsgaNet, data: SearchData, streams: Streams) -> None:
        super().__init__(settings.networks, settings.reports)
        self.settings = settings
        self._data = data
        self._new_algorithm = partial(
            Nsga2,
            settings.population,
            settings.offspring,
            eta=settings.mutation_eta,
            seed=streams.seed("nsga2"),
        )
        self._seed = streams.seed("children")
        device = data.pick_device()
        self.spent = Spent(device)
        self._workers = _count_workers(data.workers, device)
        self._trainer: Workers[Genotype, Score] | Children | None = None
        self._peaks: dict[int, int] = {}
        # One entry a network: its validation error in percent, None where its loss diverged.
        self._errors: list[float | None] = []
        self._begin()

    def _begin(self) -> None:
        """Before the first network."""
        self._algorithm = self._new_algorithm()
        self.generation = 0
        self._members: list[tuple[Genotype, tuple[float, float]]] = []
        self._ask()

    def _ask(self) -> None:
        self._asked = [from_genes(genes) for genes in self._algorithm.ask().tolist()]
        # In this space of 1e18 there is always another child; a short generation would leave units without work.
        short = self.settings.offspring if self.generation else self.settings.population
        assert len(self._asked) == short, f"{len(self._asked)} new architectures instead of {short}"
        self._told: list[tuple[float, float]] = []
        self._scores: Iterator[Score] | None = None

    def _unit(self) -> None:
        if self._scores is None:
            self._scores = self._train(self._asked[len(self._told) :])
        score = next(self._scores)
        self.spent.add(score.seconds, score.images, score.macs)
        if score.process != os.getpid():
            self._peaks[score.process] = score.peak_bytes
        with self.spent.on("architecture"):
            self._count(None if score.top1 is None else 100.0 - score.top1)
        if len(self._errors) == self.units:
            self._close()

    def _count(self, error: float | None) -> None:
        """Take note of the next network's error; at the end of a generation, the algorithm moves on."""
        self._errors.append(error)
        megaflops = self.settings.megaflops(self._data, self._asked[len(self._told)])
        self._told.append((FAILED_ERROR if error is None else error, megaflops))
        if len(self._told) < len(self._asked):
            return
        if all(found is None for found in self._errors):
            raise Diverged(len(self._errors), float("nan"))
        self._algorithm.tell(np.array(self._told))
        self.generation += 1
        genotypes = (from_genes(genes) for genes in self._algorithm.genes.tolist())
        objectives = self._algorithm.objectives.tolist()
        self._members = [(genotype, (e, f)) for genotype, (e, f) in zip(genotypes, objectives, strict=True)]
        if len(self._errors) < self.units:
            self._ask()
        else:
            self._asked, self._told = [], []

    def _train(self, genotypes: Sequence[Genotype]) -> Iterator[Score]:
        """Their scores one by one, as they are asked for."""
        if self._trainer is None:
            needed = (self.settings, self._data, self._seed)
            several = self._workers > 1
            self._trainer = Workers(_scorer, needed, self._workers) if several else Children(*needed)
        if isinstance(self._trainer, Workers):
            return self._trainer.answers(genotypes)
        return map(self._trainer.score, genotypes)

    def _close(self) -> None:
        if isinstance(self._trainer, Workers):
            self._trainer.close()
        self._trainer = self._scores = None

    def report(self) -> SearchStep:
        """Where the search stands: the best so far, the population of the last whole generation, the front."""
        known = [*self._members, *zip(self._asked, self._told, strict=False)]
        members = self._members or known
        # Until the first generation is judged, the population is what was drawn.
        shares = edge_shares([genotype for genotype, _ in self._members] or self._asked)
        mixture = {kind: table.round(6).tolist() for kind, table in shares.items()}
        if not known:
            entropy = mean_entropy_of(shares)
            return SearchStep(
                self.done, self.units, None, entropy=entropy, cost=self._cost(), mixture=mixture
            )
        best, (error, megaflops) = min(known, key=lambda entry: entry[1])
        objectives = np.array([found for _, found in known])
        front = [known[row] for row in np.flatnonzero(non_dominated(objectives))]
        worst = (FAILED_ERROR, self.settings.megaflops(self._data))
        scores = {
            "val_top1": 100.0 - error,
            "val_top1_mean": float(np.mean([100.0 - found[0] for _, found in members])),
            "megaflops": megaflops,
            "hypervolume": 100.0 * hypervolume(objectives, worst),
            "generation": float(self.generation),
            "diverged": float(sum(found is None for found in self._errors)),
        }
        return SearchStep(
            self.done,
            self.units,
            best,
            scores=scores,
            entropy=mean_entropy_of(shares),
            cost=self._cost(),
            mixture=mixture,
            front=[
                {"genotype": genotype.to_json(), "val_top1": 100.0 - error, "megaflops": megaflops}
                for genotype, (error, megaflops) in sorted(
                    {entry[0].digest: entry for entry in front}.values(), key=lambda entry: entry[1]
                )
            ],
        )

    def _cost(self) -> dict[str, Any]:
        """Columns of the results frame; the peak memory is that of all processes together."""
        cost = self.spent.cost()
        cost["peak_bytes"] += sum(sorted(self._peaks.values())[-self._workers :])
        return cost

    def state(self) -> dict[str, Any]:
        return {"errors": list(self._errors), "spent": self.spent.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """The algorithm gets the same answers to the same questions again, and so comes to the same point."""
        self._errors = []
        self._begin()
        for error in state["errors"]:
            self._count(error)
        self.spent.load_state(state["spent"])


def _count_workers(asked: int | None, device: torch.device) -> int:
    """Processes to train in: as asked for, else one for each thread that torch has."""
    if asked is None:
        return (
            min(torch.get_num_threads(), _MOST_ON_GPU) if device.type == "cuda" else torch.get_num_threads()
        )
    if asked < 1:
        raise ValueError(f"workers must be at least 1, got {asked}")
    return asked


def _scorer(settings: NsgaNet, data: SearchData, seed: int) -> Callable[[Genotype], Score]:
    """What a process calls for each network."""
    return Children(settings, data, seed).score
