"""What may be compared: the runs of an arm and random runs of the same augment seeds, one accuracy a search."""

from __future__ import annotations

import polars as pl

_TRAINING = ("genotype", "augment_seed")


def trained_once(runs: pl.DataFrame) -> pl.DataFrame:
    """The runs of an arm without copies: what several searches found is trained once, and is one independent run."""
    linked = pl.col("origin") == "linked"
    if not runs.select(linked.any()).item():
        return runs
    # Whichever search came first to a training owns it: under another augment seed that may be another search.
    together = pl.col("search_seed").min().over("genotype")
    runs = runs.with_columns(
        search_seed=pl.when(linked.any().over("genotype")).then(together).otherwise("search_seed")
    )
    copied = (~linked).any().over(_TRAINING) | ~pl.struct(_TRAINING).is_first_distinct()
    return runs.filter(~(linked & copied))


def found_again(runs: pl.DataFrame) -> tuple[str, ...]:
    """A note where several searches of an arm found the same genotype."""
    if trained_once(runs).height == runs.height:
        return ()
    searches, genotypes = (runs[name].n_unique() for name in ("search_seed", "genotype"))
    plural = "s, each counted" if genotypes > 1 else ", counted"
    return (f"{searches} searches found {genotypes} distinct genotype{plural} once, as it was trained",)


def per_search(runs: pl.DataFrame) -> list[float]:
    """Top-1 after the last epoch, percent, averaged over the augment seeds of each search or random draw.

    One value an independent run: searches that found the same genotype count once (`trained_once`).
    """
    grouped = (
        trained_once(runs)
        .group_by("search_seed", "genotype", maintain_order=True)
        .agg(pl.col("top1_last").mean())
    )
    return grouped["top1_last"].to_list()


class RandomRuns:
    """Random runs of a study and target, cut down to augment seeds: each choice once, however many arms have it."""

    def __init__(self, runs: pl.DataFrame) -> None:
        self.runs = runs
        self.seeds = frozenset(runs["augment_seed"])
        self._chosen: dict[frozenset[int], tuple[pl.DataFrame, list[float]]] = {}

    def trained_with(self, seeds: frozenset[int]) -> tuple[pl.DataFrame, list[float]]:
        """The runs with these augment seeds, and their accuracies."""
        if seeds not in self._chosen:
            runs = self.runs if seeds == self.seeds else _trained_with(self.runs, seeds)
            self._chosen[seeds] = runs, per_search(runs)
        return self._chosen[seeds]


def _trained_with(runs: pl.DataFrame, seeds: frozenset[int]) -> pl.DataFrame:
    return runs.filter(pl.col("augment_seed").is_in(seeds, nulls_equal=True))


def counterparts(
    runs: pl.DataFrame, random: RandomRuns
) -> tuple[pl.DataFrame, frozenset[int], tuple[str, ...]]:
    """The runs and the augment seeds that random runs have too; all runs stay where no seed is shared."""
    seeds = frozenset(runs["augment_seed"])
    shared = seeds & random.seeds
    alone = sorted(seeds - shared, key=str)
    if not shared or not alone:
        return runs, shared, ()
    note = f"augment seed {', '.join(map(str, alone))} left out: no random run has it"
    return _trained_with(runs, shared), shared, (note,)
