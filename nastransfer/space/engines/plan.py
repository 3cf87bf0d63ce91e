"""Plans: a module's graph laid out for one shape of batch, with memory that is kept from call to call."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from nastransfer.space.engines.flags import Chooser
from nastransfer.space.engines.graph import Graph
from nastransfer.space.engines.maps import Map
from nastransfer.space.engines.pages import empty
from nastransfer.space.engines.schedule import gradient_aliases, place_in_memory, schedule
from nastransfer.space.engines.tables import MAP, Table, Tables, column
from nastransfer.space.network import Network
from nastransfer.space.supernet import Supernet

MOST_PLANS = 8
"""Plans and flags kept for a module: shapes of batches, or paths, seen last."""


@dataclass(frozen=True)
class Shape:
    """What a plan is made for. `learns`: maps are kept for a backward call."""

    images: int
    height: int
    width: int
    dtype: torch.dtype
    training: bool
    learns: bool
    threads: int
    momentum: float
    epsilon: float


class Recent(OrderedDict):
    """A mapping that forgets what was used longest ago; several threads may use it."""

    def __init__(self) -> None:
        """Empty."""
        super().__init__()
        self._lock = threading.RLock()

    def remember(self, key: Any, make: Any) -> Any:
        """The value under `key`, made where it is not there."""
        with self._lock:
            if key not in self:
                self[key] = make()
                while len(self) > MOST_PLANS:
                    self.popitem(last=False)
            self.move_to_end(key)
            return self[key]


class Structure:
    """Graph, schedule and tables of a module for images of one size, and where its weights are."""

    def __init__(self, module: Network | Supernet, height: int, width: int) -> None:
        """Read the module once; weights are looked up again in each call, so they may be replaced or moved."""
        self.graph = Graph(module, height, width)
        self.schedule = schedule(self.graph)
        self.tables = Tables(self.graph, self.schedule)
        self.flags = Chooser(self.graph, self.tables)
        self.recent_flags = Recent()
        self.exported = {node for nodes in self.graph.exports for node in nodes}
        norms = self.tables.norms()
        self.norm_rows = np.array(norms, np.int64)
        modules = [self.tables.readings[index].norm for index in norms]
        self.convs = [conv._parameters for conv in self.tables.conv_of_piece]
        self.affine = [norm._parameters for norm in modules if norm is not None and norm.affine]
        self.affine_rows = np.array(
            [i for i, n in zip(norms, modules, strict=True) if n is not None and n.affine], np.int64
        )
        self.statistics = [cast(dict[str, Tensor], norm._buffers) for norm in modules if norm is not None]

    def parameters(self) -> list[Tensor]:
        """Convolutions' weights, then the norms' scales, then their shifts."""
        return [
            *(held["weight"] for held in self.convs),
            *(held["weight"] for held in self.affine),
            *(held["bias"] for held in self.affine),
        ]


class Plan:
    """A structure for one shape of batch: where in memory everything lies, and memory kept from call to call."""

    def __init__(self, structure: Structure, shape: Shape) -> None:
        """Place values and gradients; nothing is allocated before the first call."""
        graph, when = structure.graph, structure.schedule
        self.structure, self.shape = structure, shape
        self.by_thread = not shape.training
        inner = [map_ for map_ in graph.maps if not map_.given and map_ not in structure.exported]
        if shape.learns:
            spans = [(map_, 0, 0) for map_ in inner]
        else:
            spans = _forward_spans(structure, inner, by_phase=shape.training)
        self.values, self.value_size = place_in_memory(spans)
        self.aliases = gradient_aliases(graph)
        self.gradients, self.gradient_size = place_in_memory(
            (map_, when.written[map_], when.read[map_])
            for map_ in graph.maps
            if map_ in when.written and map_ in when.read
            if map_ not in self.aliases and map_ not in structure.exported
        )
        self.copies = shape.threads if self.by_thread else shape.images
        self.maps = self._template()
        self._free: dict[int, list[Tensor]] = {}
        self._lock = threading.Lock()

    def _template(self) -> Table:
        """The table of maps, with steps from image to image."""
        index = self.structure.tables.map_index
        maps = self.structure.tables.maps.copy()
        item = self.shape.dtype.itemsize
        self.value_rows, self.value_offsets = _rows(index, self.values, item)
        maps[self.value_rows, column(MAP, "value_step")] = self.value_size
        maps[self.value_rows, column(MAP, "by_thread")] = self.by_thread
        self.gradient_rows, self.gradient_offsets = _rows(index, self.gradients, item)
        maps[self.gradient_rows, column(MAP, "gradient_step")] = self.gradient_size
        placed = {first: self.values[second] for first, second in self.aliases.items()}
        self.alias_rows, self.alias_offsets = _rows(index, placed, item)
        maps[self.alias_rows, column(MAP, "gradient_step")] = self.value_size
        return maps

    def take(self, size: int) -> Tensor:
        """Memory of `size` numbers: fresh pages cost a fault and a clear each, so it is kept."""
        with self._lock:
            kept = self._free.get(size)
            if kept:
                return kept.pop()
        return empty(size, self.shape.dtype)

    def give(self, memory: Tensor) -> None:
        """Keep memory for the next call."""
        with self._lock:
            self._free.setdefault(memory.numel(), []).append(memory)


def _rows(index: dict[Map, int], places: dict[Map, int], item: int) -> tuple[Table, Table]:
    """Row numbers of maps, and where they lie, in bytes."""
    rows = np.array([index[map_] for map_ in places], np.int64)
    return rows, item * np.array(list(places.values()), np.int64)


def _forward_spans(structure: Structure, inner: Sequence[Map], by_phase: bool) -> list[tuple[Map, int, int]]:
    """From which step to which a map is in use where nothing goes backward; a step is a phase or an operation."""
    first: dict[Map, int] = {}
    last: dict[Map, int] = {}
    step = 0
    for phase in structure.schedule.forward:
        for operation in phase:
            first[operation.target] = last[operation.target] = step
            for source in operation.inputs or [reading.map for reading in operation.readings]:
                last[source] = step
            step += not by_phase
        step += by_phase
    return [(map_, first[map_], last[map_]) for map_ in inner]
