"""When each operation of a graph runs, each way, and where in memory each map and gradient lies.

A norm needs sums over the whole batch, so a normed map is known one *phase* after the operation that wrote it.
Backward, a norm's sums need the complete gradient of its reader, so what lies behind it runs one phase later. Within a
phase the operations of one source follow each other, which keeps its ReLU in the cache.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nastransfer.space.engines.graph import Graph
from nastransfer.space.engines.maps import MOVES, Kind, Map, Operation, Read, Reading

ALIGNMENT = 16
"""Memory is handed out in cache lines: 16 numbers of 4 bytes, 8 bytes twice as much."""


@dataclass(frozen=True)
class Schedule:
    """Operations by phase, forward and backward, and the readings whose gradient is complete after each backward phase.

    `copies` are the backward operations of identities; `written` and `read` are the first phase that writes a gradient
    and the last one that reads it.
    """

    forward: list[list[Operation]]
    backward: list[list[Operation]]
    sums: list[list[Reading]]
    copies: list[Operation]
    written: dict[Map, int]
    read: dict[Map, int]


def schedule(graph: Graph) -> Schedule:
    """Sort a graph's operations into the fewest phases, forward and backward."""
    place = {map_: index for index, map_ in enumerate(graph.maps)}
    forward = _forward(graph, place)
    exported = {node for nodes in graph.exports for node in nodes}
    complete: dict[Map, int] = dict.fromkeys(exported, 0)
    written: dict[Map, int] = dict.fromkeys(exported, 0)
    read: dict[Map, int] = {}
    steps: list[tuple[int, int, int, Operation]] = []
    copies = []
    for number, operation in reversed(list(enumerate(graph.operations))):
        target = operation.target
        if operation.kind is Kind.SUM:
            for reading in operation.readings:
                if reading.kind is Read.IDENTITY:
                    copy = Operation(Kind.COPY, [reading.map], target, readings=[reading])
                    phase = complete[target]
                    copies.append(copy)
                    # After all operations of the phase, later nodes first: a gradient goes on when it is complete.
                    steps.append((phase, 1, -number, copy))
                    _note(reading.map, phase, complete, written)
                    _use(target, phase, read)
            continue
        if operation.kind in MOVES:
            phase = complete[target]
            steps.append((phase, 1, -number, operation))
            _use(target, phase, read)
            for source in operation.inputs:
                _note(source, phase, complete, written)
            continue
        readers = [reading.reader for reading in target.readings if reading.kind is not Read.IDENTITY]
        phase = max(complete[reader] for reader in readers) + 1
        steps.append((phase, 0, place[operation.inputs[0]], operation))
        for reader in readers:
            _use(reader, phase, read)
        if operation.kind is Kind.STEM:
            # Images have no gradient here.
            continue
        for source in operation.inputs:
            _note(source, phase, complete, written)
    steps.sort(key=lambda step: step[:3])
    count = max(phase for phase, *_ in steps) + 1
    backward: list[list[Operation]] = [[] for _ in range(count)]
    for phase, _, _, operation in steps:
        backward[phase].append(operation)
    sums: list[list[Reading]] = [[] for _ in range(count)]
    for map_ in graph.maps:
        for reading in map_.readings:
            if reading.kind is Read.NORMED:
                sums[complete[reading.reader]].append(reading)
    for given in graph.given:
        if given in written:
            _use(given, count, read)
    return Schedule(forward, backward, sums, copies, written, read)


def _forward(graph: Graph, place: dict[Map, int]) -> list[list[Operation]]:
    known = dict.fromkeys(graph.given, 0)
    # A bare pool could be read in its own phase, but then nodes and moves would not come first there; they are rare.
    later = {
        map_ for map_ in graph.maps if any(reading.kind is not Read.IDENTITY for reading in map_.readings)
    }
    phases: dict[int, list[tuple[bool, int, int, Operation]]] = defaultdict(list)
    for number, operation in enumerate(graph.operations):
        sources = operation.inputs or [reading.map for reading in operation.readings]
        phase = max(known[source] + (source in later) for source in sources)
        known[operation.target] = phase
        first = operation.kind is Kind.SUM or operation.kind in MOVES
        phases[phase].append((not first, 0 if first else place[sources[0]], number, operation))
    return [
        [step[-1] for step in sorted(phases[phase], key=lambda step: step[:3])] for phase in sorted(phases)
    ]


def _note(map_: Map, phase: int, complete: dict[Map, int], written: dict[Map, int]) -> None:
    complete[map_] = max(complete.get(map_, phase), phase)
    written[map_] = min(written.get(map_, phase), phase)


def _use(map_: Map, phase: int, read: dict[Map, int]) -> None:
    read[map_] = max(read.get(map_, phase), phase)


def gradient_aliases(graph: Graph) -> dict[Map, Map]:
    """Maps whose gradient lies where another map's values were: the first half of a separable convolution.

    The second half has read its own values, for the last time, when it writes that gradient, image by image.
    """
    consumers = _consumers(graph)
    return {
        operation.inputs[0]: operation.target
        for operation in graph.operations
        if operation.kind is Kind.UNIT
        and operation.stride == 1
        and [reading.reader for reading in operation.inputs[0].readings] == operation.inputs
        and consumers[operation.inputs[0]] == [operation]
    }


def _consumers(graph: Graph) -> dict[Map, list[Operation]]:
    found: dict[Map, list[Operation]] = defaultdict(list)
    for operation in graph.operations:
        for source in operation.inputs:
            found[source].append(operation)
    return found


def place_in_memory(spans: Iterable[tuple[Map, int, int]]) -> tuple[dict[Map, int], int]:
    """Where each map lies, in numbers an image, so that maps in use at the same time do not overlap; and the total.

    `spans`: map, first and last step of use. First fit by start; sizes are a few, so the gaps fill well.
    """
    places: dict[Map, int] = {}
    free: list[tuple[int, int]] = []
    busy: list[tuple[int, int, int]] = []
    total = 0
    for map_, start, end in sorted(spans, key=lambda span: (span[1], span[2])):
        while busy and busy[0][0] < start:
            _, offset, size = heapq.heappop(busy)
            free = _joined([*free, (offset, size)])
        size = -(-map_.size // ALIGNMENT) * ALIGNMENT
        fitting = [gap for gap in free if gap[1] >= size]
        if fitting:
            offset, room = min(fitting, key=lambda gap: gap[1])
            free.remove((offset, room))
            if room > size:
                free.append((offset + size, room - size))
        else:
            offset, total = total, total + size
        places[map_] = offset
        heapq.heappush(busy, (end, offset, size))
    return places, total


def _joined(gaps: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring gaps as one."""
    joined: list[tuple[int, int]] = []
    for offset, size in sorted(gaps):
        if joined and sum(joined[-1]) == offset:
            joined[-1] = (joined[-1][0], joined[-1][1] + size)
        else:
            joined.append((offset, size))
    return joined
