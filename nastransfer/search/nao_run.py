"""NAO at work: a pool under shared weights, the network that learns from its scores, new members (methods.md 4.6).

That network is small and stays on the CPU, whatever the device of the shared weights.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nastransfer.data.splits import search_halves
from nastransfer.data.streams import Streams
from nastransfer.search.nao import PAPER_PREDICTOR_LR, Nao
from nastransfer.search.nao_model import CodeNetwork, sequences, swap_pairs
from nastransfer.search.nao_pool import new_members, operation_shares, share_entropy
from nastransfer.search.nao_rerank import Candidate
from nastransfer.search.nao_training import CodeTraining, examples, knowledge
from nastransfer.search.paths import SharedPaths
from nastransfer.search.searcher import SearchData, SearchStep
from nastransfer.space.encoding import from_tokens
from nastransfer.space.genotype import CELLS, NODES, Genotype
from nastransfer.train.device import seeded
from nastransfer.train.run import Run
from nastransfer.train.steps import Diverged


class NaoRun(Run[SearchStep]):
    """A supernet, a pool of genotypes with their sequences and scores, and the network that learns from them."""

    def __init__(self, settings: Nao, data: SearchData, streams: Streams) -> None:
        settings.check(data)
        self.settings = settings
        self.data = data
        self.streams = streams
        self.paths = SharedPaths(settings, data, streams, move_all=settings.off_path == "decay")
        self._first_pass = self.paths.train_batches.state()
        _, half = search_halves(data.dataset.manifest, data.seed, settings.search_images)
        self._val = data.batches(
            "val",
            batch=min(settings.score_images, len(half)),
            resolution=settings.resolution,
            images=settings.search_images,
            training=False,
        )
        self.plan = settings.plan(self.paths.epoch_steps)
        super().__init__(len(self.plan), settings.reports)
        with seeded(streams.seed("predictor")):
            self.network = CodeNetwork()
        # Members in the order of their last scores once there are any, and their sequences in the same order.
        self.pool = Genotype.draw(streams.numpy("pool"), settings.pool)
        drawn = streams.numpy("pool order").integers(2, size=(settings.pool, len(CELLS), NODES))
        self.tokens = swap_pairs(sequences(self.pool), torch.from_numpy(drawn == 1))
        # Accuracy (a fraction) of the members scored so far, in the order of the pool.
        self.scores: list[float] = []
        self._training: CodeTraining | None = None
        self._candidate: Candidate | None = None
        # The best member of the last whole scoring, its score, and the answer where there is one.
        self._best: tuple[float, str] | None = None
        self._reranked: list[float] = []
        # What reports say: scores and losses since the last one, and what is known of the network.
        self._seen: list[tuple[float, float]] = []
        self._watched: dict[str, float] = {}

    def _unit(self) -> None:
        kind, first, size = self.plan[self.done]
        if kind == "weights":
            self._weights_step(first)
        elif kind == "scores":
            self._score(first, size)
        elif kind == "predictor":
            self._learn(first, size)
        elif kind == "pool":
            self._renew()
        else:
            self._retrain(*divmod(first, self.settings.rerank_epochs))

    @property
    def due(self) -> bool:
        """Also after every scoring of the pool: what it alone would answer is then part of the history."""
        scored = self.done > 0 and self.plan[self.done - 1].kind == "scores"
        return super().due or (scored and len(self.scores) == len(self.pool))

    def _weights_step(self, step: int) -> None:
        """One step of the shared weights along a member drawn uniformly."""
        member = self.pool[int(self.streams.numpy("trained members").integers(len(self.pool)))]
        settings, epoch_steps = self.settings, self.paths.epoch_steps
        self.paths.train_step(member, settings.lr_at(step, epoch_steps), settings.keep_at(step, epoch_steps))

    def _score(self, first: int, count: int) -> None:
        """Score some members on a validation minibatch each; after the last one the pool is sorted, best first."""
        if first == 0:
            self.scores = []
        generator = self.streams.torch("val batches")
        with self.paths.scoring():
            for member in self.pool[first : first + count]:
                (batch,) = self._val.epoch(generator, self._val.batch)
                accuracy, loss = self.paths.score(member, batch)
                if not math.isfinite(loss):
                    raise Diverged(self._steps_done(), loss)
                self.scores.append(accuracy)
                self._seen.append((accuracy, loss))
        if len(self.scores) == len(self.pool):
            order = sorted(range(len(self.pool)), key=lambda place: -self.scores[place])
            self.pool = [self.pool[place] for place in order]
            self.tokens = self.tokens[order]
            self.scores = [self.scores[place] for place in order]
            self._best = (self.scores[0], self.pool[0].to_json())

    def _learn(self, first: int, count: int) -> None:
        """Some epochs of the predictor on the whole pool; what it then knows is noted after the last ones."""
        with self.paths.spent.on("architecture"):
            if first == 0:
                # The network goes on from where it stands, the optimizer is new.
                generator = self.streams.torch("predictor examples")
                self._training = self._on(
                    *examples(self.settings, self.tokens, self._accuracies(), generator)
                )
            training = self._training
            assert training is not None
            loss = training.train(count)
            if not math.isfinite(loss):
                raise Diverged(self._steps_done(), loss)
            self.paths.spent.macs += training.macs(count)
            if first + count == self.settings.predictor_epochs:
                known = knowledge(self.network, self.tokens, self._accuracies())
                self._watched = {"predictor_loss": loss, "predictor_hamming": known.hamming}
                if known.pairwise_percent is not None:
                    self._watched["predictor_pairwise"] = known.pairwise_percent

    def _on(self, tokens: Tensor, targets: Tensor) -> CodeTraining:
        generator = self.streams.torch("predictor batches")
        return CodeTraining(self.network, self.settings, tokens, targets, generator)

    def _accuracies(self) -> Tensor:
        return torch.tensor(self.scores, dtype=torch.float64)

    def _renew(self) -> None:
        """Up to `new` architectures that the network makes of the best members replace the worst."""
        with self.paths.spent.on("architecture"):
            found = new_members(self.network, self.settings, self.tokens, self.pool)
        kept = len(self.pool) - len(found)
        self.pool = [*self.pool[:kept], *found]
        self.tokens = torch.tensor([*self.tokens[:kept].tolist(), *found.values()])
        self._watched["new"] = float(len(found))
        self._training, self.scores = None, []

    def _retrain(self, rank: int, epoch: int) -> None:
        """An epoch of one of the best members on its own, and after the last one its accuracy."""
        spent, batches = self.paths.spent, self.paths.train_batches
        if epoch == 0:
            self._candidate = self._new_candidate(rank)
            batches.load_state(self._first_pass)
        candidate = self._candidate
        assert candidate is not None
        macs = self.settings.macs(self.data, candidate.genotype)
        with spent.on("weights"):
            candidate.train(epoch, batches)
        spent.pass_over(batches.num_images, macs, passes=3)
        if epoch == self.settings.rerank_epochs - 1:
            with spent.on("scoring"):
                self._reranked.append(candidate.top1(self._val))
            spent.pass_over(self._val.num_images, macs)
            self._candidate = None

    def _new_candidate(self, rank: int) -> Candidate:
        return Candidate(self.settings, self.data, self.streams, self.pool[rank], rank)

    def _steps_done(self) -> int:
        return sum(unit.kind == "weights" for unit in self.plan[: self.done])

    def check(self) -> None:
        self.paths.tally.check(self._steps_done())

    def report(self) -> SearchStep:
        """Where the search stands: means since the last report; the genotype is the best of the last scoring.

        The last report has the most accurate of the retrained members, beside what the best-scored one came to. Entropy
        and mixture are those of the pool: how often each edge has each operation.
        """
        scores: dict[str, float] = {}
        if self.paths.tally.steps:
            taken = self.paths.tally.take(self._steps_done())
            scores |= {"train_loss": taken.loss, "train_top1": taken.top1}
        if self._seen:
            accuracy, loss = np.mean(self._seen, axis=0).tolist()
            scores |= {"val_loss": loss, "val_top1": 100.0 * accuracy}
            self._seen = []
        scores |= self._watched
        self._watched = {}
        genotype = None
        if self._best is not None:
            scores["pool_top1"] = 100.0 * self._best[0]
            genotype = Genotype.parse(self._best[1])
        if self._reranked:
            scores |= {"rerank_first_top1": self._reranked[0], "rerank_top1": max(self._reranked)}
        if self.finished:
            genotype = self.pool[self._reranked.index(max(self._reranked))]
        normal, reduce = shares = operation_shares(self.pool)
        return SearchStep(
            step=self.done,
            steps=self.units,
            genotype=genotype,
            scores=scores,
            entropy=share_entropy(shares),
            cost=self.paths.spent.cost(arch_lr_factor=self.settings.predictor_lr / PAPER_PREDICTOR_LR),
            # Six digits: a history stays small.
            mixture={"normal": normal.round(6).tolist(), "reduce": reduce.round(6).tolist()},
        )

    def state(self) -> dict[str, Any]:
        return {
            "paths": self.paths.state(),
            "val": self._val.state(),
            "network": self.network.state_dict(),
            "training": None if self._training is None else self._training.state(),
            "tokens": self.tokens,
            "scores": self.scores,
            "candidate": None if self._candidate is None else self._candidate.state(),
            "best": self._best,
            "reranked": self._reranked,
            "seen": self._seen,
            "watched": self._watched,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.paths.load_state(state["paths"])
        self._val.load_state(state["val"])
        self.network.load_state_dict(state["network"])
        self.tokens, self.scores = state["tokens"], state["scores"]
        self.pool = [from_tokens(row) for row in self.tokens.tolist()]
        if state["training"] is not None:
            self._training = self._on(state["training"]["tokens"], state["training"]["targets"])
            self._training.load_state(state["training"])
        if state["candidate"] is not None:
            self._candidate = self._new_candidate(state["candidate"]["rank"])
            self._candidate.load_state(state["candidate"])
        self._best, self._reranked = state["best"], state["reranked"]
        self._seen, self._watched = state["seen"], state["watched"]
