"""Where the C++ engine's time goes: shares of samples by kind of work, taken by Linux's `perf` with one thread.

Only kinds are told apart, as far as the compiler left functions apart: rows of a depthwise convolution, for example,
hold its padded reading. Without `perf`, or where it may not sample, there is nothing to measure.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.benchmarks.engines import search_cases, training_cases

STEPS = {
    "T first order": 30,
    "S first order": 3,
    "A training, DARTS_V2": 3,
    "C training, DARTS_V2": 200,
}
KINDS = (
    ("pointwise", r"pointwise"),
    ("depthwise", r"depthwise|Image::unit"),
    ("gradient behind norms", r"behind_norm"),
    ("sums of norms", r"add_products|add_moments|norm_sums"),
    ("node sums", r"Image::sum"),
    ("ReLU and copies", r"copy_grid|Image::copy_backward|fill|memset|memcpy|memmove"),
    ("inputs of cells and skips", r"Image::gather"),
    ("pools", r"pool"),
    ("stem", r"Image::stem|Image::image_rows|Image::pad_image"),
    ("weights packed, norms' sums inlined", r"Phases::"),
    ("waiting for threads", r"gomp|GOMP"),
)
ENGINE = "engine-"


def run() -> dict[str, Any]:
    """Shares of each kind of work, in percent, and the time a step took under `perf`."""
    perf = shutil.which("perf")
    if perf is None:
        print("  nothing measured: perf is not here")
        return {}
    rows: dict[str, Any] = {}
    for name, steps in STEPS.items():
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "perf.data"
            # Sampling starts late, when modules are built and memory is touched: the step says when.
            worker = [sys.executable, "-m", "tests.benchmarks.bench_profile", name, str(steps)]
            record = [perf, "record", "-q", "-e", "cpu-clock", "-F", "999", "-D", "-1", "-o", str(data)]
            control = [f"--control=fifo:{folder}/ctl,{folder}/ack", "--", *worker, folder]
            for fifo in ("ctl", "ack"):
                subprocess.run(["mkfifo", f"{folder}/{fifo}"], check=True)
            done = subprocess.run([*record, *control], capture_output=True, text=True)
            if done.returncode:
                print(f"  nothing measured: {done.stderr.strip()[-300:]}")
                return {}
            milliseconds = float(done.stdout.split()[-1])
            report = [perf, "report", "-i", str(data), "--no-children", "--sort", "dso,symbol", "--stdio"]
            text = subprocess.run(report, check=True, capture_output=True, text=True).stdout
        shares = by_kind(text)
        print(f"  {name}: " + ", ".join(f"{kind} {share}%" for kind, share in shares.items()), flush=True)
        rows[name] = {
            "n": steps,
            "median_ms": milliseconds,
            "min_ms": milliseconds,
            "max_ms": milliseconds,
            "compared_with": name,
            "ratio": 1.0,
            "percent": shares,
        }
    return rows


def by_kind(report: str) -> dict[str, float]:
    """Percent of the samples of each kind, largest first; what is none of them is "torch and Python"."""
    shares: dict[str, float] = defaultdict(float)
    for line in report.splitlines():
        match = re.match(r"\s*([\d.]+)%\s+(\S+)\s+\[.\]\s+(.*)", line)
        if not match:
            continue
        percent, place, symbol = float(match[1]), match[2], match[3]
        kinds = [kind for kind, pattern in KINDS if re.search(pattern, symbol)]
        ours = place.startswith(ENGINE) or "gomp" in place
        kind = kinds[0] if ours and kinds else "kernel" if "kernel" in place else "torch and Python"
        shares[kind] += percent
    return {kind: round(share, 1) for kind, share in sorted(shares.items(), key=lambda item: -item[1])}


def _work(name: str, steps: int, folder: str) -> None:
    import torch

    torch.set_num_threads(1)
    step = (search_cases() | training_cases())[name].make("cpp")
    step()
    step()
    with Path(folder, "ctl").open("w") as control, Path(folder, "ack").open() as answer:
        control.write("enable\n")
        control.flush()
        answer.readline()
        started = time.perf_counter()
        for _ in range(steps):
            step()
        spent = 1e3 * (time.perf_counter() - started) / steps
        control.write("disable\n")
        control.flush()
        answer.readline()
    print(round(spent, 2))


if __name__ == "__main__":
    _work(sys.argv[1], int(sys.argv[2]), sys.argv[3])
