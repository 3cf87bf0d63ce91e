"""The price before the start and after it: what is done, what is probed, what cannot fit, predicted against actual."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nastransfer.report.price import estimate_text
from nastransfer.space import cost
from nastransfer.space.genotype import Genotype
from nastransfer.study import estimate as estimating
from nastransfer.study.executors.gpus import Gpu
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.machine import machine
from nastransfer.study.plan import Task, random_genotypes
from nastransfer.study.pricing import devices
from nastransfer.study.pricing.asks import Ask, Measured, Point, SearchAsk, TrainingAsk
from nastransfer.study.pricing.comparison import (
    earlier_errors,
    expected_seconds,
    keep_estimate,
    kept_estimate,
    predicted_against_actual,
)
from nastransfer.study.pricing.measuring import Setting
from nastransfer.study.pricing.overhead import Overhead
from nastransfer.study.study import Study
from tests.example_study import finish, write_example

GIGABYTE = 10**9
HERE = {name: machine()[name] for name in ("device", "versions")} | {"threads": Setting(2).threads}


class Probes:
    """Stands in for probes: searches take 100 s, trainings 50 s; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []
        self.peak = GIGABYTE

    def __call__(self, asks: Mapping[str, Ask], setting: Setting, title: str) -> dict[str, Measured]:
        assert setting.slots > 0 and title
        self.asked += asks.values()
        return {name: self.answer(ask) for name, ask in asks.items()}

    def answer(self, ask: Ask) -> Measured:
        seconds = 100.0 if isinstance(ask, SearchAsk) else 50.0
        memory: dict[str, Any] = {"needed_bytes": self.peak, "capacity_bytes": 16 * GIGABYTE}
        return Measured((Point(seconds, 0.1, self.peak),), 1.0, **memory, cpu_share=0.5)


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> Probes:
    stand_in = Probes()
    monkeypatch.setattr(estimating, "measure_all", stand_in)
    monkeypatch.setattr(estimating, "overhead_of", lambda _: Overhead(9.0, 3.0, 1000, None))
    monkeypatch.setattr(devices, "gpus", list)
    monkeypatch.setattr(devices, "memory_bytes", lambda: 4 * GIGABYTE)
    return stand_in


def first_searches(records: StudyRecords) -> list[Task]:
    """The proxy, and a search on each of the two sources."""
    tasks = records.plan()
    searches = [task for task in tasks if task.kind == "search" and task.parameters["seed"] == 2]
    return [task for task in tasks if task.kind == "proxy"] + searches


def test_each_thing_is_probed_once_and_all_of_it_counts(tmp_path: Path, probes: Probes) -> None:
    found = Study.load("quickstart").estimate(tmp_path, slots=2)
    kinds = [type(ask) for ask in probes.asked]
    assert sorted(kind.__name__ for kind in kinds) == ["SearchAsk", "SearchAsk", "TrainingAsk"]
    (training,) = (ask for ask in probes.asked if isinstance(ask, TrainingAsk))
    assert len(set(training.networks)) == 3
    assert set(training.networks) <= {str(genotype) for genotype in random_genotypes(2, 5)}
    # A proxy, 4 searches and 9 trainings; each 9 s besides, and a second to open a set.
    assert found.work_hours * 3600 == pytest.approx(400 + 450)
    assert found.overhead_hours * 3600 == pytest.approx(9 + 13 * 10)
    assert (found.work_hours + found.overhead_hours) / 2 <= found.wall_hours <= found.work_hours
    assert found.counts == {"probe": 14} and found.peak_bytes == 2 * GIGABYTE
    assert found.disk_bytes == 14_000 and not found.unknown
    assert 0.2 < found.relative_error < 0.3
    assert found.cpu_hours * 3600 == pytest.approx(0.5 * 850 + 14 * 3)
    assert found.alone_hours < 0.6 * found.wall_hours
    text = estimate_text(found)
    assert "2 tasks side by side" in text and "RI against random" in text


