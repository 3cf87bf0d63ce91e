"""A study of the shape of `photographs` on disk with made-up accuracies: proxies, transfer, direct, rank agreement."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nastransfer.space import cost
from nastransfer.space.genotype import Genotype
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.plan import Task, plan_study
from nastransfer.study.spec import load_spec
from tests.example_study import finish

CELLS, CHANNELS, CLASSES, EPOCHS = 8, 16, 100, 20
# Mean top-1 of random genotypes on a set, in percent, and what a method adds to it in percent of that.
MEANS = {"cifar10": 58.0, "cifar100": 27.0, "scene15": 55.0, "flowers102": 31.0, "tiny_imagenet200": 18.0}
ADDS = {"random": 0.0, "darts1": -1.5, "darts2": 1.0, "enas": 0.5, "nao": 2.5, "nsganet": 3.5}


def write_large(runs: Path, *, name: str = "photographs", leave: int = 0) -> StudyRecords:
    """Write plan and records of `photographs` below `runs`; the last `leave` tasks stay pending."""
    records = Ledger(runs).study(name)
    tasks = plan_study(load_spec("photographs"))
    records.write_plan(tasks)
    by_id = {task.id: task for task in tasks}
    for place, task in enumerate(tasks[: len(tasks) - leave]):
        numbers = _trained(task, by_id) if task.kind == "augment" else _searched(task)
        history = _curve(numbers["top1_last"]) if task.kind == "augment" else None
        finish(records, task, place, history, **numbers)
    return records


def _generator(text: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(text.encode()))


def _searched(task: Task) -> dict[str, Any]:
    genotype = Genotype.random(_generator(task.id))
    return {"genotype": str(genotype), "seconds": 60.0, "search_macs": 10**12, "images_seen": 40_000}


def _trained(task: Task, by_id: dict[str, Task]) -> dict[str, Any]:
    """A genotype is a little better or worse everywhere, a method on all targets, and every training by chance."""
    given = task.parameters
    found = by_id.get(given["search"] or "")
    source = found.id if found is not None else f"random {given['draw']}"
    genotype = Genotype.random(_generator(source))
    method = found.parameters["method"] if found is not None else "random"
    chance = _generator(source).normal(0, 2) + _generator(task.id).normal(0, 1)
    top1 = round(MEANS[given["target"]["dataset"]] * (1 + (ADDS[method] + chance) / 100), 2)
    return {
        "genotype": str(genotype),
        "top1_last": top1,
        "top1_best": round(top1 + 0.2, 2),
        "cells": CELLS,
        "channels": CHANNELS,
        "params": cost.parameters(genotype, CLASSES, CHANNELS, CELLS),
        "macs": cost.macs(genotype, CLASSES, CHANNELS, CELLS, resolution=16),
        "seconds": 120.0,
        "peak_bytes": 400_000_000,
    }


def _curve(top1: float) -> pl.DataFrame:
    epochs = np.arange(1, EPOCHS + 1)
    return pl.DataFrame({"epoch": epochs, "top1": top1 * (1 - np.exp(-epochs / 4)), "loss": 3 / epochs})
