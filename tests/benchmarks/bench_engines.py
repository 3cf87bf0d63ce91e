"""Engines against plain torch modules: search steps, sampled paths, training of found networks, peak memory.

`speedup` is plain / engine, the median of the rounds' ratios with their range; memory is a process of its own.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.benchmarks.floor import floor_of
from tests.benchmarks.steps import (
    GENOTYPES,
    SEARCHES,
    TRAININGS,
    Search,
    path_step,
    training_step,
)

Make = Callable[[str], Callable[[], object]]

CASES: dict[str, tuple[Make, int, tuple[str, ...]]] = {}
"""name -> (engine -> step, rounds, engines): the plain engine first."""

for _name, _size in SEARCHES.items():
    _big = _name == "S"
    CASES[f"{_name} first order"] = (
        lambda engine, size=_size: Search(size, engine).first_order,
        3 if _big else 9,
        ("plain", "torch", "cpp"),
    )
    CASES[f"{_name} second order"] = (
        lambda engine, size=_size: Search(size, engine).second_order,
        2 if _big else 5,
        ("plain", "cpp"),
    )
    CASES[f"{_name} path"] = (
        lambda engine, size=_size: path_step(size, engine),
        5 if _big else 15,
        ("plain", "cpp"),
    )
for _name, _rounds in {"A": 3, "B": 7, "C": 25, "D": 5}.items():
    for _genotype in GENOTYPES if _name in "BC" else ("DARTS_V2",):
        CASES[f"{_name} training, {_genotype}"] = (
            lambda engine, size=TRAININGS[_name], genotype=GENOTYPES[_genotype]: training_step(
                size, engine, genotype
            ),
            _rounds,
            ("plain", "cpp"),
        )

MEMORY = ("S first order", "A training, DARTS_V2")


def measure(name: str) -> dict[str, Any]:
    """Rows of one case: all engines take turns."""
    make, rounds, engines = CASES[name]
    steps = {engine: make(engine) for engine in engines}
    times: dict[str, list[float]] = {engine: [] for engine in engines}
    for turn in range(rounds + 1):
        for engine, step in steps.items():
            started = time.perf_counter()
            step()
            if turn:
                times[engine].append(1e3 * (time.perf_counter() - started))
    rows = {}
    for engine, values in times.items():
        ratios = [plain / value for plain, value in zip(times["plain"], values, strict=True)]
        rows[f"{name}: {engine}"] = {
            "n": rounds,
            "median_ms": round(statistics.median(values), 2),
            "min_ms": round(min(values), 2),
            "max_ms": round(max(values), 2),
            "compared_with": f"{name}: plain",
            "ratio": round(1 / statistics.median(ratios), 4),
            "speedup": round(statistics.median(ratios), 2),
            "speedup_range": [round(min(ratios), 2), round(max(ratios), 2)],
        }
    return rows


def peak_megabytes(name: str, engine: str) -> float:
    """Peak resident memory of two steps in a process of its own, less what it had before the first."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_engines", name, engine]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run() -> dict[str, Any]:
    """All cases; floors and memory where they are asked for."""
    rows: dict[str, Any] = {}
    for name in CASES:
        rows |= measure(name)
        print(
            f"  {name}: "
            + ", ".join(
                f"{key.split(': ')[1]} {row['speedup']}"
                for key, row in rows.items()
                if key.startswith(f"{name}: ")
            ),
            flush=True,
        )
    for name in MEMORY:
        for engine in CASES[name][2]:
            rows[f"{name}: {engine}"]["peak_mb"] = peak_megabytes(name, engine)
    for name, floor in floor_of().items():
        key = f"{name}: cpp"
        rows[key] |= {
            "floor_ms": floor["ms"],
            "times_floor": round(rows[key]["median_ms"] / floor["ms"], 2),
            **floor["of"],
        }
    return rows


def _memory(name: str, engine: str) -> None:
    import resource

    step = CASES[name][0](engine)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step()
    step()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


if __name__ == "__main__":
    _memory(*sys.argv[1:])
