"""What a study asks for, before any of it runs: a row for tasks that compute alike, with all their work depends on.

From its plan alone: nothing is opened but sets whose size nobody has published (no torch).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from nastransfer.search.searcher import make_searcher, searchers
from nastransfer.search.settings import NetworkSearcher
from nastransfer.study.plan_frame import plan_frame
from nastransfer.study.set_sizes import SetSize, set_size
from nastransfer.study.source import Source, canonical
from nastransfer.study.tasks import KNOWN, Task
from nastransfer.train.protocol import protocol

# name -> (type, meaning)
WORK_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "kind": (pl.String(), "search or augment"),
    "method": (pl.String(), "search method; random; a known network's name"),
    "on": (pl.String(), "the set or proxy that is searched on, or trained and tested on"),
    "dataset": (pl.String(), "the whole set that it is, or is a part of"),
    "protocol": (pl.String(), "settings of the final training; null for searches"),
    "preset": (pl.String(), "named settings of the search; null for trainings"),
    "settings": (pl.String(), "of the search, other than the preset's, as JSON; null for trainings"),
    "tasks": (pl.Int64(), "how many"),
    "images": (pl.Int64(), "a search halves them; an epoch of a training presents so many"),
    "tested": (pl.Int64(), "images that a training tests on after each epoch; null for searches"),
    "epochs": (pl.Int64(), "of a training"),
    "classes": (pl.Int64(), "of the set"),
    "side": (pl.Int64(), "pixels, of what networks are given"),
    "stem": (pl.String(), "the networks' first layers"),
    "channels": (pl.Int64(), "of a trained network's first cell"),
    "cells": (pl.Int64(), "of a trained network"),
    "genotypes": (pl.List(pl.String()), "trained ones that are known; empty: what searches will find"),
    "known": (pl.String(), "a trained network that people know"),
    "size_from": (pl.String(), "where the numbers of images are from"),
    "note": (pl.String(), "why the work cannot be counted"),
}
SCHEMA = {name: dtype for name, (dtype, _) in WORK_COLUMNS.items()}
_ALIKE = ("kind", "method", "source", "target", "protocol")


def asked_work(tasks: Iterable[Task]) -> pl.DataFrame:
    """The searches and trainings of a plan (parents first) as a frame with the columns `WORK_COLUMNS`.

    Proxies are rows of a table and compute nothing to speak of: they are left out. Where a set's size is not known,
    `images` is null and `note` says why.
    """
    planned = list(tasks)
    groups: dict[tuple[Any, ...], list[Task]] = {}
    for task, row in zip(planned, plan_frame(planned).iter_rows(named=True), strict=True):
        if task.kind != "proxy":
            key = (*(row[name] for name in _ALIKE), _search_settings(task))
            groups.setdefault(key, []).append(task)
    sizes = _Sizes()
    rows = [_row(key[1], key[4], alike, sizes) for key, alike in groups.items()]
    return pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in rows], SCHEMA)


class _Sizes:
    """Sizes of sets, each looked up once: the size, or why there is none."""

    def __init__(self) -> None:
        self._known: dict[str, SetSize | str] = {}

    def of(self, source: Source) -> SetSize | str:
        if source.text not in self._known:
            try:
                self._known[source.text] = set_size(source)
            except ValueError as error:
                self._known[source.text] = f"size of {source.label} not known: {error}"
        return self._known[source.text]


def _search_settings(task: Task) -> str | None:
    given = task.parameters
    return canonical([given["preset"], given["settings"]]) if task.kind == "search" else None


def _row(method: str | None, label: str | None, alike: list[Task], sizes: _Sizes) -> dict[str, Any]:
    given = alike[0].parameters
    seen = Source.model_validate(given["source" if alike[0].kind == "search" else "target"])
    size = sizes.of(seen)
    row: dict[str, Any] = {
        "kind": alike[0].kind,
        "method": method,
        "on": seen.label,
        "dataset": seen.base,
        "protocol": label,
        "tasks": len(alike),
    }
    if alike[0].kind == "search":
        row |= {"preset": given["preset"], "settings": canonical(given["settings"])}
        return row | _seen_by_search(given, size)
    return row | _trained(alike, seen, size)


def _seen_by_search(given: dict[str, Any], size: SetSize | str) -> dict[str, Any]:
    if isinstance(size, str):
        return {"note": size}
    side = size.side
    if given["method"] in searchers():
        settings = make_searcher(given["method"], given["preset"], **given["settings"])
        if isinstance(settings, NetworkSearcher):
            side = settings.resolution or side
    return {"images": size.images, **_shape(size, side)}


def _trained(alike: list[Task], seen: Source, size: SetSize | str) -> dict[str, Any]:
    given = alike[0].parameters
    training = protocol(given["protocol"], **given["settings"])
    row = {
        "epochs": training.epochs,
        "channels": training.channels,
        "cells": training.cells,
        "genotypes": [text for task in alike if (text := task.parameters["genotype"])],
        "known": given.get(KNOWN),
    }
    if isinstance(size, str):
        return row | {"note": size}
    # Where genotypes are ranked by a proxy, one half of it is trained on, the other is tested on.
    images, tested = size.images, size.tested
    if seen.proxy is not None:
        images, tested = images // 2, images - images // 2
    few = min(training.epoch_images or images, images)
    return row | {"images": few, "tested": tested, **_shape(size, training.resolution or size.side)}


def _shape(size: SetSize, side: int) -> dict[str, Any]:
    return {"classes": size.classes, "side": side, "stem": size.stem_at(side), "size_from": size.said}
