"""Probes of every method at a size of seconds: all units are counted, the machine's memory is seen, errors are told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from nastransfer.data.datasets import open_dataset
from nastransfer.data.streams import Streams
from nastransfer.search.plugins import Plugin
from nastransfer.search.searcher import SearchData, SearchStep, make_searcher
from nastransfer.search.settings import NetworkSearcher
from nastransfer.space.genotype import Genotype
from nastransfer.study.pricing import timing
from nastransfer.study.pricing.asks import Measured, SearchAsk, TrainingAsk
from nastransfer.study.pricing.own_probe import time_steps
from nastransfer.study.pricing.probe import measure, phases_of
from nastransfer.study.pricing.processor import processor_times, share_between
from nastransfer.study.pricing.timing import Phase, timed_units
from nastransfer.study.source import Source

SMALL: dict[str, Any] = {"cells": 3, "channels": 4, "resolution": 8, "batch": 16, "search_images": 64}
GENOTYPE = str(
    Genotype.parse(
        {
            "normal": [[("skip_connect", 0), ("sep_conv_3x3", 1)]] * 4,
            "reduce": [[("max_pool_3x3", 0), ("sep_conv_3x3", 1)]] * 4,
        }
    )
)


@pytest.fixture(autouse=True)
def in_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "BUDGET_SECONDS", 0.01)


def phases(method: str, **settings: Any) -> list[float]:
    """Units of each phase of a search."""
    searcher = make_searcher(method, "tiny", **{**SMALL, **settings})
    assert isinstance(searcher, NetworkSearcher)
    setup, found = phases_of(searcher, SearchData(open_dataset("digits"), 2), Streams(2, "search", method))
    assert setup > 0 and all(phase.total > 0 for phase in found)
    return [phase.units for phase in found]


def test_the_phases_of_each_method_have_all_its_units() -> None:
    assert phases("darts1", steps=30, reports=4) == [30, 5]
    assert phases("darts2", steps=20, reports=1) == [20, 2]
    # Weight steps, updates of ten rewards each, last samples, reports.
    assert phases("enas", steps=30, rewards=40, last_samples=3, reports=4) == [30, 4, 3, 5]
    # Weight steps; three scorings of 10 members, 4 a unit; predictor epochs and new pools of two rounds; retraining of
    # 2 members for 2 passes of 4 steps; their scoring on 64 images each; reports.
    nao = {
        "steps": 30,
        "scorings": 3,
        "pool": 10,
        "new": 5,
        "predictor_epochs": 7,
        "rerank": 2,
        "rerank_epochs": 2,
    }
    assert phases("nao", **nao, reports=4) == [30, 9, 14, 2, 16, 128, 5]


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Sets the number of threads of torch; it is as before afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_children_are_counted_by_their_steps(threads: Callable[[int], None]) -> None:
    threads(1)
    # 8 + 3 * 4 networks, each 2 passes of 4 steps, scored on 64 images.
    assert phases("nsganet") == [160, 1280]
    threads(4)
    # Side by side: 2 rounds for the first 8, 1 for each of the following generations of 4.
    assert phases("nsganet") == [40, 320]


def test_the_share_of_the_processor_is_what_was_computed_of_what_could_be() -> None:
    assert share_between((100, 50), (400, 150)) == pytest.approx(0.75)
    assert share_between((100, 50), (100, 50)) is None
    assert share_between(None, (1, 1)) is None
    assert processor_times() is None or min(processor_times() or (0,)) >= 0


def test_a_phase_is_scaled_up_from_its_units() -> None:
    phase = Phase(10, (1.0, 2.0, 3.0))
    assert (phase.total, phase.error) == (20.0, pytest.approx(10 / 3**0.5))
    assert Phase(10, (2.0,)).error == pytest.approx(6.0)


def test_the_first_unit_is_left_out_where_there_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 5.0, 5.0, 6.0, 6.0, 8.0, 8.0, 11.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(timing, "BUDGET_SECONDS", 6.0)
    assert timed_units(lambda: None) == (1.0, 2.0, 3.0)
    clock = iter([0.0, 70.0])
    assert timed_units(lambda: None) == (70.0,), "far too long to do it again"


def test_a_training_is_measured_for_each_network() -> None:
    settings = {"cells": 3, "channels": 4, "epochs": 2, "epoch_images": 64, "resolution": 8, "batch": 16}
    ask = TrainingAsk(Source(dataset="digits"), "tiny", settings, (GENOTYPE, GENOTYPE))
    answer = measure(ask)
    first, second = answer.points
    assert first.macs == second.macs is not None and first.seconds > 0
    assert answer.shape == {"classes": 10, "side": 8, "stem": "cifar"}
    assert answer.capacity_bytes and answer.needed_bytes and (first.peak_bytes or 0) > 10**8
    assert Measured.from_json(answer.to_json()) == answer


def test_what_does_not_fit_is_told_before_it_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nastransfer.study.pricing.probe.memory_bytes", lambda: 1000)
    answer = measure(TrainingAsk(Source(dataset="digits"), "tiny", {}, (GENOTYPE,)))
    assert not answer.points and answer.reason is not None and "does not fit" in answer.reason


def test_what_goes_wrong_is_the_answer() -> None:
    source = Source(dataset="digits")
    answer = measure(SearchAsk("darts1", "tiny", {**SMALL, "batch": 4000, "search_images": 5000}, source, 2))
    assert not answer.points and answer.reason is not None and "fewer than a batch of 4000" in answer.reason


def test_an_own_method_is_timed_by_its_steps() -> None:
    def steps(pause: float) -> Iterator[SearchStep]:
        for number in range(11):
            yield SearchStep(number, 10, None)
            time.sleep(pause)

    whole = time_steps(steps(0.0))
    assert whole is not None and whole.relative_error == 0.0
    cut = time_steps(steps(0.05), budget=0.12)
    assert cut is not None and cut.relative_error > 0 and cut.seconds > 0.2

    def silent() -> Iterator[SearchStep]:
        yield SearchStep(0, 10, None)
        time.sleep(1.0)

    assert time_steps(silent(), budget=0.05) is None


OWN = '''
"""A method that waits, and one that fails."""
import time
from nastransfer import Genotype, Searcher, SearchStep


class Waits(Searcher):
    method = "waits"

    def search(self, data, streams):
        for step in range(3):
            time.sleep(0.02)
            yield SearchStep(step, 2, Genotype.random(streams.numpy("g")))


class Fails(Searcher):
    method = "fails"

    def search(self, data, streams):
        raise KeyError("lost")
        yield
'''


def test_an_own_methods_file_is_probed_whatever_it_does(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    plugin = Plugin.read(tmp_path / "own.py")
    waits, fails = (
        measure(SearchAsk(method, "tiny", {}, Source(dataset="digits"), 2, plugin))
        for method in ("waits", "fails")
    )
    assert waits.points[0].seconds >= 0.06 and waits.points[0].relative_error == 0.0
    assert not fails.points and fails.reason == "KeyError: 'lost'"
