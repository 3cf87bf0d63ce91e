"""One attempt at a task: a folder of its own, and the only place that knows the names of the files in it."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import psutil

from nastransfer.study.plan import Task
from nastransfer.study.records import append_line, read_lines, read_record, write_record


@dataclass(frozen=True)
class Attempt:
    """One try at a task, in its folder below runs/ (see `nastransfer.study.ledger`)."""

    folder: Path

    @property
    def notebook(self) -> Path:
        return self.folder / "notebook.ipynb"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.parquet"

    def start(self, task: Task, machine: dict[str, Any]) -> None:
        """Record what is asked and which process answers for it; clears what an interrupted try left behind."""
        for stale in ("events.jsonl", "failure.json"):
            (self.folder / stale).unlink(missing_ok=True)
        process = psutil.Process()
        owner = {"host": socket.gethostname(), "pid": process.pid, "process_started": process.create_time()}
        values = {"task": task.to_json(), "owner": owner, "machine": machine, "started_at": time.time()}
        write_record(self.folder / "task.json", values)

    def event(self, values: dict[str, Any]) -> None:
        append_line(self.folder / "events.jsonl", {"at": round(time.time(), 3), **values})

    def events(self) -> list[dict[str, Any]]:
        return read_lines(self.folder / "events.jsonl")

    def write_frame(self, name: str, frame: pl.DataFrame) -> None:
        """Write a table of the run (`history`, `classes`)."""
        aside = self.folder / f".{name}.aside"
        frame.write_parquet(aside)
        aside.replace(self.folder / f"{name}.parquet")

    def read_frame(self, name: str) -> pl.DataFrame | None:
        path = self.folder / f"{name}.parquet"
        return pl.read_parquet(path) if path.exists() else None

    def publish(self, values: dict[str, Any]) -> None:
        """The result, last of all. From now on the task is done."""
        (self.folder / "failure.json").unlink(missing_ok=True)
        write_record(self.folder / "result.json", {**values, "finished_at": time.time()})

    def fail(self, error: str, trace: str) -> None:
        """Record why the attempt ended without a result."""
        write_record(
            self.folder / "failure.json", {"error": error[:2000], "trace": trace[-6000:], "at": time.time()}
        )

    def asked(self) -> dict[str, Any] | None:
        """What `start` recorded, or None before it."""
        path = self.folder / "task.json"
        return read_record(path) if path.exists() else None

    def result(self) -> dict[str, Any] | None:
        path = self.folder / "result.json"
        return read_record(path) if path.exists() else None

    def failure(self) -> dict[str, Any] | None:
        path = self.folder / "failure.json"
        return read_record(path) if path.exists() else None

    def alive(self) -> bool:
        """Whether the process that answers for it still runs on this machine; elsewhere: an event within 2 minutes."""
        asked = self.asked()
        if asked is None:
            return False
        owner = asked["owner"]
        if owner["host"] != socket.gethostname():
            files = [path for name in ("events.jsonl", "task.json") if (path := self.folder / name).exists()]
            return any(time.time() - path.stat().st_mtime < 120 for path in files)
        try:
            return abs(psutil.Process(owner["pid"]).create_time() - owner["process_started"]) < 1.0
        except psutil.NoSuchProcess:
            return False

    def state(self) -> str:
        if self.result() is not None:
            return "done"
        if self.failure() is not None:
            return "failed"
        return "running" if self.alive() else "pending"