def test_the_plans_finished_tasks_cost_nothing_and_their_records_price_the_rest(
    tmp_path: Path, probes: Probes
) -> None:
    records = write_example(tmp_path, leave=14)
    before = [task for task in records.plan() if task.kind != "augment"][:3]
    for place, task in enumerate(before):
        finish(records, task, place, **HERE, seconds=200.0)
    found = Study.load("quickstart").estimate(tmp_path, slots=2)
    assert found.counts["done"] == 3 and found.counts["records"] == 2
    other = [ask for ask in probes.asked if isinstance(ask, SearchAsk)]
    assert other == [], "both sources have a finished search"
    assert found.work_hours * 3600 == pytest.approx(2 * 200 + 9 * 50)
    assert found.left.height == 11


def test_finished_trainings_tell_how_long_larger_networks_take(tmp_path: Path, probes: Probes) -> None:
    records = write_example(tmp_path, leave=14)
    random = [task for task in records.plan() if task.parameters.get("genotype")]
    for place, task in enumerate(random[:4]):
        macs = cost.macs(Genotype.parse(task.parameters["genotype"]), 500, 8, 5, "cifar", resolution=16)
        finish(records, task, place, **HERE, seconds=macs / 1e5, macs=macs)
    found = Study.load("quickstart").estimate(tmp_path, slots=2)
    assert [type(ask) for ask in probes.asked] == [SearchAsk, SearchAsk]
    seconds = dict(found.tasks.select("id", "seconds").iter_rows())
    last = cost.macs(Genotype.parse(random[4].parameters["genotype"]), 500, 8, 5, "cifar", resolution=16)
    assert seconds[random[4].id] == pytest.approx(last / 1e5, rel=0.02)


def test_records_of_another_machine_price_nothing(tmp_path: Path, probes: Probes) -> None:
    records = write_example(tmp_path, leave=14)
    before = [task for task in records.plan() if task.kind != "augment"][:3]
    for place, task in enumerate(before):
        finish(records, task, place, **{**HERE, "threads": 99}, seconds=200.0)
    found = Study.load("quickstart").estimate(tmp_path, slots=2)
    assert "records" not in found.counts and len(probes.asked) == 3


def test_another_studys_records_count_where_the_same_code_made_them(tmp_path: Path, probes: Probes) -> None:
    records = write_example(tmp_path, leave=14, name="another")
    for place, task in enumerate(first_searches(records)):
        finish(records, task, place, **HERE, commit=machine()["commit"], seconds=200.0)
    found = Study.load("quickstart").estimate(tmp_path, slots=2)
    assert found.counts == {"probe": 10, "records": 4} and found.work_hours * 3600 == pytest.approx(800 + 450)
    probes.asked.clear()
    finish(records, first_searches(records)[0], 9, **HERE, commit="older", seconds=900.0)
    assert Study.load("quickstart").estimate(tmp_path, slots=2).work_hours == found.work_hours


