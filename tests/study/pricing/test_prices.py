"""From measured points to the price of tasks, and how long a schedule of them takes: arithmetic on hand-made plans."""

from __future__ import annotations

from typing import Any

import pytest

from nastransfer.study.plan import Task
from nastransfer.study.pricing.asks import Measured, Point, group_of
from nastransfer.study.pricing.prices import Done, from_records, group_error, price_tasks, seconds_at
from nastransfer.study.pricing.schedule import wall_seconds
from nastransfer.study.study import Study


def task(name: str, *parents: str) -> Task:
    return Task(name, "search", name, {}, parents)


def points(*pairs: tuple[int, float]) -> list[Point]:
    return [Point(seconds, 0.1, macs=macs) for macs, seconds in pairs]


def test_tasks_fill_the_slots_in_the_order_of_the_plan() -> None:
    tasks = [task("a"), task("b"), task("c"), task("d")]
    seconds = {"a": 4.0, "b": 1.0, "c": 2.0, "d": 3.0}
    assert wall_seconds(tasks, seconds, 1) == 10.0
    # b ends at 1, then c until 3, then d until 6.
    assert wall_seconds(tasks, seconds, 2) == 6.0
    assert wall_seconds(tasks, seconds, 9) == 4.0


def test_a_task_waits_for_its_parents_and_those_that_are_done_take_nothing() -> None:
    tasks = [task("proxy"), task("search", "proxy"), task("training", "search"), task("random")]
    seconds = {"proxy": 1.0, "search": 5.0, "training": 3.0, "random": 2.0}
    assert wall_seconds(tasks, seconds, 2) == 9.0
    del seconds["proxy"]
    assert wall_seconds(tasks, seconds, 2) == 8.0
    assert wall_seconds(tasks, {}, 2) == 0.0


def test_seconds_follow_the_line_through_the_points_where_they_rise() -> None:
    rising = points((100, 10.0), (200, 12.0), (300, 14.0))
    assert seconds_at(rising, 250.0) == pytest.approx(13.0)
    assert seconds_at(rising, None) == pytest.approx(12.0)
    assert seconds_at(rising, 10_000.0) == pytest.approx(4 / 3 * 14.0), "no further than a third beyond"
    falling = points((100, 14.0), (200, 12.0), (300, 10.0))
    assert seconds_at(falling, 300.0) == pytest.approx(12.0)
    assert seconds_at(points((100, 10.0), (300, 14.0)), 300.0) == pytest.approx(12.0), (
        "two points are no line"
    )


def test_no_line_is_steeper_than_the_multiply_adds_themselves() -> None:
    steep = points((100, 1.0), (110, 5.0), (120, 9.0))
    assert seconds_at(steep, 115.5) == pytest.approx(5.0 * 1.05)


def test_the_error_of_a_group_is_the_larger_of_units_and_networks() -> None:
    assert group_error([Point(10.0, 0.07)]) == pytest.approx(0.07)
    alike = [Point(10.0, 0.2), Point(10.0, 0.2), Point(10.0, 0.2), Point(10.0, 0.2)]
    assert group_error(alike) == pytest.approx(0.1)
    apart = [Point(8.0, 0.0), Point(12.0, 0.0)]
    assert group_error(apart) == pytest.approx(8**0.5 / 10 / 2**0.5)


def test_records_are_trusted_the_more_the_more_there_are() -> None:
    one, four = from_records([Point(10.0, 0.0)]), from_records([Point(10.0, 0.0)] * 4)
    assert (one.how, one.points[0].relative_error) == ("records", pytest.approx(0.15))
    assert four.points[0].relative_error == pytest.approx(0.075)


def prices(
    tasks: list[Task], done: dict[str, Done], answer: Measured, **found: Any
) -> dict[str, dict[str, Any]]:
    measured = {group_of(one): answer for one in tasks if one.kind != "proxy"}
    table = price_tasks(tasks, done, measured, overhead_seconds=3.0, disk_bytes=100, found=found)
    return {row["id"]: row for row in table.iter_rows(named=True)}


def test_what_is_done_costs_nothing_more_and_what_is_unknown_says_why() -> None:
    tasks = Study.load("quickstart").plan()
    first, second = (one for one in tasks if one.kind == "search" and one.parameters["seed"] == 2)
    priced = prices(tasks, {first.id: Done(7.0, 10, 20, None)}, Measured(reason="no idea"))
    assert priced[first.id]["how"] == "done"
    assert (priced[first.id]["seconds"], priced[first.id]["overhead_seconds"]) == (7.0, 0.0)
    assert (priced[second.id]["how"], priced[second.id]["reason"]) == ("unknown", "no idea")
    assert priced[second.id]["seconds"] is None
    assert {row["how"] for row in priced.values() if row["kind"] == "proxy"} == {"probe"}


def test_searches_of_other_seeds_are_one_group_and_of_other_sources_are_not() -> None:
    tasks = Study.load("quickstart").plan()
    searches = [group_of(one) for one in tasks if one.kind == "search"]
    trainings = [group_of(one) for one in tasks if one.kind == "augment"]
    assert len(searches) == 4 and len(set(searches)) == 2
    assert len(trainings) == 9 and len(set(trainings)) == 1


def test_a_training_to_come_is_as_large_as_what_its_method_has_found_before() -> None:
    tasks = Study.load("quickstart").plan()
    random = [one for one in tasks if one.parameters.get("genotype")]
    shape = {"classes": 500, "side": 16, "stem": "cifar"}
    answer = Measured(tuple(points((1_000_000, 10.0), (2_000_000, 20.0), (3_000_000, 30.0))), shape=shape)
    each = prices(tasks, {}, answer)
    seconds = {one.parameters["genotype"]: each[one.id]["seconds"] for one in random}
    least, most = min(seconds, key=seconds.__getitem__), max(seconds, key=seconds.__getitem__)
    assert seconds[least] < seconds[most]
    (searched, *_) = (one for one in tasks if one.parameters.get("search"))
    assert prices(tasks, {}, answer, darts1=[most])[searched.id]["seconds"] == seconds[most]
    found = {searched.parents[0]: Done(1.0, None, 0, least)}
    assert prices(tasks, found, answer, darts1=[most])[searched.id]["seconds"] == seconds[least]
    assert each[searched.id]["method"] == "darts1" and each[searched.id]["on"] == "glyphs"
