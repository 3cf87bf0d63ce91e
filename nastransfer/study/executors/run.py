"""Run a plan: ready tasks in processes of their own, on this machine or a cluster's, in one live view."""

from __future__ import annotations

import time
from dataclasses import replace

from nastransfer.study.executors.executor import Executor
from nastransfer.study.executors.local import LocalExecutor
from nastransfer.study.executors.options import Options, Summary, default_slots
from nastransfer.study.executors.runner import Runner
from nastransfer.study.executors.runners import registered
from nastransfer.study.executors.view import Screen, screen
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.plan import Task
from nastransfer.study.pricing.comparison import expected_seconds

__all__ = ["Options", "Stopped", "Summary", "default_slots", "run"]

POLL_SECONDS = 0.05


class Stopped(KeyboardInterrupt):
    """Another process asked this runner to stop (`python -m nastransfer stop`): as after Ctrl-C."""


def run(
    records: StudyRecords, tasks: list[Task], slots: int | None = None, options: Options | None = None
) -> Summary:
    """Run what is not done yet, parents first. A failed task blocks only what needs it; Ctrl-C stops all, loses none.

    `slots` is short for `Options(slots=...)`. `CannotWrite` where records cannot be written any more: no task could
    succeed. `ClusterLost` where a cluster went away. A second Ctrl-C does not wait for the tasks to end by themselves.
    """
    options = options or Options(slots)
    if options.expected is None:
        options = replace(options, expected=expected_seconds(records))
    complete = records.complete()
    summary = Summary(records, found_done=[task.id for task in tasks if task.id in complete])
    with registered(records) as stop_file:
        records.save_index()
        if len(summary.found_done) == len(tasks):
            return summary
        shown = screen()
        runner = Runner(summary, tasks, options, _executor(records, options, shown), shown)
        try:
            while runner.queue.left:
                runner.step()
                if stop_file.exists():
                    raise Stopped
                time.sleep(POLL_SECONDS)
        finally:
            runner.close()
    return summary


def _executor(records: StudyRecords, options: Options, shown: Screen) -> Executor:
    if options.executor == "local":
        return LocalExecutor(records, options)
    from nastransfer.study.executors.ray import RayExecutor

    return RayExecutor(records, options, shown.said)
