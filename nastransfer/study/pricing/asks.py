"""What a price needs to know: the searches and trainings of a plan that cost alike, and what was measured of them.

No torch: the probes themselves (`nastransfer.study.pricing.probe`) run in processes of their own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nastransfer.data.dataset import Dataset
from nastransfer.search.plugins import Plugin
from nastransfer.study.plan import KNOWN, Task, digest
from nastransfer.study.source import Source
from nastransfer.train.protocol import Protocol


@dataclass(frozen=True)
class SearchAsk:
    """Searches that differ by their seeds only. `seed`: one of them."""

    method: str
    preset: str
    settings: dict[str, Any]
    source: Source
    seed: int
    plugin: Plugin | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """All that its time depends on but the machine."""
        code = None if self.plugin is None else self.plugin.hash
        asked = [self.method, self.preset, self.settings, self.source.model_dump(mode="json"), code]
        return {"search": asked}


@dataclass(frozen=True)
class TrainingAsk:
    """Trainings on one target by one protocol. `networks`: what to measure, as `read_architecture` takes it."""

    target: Source
    protocol: str
    settings: dict[str, Any]
    networks: tuple[str, ...]

    @property
    def identity(self) -> dict[str, Any]:
        """All that its time depends on but the machine."""
        asked = [self.target.model_dump(mode="json"), self.protocol, self.settings, list(self.networks)]
        return {"training": asked}


Ask = SearchAsk | TrainingAsk


@dataclass(frozen=True)
class Point:
    """One measured network, or one whole search (`macs` is None): a run of it in seconds, and its peak memory.

    `seconds` are those that a record has (from the first step on), `relative_error` is the standard error of what was
    extrapolated.
    """

    seconds: float
    relative_error: float
    peak_bytes: int | None = None
    macs: int | None = None


@dataclass(frozen=True)
class Measured:
    """The answer to an ask. `open_seconds`: opening the set, before the first step. `how`: probe or records.

    Without points nothing is known, and `reason` says why. `shape`: classes, side and stem of the networks.
    `needed_bytes` of `capacity_bytes`: peak memory of one run, and what the device has. `cpu_share`: of the time when
    the probe could compute, the share in which it did; other processes had the rest. None where that is not known.
    """

    points: tuple[Point, ...] = ()
    open_seconds: float = 0.0
    how: str = "probe"
    reason: str | None = None
    shape: dict[str, Any] | None = None
    needed_bytes: int | None = None
    capacity_bytes: int | None = None
    cpu_share: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "points": [vars(point) for point in self.points]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Measured:
        return cls(**{**values, "points": tuple(Point(**point) for point in values["points"])})


def shape_of(dataset: Dataset, training: Protocol) -> dict[str, Any]:
    """Classes, side and stem of the networks that are trained on a set by a protocol."""
    side = dataset.side_at(training.resolution)
    return {"classes": len(dataset.classes), "side": side, "stem": dataset.stem_at(side)}


def group_of(task: Task) -> str:
    """What tasks of equal cost share: a digest of a task's parameters less seeds and genotypes."""
    left_out = {"seed", "genotype", "search", "method", "draw", "keep_weights", "allow_target_test"}
    if task.kind == "search":
        left_out = {"seed"}
    return digest({"kind": task.kind, **{k: v for k, v in task.parameters.items() if k not in left_out}})


def search_ask(task: Task, plugins: Sequence[Plugin]) -> SearchAsk:
    """The ask of a search task; `plugins` are the study's."""
    given = task.parameters
    plugin = next((one for one in plugins if one.kept_as == given.get("plugin")), None)
    source = Source.model_validate(given["source"])
    return SearchAsk(given["method"], given["preset"], given["settings"], source, given["seed"], plugin)


def training_ask(task: Task, networks: Sequence[str]) -> TrainingAsk:
    """The ask of an augment task: `networks` to measure, or the known network that it names."""
    given = task.parameters
    target = Source.model_validate(given["target"])
    known = given.get(KNOWN)
    return TrainingAsk(target, given["protocol"], given["settings"], (known,) if known else tuple(networks))


def ask_digest(ask: Ask, **machine: Any) -> str:
    """12 hex digits of an ask on a machine."""
    return digest(json.loads(json.dumps({**ask.identity, **machine}, sort_keys=True)))
