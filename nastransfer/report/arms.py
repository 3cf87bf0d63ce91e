"""Arms: the runs of one method and source on one target, and the random runs that they may be compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from nastransfer.report.counterparts import RandomRuns, counterparts, found_again, per_search
from nastransfer.report.names import RANDOM, method_name, source_name
from nastransfer.stats.sample import Sample, sample

# What trainings with drop path, auxiliary head or cutout feed (the paper's supplement).
TRICKS = "tricks"
# Tables whose numbers vary what all other rows hold fixed (cells, tricks), so that they belong to no arm.
ABLATIONS = ("table 4", TRICKS)
# What has more trainings of some arms (another seed, more random genotypes), so that others do not lack them.
EXTRAS = ("table 3", "figure 4")
# Random genotypes trained and scored on a source: what a proxy says of them, and no result on a target.
RANK_AGREEMENT = "rank_agreement"
# Networks that people know, trained beside to compare with: nothing that a search of the study found.
KNOWN = "known"
# Trainings whose search may have seen images that they are tested on, which the study file allows.
TARGET_TEST_SEEN = "target_test_seen"

Scores = tuple[tuple[float, ...], ...]

_ARM = ("study", "target", "method", "preset", "source", "selection")
_SOURCE = ("study", "source", "selection")
# What has to be equal for accuracies to be comparable.
SETTING = ("protocol", "cells", "channels", "bn_group", "precision", "preset_version", "n_train", "n_test")
# How a protocol's label says that its cells are not those of the named protocol.
OTHER_CELLS = r"\+L\d+"
# What networks that have no cells do not have; their protocol tells all the same.
_OF_CELLS = ("cells", "channels")


@dataclass(frozen=True)
class Arm:
    """Finished trainings (`runs`, rows of the results frame) of what one method found on one source, on one target.

    `preset` is None unless the study has several presets of this method. `baseline` holds the random runs of the same
    study, target and augment seeds, `random_accuracies` what `accuracies` are of these; `notes` say what was left out
    for want of a counterpart. `all_runs` and `all_random` are both sides with what was left out.
    """

    study: str
    target: str
    method: str
    preset: str | None
    source: str | None
    selection: str | None
    runs: pl.DataFrame
    baseline: pl.DataFrame
    random_accuracies: list[float]
    notes: tuple[str, ...] = ()
    all_runs: pl.DataFrame = field(default_factory=pl.DataFrame)
    all_random: pl.DataFrame = field(default_factory=pl.DataFrame)

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
        return name if self.method == RANDOM or self.source is None else f"{name}, from {self.origin}"

    @cached_property
    def accuracies(self) -> list[float]:
        """One value a search: a genotype that several found, or that has several augment seeds, counts once."""
        return per_search(self.runs)

    @property
    def summary(self) -> Sample:
        return sample(self.label, self.accuracies)


@dataclass(frozen=True)
class RankPair:
    """The same random genotypes scored on a source and trained on a target of one study.

    `proxy` and `target_top1` hold top-1 in percent, one inner tuple a genotype (in the order of `genotypes`), one value
    an augment seed; they may be ragged. `unpaired` counts the genotypes that are finished on one side only.
    """

    study: str
    target: str
    source: str
    selection: str
    genotypes: tuple[str, ...]
    proxy: Scores
    target_top1: Scores
    unpaired: int

    @property
    def origin(self) -> str:
        """What the genotypes were scored on, in words."""
        return source_name(self.source, self.selection)


def trainings(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame's own finished trainings. Repeats of a run are no further runs.

    Left out are known networks, and runs that feed nothing but rank agreement or an ablation. `ValueError` for an
    accuracy that is none (NaN, outside of 0 to 100), and for a target whose runs were trained under several protocols:
    their accuracies must not meet in one table.
    """
    rows = feeding_more_than(finished(frame), RANK_AGREEMENT, KNOWN, *ABLATIONS)
    _check_protocols(rows)
    return rows


