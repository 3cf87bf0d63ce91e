"""The command line: run a study, see where it stands, read what came out; each command a few calls of the library."""

from __future__ import annotations

import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from nastransfer.advice import decision_of, write_report
from nastransfer.report.claims.shown import claims_text
from nastransfer.report.claims.table import claims as claims_of
from nastransfer.report.decide_text import decision_text
from nastransfer.report.published_ri import published_ri, published_ri_text
from nastransfer.report.tables import ri_table, ri_text
from nastransfer.report.targets import target_table, target_text
from nastransfer.report.whole import targets_of
from nastransfer.search.watched import in_words
from nastransfer.study.executors.local import Summary
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.published import published
from nastransfer.study.sources import open_targets
from nastransfer.study.study import Study, StudyFailed

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

Runs = Annotated[Path, typer.Option(help="Folder of all studies.")]
StudyName = Annotated[str, typer.Argument(help="A shipped study, or a study file (*.yaml).")]
RecordsOf = Annotated[str, typer.Argument(help="Name of a study below the runs folder.")]
TargetName = Annotated[
    str | None, typer.Option(help="One target; default: all that have finished trainings.")
]


@app.command()
def study(
    name: StudyName,
    runs: Runs = Path("runs"),
    slots: Annotated[
        int | None, typer.Option(help="Tasks side by side; default: one a core, at most 8.")
    ] = None,
    install_seconds: Annotated[float | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run a study, or what is left of it, and print its relative improvement (RI) over random sampling."""
    asked = Study.load(name)
    tasks = asked.plan()
    kinds = {kind: sum(task.kind == kind for task in tasks) for kind in ("proxy", "search", "augment")}
    print(f"{asked.name}: {asked.spec.description.strip()}")
    print(
        "plan: "
        + ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        + f" tasks; records in {runs / asked.name}"
    )
    started = time.perf_counter()
    try:
        summary = asked.run(runs, slots)
    except StudyFailed as failure:
        if refused := _conclude(failure.summary.records):
            print(f"error: {refused}", file=sys.stderr)
        raise
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on from here", file=sys.stderr)
        raise typer.Exit(130) from None
    wall = time.perf_counter() - started
    refused = _conclude(summary.records)
    _time_budget(summary, wall, install_seconds)
    if refused:
        raise ValueError(refused)


@app.command()
def status(name: RecordsOf, runs: Runs = Path("runs")) -> None:
    """Say how many tasks are pending, running, done and failed, and why."""
    now = _existing(runs, name).status()
    for kind, states in now.counts.items():
        print(f"{kind:8}" + "  ".join(f"{state} {count}" for state, count in states.items()))
    for task in now.running:
        print(
            f"running  {task['slug']}  {task.get('step', 0)}/{task.get('steps', '?')}  {in_words(task)}".rstrip()
        )
    for task in now.failed:
        print(f"failed   {task['slug']}  {task['error']}  ({task['run']})")
    for path, reason in now.unreadable:
        print(f"unreadable  {path}  {reason}")


@app.command()
def report(name: RecordsOf, runs: Runs = Path("runs")) -> None:
    """Print decision and RI table of what is finished; write one HTML page of it all, tables and figures."""
    if refused := _conclude(_existing(runs, name)):
        raise ValueError(refused)


@app.command()
def decide(name: RecordsOf, target: TargetName = None, runs: Runs = Path("runs")) -> None:
    """Say which method, searched on what, to use for a target, how sure that is, and what would make it sure."""
    records = _existing(runs, name)
    targets = [target] if target is not None else targets_of(records.results())
    if not targets:
        print("Nothing to decide yet: no training on a target is finished.")
    for one in targets:
        print(decision_text(decision_of(records.folder, one)), end="\n\n")


@app.command()
def claims(name: RecordsOf, runs: Runs = Path("runs")) -> None:
    """Say which of the paper's claims this study's own results support, contradict or cannot tell."""
    print(claims_text(claims_of(_existing(runs, name).results())))


@app.command()
def results(
    name: RecordsOf, runs: Runs = Path("runs"), output: Annotated[Path | None, typer.Option()] = None
) -> None:
    """Print all results as CSV (columns: nastransfer.study.frame), or write them to a .csv or .parquet file."""
    frame = _existing(runs, name).results()
    if output is None:
        sys.stdout.write(frame.write_csv())
    elif output.suffix == ".parquet":
        frame.write_parquet(output)
    elif output.suffix == ".csv":
        frame.write_csv(output)
    else:
        raise ValueError(f"--output {str(output)!r}: the file must end in .csv or .parquet")


@app.command()
def export(
    run: Annotated[
        str, typer.Argument(help="A finished training: its folder, or its name below the runs folder.")
    ],
    folder: Annotated[Path, typer.Argument(help="New or empty folder for weights, genotype and model card.")],
    runs: Runs = Path("runs"),
    program: Annotated[bool, typer.Option(help="Write the torch.export file too.")] = True,
) -> None:
    """Write a trained network to a folder for others; its training must have kept the weights (keep_weights: true)."""
    from nastransfer.study.export import export as export_run

    written = export_run(run, folder, runs=runs, program=program)
    print(f"{written}: {', '.join(sorted(path.name for path in written.iterdir()))}")


@app.command()
def datasets() -> None:
    """List the data sets: which are present, where they were looked for, how to get what is missing."""
    from nastransfer.data.datasets import datasets as catalogue

    with pl.Config(tbl_rows=-1, fmt_str_lengths=200, tbl_width_chars=160, tbl_hide_dataframe_shape=True):
        print(catalogue())


def _existing(runs: Path, name: str) -> StudyRecords:
    ledger = Ledger(runs)
    if name not in ledger.studies():
        raise ValueError(f"no study {name!r} in {runs}; studies there: {ledger.studies() or 'none'}")
    return ledger.study(name)


def _conclude(records: StudyRecords) -> str | None:
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


def _time_budget(summary: Summary, wall: float, install: float | None) -> None:
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


def main() -> None:
    """Entry point: what a user got wrong is one line on stderr and exit status 2; a failed study is status 1."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop tasks and leave as after Ctrl-C
    try:
        app()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
