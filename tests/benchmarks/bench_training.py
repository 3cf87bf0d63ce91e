"""Engines on training steps of found networks, sizes A to D; peak memory at A, the papers' size."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.engines import compare, training_cases


def run() -> dict[str, Any]:
    """All cases, with floors."""
    return compare(training_cases(), memory="A training, DARTS_V2")
