"""Engines on search steps: first and second order DARTS, sampled paths, at sizes T and S; peak memory at S.

Both orders are compared with "original": plain modules that compute the gradients that the original code computes, in
first order both halves of a step into all weights and alphas; "plain" leaves out the gradients that nobody uses.
"""

from __future__ import annotations

from typing import Any

from tests.benchmarks.engines import compare, search_cases


def run() -> dict[str, Any]:
    """All cases, with floors."""
    return compare(search_cases(), memory="S first order")
