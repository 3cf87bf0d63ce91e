"""Engines on search steps: first and second order DARTS, sampled paths, at sizes T and S; peak memory at S.

In first order all are compared with "original": plain modules that propagate both halves of a step into all weights and
alphas, as the original code does; "plain" leaves out the gradients that nobody uses.
"""

from __future__ import annotations

from typing import Any

from tests.benchmarks.engines import compare, search_cases


def run() -> dict[str, Any]:
    """All cases, with floors."""
    return compare(search_cases(), memory="S first order")
