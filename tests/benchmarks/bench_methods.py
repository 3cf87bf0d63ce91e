"""Search methods at the sizes of `small`: time of a short search, where it goes, and the least that it could be.

Least: the multiply-adds that the search counted (`search_macs`) at the rate of a large matrix product on this machine.
Whole searches are shorter than `small` in everything that only repeats: a weight step, a score or a child costs the
same.
"""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

from nastransfer.data.dataset import Dataset
from nastransfer.search.drive import search
from tests.benchmarks.floor import ceilings
from tests.operations import of_pixels

IMAGES, SIDE, CLASSES, ROUNDS = 1280, 32, 10, 3
PURPOSES = ("weights", "architecture", "scoring")
# Of `small`, a twenty-fifth to a fiftieth.
SHORT: dict[str, dict[str, Any]] = {
    "darts1": {"steps": 40},
    "darts2": {"steps": 20},
    "enas": {"steps": 40, "rewards": 120},
    "nao": {
        "steps": 40,
        "scorings": 2,
        "pool": 40,
        "new": 20,
        "predictor_epochs": 60,
        "rerank": 1,
        "rerank_epochs": 1,
    },
    "nsganet": {"population": 2, "offspring": 2, "generations": 2, "epochs": 1},
}


def noise() -> Dataset:
    """Images of noise: what they show does not change what a step costs."""
    label = np.arange(IMAGES) % CLASSES
    pixels = np.random.default_rng(2).integers(0, 256, (IMAGES, 3, SIDE, SIDE), dtype=np.uint8)
    return of_pixels("noise", pixels, label, classes=CLASSES, mean=0.5, std=0.3, flip=True)


def run() -> dict[str, Any]:
    """Rows by method."""
    gflops, _ = ceilings()
    data, rows = noise(), {}
    for method, shorter in SHORT.items():
        costs = [search(method, data, 2, "small", **shorter).cost for _ in range(ROUNDS + 1)][1:]
        seconds = [cost["seconds"] for cost in costs]
        least = 2 * costs[0]["search_macs"] / (gflops * 1e9)
        parts = {
            name: statistics.median(cost[f"seconds_{name}"] / cost["seconds"] for cost in costs)
            for name in PURPOSES
        }
        rows[method] = {
            "n": ROUNDS,
            "median_ms": round(1e3 * statistics.median(seconds), 1),
            "min_ms": round(1e3 * min(seconds), 1),
            "max_ms": round(1e3 * max(seconds), 1),
            "least_ms": round(1e3 * least, 1),
            "compared_with": "least",
            "ratio": round(statistics.median(seconds) / least, 2),
            "percent": {name: round(100 * part, 1) for name, part in parts.items()},
            "images_per_second": round(costs[0]["images_seen"] / statistics.median(seconds), 1),
        }
        print(f"  {method}: {rows[method]['percent']} percent of its time", flush=True)
    return rows
