"""Predicted against actual: two shipped studies priced, then run, with the figures of both recorded."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nastransfer.data.packs import PACKS, find_pack
from nastransfer.study.pricing import measuring
from nastransfer.study.pricing.comparison import predicted_against_actual
from nastransfer.study.pricing.overhead import processor_seconds
from nastransfer.study.study import Study


@pytest.mark.slow
@pytest.mark.parametrize("name", ["quickstart", "small-cifar"])
def test_a_study_costs_what_was_said_before(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Every run must be predicted and come out. The times are recorded, not asserted: others may use the machine."""
    if name == "small-cifar" and find_pack(PACKS["cifar10"], None) is None:
        pytest.skip("no CIFAR-10 pack here")
    monkeypatch.setattr(measuring, "cache_folder", lambda: tmp_path / "cache")
    study, loads = Study.load(name), [os.getloadavg()[0]]
    started = time.perf_counter()
    estimate = study.estimate(tmp_path / "runs", slots=2)
    took = time.perf_counter() - started
    loads.append(os.getloadavg()[0])
    before = processor_seconds()
    summary = study.run(tmp_path / "runs", slots=2)
    used = (processor_seconds() - before) / 60
    loads.append(os.getloadavg()[0])
    compared = {row["kind"]: row for row in predicted_against_actual(summary.records).iter_rows(named=True)}
    assert compared["total"]["tasks"] == len(study.plan()) == compared["wall"]["tasks"]
    for kind, row in compared.items():
        if row["error_percent"] is None:
            continue
        predicted, actual = (60 * row[column] for column in ("predicted_hours", "actual_hours"))
        record_property(
            f"{name}, {kind}",
            {"predicted minutes": predicted, "actual minutes": actual, "error percent": row["error_percent"]},
        )
    record_property(
        f"{name}, processor time, which others do not change",
        {
            "predicted minutes": 60 * estimate.cpu_hours,
            "actual minutes": used,
            "error percent": 100 * (60 * estimate.cpu_hours / used - 1),
        },
    )
    results = summary.records.results()
    peaks = estimate.tasks.join(
        results.select("peak_bytes", id=results["run"].str.extract(r"-([0-9a-f]{12})/")), "id"
    )
    off = (peaks["peak_bytes"] / peaks["peak_bytes_right"] - 1).drop_nulls() * 100
    record_property(f"{name}, peak memory", {"mean error percent": off.mean(), "largest": off.abs().max()})
    stated = {"seconds": took, "stated error percent": 100 * estimate.relative_error, "loads": loads}
    record_property(f"{name}, estimate", stated)
