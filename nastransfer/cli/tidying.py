"""Commands that tidy up and hand over: gc, export."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from nastransfer.cli.shared import DEFAULT_RUNS, TIDY, RecordsOf, Runs, app, existing
from nastransfer.report.price import size
from nastransfer.study.tidy import garbage, remove


@app.command(rich_help_panel=TIDY)
def gc(
    name: RecordsOf,
    runs: Runs = DEFAULT_RUNS,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without, it is only listed.")] = False,
    earlier: Annotated[
        bool, typer.Option("--earlier", help="Also runs of tasks that the present plan does not have.")
    ] = False,
) -> None:
    """List what a study holds in vain: states and failed tries of finished tasks, leftovers of dead processes."""
    records = existing(runs, name)
    found = garbage(records, earlier=earlier)
    for one in found:
        print(f"{size(one.size):>9}  {one.path.relative_to(records.folder)}  ({one.why})")
    total = f"{len(found)} things, {size(sum(one.size for one in found))}"
    if not yes:
        print(f"{total}: nothing was removed (--yes removes it)")
        return
    remove(found)
    records.save_index()
    counts = Counter(one.why for one in found)
    print(f"removed {total}" + "".join(f"\n  {count} of: {why}" for why, count in counts.items()))


@app.command(rich_help_panel=TIDY)
def export(
    run: Annotated[
        str, typer.Argument(help="A finished training: its folder, or its name below the runs folder.")
    ],
    folder: Annotated[Path, typer.Argument(help="New or empty folder for weights, genotype and model card.")],
    runs: Runs = DEFAULT_RUNS,
    program: Annotated[bool, typer.Option(help="Write the torch.export file too.")] = True,
) -> None:
    """Write a trained network to a folder for others; its training must have kept the weights (keep_weights: true)."""
    from nastransfer.study.export import export as export_run

    written = export_run(run, folder, runs=runs, program=program)
    print(f"{written}: {', '.join(sorted(path.name for path in written.iterdir()))}")
