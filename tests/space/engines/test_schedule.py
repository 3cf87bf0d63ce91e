"""Phases and memory of plans, followed step by step by a clerk who knows the rules and not the scheduler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nastransfer.space.engines.graph import Graph
from nastransfer.space.engines.maps import Kind, Map, Operation, Read, Reading
from nastransfer.space.engines.plan import Plan, Shape, Structure
from nastransfer.space.engines.schedule import ALIGNMENT, place_in_memory
from nastransfer.space.genotype import Genotype
from nastransfer.space.network import Network
from nastransfer.space.supernet import Supernet
from tests.space.engines.twins import GENOTYPES, network, supernet

Span = tuple[int, int]

MODULES: dict[str, Callable[[str], Network] | Callable[[str], Supernet]] = {
    **{name: network(genotype, channels=4, cells=4) for name, genotype in GENOTYPES.items()},
    "bare pools": network("all", channels=4, pool_norm=False),
    "auxiliary": network("all", channels=4, auxiliary=True),
    "one cell": network("all", channels=4, cells=1),
    "large stem": network("all", channels=4, stem="imagenet"),
    "supernet": supernet(cells=4),
    "supernet on the large stem": supernet(stem="imagenet"),
}


def structure(make: Callable[[str], Network] | Callable[[str], Supernet]) -> Structure:
    module = make("plain")
    pixels = 64 if module.stem_kind == "imagenet" else 32
    return Structure(module, pixels, pixels)


def touch(spans: dict[Map, Span], map_: Map, step: int) -> None:
    first, last = spans.get(map_, (step, step))
    spans[map_] = min(first, step), max(last, step)


def follow_forward(plan: Structure, by_phase: bool) -> dict[Map, Span]:
    """From which step to which each map's values are needed; what is read must be there, behind its norm or not."""
    written = dict.fromkeys(plan.graph.given, -1)
    spans: dict[Map, Span] = {}
    step = 0
    for number, phase in enumerate(plan.schedule.forward):
        for operation in phase:
            for map_, through_norm in read_by(operation):
                assert map_ in written, "read before it is written"
                if through_norm:
                    assert written[map_] < number, "a norm needs the whole batch: a phase of its own"
                touch(spans, map_, step)
            assert operation.target not in written, "written twice"
            written[operation.target] = number
            touch(spans, operation.target, step)
            step += not by_phase
        step += by_phase
    assert set(written) == set(plan.graph.maps)
    assert Counter(op for phase in plan.schedule.forward for op in phase) == Counter(plan.graph.operations)
    return spans


def read_by(operation: Operation) -> Iterable[tuple[Map, bool]]:
    """The maps that an operation reads, and whether through a batch norm."""
    for map_ in operation.inputs:
        yield map_, map_.normed
    for reading in operation.readings:
        yield reading.map, reading.map.normed


def follow_backward(plan: Structure) -> tuple[dict[Map, Span], dict[Map, int]]:
    """The phases in which each gradient is needed, and the place in the order at which each begins."""
    graph, when = plan.graph, plan.schedule
    missing: Counter[Map] = Counter()
    for operation in graph.operations:
        missing.update(operation.inputs)
        missing.update(r.map for r in operation.readings if r.kind is Read.IDENTITY)
    spans: dict[Map, Span] = dict.fromkeys(plan.exported, (0, 0))
    summed: dict[Reading, int] = {}
    begun: dict[Map, int] = dict.fromkeys(plan.exported, -1)
    done: list[Operation] = []
    for phase, operations in enumerate(when.backward):
        for operation in operations:
            for gradient in gradients_read(operation):
                assert gradient in begun and not missing[gradient], "its gradient is not complete"
                touch(spans, gradient, phase)
            for reading in operation.target.readings if operation.kind is not Kind.COPY else []:
                if reading.kind is Read.NORMED:
                    assert summed.get(reading, phase) < phase, "the norm's sums are a phase earlier"
            for source in operation.inputs:
                missing[source] -= 1
                if operation.kind is not Kind.STEM:  # images have no gradient
                    begun.setdefault(source, len(done))
                    touch(spans, source, phase)
            done.append(operation)
        for reading in when.sums[phase]:
            assert reading.reader in begun and not missing[reading.reader]
            assert reading not in summed
            summed[reading] = phase
            touch(spans, reading.reader, phase)
    assert not any(missing.values())
    assert set(summed) == {r for m in graph.maps for r in m.readings if r.kind is Read.NORMED}
    forward = [operation for operation in graph.operations if operation.kind is not Kind.SUM]
    assert Counter(done) == Counter([*forward, *when.copies])
    identities = [r for m in graph.maps for r in m.readings if r.kind is Read.IDENTITY]
    assert Counter(copy.readings[0] for copy in when.copies) == Counter(identities)
    for map_ in graph.given:
        if map_ in begun:
            touch(spans, map_, len(when.backward))
    return spans, begun


def gradients_read(operation: Operation) -> list[Map]:
    """The maps whose gradients an operation takes backward."""
    if operation.kind is Kind.COPY:
        return [operation.readings[0].reader]
    return [reading.reader for reading in operation.target.readings if reading.kind is not Read.IDENTITY]


def assert_apart(places: dict[Map, int], total: int, spans: dict[Map, Span]) -> None:
    """Maps that are needed at the same time do not overlap, and all lie within the total, in whole cache lines."""
    lying = [(places[m], places[m] + m.size, *spans[m]) for m in places]
    for number, (low, high, first, last) in enumerate(lying):
        assert low % ALIGNMENT == 0 and 0 <= low < high <= total
        for other_low, other_high, other_first, other_last in lying[:number]:
            if first <= other_last and other_first <= last:
                assert high <= other_low or other_high <= low


