"""What cells of tables say of numbers that may be missing."""

from __future__ import annotations

from nastransfer.report.text_table import NONE


def number_text(value: float | None, sign: str = "") -> str:
    """Two places; `sign` "+" writes it out."""
    return NONE if value is None else f"{value:{sign}.2f}"


def interval_text(low: float | None, high: float | None, sign: str = "") -> str:
    """`69.50 to 71.20`."""
    return NONE if low is None or high is None else f"{low:{sign}.2f} to {high:{sign}.2f}"


def mean_text(mean: float | None, std: float | None) -> str:
    """A mean and the standard deviation of single runs, where it is known."""
    return number_text(mean) if std is None else f"{number_text(mean)} ± {std:.2f}"
