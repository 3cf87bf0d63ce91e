"""Arms: the runs of one method and source on one target, and the random runs that they may be compared with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from nastransfer.report.names import RANDOM, method_name, source_name
from nastransfer.stats.sample import Sample, sample

# Tables whose numbers vary what all other rows hold fixed (cells), so that they belong to no arm.
ABLATIONS = ("table 4",)

_ARM = ("study", "target", "method", "preset", "source", "selection")
_SETTING = ("protocol", "cells", "channels", "bn_group", "precision", "preset_version", "n_train", "n_test")


@dataclass(frozen=True)
class Arm:
    """Finished trainings (`runs`, rows of the results frame) of what one method found on one source, on one target.

    `preset` is None unless the study has several presets of this method. `baseline` holds the random runs of the same
    study, target and augment seeds; `notes` say what was left out for want of a counterpart.
    """

    study: str
    target: str
    method: str
    preset: str | None
    source: str | None
    selection: str | None
    runs: pl.DataFrame
    baseline: pl.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def direct(self) -> bool:
        """Whether the search ran on the target's own data set, whole or as a proxy."""
        return self.source == self.target

    @property
    def origin(self) -> str:
        """What was searched on, in words."""
        return source_name(self.source, self.selection)

    @property
    def label(self) -> str:
        """Method and source in words."""
        name = ", ".join(filter(None, [method_name(self.method), self.preset]))
        return name if self.method == RANDOM else f"{name}, from {self.origin}"

    @cached_property
    def accuracies(self) -> list[float]:
        """One value a search: a genotype trained with several augment seeds counts once, by its mean."""
        return per_search(self.runs)

    @property
    def summary(self) -> Sample:
        return sample(self.label, self.accuracies)


def per_search(runs: pl.DataFrame) -> list[float]:
    """Top-1 after the last epoch, percent, averaged over the augment seeds of each search or random draw."""
    grouped = runs.group_by("search_seed", "genotype", maintain_order=True).agg(pl.col("top1_last").mean())
    return grouped["top1_last"].to_list()


def trainings(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame's own finished trainings. Repeats of a run are no further runs.

    `ValueError` for an accuracy that is none (NaN, outside of (0, 100]), and for a target whose runs were trained under
    several protocols: their accuracies must not meet in one table.
    """
    rows = frame.filter(pl.col("kind") == "augment", pl.col("origin").is_in(["own", "linked"]))
    rows = rows.filter(pl.col("top1_last").is_not_null())
    _check_accuracies(rows)
    for (target,), runs in rows.group_by("target", maintain_order=True):
        settings = runs.select(_SETTING).unique(maintain_order=True)
        if settings.height > 1:
            raise ValueError(_mixed(str(target), settings))
    return rows


def published_accuracies(frame: pl.DataFrame) -> pl.DataFrame:
    """Accuracies that papers print under their main setting: one number each, without runs or n."""
    rows = frame.filter(pl.col("origin") == "published", pl.col("top1_last").is_not_null())
    return rows.filter(~pl.col("feeds").is_in(ABLATIONS).fill_null(False))


def arms(frame: pl.DataFrame) -> list[Arm]:
    """The arms of a results frame by target, method and source; random sampling is the baseline of each, and no arm."""
    rows = trainings(frame)
    random = dict(rows.filter(method=RANDOM).group_by("study", "target"))
    searched = rows.filter(pl.col("method").ne_missing(RANDOM))
    presets = {key: runs["preset"].n_unique() for key, runs in searched.group_by("study", "method")}
    found = []
    for key, runs in searched.group_by(_ARM, maintain_order=True):
        study, target, method, preset, source, selection = key
        several = presets[study, method] > 1
        baseline = random.get((study, target), rows.clear())
        runs, baseline, notes = _counterparts(runs, baseline)
        found.append(
            Arm(study, target, method, preset if several else None, source, selection, runs, baseline, notes)
        )
    return sorted(
        found, key=lambda arm: tuple(str(getattr(arm, name) or "") for name in ("target", "study", *_ARM[2:]))
    )


def baselines(frame: pl.DataFrame) -> list[Arm]:
    """Random sampling on each target, as an arm without a baseline of its own."""
    rows = trainings(frame).filter(method=RANDOM)
    groups = rows.sort("study", "target").group_by("study", "target", maintain_order=True)
    return [Arm(str(s), str(t), RANDOM, None, None, None, runs, runs.clear()) for (s, t), runs in groups]


def _counterparts(
    runs: pl.DataFrame, baseline: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Both sides cut down to the augment seeds that both have; all runs stay where no seed is shared."""
    seeds = set(runs["augment_seed"])
    shared = seeds & set(baseline["augment_seed"])
    alone = sorted(seeds - shared, key=str)
    baseline = baseline.filter(pl.col("augment_seed").is_in(shared, nulls_equal=True))
    if not shared or not alone:
        return runs, baseline, ()
    kept = runs.filter(pl.col("augment_seed").is_in(shared, nulls_equal=True))
    return kept, baseline, (f"augment seed {', '.join(map(str, alone))} left out: no random run has it",)


def _check_accuracies(rows: pl.DataFrame) -> None:
    top1 = pl.col("top1_last")
    bad = rows.filter(~(top1.is_not_nan() & (top1 >= 0) & (top1 <= 100)))
    if not bad.is_empty():
        run, value = bad.select("run", "top1_last").row(0)
        raise ValueError(f"run {run!r} has a top1_last of {value}; an accuracy in percent is 0 to 100")


def _mixed(target: str, settings: pl.DataFrame) -> str:
    """The message for several protocols: each with what tells it from the others."""
    differing = [name for name in _SETTING if name != "protocol" and settings[name].n_unique() > 1]
    said = [
        " ".join([repr(row["protocol"]), *(f"{name}={row[name]}" for name in differing)])
        for row in settings.iter_rows(named=True)
    ]
    return (
        f"target {target!r} was trained under {len(said)} protocols, which one table must not mix: {'; '.join(said)}. "
        "Filter the results to one of them"
    )
