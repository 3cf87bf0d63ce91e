"""What a plan can resolve: the spreads it is told by, the numbers of its runs, and a better split of the same hours."""

from __future__ import annotations

import math
from importlib import resources

import polars as pl
import pytest

from nastransfer.report.price import resolved_layout
from nastransfer.stats.power import power_of, resolvable_ri
from nastransfer.study.plan import Task
from nastransfer.study.pricing.prices import SCHEMA
from nastransfer.study.pricing.resolvable import Design, points_of, resolution
from nastransfer.study.pricing.spreads import Spreads, spreads_on
from nastransfer.study.spec import parse_spec
from nastransfer.study.study import Study
from tests.report.rows import study, training

SPREADS = Spreads(2.0, 3.0, 1.0, "made up")


def priced(tasks: list[Task], search: float, augment: float) -> pl.DataFrame:
    """Each search and each training takes so many seconds."""
    seconds = {"proxy": 0.0, "search": search, "augment": augment}
    rows = [
        {"id": task.id, "kind": task.kind, "seconds": seconds[task.kind], "overhead_seconds": 0.0}
        for task in tasks
    ]
    return pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in rows], SCHEMA)


def test_a_genotype_trained_more_often_spreads_less_by_its_trainings_only() -> None:
    assert SPREADS.of_random(1) == pytest.approx(2.0)
    assert SPREADS.of_random(4) == pytest.approx(math.sqrt(4 - 1 + 1 / 4))
    assert SPREADS.of_method(2) == pytest.approx(math.sqrt(9 - 1 + 1 / 2))
    noisy = Spreads(1.0, 1.0, 5.0, "trainings spread more than all together, by chance")
    assert noisy.of_random(4) == pytest.approx(0.5)


def test_a_design_resolves_what_the_power_analysis_says() -> None:
    against, between = points_of(Design(4, 16, 1), SPREADS, several=True)
    assert against == pytest.approx(resolvable_ri(4, 16, 3.0, 2.0))
    assert against is not None and power_of(against, 4, 16, 3.0, 2.0) == pytest.approx(0.8, abs=1e-6)
    assert between == pytest.approx(resolvable_ri(4, 4, 3.0, 3.0))
    assert points_of(Design(1, 16, 1), SPREADS, several=True) == (None, None)
    assert points_of(Design(4, 16, 1), SPREADS, several=False)[1] is None


def test_the_numbers_are_those_of_the_plan() -> None:
    tasks = Study.load("quickstart").plan()
    found = resolution(tasks, priced(tasks, 10.0, 10.0), {}, "quickstart").targets.row(0, named=True)
    assert found["target"] == "glyphs"
    assert (found["searches"], found["random_genotypes"], found["augment_seeds"]) == (2, 5, 1)
    assert "NAS-Benchmark" in found["spreads_from"]
    spreads = found["spread_method_percent"], found["spread_random_percent"]
    assert found["ri_against_random"] == pytest.approx(resolvable_ri(2, 5, *spreads))


def test_dear_trainings_buy_more_searches_where_there_are_too_many_random_genotypes() -> None:
    study_file = Study.load("methods-cifar")
    tasks = study_file.plan()
    found = resolution(tasks, priced(tasks, 10.0, 1000.0), {}, "methods-cifar").suggestion
    assert found is not None and found.planned == Design(4, 16, 1)
    assert found.design.searches > 4 and found.design.random_genotypes < 16
    assert found.points < 0.95 * found.planned_points
    # Five methods on one source: no dearer than the plan.
    hours = [
        5 * one.searches * (10.0 + one.augment_seeds * 1000.0)
        + one.random_genotypes * one.augment_seeds * 1000.0
        for one in (found.design, found.planned)
    ]
    assert hours[0] <= hours[1]


def test_a_plan_of_one_search_resolves_nothing() -> None:
    text = (
        (resources.files("nastransfer") / "studies" / "methods-cifar.yaml")
        .read_text(encoding="utf-8")
        .replace("[2, 3, 4, 5]", "[2]")
    )
    tasks = Study(parse_spec(text, "one.yaml")).plan()
    found = resolution(tasks, priced(tasks, 10.0, 1000.0), {}, "one")
    assert found.suggestion is not None and found.suggestion.planned_points is None
    assert "resolves nothing" in resolved_layout(found).below[-1]


def test_without_prices_or_a_baseline_nothing_is_suggested() -> None:
    tasks = Study.load("quickstart").plan()
    unknown = priced(tasks, 1.0, 1.0).with_columns(seconds=pl.lit(None, pl.Float64))
    assert resolution(tasks, unknown, {}, "quickstart").suggestion is None
    searched = [task for task in tasks if not task.parameters.get("genotype")]
    assert resolution(searched, priced(searched, 1.0, 1.0), {}, "quickstart").targets.is_empty()


def test_spreads_are_the_studys_own_where_it_has_enough_runs() -> None:
    top1 = [70.0, 72.0, 74.0, 76.0, 78.0]
    own = study(
        *(training("random", draw, value) for draw, value in enumerate(top1)),
        *(training("enas", seed, value) for seed, value in enumerate(top1)),
        *(training("random", draw, value + 1.0, augment_seed=3) for draw, value in enumerate(top1)),
    )
    target = own["target"][0]
    frames = {"mine": own}
    found = spreads_on(target, frames, "mine")
    cv = [100 * math.sqrt(10.0) / mean for mean in (74.0, 75.0)]
    assert found.random_percent == pytest.approx(math.sqrt((cv[0] ** 2 + cv[1] ** 2) / 2))
    assert found.method_percent == pytest.approx(cv[0])
    assert found.said.startswith("random genotypes: this study's own runs; methods: this study's own runs")
    assert "other studies' runs on" in spreads_on(target, frames, "another").said
    assert "runs on other targets" in spreads_on("elsewhere", frames, "another").said
    published = spreads_on(target, {}, "mine")
    assert "NAS-Benchmark" in published.said and 0.5 < published.random_percent < 2.0