def rank_pairs(frame: pl.DataFrame) -> list[RankPair]:
    """What each source says of random genotypes beside what each target says, by study, target and source.

    A source is a data set or proxy whose runs feed rank agreement, and every other target of the study: its random
    runs rank the same genotypes on the whole set. Genotypes meet by their text; a pair without any is left out.
    `ValueError` for accuracies that are none and for mixed protocols, as in `trainings`.
    """
    ranked = finished(frame).filter(_feeds().list.contains(RANK_AGREEMENT), method=RANDOM)
    ranked = ranked.with_columns(
        pl.col("source").fill_null(pl.col("target")), pl.col("selection").fill_null("all")
    )
    _check_protocols(ranked, "study", "source", "selection")
    trained = trainings(frame).filter(method=RANDOM)
    whole = trained.with_columns(source="target", selection=pl.lit("all"))
    whole = whole.join(ranked, on=_SOURCE, how="anti", nulls_equal=True)
    pairs = []
    for (study, target), on_target in trained.group_by("study", "target"):
        others = whole.filter(pl.col("source") != target)
        for (_, source, selection), on_source in (
            pl.concat([ranked, others]).filter(study=study).group_by(_SOURCE)
        ):
            pairs.append(
                RankPair(str(study), str(target), str(source), str(selection), *_met(on_source, on_target))
            )
    found = [pair for pair in pairs if pair.genotypes]
    return sorted(found, key=lambda pair: (pair.target, pair.study, pair.source, pair.selection))


def published_accuracies(frame: pl.DataFrame) -> pl.DataFrame:
    """Accuracies that papers print under their main setting: one number each, without runs or n."""
    rows = frame.filter(pl.col("origin") == "published", pl.col("top1_last").is_not_null())
    return rows.filter(~pl.col("feeds").is_in(ABLATIONS).fill_null(False))


def arms(frame: pl.DataFrame) -> list[Arm]:
    """The arms of a results frame by target, method and source; random sampling is the baseline of each, and no arm."""
    return arms_of(trainings(frame))


def arms_of(rows: pl.DataFrame) -> list[Arm]:
    """The arms of rows that `trainings` or `by_cells` gave."""
    drawn = rows.filter(method=RANDOM).group_by("study", "target")
    random = {key: RandomRuns(runs) for key, runs in drawn}
    nothing = RandomRuns(rows.clear())
    searched = rows.filter(pl.col("method").ne_missing(RANDOM))
    presets = {key: runs["preset"].n_unique() for key, runs in searched.group_by("study", "method")}
    found = []
    for key, runs in searched.group_by(_ARM, maintain_order=True):
        study, target, method, preset, source, selection = key
        shown = preset if presets[study, method] > 1 else None
        of_target = random.get((study, target), nothing)
        kept, shared, notes = counterparts(runs, of_target)
        baseline = of_target.trained_with(shared)
        about = study, target, method, shown, source, selection
        if kept.select(_feeds().list.contains(TARGET_TEST_SEEN).any()).item():
            notes = (*notes, "searches may have seen images of the target's test part")
        notes = (*notes, *found_again(kept))
        found.append(Arm(*about, kept, *baseline, notes, runs, of_target.runs))
    return sorted(
        found, key=lambda arm: tuple(str(getattr(arm, name) or "") for name in ("target", "study", *_ARM[2:]))
    )


def known_arms(frame: pl.DataFrame) -> list[Arm]:
    """Known networks trained beside the study's own, an arm each, with the baseline that searched ones have.

    No search found them: what varies is the training, so each augment seed counts as a run.
    `ValueError` as for `trainings`, also where their protocol is not that of the study's other trainings on the target.
    """
    trained = trainings(frame)
    known = finished(frame).filter(_feeds().list.contains(KNOWN))
    known = known.with_columns(search_seed=pl.col("augment_seed"))
    together = pl.concat([known, trained])
    _check_protocols(together.with_columns(pl.lit(None, pl.Int64).alias(name) for name in _OF_CELLS))
    return arms_of(pl.concat([known, trained.filter(method=RANDOM)]))


def baselines(frame: pl.DataFrame) -> list[Arm]:
    """Random sampling on each target, as an arm without a baseline of its own."""
    return baselines_of(trainings(frame))