def test_what_does_not_fit_is_an_error_with_a_way_out(
    tmp_path: Path, probes: Probes, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study.load("quickstart")
    probes.peak = 3 * GIGABYTE
    with pytest.raises(
        ValueError, match=r"2 tasks side by side may need 6.0 GB .* has 4.0: run with slots=1"
    ):
        study.estimate(tmp_path, slots=2)
    assert study.estimate(tmp_path, slots=1).peak_bytes == 3 * GIGABYTE
    probes.peak = 20 * GIGABYTE
    with pytest.raises(ValueError, match=r"needs about 20.0 GB of memory, this machine has 4.0: "):
        study.estimate(tmp_path, slots=1)
    monkeypatch.setattr(devices, "gpus", lambda: [Gpu("0", 24 * GIGABYTE), Gpu("1", 24 * GIGABYTE)])
    assert study.estimate(tmp_path, slots=4).memory_bytes == 24 * GIGABYTE, "tasks wait for room on a GPU"
    with pytest.raises(ValueError, match="slots must be at least 1, found 0"):
        study.estimate(tmp_path, slots=0)


def test_what_is_not_known_is_left_out_and_said(
    tmp_path: Path, probes: Probes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "answer", lambda _: Measured(reason="nobody knows"))
    found = Study.load("quickstart").estimate(tmp_path, slots=2)
    assert found.unknown == ((13, "nobody knows"),) and found.work_hours == 0
    assert "Not in these totals: 13 tasks of unknown price (nobody knows)." in estimate_text(found)


@pytest.mark.usefixtures("probes")
def test_the_estimate_before_the_start_is_kept_and_held_against_the_records(tmp_path: Path) -> None:
    study = Study.load("quickstart")
    study.estimate(tmp_path, slots=2)
    records = Ledger(tmp_path).study("quickstart")
    assert predicted_against_actual(records).is_empty()
    write_example(tmp_path)
    kept = kept_estimate(records)
    assert kept is not None and len(kept["seconds"]) == 14
    expected = expected_seconds(records)
    assert expected is not None and len(expected) == 14
    assert sum(expected.values()) == pytest.approx(850 + 9 + 13 * 10)
    found = study.estimate(tmp_path, slots=2)
    assert found.wall_hours == 0 and "nothing is left to pay for" in estimate_text(found)
    assert kept_estimate(records) == kept, "made before the start"
    rows = {row["kind"]: row for row in predicted_against_actual(records).iter_rows(named=True)}
    # Each of the example's tasks took 10 s.
    assert rows["proxy"]["error_percent"] is None, "nothing was predicted of it but its start"
    assert rows["search"]["tasks"] == 4 and rows["search"]["error_percent"] == pytest.approx(900.0)
    assert rows["total"]["predicted_hours"] * 3600 == pytest.approx(850.0)
    assert rows["total"]["actual_hours"] * 3600 == pytest.approx(140.0)
    assert rows["wall"]["tasks"] == 14 and rows["wall"]["actual_hours"] >= 0
    text = estimate_text(found, predicted_against_actual(records))
    assert "Predicted against actual" in text and "0.16" in text


@pytest.mark.usefixtures("probes")
def test_earlier_studies_say_how_far_estimates_are_off(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert earlier_errors(ledger, 0.2)[0] == 0.2
    study = Study.load("quickstart")
    before = study.estimate(tmp_path, slots=2)
    records = write_example(tmp_path)
    # 140 s as it was: predicted exactly.
    exact = before.tasks.with_columns(seconds=10.0)
    (records.folder / "estimate.json").unlink()
    keep_estimate(records, exact, {"wall_hours": 1.0}, begun=True)
    error, said = earlier_errors(ledger, 0.2)
    assert error == pytest.approx(0.2 / 2**0.5) and said.startswith("1 earlier study here")


@pytest.mark.usefixtures("probes")
def test_an_estimate_of_what_is_done_already_says_nothing_of_errors(tmp_path: Path) -> None:
    records = write_example(tmp_path)
    study = Study.load("quickstart")
    for _ in range(2):
        assert study.estimate(tmp_path, slots=2).wall_hours == 0
    assert kept_estimate(records) is None and earlier_errors(Ledger(tmp_path), 0.2)[0] == 0.2


@pytest.mark.usefixtures("probes")
def test_wall_time_is_of_the_tasks_that_were_predicted(tmp_path: Path) -> None:
    priced = Study.load("quickstart").estimate(tmp_path, slots=2).tasks
    records = write_example(tmp_path)
    (records.folder / "estimate.json").unlink()
    spans = {}
    for attempt in records.attempts():
        asked, result = attempt.asked(), attempt.result()
        assert asked is not None and result is not None
        spans[asked["task"]["id"]] = result["finished_at"] - asked["started_at"]
    one = priced.filter(kind="search").head(1)
    keep_estimate(records, one, {"wall_hours": 1.0}, begun=True)
    wall = predicted_against_actual(records).row(by_predicate=pl.col("kind") == "wall", named=True)
    assert wall["tasks"] == 1 and wall["actual_hours"] * 3600 == pytest.approx(spans[one["id"][0]])


@pytest.mark.usefixtures("probes")
def test_a_task_that_took_the_result_of_another_is_finished_but_no_work(tmp_path: Path) -> None:
    study = Study.load("quickstart")
    study.estimate(tmp_path, slots=2)
    records = write_example(tmp_path, leave=1)
    *others, last = study.plan()
    assert "wall" not in predicted_against_actual(records)["kind"], "one task is pending"
    finish(records, last, 20, linked_to=others[-1].id)
    rows = {row["kind"]: row for row in predicted_against_actual(records).iter_rows(named=True)}
    assert rows["total"]["tasks"] == 13 and rows["wall"]["tasks"] == 14


def test_a_damaged_estimate_is_none(tmp_path: Path) -> None:
    records = write_example(tmp_path)
    path = records.folder / "estimate.json"
    path.write_text(json.dumps({"wall_hours": 1.0}))
    assert kept_estimate(records) is None and predicted_against_actual(records).is_empty()
