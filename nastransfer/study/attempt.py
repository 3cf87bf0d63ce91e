"""One attempt at a task: a folder of its own, and the only place that knows the names of the files in it."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from nastransfer.data.manifest import Manifest
from nastransfer.disk import remove, save_atomic, write_atomic
from nastransfer.processes import runs_here, this_process
from nastransfer.study.failures import MAY_PASS, Cause, cause_recorded
from nastransfer.study.frame import SCHEMA
from nastransfer.study.plan import Task
from nastransfer.study.records import (
    CorruptRecord,
    append_line,
    event_line,
    file_digest,
    read_last_line,
    read_lines,
    read_record,
    write_record,
)


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
    def notebook_in_progress(self) -> Path:
        """The notebook while it is executed. It stays where an interruption came after the result."""
        return self.folder / "notebook.partial.ipynb"

    @property
    def weights(self) -> Path:
        """The final weights of a training that was asked to keep them (`nastransfer.train.kept`)."""
        return self.folder / "weights.safetensors"

    def start(self, task: Task, machine: dict[str, Any]) -> None:
        """Record what is asked and which process answers for it; clears what an interrupted try left behind.

        Where that left a state to go on from, its events stay.
        """
        for stale in ("failure.json",) if self.checkpoints() else ("events.jsonl", "failure.json"):
            remove(self.folder / stale)
        about = {"task": task.to_json(), "owner": this_process(), "machine": machine}
        values = {**about, "started_at": time.time()}
        write_record(self.folder / "task.json", values)

    def release(self) -> None:
        """An interrupted try: nobody answers for it any more, so the next one may take it up in its place."""
        remove(self.folder / "task.json")

    def checkpoints(self) -> list[Path]:
        """Saved states of unfinished work (`nastransfer.train.checkpoint`)."""
        return sorted(self.folder.glob("checkpoint-*.pt"))

    def clear_checkpoints(self) -> None:
        """Remove them: a result makes them superfluous."""
        for path in self.checkpoints():
            remove(path)

    def rewind(self, step: int) -> None:
        """Forget the events from `step` on: work that goes on from an earlier state does them again."""
        events = self.events()
        kept = [event for event in events if event["step"] < step]
        if len(kept) < len(events):
            write_atomic(self.folder / "events.jsonl", b"".join(map(event_line, kept)))

    def event(self, values: dict[str, Any]) -> None:
        append_line(self.folder / "events.jsonl", {"at": round(time.time(), 3), **values})

    def events(self) -> list[dict[str, Any]]:
        return read_lines(self.folder / "events.jsonl")

    def last_event(self) -> dict[str, Any] | None:
        return read_last_line(self.folder / "events.jsonl")

    def write_frame(self, name: str, frame: pl.DataFrame) -> None:
        """Write a table of the run (`history`, `classes`)."""
        save_atomic(self.folder / f"{name}.parquet", frame.write_parquet)

    def read_frame(self, name: str) -> pl.DataFrame | None:
        """A table of the run, None where it has none; `CorruptRecord` where it cannot be read."""
        path = self.folder / f"{name}.parquet"
        if not path.exists():
            return None
        self._check(path)
        try:
            return pl.read_parquet(path)
        except pl.exceptions.PolarsError as error:
            raise CorruptRecord(f"{path}: not a table: {error}") from None

    def write_manifest(self, manifest: Manifest) -> None:
        save_atomic(self.folder / "manifest.parquet", manifest.save)

    def read_manifest(self) -> Manifest | None:
        """The manifest of a proxy, None where there is none or it cannot be read (it can be built again)."""
        path = self.folder / "manifest.parquet"
        if not path.exists():
            return None
        try:
            self._check(path)
            return Manifest.load(path)
        except ValueError:
            return None

    def _check(self, table: Path) -> None:
        """`CorruptRecord` where a table is not what the result says of it; one without a result is not checked."""
        said = ((self.result() or {}).get("tables") or {}).get(table.stem)
        if said is not None and said != file_digest(table):
            raise CorruptRecord(
                f"{table}: its digest is not the one in the result: changed after it was written"
            )

    def publish(self, values: dict[str, Any]) -> None:
        """The result, last of all. From now on the task is done."""
        remove(self.folder / "failure.json")
        tables = {path.stem: file_digest(path) for path in sorted(self.folder.glob("*.parquet"))}
        write_record(self.folder / "result.json", {**values, "tables": tables, "finished_at": time.time()})

    def fail(self, error: str, trace: str, *, cause: Cause = Cause.ERROR) -> None:
        """Record why the attempt ended without a result; `cause` says whether another try may do better."""
        said = {"error": error[:2000], "trace": trace[-6000:], "cause": cause.value, "at": time.time()}
        write_record(self.folder / "failure.json", said)

    def asked(self) -> dict[str, Any] | None:
        """What `start` recorded, or None before it."""
        path = self.folder / "task.json"
        return read_record(path) if path.exists() else None

    def result(self) -> dict[str, Any] | None:
        """The published result; `CorruptRecord` where it is damaged, or of another version with other columns."""
        path = self.folder / "result.json"
        if not path.exists():
            return None
        result = read_record(path)
        unknown = set(result["labels"] | result["numbers"]) - set(SCHEMA)
        if unknown:
            raise CorruptRecord(f"{path}: written by another version: unknown columns {sorted(unknown)}")
        return result

    def failure(self) -> dict[str, Any] | None:
        """Why it ended without a result (error, trace, cause, at), where it did."""
        path = self.folder / "failure.json"
        return read_record(path) if path.exists() else None

    def cause(self) -> Cause | None:
        """The cause of its failure, where it failed."""
        failure = self.failure()
        return None if failure is None else cause_recorded(failure)

    def alive(self) -> bool:
        """Whether the process that answers for it still runs on this machine; elsewhere: an event within 2 minutes."""
        asked = self.asked()
        if asked is None:
            return False
        owner = asked["owner"]
        if owner["host"] != socket.gethostname():
            files = [path for name in ("events.jsonl", "task.json") if (path := self.folder / name).exists()]
            return any(time.time() - path.stat().st_mtime < 120 for path in files)
        return runs_here(owner)

    def resumable(self) -> bool:
        """Whether the task goes on here: nobody works on it, and it neither ended nor failed by itself."""
        state = self.state()
        if state == "failed":
            return bool(self.checkpoints()) and self.cause() in MAY_PASS
        return state == "pending" or (state == "running" and self._is_own())

    def _is_own(self) -> bool:
        """Whether this very process answers for it: a notebook whose cells are run once more."""
        owner = (self.asked() or {}).get("owner", {})
        return owner.get("host") == socket.gethostname() and owner.get("pid") == os.getpid()

    def state(self) -> str:
        if self.result() is not None:
            return "done"
        if self.failure() is not None:
            return "failed"
        return "running" if self.alive() else "pending"
