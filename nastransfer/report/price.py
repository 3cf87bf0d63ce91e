"""The price of a study in words and tables: hours, memory, disk, how sure that is, what it buys, what it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import polars as pl

from nastransfer.report.names import RANDOM, method_name, set_name
from nastransfer.report.text_table import NONE, TextTable
from nastransfer.report.times import duration

_HOUR = 3600.0
HEADERS = ("kind", "method", "tasks", "done", "work of one", "hours left", "± %", "memory", "price from")
CAPTION = "The price of what is left of the study"
RESOLVED_HEADERS = ("target", "searches", "random", "trainings", "RI against random", "between two methods")
RESOLVED_CAPTION = "What the planned runs can resolve"
COMPARED_HEADERS = ("", "tasks", "predicted", "actual", "actual / predicted")
COMPARED_CAPTION = "Predicted against actual"
WALL = "wall"
# With more than this share of the processor, nobody else used it to speak of.
_ALONE = 0.9
_KINDS = ("proxy", "search", "augment")


class Designed(Protocol):
    """How often each thing is done."""

    @property
    def searches(self) -> int: ...
    @property
    def random_genotypes(self) -> int: ...
    @property
    def augment_seeds(self) -> int: ...


class Suggested(Protocol):
    """A design of the same cost, and its mean resolvable difference; `planned` for comparison."""

    @property
    def design(self) -> Designed: ...
    @property
    def points(self) -> float: ...
    @property
    def planned(self) -> Designed: ...
    @property
    def planned_points(self) -> float | None: ...


class Resolved(Protocol):
    """What a plan can resolve: `nastransfer.study.pricing.resolvable.Resolution`."""

    @property
    def targets(self) -> pl.DataFrame: ...
    @property
    def suggestion(self) -> Suggested | None: ...


class Priced(Protocol):
    """An estimate: `nastransfer.study.estimate.Estimate` (this room knows studies by what they say)."""

    @property
    def study(self) -> str: ...
    @property
    def tasks(self) -> pl.DataFrame: ...
    @property
    def slots(self) -> int: ...
    @property
    def threads(self) -> int: ...
    @property
    def device(self) -> str: ...
    @property
    def wall_hours(self) -> float: ...
    @property
    def work_hours(self) -> float: ...
    @property
    def overhead_hours(self) -> float: ...
    @property
    def relative_error(self) -> float: ...
    @property
    def error_from(self) -> str: ...
    @property
    def peak_bytes(self) -> int | None: ...
    @property
    def memory_bytes(self) -> int: ...
    @property
    def disk_bytes(self) -> int: ...
    @property
    def unknown(self) -> Sequence[tuple[int, str]]: ...
    @property
    def alone_hours(self) -> float: ...
    @property
    def resolution(self) -> Resolved: ...


def price_table(tasks: pl.DataFrame) -> pl.DataFrame:
    """A row a kind and method: kind, method, tasks, done, seconds (mean of one's work, of those left), hours (left,
    overhead included; null: none of them is known), error_percent, peak_bytes, how.

    `tasks`: an estimate's, a row a task.
    """
    left = pl.col("how") != "done"
    held = (pl.col("seconds") + pl.col("overhead_seconds")).filter(left)
    off = (pl.col("seconds") * pl.col("relative_error")).filter(left).sum()
    work = pl.col("seconds").filter(left)
    grouped = tasks.group_by("kind", "method").agg(
        tasks=pl.len(),
        done=(~left).sum(),
        seconds=work.mean(),
        hours=pl.when(held.count() > 0).then(held.sum() / _HOUR),
        error_percent=pl.when(work.sum() > 0).then(100.0 * off / work.sum()),
        peak_bytes=pl.col("peak_bytes").max(),
        how=pl.col("how").filter(left).unique().sort().str.join(", "),
    )
    order = pl.col("kind").replace_strict(list(_KINDS), range(len(_KINDS)), default=len(_KINDS))
    return grouped.sort(order, (pl.col("method") == RANDOM).fill_null(value=False), "method")


def price_layout(estimate: Priced) -> TextTable:
    """The table with the totals below."""
    lines = [_line(row) for row in price_table(estimate.tasks).iter_rows(named=True)]
    return TextTable(f"{CAPTION} {estimate.study}", HEADERS, lines, _totals(estimate))


def resolved_layout(resolution: Resolved) -> TextTable:
    """What the plan can resolve, a row a target, with the suggestion below."""
    targets = resolution.targets
    if targets.is_empty():
        return TextTable(
            RESOLVED_CAPTION, (), (), ("No target has both searches and a random baseline: no RI.",)
        )
    lines = [
        (
            set_name(row["target"]),
            str(row["searches"]),
            str(row["random_genotypes"]),
            str(row["augment_seeds"]),
            _points(row["ri_against_random"], "%"),
            _points(row["ri_between"], " points"),
        )
        for row in targets.iter_rows(named=True)
    ]
    legend = (
        "The smallest relative improvement, and the smallest difference between two methods, that runs as many as "
        "planned show with a probability of 80% (95% intervals); smaller ones may stay undecided."
    )
    said = [f"Spreads: {text}." for text in targets["spreads_from"].unique(maintain_order=True)]
    return TextTable(
        RESOLVED_CAPTION, RESOLVED_HEADERS, lines, (legend, *said, _suggested(resolution.suggestion))
    )


def actual_over_predicted(row: Mapping[str, Any]) -> float | None:
    """Of a row of `predicted_against_actual`; None where nothing was predicted, or nothing took any time."""
    predicted, actual = row["predicted_hours"], row["actual_hours"]
    return actual / predicted if predicted and actual else None


def compared_layout(compared: pl.DataFrame) -> TextTable:
    """Predicted against actual, from `nastransfer.study.pricing.comparison.predicted_against_actual`."""
    if compared.is_empty():
        return TextTable(
            COMPARED_CAPTION, (), (), ("No estimate was made before this study, or nothing is done.",)
        )
    lines = [
        (
            "wall time" if row["kind"] == WALL else row["kind"],
            str(row["tasks"]),
            duration(row["predicted_hours"] * _HOUR),
            duration(row["actual_hours"] * _HOUR),
            NONE if (ratio := actual_over_predicted(row)) is None else f"{ratio:.2f}",
        )
        for row in compared.iter_rows(named=True)
    ]
    return TextTable(COMPARED_CAPTION, COMPARED_HEADERS, lines)


def estimate_text(estimate: Priced, compared: pl.DataFrame | None = None) -> str:
    """All of it for a terminal; `compared` (predicted against actual) is shown where it has rows."""
    layouts = [price_layout(estimate), resolved_layout(estimate.resolution)]
    if compared is not None and not compared.is_empty():
        layouts.append(compared_layout(compared))
    return "\n\n".join(f"{layout.caption}\n\n{layout.terminal().rstrip()}" for layout in layouts)


def estimate_html(estimate: Priced, compared: pl.DataFrame | None = None) -> str:
    """The same as an HTML fragment, for notebooks and pages."""
    layouts = [price_layout(estimate), resolved_layout(estimate.resolution)]
    if compared is not None and not compared.is_empty():
        layouts.append(compared_layout(compared))
    return "".join(layout.html() for layout in layouts)


def size(count: int | None) -> str:
    """`1.2 MB`, `3.4 GB`."""
    if count is None:
        return NONE
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["kind"],
        "" if row["method"] is None else method_name(row["method"]),
        str(row["tasks"]),
        str(row["done"]),
        NONE if row["seconds"] is None else duration(row["seconds"]),
        NONE if row["hours"] is None else f"{row['hours']:.2f}",
        NONE if row["error_percent"] is None else f"{row['error_percent']:.0f}",
        size(row["peak_bytes"]),
        row["how"] or "done",
    )


def _totals(estimate: Priced) -> list[str]:
    if estimate.tasks.filter(pl.col("how") != "done").is_empty():
        return ["Everything is done: nothing is left to pay for."]
    threads = f"{estimate.threads} thread{'' if estimate.threads == 1 else 's'}"
    side = f"{estimate.slots} tasks side by side, {threads} each"
    where = side if estimate.slots > 1 else f"one task at a time, {threads}"
    wall, error = estimate.wall_hours * _HOUR, estimate.relative_error
    low, high = (duration(wall * max(0.0, 1 + sign * error)) for sign in (-1, 1))
    total = f"In all about {duration(wall)} ({where}, {estimate.device}), {low} to {high}: {error:.0%} either way."
    work, starts = (duration(hours * _HOUR) for hours in (estimate.work_hours, estimate.overhead_hours))
    memory = f"up to {size(estimate.peak_bytes)} at once of {size(estimate.memory_bytes)}"
    parts = f"Work of all tasks together {work}, their starts and notebooks {starts}."
    parts += f" Memory: {memory}. Disk: {size(estimate.disk_bytes)}."
    missing = [
        f"Not in these totals: {count} task{'' if count == 1 else 's'} of unknown price ({reason})."
        for count, reason in estimate.unknown
    ]
    return [total, parts, f"The error is from {estimate.error_from}.", *missing, *_busy(estimate)]


def _busy(estimate: Priced) -> list[str]:
    """That others used the machine while it was measured."""
    if estimate.alone_hours >= _ALONE * estimate.wall_hours:
        return []
    taken = 1 - estimate.alone_hours / estimate.wall_hours
    alone = duration(_HOUR * estimate.alone_hours)
    return [
        f"Other work had the processor for {taken:.0%} of the time while this was measured: without it about {alone}."
    ]


def _suggested(suggestion: Suggested | None) -> str:
    if suggestion is None:
        return "No other split of the same hours would resolve differences that are smaller by 5% or more, on the mean."
    now = suggestion.planned_points
    before = "nothing" if now is None else f"{now:.1f} points"
    return (
        f"The same hours would resolve more with {_design(suggestion.design)}: {suggestion.points:.1f} points on the "
        f"mean, where the plan ({_design(suggestion.planned)}) resolves {before}."
    )


def _design(design: Designed) -> str:
    seeds = design.augment_seeds
    trained = "one training each" if seeds == 1 else f"{seeds} trainings each"
    return f"{design.searches} searches a method and source, {design.random_genotypes} random genotypes, {trained}"


def _points(value: float | None, unit: str) -> str:
    return NONE if value is None else f"{value:.1f}{unit}"
