"""Running a search from its settings: step by step, watched, saved on the way, resumed exactly (no torch).

A search method knows nothing of this: it yields steps, or does units of work (`nastransfer.train.run`).
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nastransfer.data.dataset import Dataset, usable
from nastransfer.data.streams import Streams
from nastransfer.search.plugins import source_hash
from nastransfer.search.searcher import Method, SearchData, Searcher, SearchStep, make_searcher
from nastransfer.search.settings import NetworkSearcher
from nastransfer.search.watched import COLLAPSED
from nastransfer.space.genotype import Genotype
from nastransfer.train.saving import SAVE_SECONDS, saved_steps
from nastransfer.train.steps import Diverged, run_to_end

if TYPE_CHECKING:
    from nastransfer.train.checkpoint import Checkpoints


@dataclass(frozen=True)
class SearchResult:
    """The genotype found, the steps that led to it (one mapping each), and the cost columns of the results frame.

    The last row of `history` has the last step's mixture, where the method has one: what DARTS derives its genotype
    from (with `pick="best_val"` perhaps an earlier one), of other methods the shares of what they drew last.
    """

    genotype: Genotype
    method: str
    settings: dict[str, Any]
    seed: int
    history: list[dict[str, Any]]
    cost: dict[str, Any]


def search(
    method: Method, dataset: Dataset, seed: int = 2, preset: str = "tiny", **settings: Any
) -> SearchResult:
    """Search for a genotype on `dataset` (a whole set or a proxy of one; only its train and val parts are seen).

    `method` is a name, or a class such as `nt.searchers("my_method.py")["evolution"]`.
    `settings` are the method's that differ from the preset's, and what `search_steps` takes besides: `device`,
    `workers`, `checkpoint`. The same seed gives the same genotype and scores, bit for bit on a CPU at an equal number
    of threads.
    """
    return run_to_end(search_steps(method, dataset, seed=seed, preset=preset, **settings))


def search_steps(
    method: Method,
    dataset: Dataset,
    *,
    seed: int = 2,
    preset: str = "tiny",
    device: str = "auto",
    workers: int | None = None,
    checkpoint: str | Path | None = None,
    save_seconds: float = SAVE_SECONDS,
    **settings: Any,
) -> Generator[SearchStep, None, SearchResult]:
    """`search`, step by step: yields each `SearchStep`, returns the `SearchResult`.

    device: "auto", "cpu", "cuda" or "cuda:N". workers: see `SearchData`. checkpoint: a folder in which the state is
    kept, every `save_seconds` and at the end; the same call then goes on from there (only what is new is yielded, the
    result has all) and ends bit for bit like an uninterrupted one, on a CPU at an equal number of threads. A method
    that is no `NetworkSearcher` starts over instead. Raises `nastransfer.train.steps.Diverged` when a loss blows up:
    there is no genotype then, and its `last` is the last good step.
    """
    searcher = make_searcher(method, preset, **settings)
    data = SearchData(usable(dataset), seed, device, workers)
    streams = Streams(seed, "search", searcher.method)
    journal = Journal()
    if isinstance(searcher, NetworkSearcher):
        kept = _checkpoints(searcher, data, checkpoint)
        steps = saved_steps(searcher.begin(data, streams), streams, journal, kept, save_seconds)
    else:
        steps = searcher.search(data, streams)
    try:
        for step in steps:
            yield journal.note(step)
    except Diverged as error:
        error.last = journal.last
        raise
    return journal.result(searcher, seed)


class Journal:
    """What the steps say, row by row; it watches the pace and the skip connections on the way."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.last: SearchStep | None = None

    def note(self, step: SearchStep) -> SearchStep:
        """Keep a step, with what can be told from it and those before."""
        given: Any = step
        if not isinstance(given, SearchStep):
            raise TypeError(f"a search method yields SearchStep, got {type(given).__name__}: {given!r}")
        seconds, images = (step.cost.get(name) for name in ("seconds", "images_seen"))
        before = self.rows[-1] if self.rows else {}
        if seconds is not None and images is not None and before:
            spent = max(seconds - (before.get("seconds") or 0.0), 1e-9)
            pace = (images - (before.get("images_seen") or 0)) / spent
            step = replace(step, images_per_second=round(pace, 1))
        if seconds is not None and step.step:
            left = seconds * (step.steps - step.step) / step.step
            step = replace(step, seconds_left=round(left, 3))
        share = step.skip_share
        step = replace(step, collapsed=share is not None and share >= COLLAPSED)
        self.rows.append(step.to_event())
        self.last = step
        return step

    def result(self, searcher: Searcher, seed: int) -> SearchResult:
        """What came out, once the last step was noted."""
        last = self.last
        if last is None or last.genotype is None:
            said = "yielded no step" if last is None else "ended with a step without a genotype"
            raise ValueError(f"the search method {searcher.method!r} {said}: the last step's is the answer")
        first = next((row["step"] for row in self.rows if row["collapsed"]), None)
        cost = {
            **last.cost,
            "preset_version": searcher.preset_version,
            "entropy_start": self.rows[0]["entropy"],
            "entropy_end": last.entropy,
            "collapsed_at": first,
        }
        rows = [*self.rows[:-1], {**self.rows[-1]}]
        if last.mixture is not None:
            rows[-1]["mixture"] = last.mixture
        if last.front is not None:
            rows[-1]["front"] = last.front
        settings = searcher.model_dump(mode="json")
        return SearchResult(last.genotype, searcher.method, settings, seed, rows, cost)

    def state(self) -> str:
        """All rows and the last step, as JSON."""
        last = self.last
        genotype = last.genotype.to_json() if last is not None and last.genotype is not None else None
        step = None if last is None else {**vars(last), "genotype": genotype}
        return json.dumps({"rows": self.rows, "last": step})

    def load_state(self, text: str) -> None:
        """Take up what `state()` gave."""
        values = json.loads(text)
        self.rows = values["rows"]
        step = values["last"]
        if step is not None:
            genotype = Genotype.parse(step["genotype"]) if step["genotype"] is not None else None
            self.last = SearchStep(**{**step, "genotype": genotype})


def _checkpoints(searcher: Searcher, data: SearchData, folder: str | Path | None) -> Checkpoints | None:
    if folder is None:
        return None
    from nastransfer.train.checkpoint import Checkpoints

    identity = {
        "kind": "search",
        "method": searcher.method,
        "settings": searcher.model_dump(mode="json"),
        "preset_version": searcher.preset_version,
        **data.dataset.identity(getattr(searcher, "resolution", None)),
        "seed": data.seed,
    }
    if source := source_hash(type(searcher)):
        identity["source"] = source
    return Checkpoints(folder, identity)
