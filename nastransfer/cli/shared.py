"""What the commands share: the application they belong to, their common arguments, how a study or task is named."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated

import typer

from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.plan import Task

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Run a study, see where it stands, read what came out; each command a few calls of the library.",
)

# How commands are grouped in the help.
PANELS = START, LOOK, BY_HAND, TIDY = (
    "Start here",
    "What came out",
    "One task by hand",
    "Stop, tidy up, give away",
)

Runs = Annotated[Path, typer.Option(help="Folder of all studies.")]
StudyName = Annotated[str, typer.Argument(help="A shipped study, or a study file (*.yaml).")]
RecordsOf = Annotated[str, typer.Argument(help="Name of a study below the runs folder.")]
Slots = Annotated[int | None, typer.Option(help="Tasks side by side; default: one a core, at most 8.")]
DEFAULT_RUNS = Path("runs")


def existing(runs: Path, name: str) -> StudyRecords:
    """The records of a study that has some, by its name or the path of its folder in `runs`.

    `ValueError` names the nearest one, and those there are.
    """
    ledger = Ledger(runs)
    there = ledger.studies()
    path = Path(name)
    if name not in there and path.resolve().parent == runs.resolve():
        name = path.name
    if name not in there:
        near = difflib.get_close_matches(path.name, there, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ";"
        raise ValueError(f"no study {name!r} in {runs}{hint} studies there: {', '.join(there) or 'none'}")
    return ledger.study(name)


def find_task(records: StudyRecords, named: str) -> Task:
    """The task of a study's plan with this slug, or whose id starts so; `ValueError` with the nearest names."""
    tasks = records.plan()
    found = [task for task in tasks if task.slug == named] or [
        task for task in tasks if named and task.id.startswith(named)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"{named!r} is more than one task of {records.name!r}: "
            + ", ".join(f"{task.id} ({task.kind} {task.slug})" for task in found[:8])
        )
    near = difflib.get_close_matches(named, [task.slug for task in tasks], n=3, cutoff=0.3)
    hint = f"; nearest: {', '.join(near)}" if near else ""
    raise ValueError(f"no task of {records.name!r} has the slug {named!r} or an id that starts so{hint}")
