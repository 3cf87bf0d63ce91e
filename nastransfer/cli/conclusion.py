"""What is said when a study ends: decision, tables, where the report is, where the time went."""

from __future__ import annotations

from functools import partial

import polars as pl

from nastransfer.advice import decision_of, write_report
from nastransfer.report.decide_text import decision_text
from nastransfer.report.published_ri import published_ri, published_ri_text
from nastransfer.report.tables import ri_table, ri_text
from nastransfer.report.targets import target_table, target_text
from nastransfer.report.whole import targets_of
from nastransfer.study.executors.options import Summary
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.published import published
from nastransfer.study.sources import open_targets


def conclude(records: StudyRecords) -> str | None:
    """Write the report and print what it says first; why a part could not be said (the page says it in its place)."""
    frame = records.results()
    written = write_report(records.folder)
    decisions = [partial(_decision, records, target) for target in targets_of(frame)]
    refused: list[str] = []
    print()
    for part in (*decisions, partial(_improvement, frame)):
        try:
            print(part(), end="\n\n")
        except ValueError as error:
            refused.append(str(error))
    print(f"report     {written['report.html']}   (tables and figures as files beside it)")
    print("dashboard  make dashboard\n")
    try:
        print(target_text(target_table(frame, open_targets(records))))
    except ValueError as error:  # records can be read where their data set is not
        if str(error) not in refused:
            print(f"the targets themselves cannot be described: {error}")
    return next(iter(refused), None)


def _decision(records: StudyRecords, target: str) -> str:
    return decision_text(decision_of(records.folder, target))


def _improvement(frame: pl.DataFrame) -> str:
    """The RI table, and what papers print of the same targets."""
    printed = published_ri_text(published_ri(pl.concat([frame, published()])))
    return "\n\n".join(filter(None, [ri_text(ri_table(frame)), printed]))


def time_budget(summary: Summary, wall: float, install: float | None) -> None:
    """Where this call's time went: work as its runs recorded it; the rest of their processes' time is start-up."""
    task = pl.col("run").str.extract(r"-([0-9a-f]{12})/[^/]*$")
    ran = summary.records.results().filter(task.is_in(summary.done) & (pl.col("origin") == "own"))
    work = {
        kind: float(ran.filter(pl.col("kind") == kind)["seconds"].sum()) for kind in ("search", "augment")
    }
    starts = sum(summary.seconds.values()) - float(ran["seconds"].sum())
    shown = [("install", install), ("starts", starts), *work.items()]
    print(
        "\ntime, s    " + "  ".join(f"{name} {seconds:.0f}" for name, seconds in shown if seconds is not None)
    )
    print(
        f"           wall time of this call {wall:.0f}; starts, search and augment are sums over tasks side by side"
    )
