"""What a check of printed numbers found, and how checks look printed numbers up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from nastransfer.report.audit.derived import NASTRANSFER
from nastransfer.report.names import method_name, source_name
from nastransfer.study import published

_UNITS = {"K": 1e3, "M": 1e6}


@dataclass(frozen=True)
class Finding:
    """One check of printed numbers. `holds` is None where the numbers raise a doubt and no statement is wrong."""

    key: str
    where: str
    stated: str
    found: str
    holds: bool | None
    arithmetic: tuple[str, ...]


def printed_top1(**where: Any) -> float:
    """The one printed accuracy of this method, table and setting."""
    rows = published.published().filter(pl.col("top1_last").is_not_null(), study=NASTRANSFER, **where)
    return float(rows["top1_last"].item())


def arm_name(row: dict[str, Any]) -> str:
    """Method and source of a row, in words."""
    return f"{method_name(row['method'])}, {source_name(row['source'], row['selection'])}"


def sum_of(row: dict[str, Any]) -> str:
    """The arithmetic of a derived value."""
    return f"{row['formula']} = {row['value']:.2f}"


def printed_size(printed: str) -> float:
    """A number of images as Table 1 prints it: `7.5M` is 7.5e6."""
    return float(printed[:-1]) * _UNITS[printed[-1]]


def printed_images(row: dict[str, Any]) -> float:
    """Images of a set of Table 1, both parts."""
    return printed_size(row["train"]) + printed_size(row["val"])
