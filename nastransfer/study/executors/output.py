"""The executed notebook as it is written: whole or not at all, seldom while cells run, and at most a megabyte."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from nastransfer.disk import write_atomic

ATOMIC = "atomic://"
MOST_BYTES = 1_000_000
SECONDS_BETWEEN_WRITES = 5.0
_KEPT_LETTERS = 2_000


class AtomicNotebook:
    """papermill's output: it would write with a plain open-and-write, which a kill can tear, twice a cell.

    This writes aside and renames, at most once in a few seconds; `finish` writes what was held back.
    """

    def __init__(self) -> None:
        self._held: tuple[str, str] | None = None
        self._written = float("-inf")

    def write(self, content: str, path: str) -> None:
        self._held = (content, path)
        if time.monotonic() - self._written >= SECONDS_BETWEEN_WRITES:
            self.finish()

    def finish(self) -> None:
        """Write the last content, if it was not written yet."""
        if self._held is not None:
            content, path = self._held
            write_atomic(Path(self.pretty_path(path)), trimmed(content).encode())
            self._held, self._written = None, time.monotonic()

    def pretty_path(self, path: str) -> str:
        return path.removeprefix(ATOMIC)


def trimmed(content: str) -> str:
    """A notebook's JSON; where it is above `MOST_BYTES`, its largest outputs give way to notes that say so."""
    if len(content.encode()) <= MOST_BYTES:
        return content
    notebook = json.loads(content)
    places = [
        (len(json.dumps(output)), cell["outputs"], place)
        for cell in notebook["cells"]
        for place, output in enumerate(cell.get("outputs", []))
    ]
    for size, outputs, place in sorted(places, key=_size, reverse=True):
        outputs[place] = _shortened(outputs[place], size)
        content = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        if len(content.encode()) <= MOST_BYTES:
            break
    return content


def _size(place: tuple[int, Any, int]) -> int:
    return place[0]


def _shortened(output: dict[str, Any], size: int) -> dict[str, Any]:
    """A note instead of an output, with the beginning of its text; an error keeps its name and message."""
    note = (
        f"[an output of {size:,} bytes was left out: executed notebooks are kept below {MOST_BYTES:,} bytes]"
    )
    if output["output_type"] == "error":
        said = {name: str(output[name])[:_KEPT_LETTERS] for name in ("ename", "evalue")}
        return {"output_type": "error", **said, "traceback": [note]}
    text = output.get("text") or output.get("data", {}).get("text/plain") or ""
    start = "".join(text)[:_KEPT_LETTERS]
    return {"output_type": "stream", "name": output.get("name", "stdout"), "text": f"{start}\n{note}\n"}
