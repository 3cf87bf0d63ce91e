"""A plan as a frame: one row a task, in words that people read (no torch)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from nastransfer.study.source import Source, canonical
from nastransfer.study.tasks import Task
from nastransfer.train.protocol import protocol

# name -> (type, meaning)
PLAN_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "id": (pl.String(), "of the task"),
    "kind": (pl.String(), "proxy, search or augment"),
    "slug": (pl.String(), "readable name, as in its folder"),
    "method": (pl.String(), "search method; random; a known network's name; null for proxies"),
    "source": (pl.String(), "what is searched on, or ranks random genotypes; null: neither"),
    "target": (pl.String(), "what is trained and tested on; null for proxies and searches"),
    "search_seed": (pl.Int64(), "seed of the search, or number of the random genotype"),
    "augment_seed": (pl.Int64(), "seed of the final training"),
    "protocol": (pl.String(), "settings of the final training, overrides included"),
    "cells": (pl.Int64(), "cells of the trained network"),
    "parents": (pl.List(pl.String()), "ids of the tasks that must have finished"),
    "feeds": (pl.List(pl.String()), "what the result is for"),
}


def plan_frame(tasks: Iterable[Task]) -> pl.DataFrame:
    """A plan (parents first) with the columns `PLAN_COLUMNS`."""
    reader = _Reader()
    rows = [reader.row(task) for task in tasks]
    return pl.DataFrame(rows, schema={name: kind for name, (kind, _) in PLAN_COLUMNS.items()})


class _Reader:
    """Reads tasks in turn; what many of them share is worked out once."""

    def __init__(self) -> None:
        self._labels: dict[str, tuple[str, bool]] = {}
        self._trainings: dict[str, dict[str, Any]] = {}
        self._searches: dict[str, dict[str, Any]] = {}

    def row(self, task: Task) -> dict[str, Any]:
        """One row; columns that do not apply are left out."""
        about = {
            "id": task.id,
            "kind": task.kind,
            "slug": task.slug,
            "parents": list(task.parents),
            "feeds": list(task.feeds),
        }
        return about | getattr(self, f"_{task.kind}")(task)

    def _proxy(self, task: Task) -> dict[str, Any]:
        return {"source": self._label(task.parameters["source"])[0]}

    def _search(self, task: Task) -> dict[str, Any]:
        given = task.parameters
        found = {
            "method": given["method"],
            "source": self._label(given["source"])[0],
            "search_seed": given["seed"],
        }
        self._searches[task.id] = found
        return found

    def _augment(self, task: Task) -> dict[str, Any]:
        given = task.parameters
        target, is_proxy = self._label(given["target"])
        origin = self._searches.get(given["search"])
        if origin is None:
            method = given.get("known") or given["method"] or None
            origin = {"method": method, "source": target if is_proxy else None, "search_seed": given["draw"]}
        return origin | {
            "target": target,
            "augment_seed": given["seed"],
            **self._training(given["protocol"], given["settings"]),
        }

    def _label(self, asked: dict[str, Any]) -> tuple[str, bool]:
        text = canonical(asked)
        if text not in self._labels:
            source = Source.model_validate(asked)
            self._labels[text] = source.label, source.proxy is not None
        return self._labels[text]

    def _training(self, name: str, settings: dict[str, Any]) -> dict[str, Any]:
        text = canonical([name, settings])
        if text not in self._trainings:
            training = protocol(name, **settings)
            self._trainings[text] = {"protocol": training.label, "cells": training.cells}
        return self._trainings[text]
