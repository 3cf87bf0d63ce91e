"""Results that are committed: a folder holds one JSON file a kind of machine.

An entry is a benchmark or slow test and tells its own date, machine and commit; running some again
replaces their entries only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nastransfer.study.machine import cores, machine


def results_file(folder: Path, accelerator: str | None = None) -> Path:
    """The file of this kind of machine: the name tells cores or accelerator, the content the exact model."""
    kind = accelerator.lower().replace(" ", "-") if accelerator else f"cpu-{cores()}-cores"
    return folder / f"{kind}.json"


def load(path: Path) -> dict[str, dict[str, Any]]:
    """The entries of a results file by name, none where there is no file yet."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def save_entries(path: Path, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Put entries into a results file, beside those of other names, with date, machine and commit.

    `load` is the load average of the last minute, own work included: a machine that others used as well shows.
    """
    about = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **machine(),
        "cores": cores(),
        "load": round(os.getloadavg()[0], 1),
    }
    merged = {**load(path), **{name: {**entry, **about} for name, entry in entries.items()}}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dict(sorted(merged.items())), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
