"""The decision: which method, searched on what, to use for a target, how sure that is, and what would make it sure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from nastransfer.report.arms import Arm, arms_of, baselines_of, trainings
from nastransfer.report.counterparts import per_search
from nastransfer.report.gaps import gaps_in_words, gaps_of
from nastransfer.report.names import RANDOM, listed
from nastransfer.report.partial_sets import partial_set
from nastransfer.stats.decision import (
    ALIKE,
    RANDOM_ENOUGH,
    RECOMMENDED,
    TOLERANCE_PERCENT,
    UNDECIDED,
    Choice,
    best_arm,
)
from nastransfer.stats.improvement import relative_improvement

# name -> (type, meaning)
DECISION_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study": (pl.String(), "study"),
    "target": (pl.String(), "data set trained and tested on"),
    "pair": (pl.String(), "method and source in words"),
    "method": (pl.String(), "search method; random for random sampling"),
    "preset": (pl.String(), "settings of the search, where a study has several of a method"),
    "source": (pl.String(), "data set searched on; null for random sampling"),
    "selection": (pl.String(), "how it was cut down; all: not at all"),
    "route": (
        pl.String(),
        "direct: searched on the target's own data set; transfer: on another; random: no search",
    ),
    "n": (pl.Int64(), "searches, or random genotypes, whose training is finished"),
    "top1_mean": (pl.Float64(), "mean top-1, percent"),
    "ri_percent": (pl.Float64(), "relative improvement over random sampling as measured"),
    "ri_low": (pl.Float64(), "lower end of its 95% interval"),
    "ri_high": (pl.Float64(), "upper end"),
    "expected_ri_percent": (pl.Float64(), "RI pulled towards the other arms': not too large for the winner"),
    "expected_low": (pl.Float64(), "lower end of its 95% interval"),
    "expected_high": (pl.Float64(), "upper end"),
    "p_gain": (pl.Float64(), "probability that its true mean is above random sampling's"),
    "p_best": (pl.Float64(), "probability that its true mean is the highest"),
    "search_seconds": (pl.Float64(), "wall time of one search and of its proxy, each the median"),
    "search_macs": (pl.Float64(), "multiply-adds of one search and of its proxy, each the median"),
    "runs_needed": (
        pl.Int64(),
        "runs of it and of the leading arm that would tell them apart, or show them alike; null: neither is open",
    ),
    "verdict": (pl.String(), "recommended; or alike, undecided, worse, no gain (over random sampling)"),
    "tie_break": (
        pl.Boolean(),
        "whether it is the cheapest of those that are not told apart and expected to be alike",
    ),
    "note": (pl.String(), "why something is missing, and what was left out"),
}
_SEARCH = ("study", "method", "preset", "source", "selection", "search_seed")


@dataclass(frozen=True)
class Decision:
    """The verdict (`choice`, whose arms have the names of the column `pair`) and a row an arm (`DECISION_COLUMNS`).

    `missing` says how much of the study is unfinished, None where nothing hints at it; `incomparable` why the costs of
    searches break no ties, None where they may; `partial` that the target was here in part only, else None.
    """

    target: str
    choice: Choice
    rows: pl.DataFrame
    missing: str | None = None
    incomparable: str | None = None
    partial: str | None = None

    def row(self, pair: str) -> dict[str, Any]:
        """The row of one arm."""
        return self.rows.row(by_predicate=pl.col("pair") == pair, named=True)


def decide(frame: pl.DataFrame, target: str, *, tolerance_percent: float = TOLERANCE_PERCENT) -> pl.DataFrame:
    """A row a method and source, transfer and direct, and random sampling, the likeliest first (`DECISION_COLUMNS`).

    `frame` holds the results of one study; rules and promises are those of `nastransfer.stats.decision`. Errors as in
    `decision`.
    """
    return decision(frame, target, tolerance_percent=tolerance_percent).rows


def decision(
    frame: pl.DataFrame,
    target: str,
    *,
    tolerance_percent: float = TOLERANCE_PERCENT,
    planned: int | None = None,
) -> Decision:
    """The decision for `target` from what is finished. `planned`: trainings on it that the study's plan has.

    `ValueError` for a target of which no training is finished (it lists those there are), for several studies and
    several protocols on it, and for NaN and impossible accuracies.
    """
    trained = _trained_on(frame, target)
    searched = arms_of(trained)
    baseline = _baseline(trained, searched)
    names = _names([*searched, *baseline])
    found = dict(zip(names, [*searched, *baseline], strict=True))
    costs = {name: _cost(arm, frame) for name, arm in found.items()}
    comparable, incomparable = _comparable(costs)
    choice = best_arm(
        {name: arm.accuracies for name, arm in found.items()},
        names[-1] if baseline else None,
        comparable,
        tolerance_percent=tolerance_percent,
    )
    chances = choice.chances
    order = sorted(names, key=lambda name: -(chances[name].p_best or 0.0))
    rows = [_row(name, found[name], costs[name], choice) for name in order]
    schema = {name: dtype for name, (dtype, _) in DECISION_COLUMNS.items()}
    missing = _missing(trained, frame, planned)
    partial = partial_set(trained, target)
    return Decision(target, choice, pl.DataFrame(rows, schema), missing, incomparable, partial)


def _trained_on(frame: pl.DataFrame, target: str) -> pl.DataFrame:
    """Finished trainings on the target, of one study and protocol."""
    on_target = frame.filter(kind="augment", target=target)
    trained = trainings(on_target)
    if trained.is_empty():
        done = frame.filter(
            pl.col("origin") != "published", pl.col("top1_last").is_not_null(), kind="augment"
        )
        there = done["target"].drop_nulls().unique().sort().to_list()
        raise ValueError(
            f"no training on target {target!r} is finished; targets with finished trainings: {listed(there) or 'none'}"
        )
    studies = trained["study"].unique().sort().to_list()
    if len(studies) > 1:
        raise ValueError(
            f"target {target!r} was trained on in {len(studies)} studies ({listed(studies)}), each with its own random "
            "baseline: filter the results to one of them"
        )
    return trained


def _baseline(trained: pl.DataFrame, searched: Sequence[Arm]) -> list[Arm]:
    """Random sampling with the augment seeds that the searched genotypes have, all of it where they share none."""
    everything = baselines_of(trained)
    used = {seed for arm in searched for seed in arm.runs["augment_seed"]}
    kept = baselines_of(trained.filter(pl.col("augment_seed").is_in(used, nulls_equal=True)))
    if not kept:
        return everything
    alone = sorted(set(everything[0].runs["augment_seed"]) - used, key=str)
    note = f"augment seed {listed(alone)} left out: no searched genotype has it"
    return [replace(kept[0], notes=(note,))] if alone else kept


def _names(arms: Sequence[Arm]) -> list[str]:
    """The arms in words; an own method that is called like a known one keeps its own name beside it."""
    counts = Counter(arm.label for arm in arms)
    return [
        arm.label if counts[arm.label] == 1 else f"{arm.label} ({arm.method}, {arm.selection})"
        for arm in arms
    ]


@dataclass(frozen=True)
class _Cost:
    """Of one search, its proxy included; None where it was not recorded. `machines`: what the searches ran on."""

    seconds: float | None
    macs: float | None
    machines: frozenset[str] = frozenset()


def _cost(arm: Arm, frame: pl.DataFrame) -> _Cost:
    if arm.method == RANDOM:
        return _Cost(0.0, 0.0)
    same = pl.col("source").eq_missing(arm.source) & pl.col("selection").eq_missing(arm.selection)
    own = frame.filter(same, pl.col("origin").is_in(["own", "linked"]), study=arm.study)
    searches = own.filter(kind="search").join(arm.runs, on=_SEARCH, how="semi", nulls_equal=True)
    proxies = own.filter(kind="proxy")
    seconds, macs = (_with_proxy(searches[name], proxies[name]) for name in ("seconds", "search_macs"))
    return _Cost(seconds, macs, _machines(searches))


def _machines(searches: pl.DataFrame) -> frozenset[str]:
    """Devices with their threads, as far as they were recorded."""
    known = searches.select("device", "threads").drop_nulls("device").unique()
    return frozenset(
        device if threads is None else f"{device} with {threads} thread{'s' if threads > 1 else ''}"
        for device, threads in known.iter_rows()
    )


def _with_proxy(searches: pl.Series, proxies: pl.Series) -> float | None:
    once, before = searches.median(), proxies.median()
    if not isinstance(once, int | float):
        return None
    return float(once) + (float(before) if isinstance(before, int | float) else 0.0)


def _comparable(costs: dict[str, _Cost]) -> tuple[dict[str, float | None], str | None]:
    """Multiply-adds, which depend on no machine, where all searches recorded them; else seconds.

    Seconds of several machines are no costs that can be compared: only no search at all is cheaper than any. Then, and
    where something was not recorded, the reason is given too.
    """
    macs = {name: cost.macs for name, cost in costs.items()}
    if None not in macs.values():
        return macs, None
    seconds = {name: cost.seconds for name, cost in costs.items()}
    machines = sorted(frozenset().union(*(cost.machines for cost in costs.values())))
    if len(machines) < 2:
        return seconds, "it was not recorded" if None in seconds.values() else None
    reason = f"not all multiply-adds were recorded, and seconds are of several machines ({listed(machines)})"
    return {name: 0.0 if spent == 0.0 else None for name, spent in seconds.items()}, reason


def _row(name: str, arm: Arm, cost: _Cost, choice: Choice) -> dict[str, Any]:
    chance = choice.chances[name]
    kept = ("study", "target", "method", "preset", "source", "selection")
    row = {"pair": name, **{column: getattr(arm, column) for column in kept}}
    row["route"] = RANDOM if arm.method == RANDOM else "direct" if arm.direct else "transfer"
    row |= {"n": chance.n, "top1_mean": arm.summary.mean, "p_gain": chance.p_gain, "p_best": chance.p_best}
    notes = list(arm.notes)
    if arm.method != RANDOM:
        random = per_search(arm.baseline)
        if random:
            measured = relative_improvement(arm.accuracies, random)
            row |= {"ri_percent": measured.estimate, "ri_low": measured.low, "ri_high": measured.high}
            notes += [measured.reason] if measured.reason else []
        else:
            notes.append("no random run with its augment seeds is finished, so there is no RI")
    if chance.expected is not None:
        expected = chance.expected
        row |= {"expected_ri_percent": expected.estimate}
        row |= {"expected_low": expected.low, "expected_high": expected.high}
    row |= {"search_seconds": cost.seconds, "search_macs": cost.macs, "runs_needed": chance.runs_needed}
    row |= {"verdict": _verdict(name, choice), "tie_break": _breaks_tie(name, choice)}
    return {**row, "note": "; ".join(notes) or None}


def _verdict(name: str, choice: Choice) -> str:
    if name == choice.taken:
        return RECOMMENDED
    if choice.verdict == RANDOM_ENOUGH:
        return "no gain"
    if name not in choice.best_set and choice.reason is None:
        return "worse"
    return choice.verdict  # alike or undecided


def _breaks_tie(name: str, choice: Choice) -> bool:
    return len(choice.near) > 1 and choice.verdict in (ALIKE, UNDECIDED) and name == choice.cheapest


def _missing(trained: pl.DataFrame, frame: pl.DataFrame, planned: int | None) -> str | None:
    """What is unfinished: counted by the plan where it is known, else by what the study's other arms have."""
    if planned is not None:
        done = trained.height
        if done >= planned:
            return None
        return f"Unfinished: {done} of the {planned} planned trainings on this target are there."
    arm = ("study", "method", "preset", "source", "selection")
    searches = frame.filter(kind="search").join(trained, on=arm, how="semi", nulls_equal=True)
    return gaps_in_words(gaps_of(trained, searches)) or None
