"""How benchmarks measure: things to compare take turns, so that a busy moment meets all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any


def take_turns(things: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 1) -> dict[str, Any]:
    """Wall time of each thing in milliseconds (n, median, min, max) and its ratio to the first.

    A ratio above 1 says how many times longer than the first it takes: the median of the rounds' ratios.
    """
    times: dict[str, list[float]] = {name: [] for name in things}
    for turn in range(warm_up + rounds):
        for name, thing in things.items():
            started = time.perf_counter()
            thing()
            if turn >= warm_up:
                times[name].append(1e3 * (time.perf_counter() - started))
    first = next(iter(times))
    return {
        name: {
            "n": rounds,
            "median_ms": round(statistics.median(values), 3),
            "min_ms": round(min(values), 3),
            "max_ms": round(max(values), 3),
            "compared_with": first,
            "ratio": round(statistics.median(v / f for v, f in zip(values, times[first], strict=True)), 3),
        }
        for name, values in times.items()
    }
