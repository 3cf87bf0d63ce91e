"""A study: its file, its plan, and the call that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nastransfer.study.executors.local import Summary, run
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.plan import Task, plan_study
from nastransfer.study.spec import StudySpec, load_spec
from nastransfer.study.work import open_source


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

    def check_data(self) -> None:
        """Open every set, build every proxy: what is missing or too small is said before anything runs."""
        for entry in (*self.spec.sources, *self.spec.targets):
            open_source(entry)

    def records(self, runs: str | Path = "runs") -> StudyRecords:
        """Where its records lie below `runs`."""
        return Ledger(runs).study(self.name)

    def run(self, runs: str | Path = "runs", slots: int | None = None) -> Summary:
        """Run what is not done yet, `slots` tasks side by side; a second call runs nothing again.

        `RuntimeError` if tasks failed: it names them and their logs.
        """
        self.check_data()
        records = self.records(runs)
        tasks = self.plan()
        records.write_plan(tasks)
        summary = run(records, tasks, slots)
        if summary.failed or summary.blocked:
            raise RuntimeError(_failures(records, len(summary.failed), len(summary.blocked)))
        return summary


def _failures(records: StudyRecords, failed: int, blocked: int) -> str:
    status = records.status()
    root = records.folder.parent
    lines = [f"  {task['slug']}: {task['error']}\n    record: {root / task['run']}" for task in status.failed]
    head = f"{failed} tasks failed and {blocked} could not start because of them; all other results are kept."
    return "\n".join([head, *lines, "Run the same study again to try the failed ones again."])
