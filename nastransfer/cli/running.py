"""Commands that run a study or say what is to be run: study, estimate, stop, retry, tasks."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from nastransfer.cli.conclusion import conclude, time_budget
from nastransfer.cli.shared import (
    DEFAULT_RUNS,
    START,
    TIDY,
    RecordsOf,
    Runs,
    Slots,
    StudyName,
    app,
    existing,
    find_task,
)
from nastransfer.report.price import estimate_text
from nastransfer.study.batch import command_line, ready
from nastransfer.study.executors.options import RETRY_SECONDS, Options
from nastransfer.study.executors.runners import ask_to_stop, runners
from nastransfer.study.executors.slurm import script
from nastransfer.study.pricing.comparison import predicted_against_actual
from nastransfer.study.study import Study, StudyFailed
from nastransfer.study.tidy import forget_failures

STOP_SECONDS = 60.0
_DEFAULT_WAITS = ",".join(f"{seconds:g}" for seconds in RETRY_SECONDS)


@app.command(rich_help_panel=START)
def study(
    name: StudyName,
    runs: Runs = DEFAULT_RUNS,
    slots: Slots = None,
    devices: Annotated[
        int, typer.Option(help="GPUs (on a CPU: processes) for each training; it fills as many slots.")
    ] = 1,
    retry_after: Annotated[
        str,
        typer.Option(
            help="Seconds before the second, third, ... try of a task that was killed or met what can pass, "
            "comma separated; empty: one try."
        ),
    ] = _DEFAULT_WAITS,
    nodes: Annotated[int, typer.Option(help="Machines of the cluster for each training.")] = 1,
    threads: Annotated[int | None, typer.Option(help="CPU threads of each task.")] = None,
    executor: Annotated[str, typer.Option(help="Where tasks run: local, or ray.")] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="Of a Ray cluster: auto, HOST:PORT, ray://HOST:PORT; none: one is started on this machine."
        ),
    ] = None,
    ahead: Annotated[bool, typer.Option(help="Get the next task's process ready while one runs.")] = True,
    install_seconds: Annotated[float | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run a study, or what is left of it, and print its relative improvement (RI) over random sampling."""
    asked = Study.load(name)
    options = Options(
        slots,
        _seconds(retry_after),
        devices,
        ahead,
        executor=executor,
        address=address,
        nodes=nodes,
        threads=threads,
    )
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
        summary = asked.run(runs, options=options)
    except StudyFailed as failure:
        if refused := conclude(failure.summary.records):
            print(f"error: {refused}", file=sys.stderr)
        raise
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on from here", file=sys.stderr)
        raise typer.Exit(130) from None
    wall = time.perf_counter() - started
    refused = conclude(summary.records)
    time_budget(summary, wall, install_seconds)
    if refused:
        raise ValueError(refused)


@app.command(rich_help_panel=START)
def estimate(name: StudyName, runs: Runs = DEFAULT_RUNS, slots: Slots = None) -> None:
    """Say what a study will take before it starts: hours, memory, disk, and what its runs can resolve."""
    asked = Study.load(name)
    price = asked.estimate(runs, slots)
    print(estimate_text(price, predicted_against_actual(asked.records(runs))))


@app.command(rich_help_panel=TIDY)
def stop(name: RecordsOf, runs: Runs = DEFAULT_RUNS) -> None:
    """Ask whoever runs a study, here or on another machine, to stop as after Ctrl-C; wait until that is done."""
    folder = existing(runs, name).folder
    asked = ask_to_stop(folder)
    if not asked:
        print(f"nobody runs {name}")
        return
    print(f"asked to stop: {', '.join(asked)}", flush=True)
    deadline = time.monotonic() + STOP_SECONDS
    while runners(folder):
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"still running after {STOP_SECONDS:.0f} s; what it did so far is kept in any case"
            )
        time.sleep(0.2)
    print("stopped; run the study again to go on from here")


@app.command(rich_help_panel=TIDY)
def retry(
    name: RecordsOf,
    tasks: Annotated[
        list[str] | None, typer.Argument(help="Slugs, or beginnings of ids; none: all that failed.")
    ] = None,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Forget failures, so that these tasks count as pending; the study runs them when it is run again."""
    records = existing(runs, name)
    chosen = [find_task(records, one) for one in tasks] if tasks else records.plan()
    forgotten = forget_failures(records, chosen)
    for task in forgotten:
        print(f"pending  {task.id}  {task.kind} {task.slug}")
    if not forgotten:
        print("none of these tasks has failed")


@app.command(rich_help_panel=START)
def tasks(
    name: StudyName,
    runs: Runs = DEFAULT_RUNS,
    pending: Annotated[
        bool, typer.Option("--pending", help="One shell command for each task that can run now.")
    ] = False,
    slurm: Annotated[
        bool, typer.Option("--slurm", help="A script that submits all that is not done to Slurm.")
    ] = False,
    threads: Annotated[int, typer.Option(help="With --slurm: CPU threads of each task.")] = 1,
) -> None:
    """List a study's tasks; with --pending as commands, for GNU parallel, with --slurm as a script of job arrays.

    Of the commands, what needs the result of a task that is not done is left out (a note on stderr says how much): when
    all printed ones have ended, ask again. A task that runs already is left out too.
    """
    asked = Study.load(name)
    plan, records = asked.plan(), asked.records(runs)
    for plugin in asked.spec.plugins:
        records.keep_plugin(plugin)
    records.write_plan(plan)
    if slurm:
        print(script(records, plan, threads), end="")
        return
    states = records.states()
    if not pending:
        for task in plan:
            print(f"{task.id}  {states[task.id]:8}{task.kind:8}  {task.slug}")
        return
    can_run, waiting = ready(plan, states)
    for task in can_run:
        print(command_line(records, task))
    if waiting:
        print(
            f"{len(waiting)} more tasks need results of these: ask again when they are done", file=sys.stderr
        )


def _seconds(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        rule = f"--retry-after is seconds, comma separated, such as {_DEFAULT_WAITS}"
        raise ValueError(f"{rule}; found {text!r}") from None
