"""Advice from a study's folder: opens it and asks the report, which itself knows nothing of folders."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from nastransfer.report.arms import ABLATIONS, KNOWN, RANK_AGREEMENT
from nastransfer.report.decide import Decision, decision
from nastransfer.report.whole import Beside, report_files, targets_of
from nastransfer.stats.decision import TOLERANCE_PERCENT
from nastransfer.study.ledger import Ledger, StudyRecords, locate, results
from nastransfer.study.pricing.comparison import predicted_against_actual
from nastransfer.study.records import CorruptRecord
from nastransfer.study.spec import Source

_MOST_CURVES = 300


def decide(
    study: str | Path | pl.DataFrame, target: str, *, tolerance_percent: float = TOLERANCE_PERCENT
) -> pl.DataFrame:
    """Which method, searched on what, to use for `target`: one row a pair and one for random sampling.

    `study` is a folder such as `runs/quickstart`, or its results frame. Columns: `nastransfer.report.decide`; rules and
    what they promise: `nastransfer.stats.decision`. `decision_of` gives the verdict over all rows as well. Errors as in
    `nt.results` and `nastransfer.report.decide.decision`.
    """
    return decision_of(study, target, tolerance_percent=tolerance_percent).rows


def decision_of(
    study: str | Path | pl.DataFrame, target: str, *, tolerance_percent: float = TOLERANCE_PERCENT
) -> Decision:
    """The same with the verdict; of a folder, what is missing is counted by its plan."""
    if isinstance(study, pl.DataFrame):
        return decision(study, target, tolerance_percent=tolerance_percent)
    frame, folder = results(study, published=False), locate(study)
    planned = planned_on(Ledger(folder.parent).study(folder.name), target)
    return decision(frame, target, tolerance_percent=tolerance_percent, planned=planned)


def planned_on(records: StudyRecords, target: str) -> int | None:
    """How many trainings on a target the study's plan has, for its tables; None without a plan (runs by hand)."""
    beside = {RANK_AGREEMENT, KNOWN, *ABLATIONS}
    tasks = [task for task in records.plan() if task.kind == "augment"]
    counted = [task for task in tasks if not task.feeds or set(task.feeds) - beside]
    return sum(Source.model_validate(task.parameters["target"]).label == target for task in counted) or None


def histories(records: StudyRecords, frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Run -> history of a study's own trainings, of at most 300 spread over all; those that can be read.

    `frame`: the study's results. For `nastransfer.report.learning_figure.learning_curves`.
    """
    trained = frame.filter(pl.col("top1_last").is_not_null(), study=records.name, kind="augment")
    runs = set(trained["run"].sort().gather_every(-(-trained.height // _MOST_CURVES) or 1))
    found = {}
    for attempt in records.attempts():
        run = records.run_name(attempt)
        try:
            history = attempt.read_frame("history") if run in runs else None
        except CorruptRecord:
            continue  # the study's status names it; the figure says how many trainings it shows
        if history is not None and {"epoch", "top1"} <= set(history.columns):
            found[run] = history
    return found


def write_report(study: str | Path) -> dict[str, Path]:
    """Write what a study's folder says so far into its `report` folder: one HTML page, tables and figures as files.

    The files written, by their names within it (`report.html` is the page). Errors as in `nt.results`.
    """
    folder = locate(study)
    frame, records = results(folder), Ledger(folder.parent).study(folder.name)
    planned = {target: planned_on(records, target) for target in targets_of(frame)}
    status = records.status()
    counts = (status.tasks, status.total("done"))
    beside = Beside(histories(records, frame), planned, counts, predicted_against_actual(records))
    files = report_files(frame, folder.name, beside)
    return {name: records.write_report(name, text) for name, text in files.items()}