def plan_of(plan: Structure, training: bool, learns: bool) -> Plan:
    height, width = plan.graph.given[0].height, plan.graph.given[0].width
    return Plan(plan, Shape(2, height, width, torch.float32, training, learns, 1, 0.1, 1e-5))


def check(plan: Structure) -> None:
    """Follow a plan in evaluation, in training without gradients, and both ways."""
    inner = {m for m in plan.graph.maps if not m.given and m not in plan.exported}
    for training in (False, True):
        spans = follow_forward(plan, by_phase=training)
        memory = plan_of(plan, training, learns=False)
        assert set(memory.values) == inner
        assert_apart(memory.values, memory.value_size, spans)
    kept = plan_of(plan, True, learns=True)
    assert set(kept.values) == inner
    assert_apart(kept.values, kept.value_size, dict.fromkeys(inner, (0, 0)))
    spans, begun = follow_backward(plan)
    assert set(kept.gradients) | set(kept.aliases) == (set(begun) - plan.exported)
    assert_apart(kept.gradients, kept.gradient_size, spans)
    order = [operation for phase in plan.schedule.backward for operation in phase]
    for first, second in kept.aliases.items():
        # The gradient of `first` takes the place of the values of `second`: no one may read those any more.
        assert first.size <= second.size
        after = order[begun[first] + 1 :]
        assert all(second not in (*op.inputs, op.target) for op in after)
        assert all(second not in [r.map for r in op.readings] for op in after)
        assert all(r.map is not second for p in plan.schedule.sums[spans[first][0] :] for r in p)


@pytest.mark.parametrize("name", MODULES)
def test_phases_and_memory_respect_what_is_needed(name: str) -> None:
    check(structure(MODULES[name]))


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.booleans())
@settings(max_examples=10)
def test_drawn_networks_are_planned_right(seed: int, cells: int, pool_norm: bool) -> None:
    genotype = Genotype.random(np.random.default_rng(seed))
    check(structure(network(genotype, channels=4, cells=cells, pool_norm=pool_norm)))


@given(
    st.lists(st.tuples(st.integers(1, 70), st.integers(0, 12), st.integers(0, 12)), max_size=25),
)
def test_maps_in_use_at_the_same_time_have_places_of_their_own(drawn: list[tuple[int, int, int]]) -> None:
    spans = {Map(channels, 1, 1): (min(a, b), max(a, b)) for channels, a, b in drawn}
    places, total = place_in_memory((map_, *span) for map_, span in spans.items())
    assert set(places) == set(spans)
    assert_apart(places, total, spans)
    rounded = {map_: -(-map_.size // ALIGNMENT) * ALIGNMENT for map_ in spans}
    together = [sum(rounded[m] for m, (a, b) in spans.items() if a <= step <= b) for step in range(13)]
    assert max(together) <= total <= sum(rounded.values())


def test_memory_is_used_again_along_a_network() -> None:
    """A deep network's values in evaluation need the room of a cell or two, not of all of them."""
    sizes = []
    for cells in (4, 12):
        plan = structure(network("all", channels=4, cells=cells))
        sizes.append([plan_of(plan, False, False).value_size, plan_of(plan, True, True).gradient_size])
    # A third of the cells is at full size in both.
    assert sizes[1][0] < 1.25 * sizes[0][0]
    assert sizes[1][1] < 1.6 * sizes[0][1]


def operations(graph: Graph, *kinds: Kind) -> list[Operation]:
    return [operation for operation in graph.operations if operation.kind in kinds]


def test_a_pool_is_computed_once_for_all_that_read_it() -> None:
    """A mixed cell has 28 pooling operations, on 5 maps; a cell of 8 maximum pools reads the 5 maps, too."""
    graph = structure(supernet(cells=1)).graph
    pools = operations(graph, Kind.MAX_POOL, Kind.AVERAGE_POOL)
    readings = [len(pool.target.readings) for pool in pools]
    assert len(pools) == 2 * 5
    assert sum(readings) == 2 * 14
    assert len({(pool.inputs[0], pool.kind, pool.stride) for pool in pools}) == len(pools)
    single = structure(network("max_pools", cells=1)).graph
    assert len(operations(single, Kind.MAX_POOL)) == 5
    assert sum(len(pool.target.readings) for pool in operations(single, Kind.MAX_POOL)) == 8


def test_a_graph_holds_every_weight_once() -> None:
    for make in MODULES.values():
        module = make("plain")
        found = [conv for op in structure(make).graph.operations for conv in op.convs]
        cells = [part for part in module.cells.modules() if isinstance(part, nn.Conv2d)]
        assert len(set(found)) == len(found) == len(cells) + (module.stem_kind == "cifar")


def test_a_cell_takes_the_fewest_phases() -> None:
    """Inputs; operations from them; node 2; second halves; and so on: a separable chain is the longest way."""
    phases = {
        name: len(structure(MODULES[name]).schedule.forward) for name in ("skips", "dilated", "separable")
    }
    assert phases["skips"] < phases["dilated"] < phases["separable"]
    inputs_only = Genotype.parse(
        {kind: [("dil_conv_3x3", i) for i in (0, 1) * 4] for kind in ("normal", "reduce")}
    )
    one = structure(network(inputs_only, channels=4, cells=1)).schedule
    assert [len(phase) for phase in one.forward] == [1, 2, 8, 4]  # stem, inputs, edges, nodes
    assert [len(phase) for phase in one.backward] == [0, 8, 2, 1]
