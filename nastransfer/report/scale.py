"""A study's size in closed form: multiply-adds and images of all it asks for, and the hours of them on many devices.

Counted as records count: a training's image costs three passes (forward, and backward to activations and to weights),
a test one; searches as `nastransfer.report.search_work` has them. Nothing is measured here.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from nastransfer.report.search_work import SearchedSet, search_work
from nastransfer.space import cost
from nastransfer.space.genotype import Genotype
from nastransfer.space.known import known_genotype, known_genotypes

DEVICES = (1, 8, 96)
GRADIENTS = 3
_HOUR = 3600.0
_DRAWS = 400

# name -> (type, meaning)
COUNTED_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "kind": (pl.String(), "search or augment"),
    "method": (pl.String(), "search method; random; a known network's name"),
    "on": (pl.String(), "the set or proxy that is searched or trained on"),
    "dataset": (pl.String(), "the whole set that it is, or is a part of"),
    "of": (pl.String(), "whose rate it takes: the search's method; the trained network's first layers"),
    "streamed": (pl.Boolean(), "whether images are read anew each epoch: those of more than 64 pixels"),
    "tasks": (pl.Int64(), "how many"),
    "images_of_one": (pl.Float64(), "image presentations of one task, tests included; null: not known"),
    "macs_of_one": (pl.Float64(), "multiply-adds of all passes of one task, the mean; null: not known"),
    "images": (pl.Float64(), "of all tasks"),
    "macs": (pl.Float64(), "of all tasks"),
    "note": (pl.String(), "why they are not known"),
}
COUNTED_SCHEMA = {name: dtype for name, (dtype, _) in COUNTED_COLUMNS.items()}

HOURS_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "rate": (pl.String(), "name of the rate"),
    "kind": (pl.String(), "search or augment; null: both, one after the other"),
    "on": (pl.String(), "what is searched or trained on; null: all of the kind"),
    "devices": (pl.Int64(), "that work at once"),
    "tasks": (pl.Int64(), "whose hours these are"),
    "unknown": (pl.Int64(), "further tasks, whose work or rate is not known"),
    "hours": (pl.Float64(), "until the last task has ended; null: of none it is known"),
    "images_per_second": (
        pl.Float64(),
        "from storage for all devices, at most: all at what reads fastest; null: likewise, or all sets in memory",
    ),
}
HOURS_SCHEMA = {name: dtype for name, (dtype, _) in HOURS_COLUMNS.items()}


def counted(work: pl.DataFrame) -> pl.DataFrame:
    """Images and multiply-adds of a study's work, columns `COUNTED_COLUMNS`.

    `work`: a row for tasks that compute alike, from `nastransfer.study.scale.asked_work`. What a search will find, and
    what it draws on its way, is counted as a uniform random genotype.
    """
    rows = [_counted_row(row) for row in work.iter_rows(named=True)]
    return pl.DataFrame([{name: row.get(name) for name in COUNTED_SCHEMA} for row in rows], COUNTED_SCHEMA)


def summed(table: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Tasks, images and multiply-adds of what `counted` gave, by some of its columns; and `unknown`: tasks of neither.

    Sums are of what is known, null where nothing is.
    """
    known = pl.col("macs").is_not_null()
    return (
        table.group_by(*by, maintain_order=True)
        .agg(
            pl.col("tasks").sum(),
            *(pl.when(known.any()).then(pl.col(name).sum()).alias(name) for name in ("images", "macs")),
            unknown=pl.col("tasks").filter(~known).sum(),
        )
        .sort(pl.col("kind") == "augment", maintain_order=True)
    )


def hours(
    table: pl.DataFrame,
    rates: pl.DataFrame,
    devices: Sequence[int] = DEVICES,
    efficiency: float = 1.0,
    by: str = "on",
) -> pl.DataFrame:
    """Hours of counted work at each rate on so many devices, columns `HOURS_COLUMNS`.

    A search holds one device, as many run side by side as there are (the longest first); trainings spread over all
    devices, of which each is worth `efficiency` of one alone (1.0: perfect scaling). A row a kind and set (`by`: on or
    dataset), then each kind, then both one after the other. `rates`: `nastransfer.study.rates`. `ValueError` for
    devices or an efficiency out of range.
    """
    if not devices or min(devices) < 1:
        raise ValueError(f"devices are counted from 1, found {list(devices)}")
    if not 0 < efficiency <= 1:
        raise ValueError(f"efficiency is a share above 0 and up to 1, found {efficiency}")
    rows: list[dict[str, Any]] = []
    for name in rates["rate"].unique(maintain_order=True):
        of_rate = rates.filter(rate=name).select("kind", "of", "macs_per_second")
        timed = table.join(of_rate, on=["kind", "of"], how="left", maintain_order="left").with_columns(
            seconds=pl.col("macs_of_one") / pl.col("macs_per_second")
        )
        for count in devices:
            rows += [{"rate": name, **row} for row in _at(timed, count, efficiency, by)]
    return pl.DataFrame([{name: row.get(name) for name in HOURS_SCHEMA} for row in rows], HOURS_SCHEMA)


def epoch_reads(work: pl.DataFrame, image_bytes: int) -> pl.DataFrame:
    """What one pass over each set reads, tests included: columns kind, on, images, image_bytes, bytes, streamed.

    `work` as `counted` takes it. Images of up to 64 pixels are read as they lie (3 bytes a pixel) and kept; of larger
    ones, which are compressed, the mean is what the caller states. Sets of unknown size are left out.
    """
    streamed = pl.col("stem") == "imagenet"
    mean = pl.when(streamed).then(pl.lit(image_bytes)).otherwise(3 * pl.col("side") ** 2)
    return (
        work.drop_nulls("images")
        .select(
            "kind",
            "on",
            images=pl.col("images") + pl.col("tested").fill_null(0),
            image_bytes=mean,
            streamed=streamed,
        )
        .unique(maintain_order=True)
        .with_columns(bytes=pl.col("images") * pl.col("image_bytes"))
        .sort(pl.col("kind") == "augment", maintain_order=True)
    )


