"""The C++ engine against plain modules with one thread, two and more, and built by the compiler of the package ziglang.

Each variant has a process of its own, in which both take turns: ratios hold inside a variant.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.benchmarks.engines import measure, search_cases, training_cases

ROUNDS = {"T first order": 5, "B training, DARTS_V2": 5, "C training, DARTS_V2": 15}
MOST_THREADS = 16


def variants() -> dict[str, dict[str, str]]:
    """What is set in the environment, by name."""
    cores = os.cpu_count() or 1
    threads = [count for count in (1, 2, 4, 8, MOST_THREADS) if count <= max(cores, 2)]
    found = {f"{count} thread{'s' * (count > 1)}": {"OMP_NUM_THREADS": str(count)} for count in threads}
    return found | {"2 threads, ziglang": {"OMP_NUM_THREADS": "2", "CXX": f"{sys.executable} -m ziglang c++"}}


def run() -> dict[str, Any]:
    """All cases in all variants."""
    rows: dict[str, Any] = {}
    for name, settings in variants().items():
        for case in ROUNDS:
            command = [sys.executable, "-m", "tests.benchmarks.bench_builds", case]
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | settings
            )
            found = json.loads(done.stdout)
            print(f"  {case}, {name}: {found[f'{case}: cpp']['speedup']}", flush=True)
            for row, values in found.items():
                base = values["compared_with"]
                rows[f"{row}, {name}"] = values | {"compared_with": f"{base}, {name}"}
    return rows


if __name__ == "__main__":
    chosen = sys.argv[1]
    case = (search_cases() | training_cases())[chosen]
    print(json.dumps(measure(chosen, case._replace(rounds=ROUNDS[chosen], engines=("plain", "cpp")))))
