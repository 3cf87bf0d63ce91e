"""Short measurements of the real thing: some units of each phase of a search, some steps of a training.

Each phase of a search runs for about a second with the study's own settings, from its first unit on; how many units it
has is known from the settings. The first unit of a phase, in which memory is allocated and kernels are planned, is left
out of the mean. Runs in processes of its own (`serve_probes`), as many side by side as the study has slots.
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import polars as pl
import torch

from nastransfer.data.dataset import Dataset, usable
from nastransfer.data.streams import Streams
from nastransfer.search.enas import Enas
from nastransfer.search.nao import Nao
from nastransfer.search.nsganet import NsgaNet
from nastransfer.search.searcher import SearchData, Searcher, make_searcher
from nastransfer.search.settings import NetworkSearcher
from nastransfer.study.plan import method_of
from nastransfer.study.pricing.asks import Ask, Measured, Point, SearchAsk, TrainingAsk, shape_of
from nastransfer.study.pricing.devices import memory_bytes
from nastransfer.study.pricing.own_probe import time_steps
from nastransfer.study.pricing.processor import processor_times, share_between
from nastransfer.study.pricing.search_probes import children_phases, planned_phases, pool_phases
from nastransfer.study.pricing.timing import FEWEST, MOST, Phase, timed_units
from nastransfer.study.sources import open_source, ranking
from nastransfer.train.architecture import read_architecture
from nastransfer.train.device import exact_fp32, peak_bytes, pick_device
from nastransfer.train.preflight import preflight
from nastransfer.train.protocol import protocol
from nastransfer.train.scoring import evaluate
from nastransfer.train.training import TEST_BATCH, Training

# What the process of a task's notebook holds besides: 60 to 145 MB on the shipped studies.
_NOTEBOOK_BYTES = 110_000_000
# Above this many images, the time to read all of them is scaled up from a part.
_MOST_READ = 60_000


def measure(ask: Ask) -> Measured:
    """Measure an ask; what goes wrong is the answer's reason."""
    before = processor_times()
    try:
        answer = _search(ask) if isinstance(ask, SearchAsk) else _training(ask)
        return replace(answer, cpu_share=share_between(before, processor_times()))
    except Exception as error:  # noqa: BLE001 (an own method may raise anything)
        return Measured(reason=f"{type(error).__name__}: {error}")


def _search(ask: SearchAsk) -> Measured:
    started = time.perf_counter()
    dataset = usable(open_source(ask.source))
    opened = time.perf_counter() - started
    kind = ask.method if ask.plugin is None else method_of(ask.plugin, ask.method)
    searcher = make_searcher(kind, ask.preset, **ask.settings)
    data, streams = SearchData(dataset, ask.seed), Streams(ask.seed, "search", searcher.method)
    if not isinstance(searcher, NetworkSearcher):
        return _own(searcher, data, streams, opened)
    setup, phases = phases_of(searcher, data, streams)
    total = setup + sum(phase.total for phase in phases)
    error = float(np.sqrt(sum(phase.error**2 for phase in phases))) / total
    return Measured((Point(total, error, _peak(data.pick_device())),), opened)


def _own(searcher: Searcher, data: SearchData, streams: Streams, opened: float) -> Measured:
    """A method of which only its steps are known: how far it comes within some seconds."""
    timing = time_steps(searcher.search(data, streams))
    if timing is None:
        return Measured(reason="it yielded no step that tells how far it is within the time of a probe")
    peak = _peak(data.pick_device())
    return Measured((Point(timing.seconds, timing.relative_error, peak),), opened)


def phases_of(searcher: NetworkSearcher, data: SearchData, streams: Streams) -> tuple[float, list[Phase]]:
    """Seconds to set a search up, and its phases measured."""
    if isinstance(searcher, NsgaNet):
        return children_phases(searcher, data, streams)
    started = time.perf_counter()
    run: Any = searcher.begin(data, streams)
    setup = time.perf_counter() - started
    if isinstance(searcher, Nao):
        phases = pool_phases(searcher, data, streams, run)
    elif isinstance(searcher, Enas):
        phases = planned_phases(run, [unit.kind for unit in run.plan])
    else:
        phases = planned_phases(run, ["weights"] * run.units)
    # The report before the first unit, and those on the way.
    reports = timed_units(run.report, share=0.25, most=FEWEST)
    return setup, [*phases, Phase(searcher.reports + 1, reports)]


