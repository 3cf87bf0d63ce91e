"""How large finished tasks' records are, by kind: measured on disk (no torch)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from nastransfer.study.ledger import Ledger, StudyRecords

# name -> (type, meaning)
SIZE_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "kind": (pl.String(), "proxy, search or augment"),
    "n": (pl.Int64(), "attempts that were measured"),
    "notebooks": (pl.Int64(), "of them, those that still hold their executed notebook"),
    "mean_bytes": (pl.Float64(), "of all files of an attempt"),
    "studies": (pl.String(), "names of the studies they are of"),
}
SCHEMA = {name: dtype for name, (dtype, _) in SIZE_COLUMNS.items()}


def record_sizes(folder: str | Path) -> pl.DataFrame:
    """Mean bytes of an attempt with a result, a row a kind that has one; columns `SIZE_COLUMNS`.

    `folder`: of one study (`runs/known-cifar`) or of all (`runs`). No rows where it is not there. Records that were
    published without their notebooks are smaller by these: `notebooks` says how many have theirs.
    """
    rows = [row for records in _studies(Path(folder)) for row in _attempts(records)]
    frame = pl.DataFrame(
        rows, {"kind": pl.String, "bytes": pl.Int64, "notebook": pl.Boolean, "study": pl.String}
    )
    return (
        frame.group_by("kind", maintain_order=True)
        .agg(
            n=pl.len().cast(pl.Int64),
            notebooks=pl.col("notebook").sum().cast(pl.Int64),
            mean_bytes=pl.col("bytes").mean(),
            studies=pl.col("study").unique().sort().str.join(", "),
        )
        .select(*SCHEMA)
    )


def _studies(folder: Path) -> list[StudyRecords]:
    ledger = Ledger(folder)
    if ledger.studies():
        return [ledger.study(name) for name in ledger.studies()]
    above = Ledger(ledger.root.parent)
    return [above.study(ledger.root.name)] if ledger.root.name in above.studies() else []


def _attempts(records: StudyRecords) -> Iterator[dict[str, object]]:
    for attempt in records.attempts():
        sizes = [path.stat().st_size for path in attempt.folder.rglob("*") if path.is_file()]
        if (attempt.folder / "result.json").exists():
            kind = attempt.folder.parent.parent.name
            yield {
                "kind": kind,
                "bytes": sum(sizes),
                "notebook": attempt.notebook.exists(),
                "study": records.name,
            }
