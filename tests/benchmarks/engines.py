"""How engines are compared: they take turns on one case; peak memory is that of a process of its own."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.floor import floor_of
from tests.benchmarks.steps import (
    GENOTYPES,
    SEARCHES,
    TRAININGS,
    first_order,
    path_step,
    second_order,
    training_step,
)

MOST_REPEATS = 5


class Case(NamedTuple):
    """A step for each engine; the first is what the others are compared with."""

    make: Callable[[str], Callable[[], object]]
    rounds: int
    engines: tuple[str, ...]


def search_cases() -> dict[str, Case]:
    """Steps of searches, at sizes T and S."""
    cases = {}
    for name, size in SEARCHES.items():
        small = name == "T"
        cases[f"{name} first order"] = Case(
            partial(first_order, size),
            9 if small else 3,
            ("original", "plain", "torch", "cpp"),
        )
        cases[f"{name} second order"] = Case(
            partial(second_order, size),
            5 if small else 3,
            ("original", "cpp"),
        )
        cases[f"{name} path"] = Case(
            partial(path_step, size),
            15 if small else 5,
            ("plain", "torch", "cpp"),
        )
    return cases


def training_cases() -> dict[str, Case]:
    """Steps of found networks; B and C also with a separable-heavy and a dilated-and-pool-heavy genotype."""
    cases = {}
    for name, rounds in {"A": 3, "B": 7, "C": 25, "D": 5}.items():
        for genotype in GENOTYPES if name in "BC" else ("DARTS_V2",):
            cases[f"{name} training, {genotype}"] = Case(
                partial(training_step, TRAININGS[name], genotype=GENOTYPES[genotype]),
                rounds,
                ("plain", "torch", "cpp"),
            )
    return cases


def compare(cases: dict[str, Case], memory: str) -> dict[str, Any]:
    """Rows of all cases, with floors, and peak memory of the case `memory`."""
    rows: dict[str, Any] = {}
    for name, case in cases.items():
        rows |= measure(name, case)
        speedups = ", ".join(f"{engine} {rows[f'{name}: {engine}']['speedup']}" for engine in case.engines)
        print(f"  {name}: {speedups}", flush=True)
    for engine in cases[memory].engines:
        rows[f"{memory}: {engine}"]["peak_mb"] = peak_megabytes(memory, engine)
    for name, floor in floor_of().items():
        if name in cases:
            row = rows[f"{name}: cpp"]
            row |= {"floor_ms": floor["ms"], "times_floor": round(row["median_ms"] / floor["ms"], 2)} | floor[
                "of"
            ]
    return rows


def measure(name: str, case: Case) -> dict[str, Any]:
    """Rows of one case: `speedup` is first / engine, the median of the rounds' ratios, with their range.

    In a round a fast engine repeats its step, as long as that takes a quarter of the first one's time at most: its
    time of the round is the median, so that a moment's disturbance does not fall on it alone.
    """
    steps = {engine: case.make(engine) for engine in case.engines}
    times: dict[str, list[float]] = {engine: [] for engine in case.engines}
    repeats = dict.fromkeys(case.engines, 1)
    for turn in range(case.rounds + 1):
        for engine, step in steps.items():
            spent = [_milliseconds(step) for _ in range(repeats[engine])]
            if turn:
                times[engine].append(statistics.median(spent))
            else:
                # The first call of all builds and plans: a second one tells how long a step takes.
                times[engine].append(spent[0] if engine == case.engines[0] else _milliseconds(step))
        if not turn:
            first = times[case.engines[0]][0]
            repeats = {
                engine: max(1, min(MOST_REPEATS, int(first / (4 * found[0]))))
                for engine, found in times.items()
            }
            times = {engine: [] for engine in case.engines}
    base = case.engines[0]
    rows = {}
    for engine, values in times.items():
        ratios = [first / value for first, value in zip(times[base], values, strict=True)]
        rows[f"{name}: {engine}"] = {
            "n": case.rounds,
            "repeats": repeats[engine],
            "median_ms": round(statistics.median(values), 2),
            "min_ms": round(min(values), 2),
            "max_ms": round(max(values), 2),
            "compared_with": f"{name}: {base}",
            "ratio": round(1 / statistics.median(ratios), 4),
            "speedup": round(statistics.median(ratios), 2),
            "speedup_range": [round(min(ratios), 2), round(max(ratios), 2)],
        }
    return rows


def _milliseconds(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return 1e3 * (time.perf_counter() - started)


def peak_megabytes(name: str, engine: str) -> float:
    """Peak resident memory of two steps in a process of its own, less what it had before the first."""
    command = [sys.executable, "-m", "tests.benchmarks.engines", name, engine]
    return round(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout), 1)


def _memory(name: str, engine: str) -> None:
    step = (search_cases() | training_cases())[name].make(engine)
    before = _peak_kilobytes()
    step()
    step()
    print((_peak_kilobytes() - before) / 1024)


def _peak_kilobytes() -> int:
    """Peak resident memory of this process; `getrusage` would count what its parent had when it was started."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    _memory(*sys.argv[1:])