def _training(ask: TrainingAsk) -> Measured:
    started = time.perf_counter()
    dataset = usable(open_source(ask.target))
    if ask.target.proxy is not None:
        dataset = ranking(dataset, ask.target.seed)
    opened = time.perf_counter() - started
    chosen = protocol(ask.protocol, **ask.settings)
    device = pick_device("auto")
    peaks = [_as_notebook(device, preflight(name, dataset, chosen).peak_bytes) for name in ask.networks]
    memory: dict[str, Any] = {"needed_bytes": max(peaks), "capacity_bytes": capacity_bytes(device)}
    if memory["needed_bytes"] > memory["capacity_bytes"]:
        return Measured(reason="it does not fit into the memory of this machine", **memory)
    read, share = _to_read(dataset)
    few = _few(dataset, 4 * chosen.batch, 2 * TEST_BATCH)
    setup, points = 0.0, []
    for number, (name, peak) in enumerate(zip(ask.networks, peaks, strict=True)):
        started = time.perf_counter()
        training = Training(
            read_architecture(name), few if number else read, Streams(2, "probe"), chosen, device
        )
        if not number:
            setup = (time.perf_counter() - started) / share
        phases = _steps(training, dataset)
        total = setup + sum(phase.total for phase in phases)
        error = float(np.sqrt(sum(phase.error**2 for phase in phases))) / total
        # Reading the images may take more than training on them.
        points.append(Point(total, error, max(peak, _peak(device)), training.macs))
    return Measured(tuple(points), opened, shape=shape_of(dataset, chosen), **memory)


def _steps(training: Training, dataset: Dataset) -> list[Phase]:
    """Weight steps, and the scoring of the test part by batches."""
    chosen = training.protocol
    test = dataset.manifest.count("test")
    train = len(dataset.manifest) - test
    steps = -(-min(chosen.epoch_images or train, train) // chosen.batch)
    weights = timed_units(training.advance, most=max(1, min(MOST, training.steps_per_epoch - 1)))
    batches = list(islice(training.test_batches.ordered(), FEWEST))
    images = sum(len(labels) for _, labels in batches)

    def score() -> None:
        with exact_fp32():
            evaluate(training.network, iter(batches), training.classes)

    scoring = timed_units(score, share=0.5)
    return [
        Phase(chosen.epochs * steps, weights),
        Phase(chosen.epochs * test / images, scoring),
    ]


def _peak(device: torch.device) -> int:
    """Peak memory so far, as it would be in a task."""
    return _as_notebook(device, peak_bytes(device))


def _as_notebook(device: torch.device, peak: int) -> int:
    """The peak of this process as that of a task's; a GPU's memory is the same in both."""
    return peak if device.type == "cuda" else peak + _NOTEBOOK_BYTES


def capacity_bytes(device: torch.device) -> int:
    """Memory of a GPU, or of this machine: what a container is allowed to have of it."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return memory_bytes()


def _to_read(dataset: Dataset) -> tuple[Dataset, float]:
    """The set, or where it is large a part of it, and the part's share."""
    images = len(dataset.manifest)
    if images <= _MOST_READ:
        return dataset, 1.0
    test = dataset.manifest.count("test")
    share = _MOST_READ / images
    part = _few(dataset, round(share * (images - test)), max(2, round(share * test)))
    return part, len(part.manifest) / images


def _few(dataset: Dataset, train: int, test: int) -> Dataset:
    """Some images of both parts, all classes named as before."""
    tested = dataset.manifest.rows["part"] == "test"
    keep = np.zeros(len(dataset.manifest), bool)
    for mask, count in ((~tested, train), (tested, test)):
        places = np.flatnonzero(mask.to_numpy())
        keep[places[np.linspace(0, len(places) - 1, min(count, len(places))).astype(int)]] = True
    return dataset.with_manifest(dataset.manifest.take(pl.Series(keep)))
