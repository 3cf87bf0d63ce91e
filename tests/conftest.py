"""What all tests share: one thread a process, no display, and where a browser is."""

from __future__ import annotations

import os

# Before torch, polars or matplotlib is imported, here or in a kernel that a test starts: timings and sums of
# floats depend on the number of threads.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

from tests.browser.serving import BROWSERS, find_chromium


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; skips the test, and says so, where there is none."""
    found = find_chromium()
    if found is None:
        pytest.skip(f"no browser here: none of {', '.join(BROWSERS)} is on the path")
    return found
