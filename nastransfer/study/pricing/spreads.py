"""How widely accuracies spread on a target: from a study's records, else others', else what was published (no torch).

All spreads are coefficients of variation of single trainings, in percent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from nastransfer.study.published import published_summaries, statements

RANDOM = "random"
# A spread of fewer degrees of freedom says little: others are looked for.
_FEWEST = 4
# The mean difference of two normal numbers is so many of their standard deviations.
_MEAN_DIFFERENCE = 2.0 / np.sqrt(np.pi)
_ARM = ["study", "target", "protocol", "method", "source", "selection"]


@dataclass(frozen=True)
class Spreads:
    """Of random genotypes, of what a method's searches find, and of that the part of the final training's seed alone.

    `said`: where they are from.
    """

    random_percent: float
    method_percent: float
    training_percent: float
    said: str

    def of_random(self, augment_seeds: int) -> float:
        """Spread of a genotype's mean over so many trainings."""
        return self._averaged(self.random_percent, augment_seeds)

    def of_method(self, augment_seeds: int) -> float:
        """The same of a search."""
        return self._averaged(self.method_percent, augment_seeds)

    def _averaged(self, spread: float, augment_seeds: int) -> float:
        training = min(self.training_percent, spread)
        return float(np.sqrt(spread**2 - training**2 + training**2 / augment_seeds))


def spreads_on(target: str, frames: Mapping[str, pl.DataFrame], study: str) -> Spreads:
    """Spreads for a target of a study: its own records, then other studies' on the target, on any, then published."""
    own = frames.get(study)
    others = [frame for name, frame in frames.items() if name != study]
    on_target = [frame.filter(target=target) for frame in others]
    everything = [*others, *([own] if own is not None else [])]
    choices: list[tuple[Sequence[pl.DataFrame], str]] = [
        ([own.filter(target=target)] if own is not None else [], "this study's own runs"),
        (on_target, f"other studies' runs on {target}"),
        (everything, "runs on other targets"),
    ]
    random, random_said = _first(choices, searched=False)
    method, method_said = _first(choices, searched=True)
    training, training_said = _training(everything, random)
    said = f"random genotypes: {random_said}; methods: {method_said}; seeds of the training: {training_said}"
    return Spreads(random, method, training, said)


def _first(choices: Sequence[tuple[Sequence[pl.DataFrame], str]], *, searched: bool) -> tuple[float, str]:
    for frames, said in choices:
        pooled = _pooled(arm for frame in frames for arm in _arms(frame, searched))
        if pooled is not None:
            return pooled, said
    arm = "searched" if searched else RANDOM
    rows = published_summaries().filter(pl.col("n") > 1, pl.col("mean") > 0, arm=arm)
    # Their standard deviations have n in the denominator.
    squares = (rows["std"] / rows["mean"]) ** 2 * rows["n"] / (rows["n"] - 1)
    return 100.0 * float(
        np.sqrt(squares.to_numpy().mean())
    ), "published runs of NAS-Benchmark, at other settings"


def _arms(frame: pl.DataFrame, searched: bool) -> Iterator[Sequence[float]]:
    """Accuracies of each arm's genotypes at one seed of the training."""
    trained = frame.filter(pl.col("top1_last") > 0, kind="augment").filter(
        pl.col("origin").is_in(["own", "linked"]), (pl.col("method") != RANDOM) == searched
    )
    if searched:
        trained = trained.filter(pl.col("search_seed").is_not_null())
    keys = [*_ARM, "augment_seed"]
    # What several searches found is trained once, and says nothing of how much they differ.
    once = trained.unique([*keys, "search_seed"], maintain_order=True)
    once = once.unique([*keys, "genotype"], maintain_order=True) if searched else once
    for _, arm in once.group_by(keys, maintain_order=True):
        yield arm["top1_last"].to_list()


def _pooled(arms: Iterator[Sequence[float]]) -> float | None:
    """Coefficient of variation in percent, pooled over arms; None for too few runs, or where they do not spread."""
    squares, freedom = 0.0, 0
    for values in arms:
        if len(values) > 1:
            squares += float(np.std(values, ddof=1) / np.mean(values)) ** 2 * (len(values) - 1)
            freedom += len(values) - 1
    return 100.0 * float(np.sqrt(squares / freedom)) if freedom >= _FEWEST and squares else None


def _training(frames: Sequence[pl.DataFrame], random: float) -> tuple[float, str]:
    """Of trainings of one genotype with several seeds; else the share that NAS-Benchmark's networks show."""
    keys = ["study", "target", "protocol", "genotype"]
    groups = (
        group.unique("augment_seed")["top1_last"].to_list()
        for frame in frames
        for _, group in frame.filter(pl.col("top1_last") > 0, kind="augment")
        .drop_nulls("genotype")
        .group_by(keys, maintain_order=True)
    )
    pooled = _pooled(groups)
    if pooled is not None:
        return pooled, "runs that differ by it alone"
    changed = statements().filter(pl.col("about").str.starts_with("mean change of a network's top-1"))[
        "value"
    ]
    rows = published_summaries().filter(arm=RANDOM, dataset="cifar10")
    share = float(changed[0]) / _MEAN_DIFFERENCE / float(np.median(rows["std"].to_numpy()))
    return share * random, f"{share:.0%} of the random genotypes', as in NAS-Benchmark"