def baselines_of(rows: pl.DataFrame) -> list[Arm]:
    """Random sampling of rows that `trainings` or `by_cells` gave."""
    groups = (
        rows.filter(method=RANDOM).sort("study", "target").group_by("study", "target", maintain_order=True)
    )
    return [Arm(str(s), str(t), RANDOM, None, None, None, runs, runs.clear(), []) for (s, t), runs in groups]


def by_cells(frame: pl.DataFrame) -> dict[int, pl.DataFrame]:
    """The ablation over depth: cells, ascending, to the trainings of that depth, without those for tricks alone.

    `ValueError` for accuracies that are none, and where the trainings on a target differ in more than their cells.
    """
    rows = feeding_more_than(finished(frame), RANK_AGREEMENT, KNOWN, TRICKS)
    alike = rows.with_columns(pl.col("protocol").str.replace(OTHER_CELLS, ""))
    _check_protocols(alike.with_columns(cells=pl.lit(None, pl.Int64)))
    depths = rows.partition_by("cells", as_dict=True, maintain_order=True)
    return {int(cells): part for (cells,), part in sorted(depths.items())}


def finished(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame's own finished trainings of any use. `ValueError` for an accuracy that is none."""
    rows = frame.filter(pl.col("kind") == "augment", pl.col("origin").is_in(["own", "linked"]))
    rows = rows.filter(pl.col("top1_last").is_not_null())
    _check_accuracies(rows)
    return rows


def feeding_more_than(rows: pl.DataFrame, *uses: str) -> pl.DataFrame:
    """Rows that are for something else besides these uses, or do not say what they are for."""
    return rows.filter(_feeds().list.set_difference(list(uses)).list.len().fill_null(1) > 0)


def _feeds() -> pl.Expr:
    """What a row is for, as a list; null where it does not say."""
    return pl.col("feeds").str.split(",")


def _met(on_source: pl.DataFrame, on_target: pl.DataFrame) -> tuple[tuple[str, ...], Scores, Scores, int]:
    """The genotypes of both sides, their scores on each, and the number of genotypes that only one side has."""
    sides = []
    for rows in (on_source, on_target):
        runs = rows.sort("search_seed", "augment_seed").unique(
            ["genotype", "augment_seed"], maintain_order=True
        )
        grouped = runs.group_by("genotype", maintain_order=True).agg("top1_last")
        sides.append({genotype: tuple(scores) for genotype, scores in grouped.iter_rows()})
    source, target = sides
    genotypes = tuple(genotype for genotype in target if genotype in source)
    proxy, top1 = (tuple(side[genotype] for genotype in genotypes) for side in sides)
    return genotypes, proxy, top1, len(source.keys() ^ target.keys())


def _check_protocols(rows: pl.DataFrame, *within: str) -> None:
    for (target, *_), runs in rows.group_by("target", *within, maintain_order=True):
        settings = runs.select(SETTING).unique(maintain_order=True)
        if settings.height > 1:
            raise ValueError(_mixed(str(target), settings))


def _check_accuracies(rows: pl.DataFrame) -> None:
    top1 = pl.col("top1_last")
    bad = rows.filter(~(top1.is_not_nan() & (top1 >= 0) & (top1 <= 100)))
    if not bad.is_empty():
        run, value = bad.select("run", "top1_last").row(0)
        raise ValueError(f"run {run!r} has a top1_last of {value}; an accuracy in percent is 0 to 100")


def _mixed(target: str, settings: pl.DataFrame) -> str:
    """The message for several protocols: each with what tells it from the others."""
    differing = [name for name in SETTING if name != "protocol" and settings[name].n_unique() > 1]
    said = [
        " ".join([repr(row["protocol"]), *(f"{name}={row[name]}" for name in differing)])
        for row in settings.iter_rows(named=True)
    ]
    return (
        f"target {target!r} was trained under {len(said)} protocols, which one table must not mix: {'; '.join(said)}. "
        "Filter the results to one of them"
    )
