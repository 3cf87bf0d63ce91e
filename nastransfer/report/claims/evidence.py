"""What claims are judged by: each arm of a study with its size and spread on the log scale, its baseline, its runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl

from nastransfer.data.catalogue import PUBLIC
from nastransfer.data.proxies import proxies
from nastransfer.report.arms import Arm, arms, baselines
from nastransfer.report.claims.settings import main_setting, varied
from nastransfer.report.counterparts import per_search
from nastransfer.report.names import RANDOM, method_name, set_name, source_name
from nastransfer.stats.contrast import Margin, Side, log_mean

# Sets whose images are part of another's: a proxy of the first is one of the second's own.
PART_OF = {"imagenet1k": "imagenet22k"}
# How much images a class, and images, may differ where proxies count as of the same kind, or of the same size.
SAME_KIND, SAME_SIZE = 1.25, 1.5
# Times the classes, at no more than a third of the images each, from which a proxy is one of many classes cut short.
MANY_CLASSES = 3.0


@dataclass(frozen=True)
class Cell:
    """The runs of one method and source on one target, or of random sampling there (`source` None).

    images, classes: what a search could see. target_images: of the target's training part. top1: percent, one value a
    search or random genotype, empty for printed numbers. random: the baseline, None where there is none.
    """

    study: str
    target: str
    method: str
    preset: str | None
    source: str | None
    selection: str | None
    side: Side
    images: int | None = None
    classes: int | None = None
    target_images: int | None = None
    top1: tuple[float, ...] = ()
    runs: tuple[str, ...] = ()
    random: Cell | None = None

    @property
    def own(self) -> bool:
        """Whether the search saw images of the target's own set."""
        return self.source is not None and self.target in (self.source, PART_OF.get(self.source))

    @property
    def whole(self) -> bool:
        return self.selection == "all"

    @property
    def per_class(self) -> float | None:
        """Images a class that a search could see."""
        return self.images / self.classes if self.images and self.classes else None

    @property
    def rule(self) -> str | None:
        """How the proxy's classes were chosen, where its label says so: random, uniform or all."""
        if self.whole or self.selection is None:
            return self.selection
        spec = _registered().get(self.selection)
        if spec is not None:
            return spec.selection if spec.classes in (None, self.classes) or self.classes is None else None
        first = self.selection.split("-")[0]
        return first if first in ("random", "uniform", "all") else None

    @property
    def origin(self) -> str:
        """What was searched on, in words that can stand in a list."""
        return source_name(self.source, self.selection).replace(", ", " ")

    @property
    def name(self) -> str:
        """The method, with its preset where a study has several."""
        return ", ".join(filter(None, [method_name(self.method), self.preset]))

    @property
    def where(self) -> str:
        return set_name(self.target)


@dataclass(frozen=True)
class Evidence:
    """All that one study (or one printed table) holds. `varied` has a row a genotype and setting, ablations included.

    margin_percent: the smallest difference that matters; None: the standard deviation of random sampling on the target.
    left_out: trainings that are in `varied` only, since most on their target were made under another setting, in words.
    """

    study: str
    searched: tuple[Cell, ...]
    random: tuple[Cell, ...]
    varied: pl.DataFrame
    margin_percent: float | None = None
    left_out: tuple[str, ...] = ()

    def margin(self, cell: Cell) -> Margin | None:
        """The smallest difference that matters beside this cell; None where random sampling shows no spread."""
        if self.margin_percent is not None:
            return Margin(math.log1p(self.margin_percent / 100.0))
        baseline = cell if cell.method == RANDOM and cell.random is None else cell.random
        if baseline is None or not baseline.side.spread:
            return None
        return Margin(baseline.side.spread, baseline.side.n)


def evidence(frame: pl.DataFrame, margin_percent: float | None = None) -> list[Evidence]:
    """One for each study that has finished trainings of its own, in the frame's order.

    Where a target was trained under several settings, all but the ablations of `varied` are of the one with most runs.
    `ValueError` for accuracies that are none, and for a margin that is not above 0.
    """
    if margin_percent is not None and not 0.0 < margin_percent < math.inf:
        raise ValueError(f"the margin is {margin_percent}%; a difference that matters is above 0")
    studies = frame.partition_by("study", maintain_order=True)
    found = [_of_study(rows, margin_percent) for rows in studies]
    return [one for one in found if one.searched or one.random or not one.varied.is_empty()]


def _of_study(frame: pl.DataFrame, margin_percent: float | None) -> Evidence:
    main, left_out = main_setting(frame)
    searched, random = (
        tuple(cell for arm in found for cell in _cell(arm)) for found in (arms(main), baselines(main))
    )
    return Evidence(frame["study"][0], searched, random, varied(frame), margin_percent, tuple(left_out))


def _cell(arm: Arm) -> Iterator[Cell]:
    """The arm's cell; none where no run got an image right, since a relative difference has no zero."""
    side = log_mean(arm.accuracies)
    if side is None:
        return
    first = arm.runs.row(0, named=True)
    yield Cell(
        arm.study,
        arm.target,
        arm.method,
        arm.preset,
        arm.source,
        arm.selection,
        side,
        images=first["proxy_images"],
        classes=first["proxy_classes"],
        target_images=first["n_train"],
        top1=tuple(arm.accuracies),
        runs=tuple(arm.runs["run"]),
        random=_baseline(arm),
    )


def _baseline(arm: Arm) -> Cell | None:
    side = log_mean(per_search(arm.baseline))
    if side is None:
        return None
    return Cell(arm.study, arm.target, RANDOM, None, None, None, side, runs=tuple(arm.baseline["run"]))


_registered = cache(proxies)


def domain(dataset: str | None) -> str | None:
    """The recorded kind of images of a public set; any other set is a kind of its own."""
    public = PUBLIC.get(dataset or "")
    return public.domain if public is not None else dataset


def whole_classes(cell: Cell, among: Iterable[Cell]) -> bool:
    """Whether a proxy is made of random classes with all of their images, as far as the study can tell.

    Its classes are not known to be chosen otherwise, and no other cut of the set `among` has many more images a class.
    """
    if cell.whole or cell.rule in ("uniform", "all") or not cell.per_class:
        return False
    others = [other.per_class or 0.0 for other in among if other.source == cell.source]
    return SAME_KIND * cell.per_class >= max(others, default=0.0)


def cut_short(few: Cell, many: Cell) -> bool:
    """Whether `many` shows many more classes than `few` of the same set, with far fewer images each."""
    if few.source != many.source or few.rule == "uniform" or few.whole or many.whole:
        return False
    if not (few.classes and many.classes and few.per_class and many.per_class):
        return False
    return many.classes >= MANY_CLASSES * few.classes and few.per_class >= MANY_CLASSES * many.per_class


def within(first: float | None, second: float | None, factor: float) -> bool:
    """Whether two sizes are known and at most `factor` apart."""
    if not first or not second:
        return False
    return max(first, second) <= factor * min(first, second)


def pairs(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Cell]]:
    """All ordered pairs of cells that differ in their source only."""
    for first in cells:
        for second in cells:
            same = ("study", "target", "method", "preset")
            if first is not second and all(getattr(first, key) == getattr(second, key) for key in same):
                yield first, second
