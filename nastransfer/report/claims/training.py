"""Rules of the claims on methods, random sampling and the final training. Of a rule: see `proxies`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any as Value

import numpy as np
import polars as pl

from nastransfer.report.claims.comparisons import against, average_over_random, by, compared, over_random
from nastransfer.report.claims.evidence import Cell, Evidence
from nastransfer.report.claims.proxies import HALF_AN_ORDER, Rule
from nastransfer.report.claims.verdicts import AllOf, AnyOf, Comparison, Node
from nastransfer.report.names import RANDOM, listed, method_name, set_name
from nastransfer.stats.contrast import NO_MARGIN, Contrast, Margin, Side, log_gain, log_spread, trend
from nastransfer.stats.two_factors import variance_difference

# A spread that grows by less than half is one too like the others to matter.
SPREAD_MARGIN = Margin(math.log(1.5))


def methods_differ_on_target(given: Evidence) -> Rule:
    """Methods alike where they searched, and two of them apart on a larger target."""
    members: list[Node] = []
    for (source, _), cells in by(given.searched, "source", "selection").items():
        at_home = [cell for cell in cells if cell.target == source]
        for (target,), away in by(cells, "target").items():
            if target == source or not _larger_target(away, at_home):
                continue
            alike = [against("alike", *two, given) for two in _of_two_methods(at_home)]
            apart = [against("differs", *two, given) for two in _of_two_methods(away)]
            if alike and apart:
                members.append(AllOf((AllOf(tuple(alike)), AnyOf(tuple(apart))), parts=True))
    return _tree(
        members,
        "two methods searched on one set, with what they found trained on that set itself and on a larger target",
    )


def random_is_strong(given: Evidence) -> Rule:
    """The average searched arm against random sampling, on each target."""
    tests = []
    for cells in by(given.searched, "target").values():
        beside = [cell for cell in cells if cell.random is not None]
        if beside and beside[0].random is not None:
            tests.append(average_over_random("not above", beside, beside[0].random, given))
    return _tree(tests, _NO_RI)


def best_pair_beats_random(given: Evidence) -> Rule:
    """On each target one arm at least is above random sampling, corrected for the number of arms."""
    members: list[Node] = []
    for cells in by(given.searched, "target").values():
        tests = [test for cell in cells if (test := over_random("above", cell, given)) is not None]
        if tests:
            members.append(AnyOf(tuple(tests)))
    return _tree(members, _NO_RI)


def spread_grows(given: Evidence) -> Rule:
    """Spread of random sampling over the target's size: relative deviations from the median, a line through them."""
    cells = _sized(tuple(cell for cell in given.random if log_spread(cell.top1) is not None))
    sides = [
        (math.log(cell.target_images or 1), side)
        for cell in cells
        if (side := log_spread(cell.top1)) is not None
    ]
    contrast = trend(sides) if sides else None
    if contrast is None:
        return "3 random runs or more on each of two targets, one 3 times the other"
    return Comparison(
        f"relative spread of random sampling, {_ends(cells, 1)}", "above", contrast, SPREAD_MARGIN, cells
    )


def mean_falls(given: Evidence) -> Rule:
    """Mean of random sampling over the target's size."""
    cells = _sized(given.random)
    contrast = trend([(math.log(cell.target_images or 1), cell.side) for cell in cells]) if cells else None
    if contrast is None:
        return "random sampling on two targets, one 3 times the other"
    fall = Contrast(tuple((-weight, side) for weight, side in contrast.parts))
    about = f"mean of random sampling, {_ends(cells, -1)}"
    return compared("above", about, fall, cells, given)


def proxy_over_protocol(given: Evidence) -> Rule:
    """Variance over arms against variance over settings, on the largest target trained under several."""
    tested = [_arms_by_settings(rows) for rows in _groups(given, "common")]
    usable = [found for found in tested if found is not None]
    if not usable:
        return "two methods or sources whose genotypes are trained on one target under two settings (cells, tricks)"
    largest = max(rows["n_train"][0] or 0 for rows, _, _ in usable)
    tests: list[Node] = []
    for rows, about, top1 in usable:
        if (rows["n_train"][0] or 0) == largest:
            cells = tuple(_cells(rows, given))
            tests.append(Comparison(about, "above", variance_difference(top1), NO_MARGIN, cells))
    return AllOf(tuple(tests))


def depth_does_not_help(given: Evidence) -> Rule:
    """Some arm does not gain from more cells, at some step."""
    members: list[Node] = []
    for rows in _groups(given, "common", "tricks"):
        tests = [
            _gain("not above", arm, "cells", fewer, more, given)
            for arm in rows.partition_by(*_ARM, maintain_order=True)
            for fewer, more in itertools.pairwise(sorted(set(arm["cells"].drop_nulls())))
        ]
        found = [test for test in tests if test is not None]
        if found:
            members.append(AnyOf(tuple(found)))
    return _tree(members, "the same genotypes trained on one target with two numbers of cells")


def tricks_help_small_sets(given: Evidence) -> Rule:
    """Each trick gains on the smallest target and does not on the largest."""
    found: dict[str, list[tuple[int, pl.DataFrame]]] = {}
    for rows in _groups(given, "common", "cells"):
        plain = rows.filter(tricks="")
        for trick in sorted(set(rows["tricks"]) - {""}):
            if not plain.is_empty() and rows["n_train"][0]:
                both = rows.filter(pl.col("tricks").is_in(["", trick]))
                found.setdefault(trick, []).append((rows["n_train"][0], both))
    members: list[Node] = []
    for trick, sets in found.items():
        (small, on_small), (large, on_large) = (end(sets, key=lambda one: one[0]) for end in (min, max))
        helps = _gain("above", on_small, "tricks", "", trick, given)
        idle = _gain("not above", on_large, "tricks", "", trick, given)
        if large >= HALF_AN_ORDER * small and helps is not None and idle is not None:
            members.append(AllOf((helps, idle), parts=True))
    return _tree(
        members,
        "the same genotypes trained with and without drop path, auxiliary head or cutout, on two targets of which one "
        "is 3 times the other",
    )


