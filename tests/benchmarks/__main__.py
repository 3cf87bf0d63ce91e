"""Run benchmarks, print a table, write the committed results: `python -m tests.benchmarks [NAME ...]`."""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path
from typing import Any

from nastransfer.study.machine import machine
from tests.committed import results_file, save_entries

HERE = Path(__file__).parent
NAMES = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def print_table(rows: dict[str, Any]) -> None:
    """One line a measured thing."""
    width = max(map(len, rows))
    print(f"  {'':{width}}  {'median':>11}  {'min':>11}  {'max':>11}  {'n':>3}  ratio")
    for name, row in rows.items():
        spread = "  ".join(f"{row[key]:8,.1f} ms" for key in ("median_ms", "min_ms", "max_ms"))
        against = "" if row["compared_with"] == name else f"{row['ratio']:.2f} x {row['compared_with']}"
        print(f"  {name:{width}}  {spread}  {row['n']:3}  {against}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Run benchmarks and write tests/benchmarks/results.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one or more of: {', '.join(NAMES)}; else all"
    )
    names = parser.parse_args().names or NAMES
    if unknown := sorted({*names} - {*NAMES}):
        parser.error(f"no benchmark called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    about, path = machine(), results_file(HERE / "results")
    print(f"{about['device']}, {about['threads']} threads, commit {about['commit']}")
    for name in names:
        module = importlib.import_module(f"tests.benchmarks.bench_{name}")
        print(f"\n{name}: {(module.__doc__ or name).splitlines()[0]}", flush=True)
        started = time.perf_counter()
        rows = module.run()
        if not rows:
            continue
        print_table(rows)
        save_entries(path, {name: {"seconds": round(time.perf_counter() - started, 1), "measured": rows}})
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
