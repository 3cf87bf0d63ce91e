"""Running probes side by side, as a study's tasks will run, and keeping what they say for a day (no torch)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from nastransfer.cache import cache_folder
from nastransfer.search.workers import WorkerLost, Workers
from nastransfer.study.machine import cores, machine
from nastransfer.study.plan import digest
from nastransfer.study.pricing.asks import Ask, Measured, ask_digest
from nastransfer.study.pricing.devices import device_names
from nastransfer.study.pricing.door import serve_probes
from nastransfer.study.pricing.overhead import Overhead, measure_overhead
from nastransfer.study.records import CorruptRecord, read_record, write_record

# A machine changes, and so does what else runs on it.
FRESH_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Setting:
    """Where a study will run: tasks side by side, and threads of each, as the runner gives them."""

    slots: int

    @property
    def threads(self) -> int:
        """As `executors.local` has it."""
        return max(1, cores() // self.slots)

    @property
    def identity(self) -> dict[str, Any]:
        """What measurements depend on besides what is measured."""
        here = {**machine(), "device": list(device_names())}
        return {
            "slots": self.slots,
            "threads": self.threads,
            **{k: here[k] for k in ("device", "versions", "commit")},
        }


def measure_all(asks: Mapping[str, Ask], setting: Setting, title: str) -> dict[str, Measured]:
    """An answer to each ask: what is still fresh, else a probe in a process of its own, as many at once as slots.

    The processes share the machine as the study's tasks will. A bar shows how far it is where somebody watches.
    """
    names = {name: f"probe-{ask_digest(ask, **setting.identity)}" for name, ask in asks.items()}
    found = {
        name: Measured.from_json(kept) for name, key in names.items() if (kept := _kept(key)) is not None
    }
    left = [name for name in asks if name not in found]
    if not left:
        return found
    with (
        ThreadPoolExecutor(setting.slots) as pool,
        tqdm(total=len(left), desc=f"{title}: probes", unit="probe", disable=None) as bar,
    ):
        running = {pool.submit(_probe, asks[name], setting.threads): name for name in left}
        try:
            for future in as_completed(running):
                answer = found[running[future]] = future.result()
                if answer.points:
                    _keep(names[running[future]], answer.to_json())
                bar.update()
        finally:
            # Ctrl-C waits for the probes that run, not for all.
            pool.shutdown(wait=False, cancel_futures=True)
    return found


def overhead_of(setting: Setting) -> Overhead:
    """What a task takes besides its work, measured once a day."""
    key = f"overhead-{digest(setting.identity)}"
    kept = _kept(key)
    if kept is not None:
        return Overhead(**kept)
    found = measure_overhead(setting.slots)
    _keep(key, found.to_json())
    return found


def _probe(ask: Ask, threads: int) -> Measured:
    workers: Workers[Ask, Measured] = Workers(serve_probes, (threads,), 1)
    try:
        return next(workers.answers([ask]))
    except WorkerLost:
        return Measured(reason="its probe was ended twice, most likely for want of memory")
    finally:
        workers.close()


def _path(key: str) -> Path:
    return cache_folder() / "price" / f"{key}.json"


def _kept(key: str) -> dict[str, Any] | None:
    path = _path(key)
    try:
        values = read_record(path) if path.exists() else None
    except (CorruptRecord, OSError):
        return None
    if values is None or not 0 <= time.time() - values["at"] < FRESH_SECONDS:
        return None
    answer: dict[str, Any] = values["answer"]
    return answer


def _keep(key: str, answer: Mapping[str, Any]) -> None:
    try:
        write_record(_path(key), {"at": time.time(), "answer": dict(answer)})
    except OSError:
        return  # a cache that cannot be written is measured again
