"""A figure that leaves with its interval and its n, and numbers checked before anything is computed of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

FEWEST_RUNS = 2  # one run says nothing about the noise


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% interval. `low` and `high` are None where the runs cannot give one; `reason` says why.

    `n` counts the independent things that it rests on: runs, searches or genotypes; of two sides the smaller one's.
    """

    estimate: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None = None


def numbers(name: str, values: Iterable[float | None]) -> list[float]:
    """The values as floats. None stands for a run without a result and is left out.

    `ValueError`, saying `name` and the value, for NaN and infinity.
    """
    kept = [float(value) for value in values if value is not None]
    for value in kept:
        if not math.isfinite(value):
            raise ValueError(
                f"{name} has a value of {value}; a missing value is None, any other a finite number"
            )
    return kept


def accuracies(name: str, values: Iterable[float | None]) -> list[float]:
    """The values as accuracies in percent. None stands for a run without a result and is left out.

    `ValueError`, saying `name` and the value, for values (NaN too) outside of 0 to 100.
    """
    kept = [float(value) for value in values if value is not None]
    for value in kept:
        if not 0.0 <= value <= 100.0:
            raise ValueError(f"{name} has an accuracy of {value}; in percent it is 0 to 100")
    return kept


def groups(what: str, arms: Mapping[str, Iterable[float | None]]) -> dict[str, list[float]]:
    """Accuracies of each arm by its name; `ValueError` without any arm, and where an accuracy is none."""
    if not arms:
        raise ValueError(f"{what} got no arm; at least one is needed")
    return {name: accuracies(name, values) for name, values in arms.items()}


def is_flat(values: Iterable[float]) -> bool:
    """Whether all values are equal: such runs show no noise, however their mean rounds."""
    return len(set(values)) < 2
