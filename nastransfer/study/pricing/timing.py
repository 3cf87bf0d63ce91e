"""Repeated units of work, timed, and what is extrapolated from them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

BUDGET_SECONDS = 1.0
"""About as long a phase is measured."""
FEWEST, MOST = 3, 200
# Standard error of a total of which a single unit was measured.
_OF_ONE = 0.3
_FAR_TOO_LONG = 10


@dataclass(frozen=True)
class Phase:
    """Measured units of a kind, and how many there are in all (a fraction of a unit too)."""

    units: float
    seconds: tuple[float, ...]

    @property
    def total(self) -> float:
        """Seconds of all units."""
        return self.units * float(np.mean(self.seconds))

    @property
    def error(self) -> float:
        """Standard error of `total`."""
        n = len(self.seconds)
        return self.units * float(np.std(self.seconds, ddof=1)) / n**0.5 if n > 1 else _OF_ONE * self.total


def timed_units(unit: Callable[[], object], *, share: float = 1.0, most: int = MOST) -> tuple[float, ...]:
    """Seconds of repeated calls within a share of the budget, the first one left out where there are others.

    In that one memory is allocated and kernels are planned. Where it takes far too long, it is all there is.
    """
    budget = share * BUDGET_SECONDS
    seconds = [_timed(unit)]
    if most == 1 or seconds[0] > _FAR_TOO_LONG * budget:
        return tuple(seconds)
    seconds = []
    while len(seconds) < most - 1 and (len(seconds) < FEWEST - 1 or sum(seconds) < budget):
        seconds.append(_timed(unit))
    return tuple(seconds)


def _timed(unit: Callable[[], object]) -> float:
    started = time.perf_counter()
    unit()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started