def makespan(seconds: Iterable[tuple[float, int]], devices: int) -> float:
    """Time until the last of some tasks has ended, each on one device, the longest started first.

    `seconds`: how long tasks take, and how many do.
    """
    free = [0.0] * devices
    for duration, count in sorted(seconds, reverse=True):
        for _ in range(count):
            heapq.heapreplace(free, free[0] + duration)
    return max(free)


def _counted_row(row: dict[str, Any]) -> dict[str, Any]:
    about = {name: row[name] for name in ("kind", "method", "on", "dataset", "tasks", "note")}
    about["of"] = row["method"] if row["kind"] == "search" else row["stem"]
    if row["images"] is None:
        return about
    about["streamed"] = row["stem"] == "imagenet"
    images, macs, note = _of_search(row) if row["kind"] == "search" else _of_training(row)
    if images is None or macs is None:
        return about | {"note": note}
    one = {"images_of_one": images, "macs_of_one": macs}
    return about | one | {"images": row["tasks"] * images, "macs": row["tasks"] * macs}


Counted = tuple[float | None, float | None, str | None]


def _of_search(row: dict[str, Any]) -> Counted:
    seen = SearchedSet(row["on"], row["images"], row["classes"], row["side"], row["stem"])
    work = search_work(row["method"], seen, row["preset"], json.loads(row["settings"]))
    if work is None:
        return None, None, f"{row['method']} is an own method: what it computes only a run can tell"
    return float(work.images), float(work.macs), None


def _of_training(row: dict[str, Any]) -> Counted:
    images = float(row["epochs"] * (row["images"] + row["tested"]))
    network = _network_macs(row)
    if network is None:
        return images, None, f"multiply-adds of {row['known']} are not known in closed form"
    return images, row["epochs"] * (GRADIENTS * row["images"] + row["tested"]) * network, None


def _network_macs(row: dict[str, Any]) -> float | None:
    """Multiply-adds of an image through a trained network, the mean where there are several; None: not known."""
    shape = (row["classes"], row["channels"], row["cells"], row["stem"], row["side"])
    if row["known"] is not None:
        known = row["known"] in known_genotypes()
        return float(cost.macs(known_genotype(row["known"]), *shape)) if known else None
    if not row["genotypes"]:
        return _random_macs(shape)
    return float(np.mean([cost.macs(Genotype.parse(text), *shape) for text in row["genotypes"]]))


@cache
def _random_macs(shape: tuple[Any, ...]) -> float:
    """Mean over random genotypes, the same ones each time."""
    drawn = Genotype.draw(np.random.default_rng(2), _DRAWS)
    return float(np.mean([cost.macs(one, *shape) for one in drawn]))


def _at(timed: pl.DataFrame, devices: int, efficiency: float, by: str) -> list[dict[str, Any]]:
    """The rows of one rate and number of devices."""
    rows: list[dict[str, Any]] = []
    kinds: list[dict[str, Any]] = []
    for kind in ("search", "augment"):
        of_kind = timed.filter(kind=kind)
        if of_kind.is_empty():
            continue
        together = _speed_up(kind, devices, efficiency)
        for (name,), group in of_kind.group_by(by, maintain_order=True):
            rows.append({"on": name, **_timed(kind, group, devices, together)})
        kinds.append({"on": None, **_timed(kind, of_kind, devices, together)})
    both: dict[str, Any] = {"kind": None, "on": None, "devices": devices}
    both |= {name: sum(row[name] for row in kinds) for name in ("tasks", "unknown")}
    both |= {"hours": _over(kinds, "hours", sum), "images_per_second": _over(kinds, "images_per_second", max)}
    return [*rows, *kinds, *([both] if len(kinds) > 1 else [])]


def _speed_up(kind: str, devices: int, efficiency: float) -> float:
    """How many devices' work a training gets; a search gets one's."""
    return 1.0 if kind == "search" or devices == 1 else devices * efficiency


def _timed(kind: str, group: pl.DataFrame, devices: int, together: float) -> dict[str, Any]:
    known = group.drop_nulls("seconds")
    tasks = int(known["tasks"].sum())
    about = {"kind": kind, "devices": devices, "tasks": tasks, "unknown": int(group["tasks"].sum()) - tasks}
    if known.is_empty():
        return about
    seconds = list(known.select("seconds", "tasks").iter_rows())
    alone = sum(one * count for one, count in seconds)
    needed = makespan(seconds, devices) if kind == "search" else alone / together
    reading = _reading(known)
    if reading is not None:
        reading *= min(devices, _streams(known)) if kind == "search" else together
    return {**about, "hours": needed / _HOUR, "images_per_second": reading}


def _streams(known: pl.DataFrame) -> int:
    """Tasks that read their images anew each epoch."""
    return int(known.filter(pl.col("streamed"))["tasks"].sum())


def _reading(known: pl.DataFrame) -> float | None:
    """Images a second of what reads fastest; None where all sets stay in memory."""
    each = known.filter(pl.col("streamed"), pl.col("seconds") > 0)
    speeds = (each["images_of_one"] / each["seconds"]).to_list()
    return max(speeds) if speeds else None


def _over(rows: list[dict[str, Any]], name: str, join: Callable[[list[float]], float]) -> float | None:
    """Of the rows that have a value; None where none has."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return join(values) if values else None