_NO_RI = "a found genotype and a random one trained on the same target"
_ARM = ("method", "preset", "source", "selection")


def _of_two_methods(cells: list[Cell]) -> Iterator[tuple[Cell, Cell]]:
    for first, second in itertools.combinations(cells, 2):
        if first.method != second.method:
            yield first, second


def _larger_target(away: list[Cell], at_home: list[Cell]) -> bool:
    sizes = [cells[0].target_images if cells else None for cells in (away, at_home)]
    return None in sizes or (sizes[0] or 0) > (sizes[1] or 0)


def _sized(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """Those whose target's size is known, smallest first; none where targets hardly differ in size."""
    known = sorted((cell for cell in cells if cell.target_images), key=lambda cell: cell.target_images or 0)
    if not known or (known[-1].target_images or 0) < HALF_AN_ORDER * (known[0].target_images or 0):
        return ()
    return tuple(known)


def _ends(cells: tuple[Cell, ...], step: int) -> str:
    """The last target against the first (or, step -1, the other way round), and how many lie between."""
    last, first = cells[::-step][0], cells[::-step][-1]
    line = f", by a line through {len(cells)} targets" if len(cells) > 2 else ""
    return f"on {last.where} against {first.where}{line}"


def _groups(given: Evidence, *keys: str) -> Iterator[pl.DataFrame]:
    """Trainings of a study by target and further keys, sorted."""
    yield from given.varied.partition_by("target", *keys, maintain_order=True)


def _arms_by_settings(rows: pl.DataFrame) -> tuple[pl.DataFrame, str, list[np.ndarray]] | None:
    """Rows used, their description, and top-1 of each arm [genotypes, settings]; None below 2 of either.

    Only genotypes that were trained under all settings count.
    """
    rows = rows.filter(pl.col("method") != RANDOM, pl.col("top1") > 0)
    settings = rows.select("cells", "tricks").unique(maintain_order=True)
    key = [*_ARM, "search_seed", "genotype"]
    complete = rows.filter(pl.len().over(key) == settings.height).sort("cells", "tricks", maintain_order=True)
    arms = complete.partition_by(*_ARM, maintain_order=True)
    if len(arms) < 2 or settings.height < 2:
        return None
    top1 = [
        np.array([genotype["top1"].to_list() for genotype in arm.partition_by(key, maintain_order=True)])
        for arm in arms
    ]
    target = rows["target"][0]
    about = f"spread over {len(arms)} arms less that over {_named(settings)}, on {set_name(target)}"
    return complete, about, top1


def _named(settings: pl.DataFrame) -> str:
    """Numbers of cells and tricks, in words: those of which there are several."""
    cells, tricks = (settings[name].unique().sort().to_list() for name in ("cells", "tricks"))
    said = [f"{listed(cells)} cells"] if len(cells) > 1 else []
    if len(tricks) > 1:
        said.append(
            f"training {listed([f'with {trick}' if trick else 'without tricks' for trick in tricks])}"
        )
    return ", ".join(said)


def _cells(rows: pl.DataFrame, given: Evidence) -> Iterator[Cell]:
    """Arms of trainings under several settings, for what they were tested on and their runs."""
    randoms = {cell.target: cell for cell in given.random}
    for arm in rows.partition_by(*_ARM, maintain_order=True):
        first = arm.row(0, named=True)
        runs = tuple(run for several in arm["runs"] for run in several)
        yield Cell(
            first["study"],
            first["target"],
            first["method"],
            None,
            first["source"],
            first["selection"],
            side=Side(0.0, None, 0),
            runs=runs,
            random=randoms.get(first["target"]),
        )


def _gain(
    kind: Value, rows: pl.DataFrame, setting: str, before: Value, after: Value, given: Evidence
) -> Comparison | None:
    """What genotypes gain by a setting, each against itself; None where none was trained both ways."""
    key = [*_ARM, "search_seed", "genotype"]
    sides = [rows.filter(pl.col(setting) == value) for value in (before, after)]
    both = sides[0].join(sides[1].select(*key, "top1"), on=key, suffix="_after", nulls_equal=True)
    side = log_gain(both["top1"].to_list(), both["top1_after"].to_list())
    if side is None:
        return None
    used = rows.join(both.select(key), on=key, how="semi", nulls_equal=True)
    cells = tuple(_cells(used, given))
    names = dict.fromkeys(
        method_name(cell.method) if cell.source is None else f"{method_name(cell.method)}, {cell.origin}"
        for cell in cells
    )
    change = f"{before} to {after} cells" if setting == "cells" else f"with {after}"
    who = listed(list(names)) if len(names) <= 2 else f"{len(names)} arms"
    return compared(kind, f"{who} on {cells[0].where}: {change}", Contrast(((1.0, side),)), cells, given)


def _tree(members: list[Value], lacking: str) -> Rule:
    return AllOf(tuple(members)) if members else lacking


RULES = (
    methods_differ_on_target,
    random_is_strong,
    best_pair_beats_random,
    spread_grows,
    mean_falls,
    proxy_over_protocol,
    depth_does_not_help,
    tricks_help_small_sets,
)
