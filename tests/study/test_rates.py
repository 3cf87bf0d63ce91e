"""Rates: what benchmarks compute is what is written down, speeds by hand, and what is not measured is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nastransfer.space import cost
from nastransfer.space.known import known_genotype
from nastransfer.study import rates
from nastransfer.study.rates import RATE_COLUMNS, measured_rates, stated_rates
from tests.benchmarks.bench_augment import CLASSES as AUGMENT_CLASSES
from tests.benchmarks.bench_augment import SIZES
from tests.benchmarks.steps import CLASSES, SEARCHES

V2 = known_genotype("DARTS_V2")
ABOUT = {"device": "a machine", "threads": 2, "date": "2026-01-01 00:00 UTC", "commit": "0123456789"}


def results(folder: Path, name: str, **entries: dict[str, Any]) -> None:
    content = {entry: {**ABOUT, "measured": measured} for entry, measured in entries.items()}
    (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def speeds(frame: pl.DataFrame) -> dict[tuple[str, str], float]:
    return {(kind, of): speed for kind, of, speed in frame.select("kind", "of", "macs_per_second").rows()}


def test_what_is_timed_is_what_the_benchmarks_time() -> None:
    for timed in rates.TRAINED.values():
        size = SIZES[timed.thing.partition(":")[0]]
        assert (timed.channels, timed.cells, timed.side) == (
            size.plan.channels,
            size.plan.cells,
            size.side,
        )
        assert (timed.train, timed.test, timed.classes) == (size.train, size.test, AUGMENT_CLASSES)
    size_s = SEARCHES["S"]
    assert tuple(size_s) == (rates.STEP_CHANNELS, rates.STEP_CELLS, rates.STEP_SIDE, rates.STEP_BATCH)
    assert rates.STEP_CLASSES == CLASSES


def test_trainings_by_hand(tmp_path: Path) -> None:
    row = {"n": 3, "median_ms": 1.0, "images_per_second": 9.0}
    results(tmp_path, "cpu-2-cores", augment={"32 px: own loop": row})
    found = measured_rates(tmp_path)
    assert found.columns == list(RATE_COLUMNS)
    # 192 images of three passes and 96 of one: 7/3 passes an image.
    hand = 9.0 * 7 / 3 * cost.macs(V2, 10, 36, 20, "cifar", 32)
    assert speeds(found) == {("augment", "cifar"): pytest.approx(hand)}
    one = found.row(0, named=True)
    assert one["rate"] == "measured: a machine, 2 threads (cpu-2-cores)" and one["gpu"] is False
    assert (one["n"], one["commit"], one["date"]) == (3, ABOUT["commit"], ABOUT["date"])


def test_steps_of_searches_by_hand_with_the_fastest_own_engine(tmp_path: Path) -> None:
    steps = {
        "S first order: original": {"n": 3, "median_ms": 1.0},
        "S first order: torch": {"n": 3, "median_ms": 4000.0},
        "S first order: cpp": {"n": 4, "median_ms": 2000.0},
        "S path: plain": {"n": 5, "median_ms": 500.0},
    }
    results(tmp_path, "h200", search=steps)
    found = measured_rates(tmp_path)
    supernet = cost.supernet_macs(10, 16, 8, "cifar", 32)
    fast = speeds(found)
    assert fast.keys() == {("search", method) for method in ("darts1", "enas", "nao", "nsganet")}
    assert fast["search", "darts1"] == pytest.approx(64 * 5 * supernet / 2.0)
    assert fast["search", "enas"] == fast["search", "nsganet"]
    assert found.filter(of="darts1")["n"].item() == 4 and found["gpu"].all()


def test_where_nothing_is_measured_there_is_nothing(tmp_path: Path) -> None:
    assert measured_rates(tmp_path / "none").is_empty()
    results(tmp_path, "cpu-2-cores", plan={})
    assert measured_rates(tmp_path).is_empty()
    (tmp_path / "cut.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"cut\.json: not a file of results"):
        measured_rates(tmp_path)


def test_a_stated_rate_is_one_number_for_all_work() -> None:
    found = stated_rates(100.0)
    macs = cost.macs(V2, 1_000, 48, 14, "imagenet", 224)
    assert found["macs_per_second"].to_list() == [pytest.approx(300.0 * macs)] * 7
    assert found.height == 7 and found["n"].null_count() == 7 and found["gpu"].null_count() == 7
    assert set(found["rate"]) == {"as stated: 100 images a second"}
    assert stated_rates(None).is_empty()
    with pytest.raises(ValueError, match="above 0, found -1"):
        stated_rates(-1)


def test_the_committed_results_have_rates_of_all_work() -> None:
    found = measured_rates(Path(__file__).parents[1] / "benchmarks" / "results")
    cpu = found.filter(pl.col("rate").str.contains("cpu-2-cores"))
    assert speeds(cpu).keys() == speeds(stated_rates(1.0)).keys()
    assert (cpu["macs_per_second"] > 1e9).all() and (cpu["macs_per_second"] < 1e12).all()
