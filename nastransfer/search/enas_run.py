"""ENAS at work: shared weights trained along drawn paths, and the policy that draws them (methods.md 3.3 to 3.5).

The policy is tiny and works step by step, so it stays on the CPU whatever the device of the shared weights.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from nastransfer.data.streams import Streams
from nastransfer.search.controller import FREE_DECISIONS, Drawn, Policy, genotypes, shares
from nastransfer.search.enas import PAPER_ARCH_LR, Enas
from nastransfer.search.paths import SharedPaths, thin_inputs
from nastransfer.search.searcher import SearchData, SearchStep
from nastransfer.space.genotype import Genotype
from nastransfer.train.device import seeded
from nastransfer.train.feed import Feed
from nastransfer.train.loop import join_single
from nastransfer.train.run import Run
from nastransfer.train.steps import Diverged

# Architectures drawn for the shares and the entropy of a report: a share of 1/7 is known to about 0.015.
_WATCHED = 500
# Most architectures drawn at once for weight steps; what is drawn and not yet trained belongs to the state.
_AHEAD = 256


class EnasRun(Run[SearchStep]):
    """Shared weights, a policy, and the baseline that rewards are compared with."""

    def __init__(self, settings: Enas, data: SearchData, streams: Streams) -> None:
        self.settings = settings
        self.streams = streams
        self.paths = SharedPaths(
            settings,
            data,
            streams,
            nesterov=settings.momentum > 0,
            move_all=settings.off_path == "decay",
        )
        thin_inputs(self.paths.network.classifier, settings.dropout_keep, streams.torch("dropout"))
        val = data.batches(
            "val",
            batch=settings.batch,
            resolution=settings.resolution,
            images=settings.search_images,
            training=False,
        )
        self._val = Feed(val, streams.torch("val batches"), whole=True)
        self.plan = settings.plan(self.paths.epoch_steps)
        super().__init__(len(self.plan), settings.reports)
        with seeded(streams.seed("policy")):
            self.policy = Policy(
                settings.favoured,
                temperature=settings.temperature,
                tanh_constant=settings.tanh_constant,
                op_tanh_reduce=settings.op_tanh_reduce,
                learned_bias=settings.learned_bias,
                fixed_bias=settings.fixed_bias,
            )
        self.arch_lr = settings.arch_lr_at(sum(unit.kind == "policy" for unit in self.plan))
        self._optimizer = torch.optim.Adam(
            self.policy.parameters(),
            self.arch_lr,
            betas=(settings.arch_beta1, settings.arch_beta2),
            eps=settings.arch_eps,
        )
        self.baseline = 0.0
        # Drawn for the weight steps to come, the next one first.
        self._drawn = torch.empty(0, 0, dtype=torch.int64)
        # Accuracy and loss of the validation batches since the last report, for the policy or for the last samples.
        self._rewards: list[tuple[float, float]] = []
        # Accuracy and genotype of the best of the last update; once there are last samples, of those so far.
        self._best: tuple[float, str] | None = None

    def _unit(self) -> None:
        kind, number = self.plan[self.done]
        if kind == "weights":
            self._weights_step(number)
        elif kind == "policy":
            self._policy_update()
        else:
            self._last_sample(number)

    def _weights_step(self, number: int) -> None:
        """One step along the next drawn path; the policy does not change between its updates, so many are drawn."""
        if not len(self._drawn):
            ahead = self.plan[self.done : self.done + _AHEAD]
            until = next((place for place, unit in enumerate(ahead) if unit.kind != "weights"), len(ahead))
            with self.paths.spent.on("architecture"), torch.no_grad():
                self._drawn = self.policy.sample(until, self.streams.torch("trained architectures")).actions
        (genotype,), self._drawn = genotypes(self._drawn[:1]), self._drawn[1:]
        self.paths.train_step(genotype, self.settings.lr_at(number, self.paths.epoch_steps))

    def _policy_update(self) -> None:
        """REINFORCE: architectures are drawn and scored, and become more probable as far as they beat the baseline."""
        with self.paths.spent.on("architecture"):
            generator = self.streams.torch("scored architectures")
            drawn = self.policy.sample(self.settings.rewards_per_update, generator)
            chosen = genotypes(drawn.actions)
        with self.paths.scoring():
            accuracies = [self._score_on_next(genotype) for genotype in chosen]
        with self.paths.spent.on("architecture"):
            rewards = torch.tensor(accuracies) + self.settings.entropy_weight * drawn.entropy()
            advantages = torch.tensor([self._advantage(reward) for reward in rewards.tolist()])
            reinforce(self._optimizer, drawn, advantages)
        best = max(range(len(chosen)), key=accuracies.__getitem__)
        self._best = (accuracies[best], chosen[best].to_json())

    def _score_on_next(self, genotype: Genotype) -> float:
        """Accuracy (a fraction) on the next validation batch, to be called within `scoring`."""
        accuracy, loss = self.paths.score(genotype, next(self._val))
        if not math.isfinite(loss):
            raise Diverged(self._steps_done(), loss)
        self._rewards.append((accuracy, loss))
        return accuracy

    def _advantage(self, reward: float) -> float:
        """By how much a reward beats the moving mean of all, itself included."""
        self.baseline -= (1 - self.settings.baseline_decay) * (self.baseline - reward)
        return reward - self.baseline

    def _last_sample(self, number: int) -> None:
        """Draw one more architecture from the final policy; the best scored so far is the answer."""
        with self.paths.spent.on("architecture"), torch.no_grad():
            drawn = self.policy.sample(1, self.streams.torch("last architectures"))
        (genotype,) = genotypes(drawn.actions)
        with self.paths.scoring():
            if self.settings.last_scored_on == "batch":
                accuracy = self._score_on_next(genotype)
            else:
                accuracy = self._score_on_half(genotype)
        if number == 0 or self._best is None or accuracy > self._best[0]:
            self._best = (accuracy, genotype.to_json())

    def _score_on_half(self, genotype: Genotype) -> float:
        """Accuracy (a fraction) on all images of the validation half, to be called within `scoring`."""
        right, images = 0.0, 0
        for batch in join_single(self._val.batches.ordered()):
            accuracy, loss = self.paths.score(genotype, batch)
            if not math.isfinite(loss):
                raise Diverged(self._steps_done(), loss)
            right += accuracy * len(batch[1])
            images += len(batch[1])
        return right / images

    def _steps_done(self) -> int:
        return sum(unit.kind == "weights" for unit in self.plan[: self.done])

    def check(self) -> None:
        self.paths.tally.check(self._steps_done())
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self.policy.parameters()):
            raise Diverged(self._steps_done(), float("nan"))

    def report(self) -> SearchStep:
        """Where the search stands: scores are means since the last report; the genotype is the last update's best.

        Entropy and shares are those of a batch of architectures that are drawn from the policy with the same random
        numbers each time, so that reports differ by the policy alone.
        """
        scores: dict[str, float] = {}
        if self.paths.tally.steps:
            taken = self.paths.tally.take(self._steps_done())
            scores |= {"train_loss": taken.loss, "train_top1": taken.top1}
        if self._rewards:
            accuracy, loss = torch.tensor(self._rewards, dtype=torch.float64).mean(dim=0).tolist()
            scores |= {"val_loss": loss, "val_top1": 100.0 * accuracy}
            self._rewards = []
        if self.finished and self._best is not None:
            scores["answer_top1"] = 100.0 * self._best[0]
        with torch.no_grad():
            generator = torch.Generator().manual_seed(self.streams.seed("watched architectures"))
            watched = self.policy.sample(_WATCHED, generator)
        # Six digits: a history stays small.
        normal, reduce = shares(watched.actions).round(decimals=6).tolist()
        return SearchStep(
            step=self.done,
            steps=self.units,
            genotype=Genotype.parse(self._best[1]) if self._best is not None else None,
            scores=scores,
            entropy=float(watched.entropy().mean()) / FREE_DECISIONS,
            cost=self.paths.spent.cost(arch_lr_factor=self.arch_lr / PAPER_ARCH_LR),
            mixture={"normal": normal, "reduce": reduce},
        )

    def state(self) -> dict[str, Any]:
        return {
            "paths": self.paths.state(),
            "policy": self.policy.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "baseline": self.baseline,
            "val": self._val.state(),
            "drawn": self._drawn,
            "rewards": self._rewards,
            "best": self._best,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.paths.load_state(state["paths"])
        self.policy.load_state_dict(state["policy"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.baseline = state["baseline"]
        self._val.load_state(state["val"])
        self._drawn = state["drawn"]
        self._rewards = state["rewards"]
        self._best = state["best"]


def reinforce(optimizer: torch.optim.Optimizer, drawn: Drawn, advantages: Tensor) -> None:
    """One step of the policy: the mean over architectures of log-probability times advantage [n] goes up."""
    optimizer.zero_grad()
    (-drawn.log_prob() * advantages).mean().backward()
    optimizer.step()
