"""Commands that read: status, logs, report, decide, claims, results, datasets, schema."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from nastransfer.advice import decision_of
from nastransfer.cli.conclusion import conclude
from nastransfer.cli.shared import DEFAULT_RUNS, LOOK, START, RecordsOf, Runs, app, existing, find_task
from nastransfer.report.claims.shown import claims_text
from nastransfer.report.claims.table import claims as claims_of
from nastransfer.report.decide_text import decision_text
from nastransfer.report.whole import targets_of
from nastransfer.search.watched import in_words
from nastransfer.study.schema import study_schema

TargetName = Annotated[
    str | None, typer.Option(help="One target; default: all that have finished trainings.")
]


@app.command(rich_help_panel=LOOK)
def status(name: RecordsOf, runs: Runs = DEFAULT_RUNS) -> None:
    """Say how many tasks are pending, running, done and failed, and why."""
    now = existing(runs, name).status()
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


@app.command(rich_help_panel=LOOK)
def logs(
    name: RecordsOf,
    task: Annotated[str, typer.Argument(help="Its slug, or the beginning of its id.")],
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Print what a task's processes printed, and why its tries failed."""
    records = existing(runs, name)
    found = find_task(records, task)
    for path in records.logs(found):
        print(f"== {path}\n{path.read_text(encoding='utf-8', errors='replace')}")
    for attempt in records.attempts(found.id):
        failure = attempt.failure()
        if failure is not None:
            print(f"== {attempt.folder} failed: {failure['error']}\n{failure['trace']}")
        else:
            print(f"== {attempt.folder} {attempt.state()}")


@app.command(rich_help_panel=START)
def schema() -> None:
    """Print the JSON schema of study files, for editors that complete and check them."""
    print(json.dumps(study_schema(), indent=1))


@app.command(rich_help_panel=LOOK)
def report(name: RecordsOf, runs: Runs = DEFAULT_RUNS) -> None:
    """Print decision and RI table of what is finished; write one HTML page of it all, tables and figures."""
    if refused := conclude(existing(runs, name)):
        raise ValueError(refused)


@app.command(rich_help_panel=LOOK)
def decide(name: RecordsOf, target: TargetName = None, runs: Runs = DEFAULT_RUNS) -> None:
    """Say which method, searched on what, to use for a target, how sure that is, and what would make it sure."""
    records = existing(runs, name)
    targets = [target] if target is not None else targets_of(records.results())
    if not targets:
        print("Nothing to decide yet: no training on a target is finished.")
    for one in targets:
        print(decision_text(decision_of(records.folder, one)), end="\n\n")


@app.command(rich_help_panel=LOOK)
def claims(name: RecordsOf, runs: Runs = DEFAULT_RUNS) -> None:
    """Say which of the paper's claims this study's own results support, contradict or cannot tell."""
    print(claims_text(claims_of(existing(runs, name).results())))


@app.command(rich_help_panel=LOOK)
def results(
    name: RecordsOf, runs: Runs = DEFAULT_RUNS, output: Annotated[Path | None, typer.Option()] = None
) -> None:
    """Print all results as CSV (columns: nastransfer.study.frame), or write them to a .csv or .parquet file."""
    frame = existing(runs, name).results()
    if output is None:
        sys.stdout.write(frame.write_csv())
    elif output.suffix == ".parquet":
        frame.write_parquet(output)
    elif output.suffix == ".csv":
        frame.write_csv(output)
    else:
        raise ValueError(f"--output {str(output)!r}: the file must end in .csv or .parquet")


@app.command(rich_help_panel=START)
def datasets() -> None:
    """List the data sets: which are present, where they were looked for, how to get what is missing."""
    from nastransfer.data.datasets import datasets as catalogue

    with pl.Config(tbl_rows=-1, fmt_str_lengths=200, tbl_width_chars=160, tbl_hide_dataframe_shape=True):
        print(catalogue())
