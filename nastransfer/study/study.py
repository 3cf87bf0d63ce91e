"""A study: its file, its plan, and the call that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nastransfer.study.estimate import Estimate, estimate_study
from nastransfer.study.executors.run import Options, Summary, run
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.plan import Task, plan_study
from nastransfer.study.plan_frame import plan_frame
from nastransfer.study.sources import check_sources
from nastransfer.study.spec import StudySpec, load_spec


class StudyFailed(RuntimeError):
    """Some tasks failed; `summary` says which, and what was done all the same."""

    def __init__(self, message: str, summary: Summary) -> None:
        super().__init__(message)
        self.summary = summary


@dataclass(frozen=True)
class Study:
    """What a study file asks for."""

    spec: StudySpec

    @classmethod
    def load(cls, study: str | Path) -> Study:
        """A shipped study by name, or a study file by path (`*.yaml`); `ValueError` says what is wrong in it."""
        return cls(load_spec(study))

    @property
    def name(self) -> str:
        return self.spec.name

    def plan(self) -> list[Task]:
        """All tasks, parents first; needs no data and writes nothing."""
        return plan_study(self.spec)

    def plan_frame(self) -> pl.DataFrame:
        """The plan as a frame, one row a task; columns: `nastransfer.study.plan_frame`."""
        return plan_frame(self.plan())

    def check_data(self) -> None:
        """Open every set, build every proxy: what is missing, too small or would leak is said before anything runs."""
        check_sources(self.spec)

    def records(self, runs: str | Path = "runs") -> StudyRecords:
        """Where its records lie below `runs`."""
        return Ledger(runs).study(self.name)

    def estimate(self, runs: str | Path = "runs", slots: int | None = None) -> Estimate:
        """What is left of it will take: hours, memory, disk, the error of that, and what the plan can resolve.

        From records below `runs` and short probes on this machine, `slots` side by side; the estimate made before the
        first task is kept. `ValueError` where data are missing and where memory cannot do.
        """
        self.check_data()
        return estimate_study(self.spec, self.plan(), runs, slots)

    def run(
        self,
        runs: str | Path = "runs",
        slots: int | None = None,
        *,
        executor: str = "local",
        address: str | None = None,
        options: Options | None = None,
    ) -> Summary:
        """Run what is not done yet, `slots` tasks side by side; a second call runs nothing again.

        `executor` "ray": by the Ray cluster at `address`, or by one of this machine. `options` (instead of these) says
        more: tries, devices. `StudyFailed` if tasks failed: it names them, why, and where to look. `CannotWrite` (an
        `OSError`) where records cannot be written; `ClusterLost` (a `RuntimeError`) where a cluster went away.
        """
        options = options or Options(slots, executor=executor, address=address)
        self.check_data()
        records = self.records(runs)
        tasks = self.plan()
        for plugin in self.spec.plugins:
            records.keep_plugin(plugin)
        records.write_plan(tasks)
        summary = run(records, tasks, options=options)
        if summary.failed or summary.blocked:
            raise StudyFailed(_failures(summary, tasks), summary)
        return summary


def _failures(summary: Summary, tasks: list[Task]) -> str:
    """What failed, why, and where to look: the record of the failure, else what its process printed."""
    records = summary.records
    reasons = {
        task["id"]: f"{task['error']}\n    {records.folder.parent / task['run']}"
        for task in records.status().failed
    }
    lines = []
    for task in tasks:
        if task.id in summary.failed:
            unsaid = f"its process ended without a word: see {records.task_folder(task) / 'log.txt'}"
            lines.append(f"  {task.slug}: {reasons.get(task.id, unsaid)}")
    head = f"{len(summary.failed)} tasks failed and {len(summary.blocked)} could not start because of them; "
    tail = "All other results are kept. Run the same study again to try the failed ones again."
    return "\n".join([head + "the failed ones:", *lines, tail])
