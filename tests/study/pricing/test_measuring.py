"""What the price is measured by: probes in processes of their own, what a task costs besides its work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nastransfer.study.pricing import measuring, overhead
from nastransfer.study.pricing.asks import Ask, Measured, Point, SearchAsk, ask_digest
from nastransfer.study.pricing.measuring import Setting, measure_all, overhead_of
from nastransfer.study.pricing.overhead import Overhead
from nastransfer.study.source import Source


def asked(**changed: Any) -> SearchAsk:
    settings = {"cells": 3, "channels": 4, "resolution": 8, "batch": 8, "search_images": 16, "steps": 2}
    return SearchAsk("darts1", "tiny", {**settings, **changed}, Source(dataset="digits"), 2)


def test_a_probe_runs_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "cache_folder", lambda: tmp_path)
    found = measure_all({"good": asked()}, Setting(2), "test")
    assert found["good"].points and found["good"].points[0].peak_bytes


def test_probes_are_kept_for_a_day_and_failed_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "cache_folder", lambda: tmp_path)
    probed: list[Ask] = []

    def probe(ask: Ask, threads: int) -> Measured:
        assert threads == Setting(2).threads
        probed.append(ask)
        return (
            Measured((Point(1.0, 0.1, macs=3),), shape={"side": 8}) if ask == good else Measured(reason="no")
        )

    monkeypatch.setattr(measuring, "_probe", probe)
    good, bad = asked(), asked(batch=99)
    asks = {"good": good, "bad": bad}
    found = measure_all(asks, Setting(2), "test")
    assert measure_all(asks, Setting(2), "test") == found and found["bad"].reason == "no"
    assert probed.count(good) == 1 and probed.count(bad) == 2
    path = tmp_path / "price" / f"probe-{ask_digest(good, **Setting(2).identity)}.json"
    path.write_bytes(path.read_bytes().replace(b"1.0", b"2.0"))
    assert measure_all(asks, Setting(2), "test") == found, "a damaged record is measured again"
    monkeypatch.setattr(measuring, "FRESH_SECONDS", 0.0)
    measure_all(asks, Setting(2), "test")
    assert probed.count(good) == 3


def test_the_overhead_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "cache_folder", lambda: tmp_path)
    calls = []

    def measured(slots: int) -> Overhead:
        calls.append(slots)
        return Overhead(5.0, 3.0, 1000, 2000)

    monkeypatch.setattr(measuring, "measure_overhead", measured)
    assert overhead_of(Setting(2)) == overhead_of(Setting(2)) == Overhead(5.0, 3.0, 1000, 2000)
    assert calls == [2]


def test_tasks_that_cannot_run_at_all_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overhead.sys, "executable", "false")
    with pytest.raises(RuntimeError, match="the smallest tasks fail on this machine"):
        overhead.measure_overhead(2)
