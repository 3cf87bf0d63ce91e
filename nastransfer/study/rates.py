"""How fast devices compute this project's work: from its own benchmarks' results, or as somebody states it (no torch).

A rate is multiply-adds a second, forward passes counted once and those with gradients as their two or three, as the
work of a study is counted. What each benchmark computes is written down here, and held against it by a test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from nastransfer.space import cost
from nastransfer.space.genotype import Genotype
from nastransfer.space.known import known_genotype
from nastransfer.study.ledger import locate

# name -> (type, meaning)
RATE_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "rate": (pl.String(), "its name: measured where, or as stated"),
    "origin": (pl.String(), "measured or stated"),
    "gpu": (pl.Boolean(), "whether it was measured on a GPU; null: nobody says"),
    "kind": (pl.String(), "search or augment"),
    "of": (pl.String(), "method of the search; first layers (`cifar`, `imagenet`) of the trained network"),
    "macs_per_second": (pl.Float64(), "multiply-adds of all passes a second, of one device"),
    "said": (pl.String(), "what was measured, or stated"),
    "n": (pl.Int64(), "repeats, of which this is the median; null: stated"),
    "date": (pl.String(), "of the measurement"),
    "commit": (pl.String(), "that it was measured at"),
}
SCHEMA = {name: dtype for name, (dtype, _) in RATE_COLUMNS.items()}
MEASURED, STATED = "measured", "stated"
GRADIENTS = 3
"""Passes that training on an image takes: forward, and backward to activations and to weights."""
METHODS = ("darts1", "darts2", "enas", "nao", "nsganet")
_OWN_ENGINES = ("cpp", "torch", "plain")


class Trained(NamedTuple):
    """A network as it was timed: DARTS_V2, an epoch of so many images and the test after it."""

    thing: str
    channels: int
    cells: int
    side: int
    train: int
    test: int
    classes: int = 10


class Stepped(NamedTuple):
    """Steps of a search as they were timed; `passes` over a batch of training images, those to judge by included."""

    thing: str
    methods: tuple[str, ...]
    passes: int


TRAINED = {
    "cifar": Trained("32 px: own loop", 36, 20, 32, 192, 96),
    "imagenet": Trained("224 px: own loop", 48, 14, 224, 128, 16),
}
STATED_NETWORK = Trained("", 48, 14, 224, 1, 0, 1_000)
STEPPED = (
    Stepped("S first order", ("darts1",), 5),
    Stepped("S second order", ("darts2",), 10),
    Stepped("S path", ("enas", "nao", "nsganet"), GRADIENTS),
)
STEP_CHANNELS, STEP_CELLS, STEP_SIDE, STEP_BATCH, STEP_CLASSES, STEP_PATHS = 16, 8, 32, 64, 10, 100


def measured_rates(folder: str | Path) -> pl.DataFrame:
    """The rates in the results of `make bench` below a folder, a file a machine; columns `RATE_COLUMNS`.

    No rows where there is no such folder. What a machine has not measured is no row. `ValueError` for a file that is
    not JSON.
    """
    rows = [row for path in sorted(locate(folder).glob("*.json")) for row in _of_machine(path)]
    return pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in rows], SCHEMA)


def stated_rates(images_per_second: float | None) -> pl.DataFrame:
    """One device's rate as somebody states it: training images a second of DARTS_V2 at 48 channels, 14 cells, 224 px.

    All other work is taken to run at as many multiply-adds a second. No rows for None. `ValueError` unless positive.
    """
    if images_per_second is None:
        return pl.DataFrame(schema=SCHEMA)
    if not images_per_second > 0:
        raise ValueError(f"images_per_second must be above 0, found {images_per_second}")
    speed = images_per_second * GRADIENTS * macs_of(STATED_NETWORK, "imagenet")
    about = {
        "rate": f"as stated: {images_per_second:,.0f} images a second",
        "origin": STATED,
        "macs_per_second": speed,
        "said": f"{images_per_second:,.0f} training images a second of DARTS_V2, 48 channels, 14 cells, 224 px",
    }
    work = [*(("augment", stem) for stem in TRAINED), *(("search", method) for method in METHODS)]
    rows = [{**about, "kind": kind, "of": of} for kind, of in work]
    return pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in rows], SCHEMA)


def macs_of(timed: Trained, stem: str) -> int:
    """Multiply-adds of one image through the network that is timed."""
    return cost.macs(known_genotype("DARTS_V2"), timed.classes, timed.channels, timed.cells, stem, timed.side)


def _of_machine(path: Path) -> Iterator[dict[str, Any]]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not a file of results: {error}") from None
    for entry, read in _READERS.items():
        if entry in entries:
            found = entries[entry]
            about = {
                "rate": f"measured: {found['device']}, {found['threads']} threads ({path.stem})",
                "origin": MEASURED,
                "gpu": not path.stem.startswith("cpu-"),
                "date": found["date"],
                "commit": found["commit"],
            }
            yield from ({**about, **row} for row in read(found["measured"]))


def _trainings(measured: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for stem, timed in TRAINED.items():
        if timed.thing in measured:
            row = measured[timed.thing]
            passes = (GRADIENTS * timed.train + timed.test) / (timed.train + timed.test)
            speed = row["images_per_second"] * passes * macs_of(timed, stem)
            said = (
                f"{row['images_per_second']:.1f} images a second (tests included) of DARTS_V2, {timed.channels} "
                f"channels, {timed.cells} cells, {timed.side} px"
            )
            yield {"kind": "augment", "of": stem, "macs_per_second": speed, "said": said, "n": row["n"]}


def _searches(measured: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for steps in STEPPED:
        of_engine = {
            engine: row for engine in _OWN_ENGINES if (row := measured.get(f"{steps.thing}: {engine}"))
        }
        if of_engine:
            row = min(of_engine.values(), key=_median)
            macs = STEP_BATCH * steps.passes * (_path_macs() if "path" in steps.thing else _supernet_macs())
            said = (
                f"{_median(row):,.0f} ms a step ({steps.thing.removeprefix('S ')}) on {STEP_BATCH} images, "
                f"{STEP_CHANNELS} channels, {STEP_CELLS} cells, {STEP_SIDE} px"
            )
            speed = 1_000 * macs / _median(row)
            for method in steps.methods:
                yield {"kind": "search", "of": method, "macs_per_second": speed, "said": said, "n": row["n"]}


def _median(row: Mapping[str, Any]) -> float:
    return float(row["median_ms"])


@cache
def _supernet_macs() -> int:
    return cost.supernet_macs(STEP_CLASSES, STEP_CHANNELS, STEP_CELLS, "cifar", STEP_SIDE)


@cache
def _path_macs() -> float:
    """Mean over the sampled paths that are timed."""
    drawn = Genotype.draw(np.random.default_rng(2), STEP_PATHS)
    counted = [cost.macs(one, STEP_CLASSES, STEP_CHANNELS, STEP_CELLS, "cifar", STEP_SIDE) for one in drawn]
    return float(np.mean(counted))


_READERS: dict[str, Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]]] = {
    "augment": _trainings,
    "search": _searches,
}
