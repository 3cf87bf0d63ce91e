"""A study on disk, as the runner would leave it, with made-up accuracies: for tests of what reads the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nastransfer.space.genotype import Genotype
from nastransfer.study.ledger import Attempt, Ledger, StudyRecords
from nastransfer.study.plan import Task, plan_study
from nastransfer.study.spec import load_spec

TEST_IMAGES = 2_000


def write_example(runs: Path, *, leave: int = 0, name: str = "quickstart") -> StudyRecords:
    """Write the quickstart study's plan and records below `runs`; the last `leave` tasks stay pending."""
    records = Ledger(runs).study(name)
    tasks = plan_study(load_spec("quickstart"))
    records.write_plan(tasks)
    for place, task in enumerate(tasks[: len(tasks) - leave]):
        finish(records, task, place)
    return records


def finish(
    records: StudyRecords,
    task: Task,
    place: int,
    history: pl.DataFrame | None = None,
    linked_to: str | None = None,
    **changed: Any,
) -> Attempt:
    """Publish a result for a task: an accuracy of 60 to 70 percent made from `place`; `changed` overrides numbers."""
    attempt = records.open_attempt(task)
    attempt.start(task, {})
    generator = np.random.default_rng(place)
    genotype = str(Genotype.random(generator))
    labels: dict[str, Any] = {"kind": task.kind, **_labels(records, task)}
    numbers: dict[str, Any] = {"genotype": genotype, "seconds": 10.0}
    if task.kind == "augment":
        top1 = round(float(generator.normal(65, 2)), 2)
        numbers |= {"top1_last": top1, "top1_best": top1, "cells": 4, "channels": 8, "n_test": TEST_IMAGES}
    if history is not None:
        attempt.write_frame("history", history)
    values = {"task_id": task.id, "result_key": task.id, "linked_to": linked_to}
    attempt.publish({**values, "labels": labels, "numbers": numbers | changed})
    return attempt


def _labels(records: StudyRecords, task: Task) -> dict[str, Any]:
    """What the run is, in columns of the results frame, read from the task's parameters."""
    given = task.parameters
    if task.kind == "proxy":
        return {"source": given["source"]["dataset"]}
    if task.kind == "search":
        proxy = given["source"]["proxy"]
        seen = {"source": given["source"]["dataset"], "selection": proxy["name"] if proxy else "all"}
        return {"method": given["method"], "preset": given["preset"], "search_seed": given["seed"], **seen}
    training = {
        "target": given["target"]["dataset"],
        "augment_seed": given["seed"],
        "protocol": given["protocol"],
    }
    if not given["search"]:
        return {
            "method": given["method"],
            "search_seed": given["draw"],
            "feeds": ",".join(task.feeds),
            **training,
        }
    search = records.planned(given["search"])
    assert search is not None
    return {**_labels(records, search), "feeds": ",".join(task.feeds), **training}
