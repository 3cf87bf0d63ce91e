"""Plans: parents first, shared work once, ids that hash all that is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from nastransfer.study.parameters import check
from nastransfer.study.plan import plan_study
from nastransfer.study.plan_frame import PLAN_COLUMNS, plan_frame
from nastransfer.study.spec import load_spec, parse_spec, shipped
from nastransfer.study.tasks import Task, digest
from tests.study.test_spec import GOOD

SPEC = parse_spec(GOOD, "mine.yaml")
PUBLISHED = Path(__file__).resolve().parents[2] / "runs" / "methods-cifar" / "plan.jsonl"


def test_the_plan_holds_every_combination_once() -> None:
    tasks = plan_study(SPEC)
    kinds = [task.kind for task in tasks]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"proxy": 1, "search": 4, "augment": 5 + 4}
    assert len({task.id for task in tasks}) == len(tasks)
    seen: set[str] = set()
    for task in tasks:
        assert seen.issuperset(task.parents)
        seen.add(task.id)
    feeds = [task.feeds for task in tasks if task.kind == "augment"]
    assert sorted(feeds) == [("direct",)] * 2 + [("random",)] * 5 + [("transfer",)] * 2


def test_the_notebooks_parameters_give_the_same_id() -> None:
    for task in plan_study(load_spec("quickstart")):
        assert check(task.kind, task.parameters).task().id == task.id


@pytest.mark.parametrize(
    ("study", "of_all_ids"),
    [("quickstart", "52f63dcb76d3"), ("small-cifar", "ef07ca02c257"), ("methods-cifar", "ba70221690b5")],
)
def test_ids_stay_what_they_were(study: str, of_all_ids: str) -> None:
    """Another digest here means that nobody's records of the study count any more (see `TASK_VERSION`)."""
    assert digest(sorted(task.id for task in plan_study(load_spec(study)))) == of_all_ids


def test_published_searches_are_still_found_by_their_ids() -> None:
    asked = [Task.from_json(json.loads(line)) for line in PUBLISHED.read_text(encoding="utf-8").splitlines()]
    searches = {task.id for task in asked if task.kind == "search"}
    assert len(searches) == 20
    assert searches == {task.id for task in plan_study(load_spec("methods-cifar")) if task.kind == "search"}


@pytest.mark.parametrize("study", shipped())
def test_tasks_of_shipped_studies_have_names_of_their_own_and_come_after_their_parents(study: str) -> None:
    tasks = plan_study(load_spec(study))
    assert len({(task.kind, task.slug) for task in tasks}) == len({task.id for task in tasks}) == len(tasks)
    seen: set[str] = set()
    for task in tasks:
        assert seen.issuperset(task.parents), task.slug
        seen.add(task.id)


def test_the_baseline_comes_first_and_then_seed_after_seed() -> None:
    frame = plan_frame(plan_study(load_spec("photographs")))
    searched = frame.filter(pl.col("kind") != "proxy", pl.col("method") != "random")
    assert searched["search_seed"].to_list() == sorted(searched["search_seed"])
    for _, of_seed in searched.group_by("search_seed", maintain_order=True):
        assert of_seed["kind"].to_list() == ["search"] * 25 + ["augment"] * (of_seed.height - 25)
    random = frame.with_row_index("place").filter(method="random")
    baseline = ~pl.col("feeds").list.contains("rank_agreement")
    first = frame.with_row_index("place").filter(kind="search")["place"].min()
    assert random.filter(baseline)["place"].max() == first - 1
    assert random.filter(~baseline)["place"].to_list() == list(range(frame.height - 5 * 16, frame.height))


def test_ids_do_not_change_between_processes() -> None:
    code = (
        "from nastransfer.study.plan import plan_study; from nastransfer.study.spec import load_spec;"
        "print([task.id for task in plan_study(load_spec('quickstart'))])"
    )
    again = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert again.strip() == str([task.id for task in plan_study(load_spec("quickstart"))])


def test_what_is_asked_changes_the_id() -> None:
    changes = [("[2, 3]", "[4, 5]"), ("classes: 40", "classes: 41"), ("protocol: tiny", "protocol: small")]
    for old, new in changes:
        other = plan_study(parse_spec(GOOD.replace(old, new, 1), "other.yaml"))
        assert {task.id for task in other} != {task.id for task in plan_study(SPEC)}
    renamed = plan_study(parse_spec(GOOD.replace("name: mine", "name: yours"), "other.yaml"))
    assert [task.id for task in renamed] == [task.id for task in plan_study(SPEC)]


def test_random_genotypes_are_the_same_for_every_target_and_grow_without_change() -> None:
    more = plan_study(parse_spec(GOOD.replace("genotypes: 5", "genotypes: 8"), "more.yaml"))
    assert {task.id for task in plan_study(SPEC)} < {task.id for task in more}


def test_a_task_survives_json() -> None:
    for task in plan_study(SPEC):
        assert Task.from_json(task.to_json()) == task


def test_photographs_crosses_five_sources_with_three_targets() -> None:
    tasks = plan_study(load_spec("photographs"))
    frame = plan_frame(tasks)
    assert frame.group_by("kind").len().sort("kind").rows() == [
        ("augment", 372),
        ("proxy", 3),
        ("search", 100),
    ]
    assert frame.filter(kind="search").group_by("method", "source").len()["len"].to_list() == [4] * 25
    trained = frame.filter(kind="augment")
    ranked = trained.filter(pl.col("feeds").list.contains("rank_agreement"))
    assert ranked.group_by("target").len().sort("target").rows() == [
        ("cifar10", 16),
        ("cifar100-c50", 16),
        ("flowers102-c50", 16),
        ("scene15-split40-40-20", 16),
        ("tiny_imagenet200-c100", 16),
    ]
    found = trained.filter(pl.col("method") != "random", augment_seed=2)
    routes = found.group_by("source", "target").len()
    assert routes.height == 3 * 3 + 2
    assert routes["len"].unique().to_list() == [20]
    again = trained.filter(augment_seed=3)
    assert again.group_by("target").len().rows() == [("flowers102", 24)]


def test_a_plan_as_a_frame_says_what_each_task_is() -> None:
    tasks = plan_study(SPEC)
    frame = plan_frame(tasks)
    assert frame.columns == list(PLAN_COLUMNS)
    assert frame["id"].to_list() == [task.id for task in tasks]
    assert frame["parents"].to_list() == [list(task.parents) for task in tasks]
    direct = frame.filter(pl.col("feeds").list.contains("direct"))
    about = direct.select(
        "method", "source", "target", "search_seed", "augment_seed", "protocol", "cells"
    ).rows()
    assert about == [("darts1", "glyphs-random-c40", "glyphs", seed, 2, "tiny", 5) for seed in (2, 3)]
    random = frame.filter(method="random")
    assert random["search_seed"].to_list() == [0, 1, 2, 3, 4]
    assert random["source"].null_count() == 5
    assert frame.filter(kind="proxy")["source"].to_list() == ["glyphs-random-c40"]
    assert plan_frame([]).height == 0


def test_the_papers_study_has_all_that_its_tables_and_figures_show() -> None:
    frame = plan_frame(plan_study(load_spec("paper")))
    assert frame.group_by("kind").len().sort("kind").rows() == [
        ("augment", 530),
        ("proxy", 8),
        ("search", 200),
    ]
    uses = frame.explode("feeds").filter(pl.col("feeds").str.contains("table|figure"))
    counted = dict(uses.filter(pl.col("kind") != "search").group_by("feeds").len().rows())
    assert counted == {
        "table 1": 8,  # proxies
        "table 2": 20 + 4 * 20 + 20 + 15 + 3 * 5,
        "figure 1": 20 + 4 * 20 + 20 + 15 + 3 * 5,
        "figure 2": 5 * 15 + 3 * 15 + 2 * 5,
        "figure 3": 4 * 20 + 20 + 15 + 5 * 15 + 3 * 15 + 2 * 5,
        "figure 4": 5 * 30,
        "table 3": 2 * (20 + 15 + 5),
        "table 4": 3 * (20 + 15 + 5),
    }
    trained = frame.filter(kind="augment")
    assert trained["feeds"].list.join(",").str.contains("table|figure").all()
    assert trained.filter(pl.col("feeds").list.contains("target_test_seen")).select(
        pl.col("source").unique().sort()
    ).to_series().to_list() == ["imagenet22k-p1", "imagenet22k-p2", "imagenet22k-p3"]
    assert set(frame.filter(method="nsganet", kind="search")["source"]) == {
        "cifar10",
        "cifar100",
        "flowers102",
        "mit67",
    }
    main = trained.filter(augment_seed=2, cells=20).group_by("target").agg(pl.col("protocol").unique())
    assert main["protocol"].list.len().unique().to_list() == [1]
    assert dict(main.explode("protocol").rows()) == {
        **dict.fromkeys(["cifar10", "cifar100", "flowers102", "mit67"], "paper-small-sets"),
        "imagenet1k": "paper-imagenet1k",
        "imagenet22k": "paper-imagenet22k",
    }


def test_ablations_vary_one_thing_at_a_time_on_the_same_genotypes() -> None:
    frame = plan_frame(plan_study(load_spec("ablations"))).filter(kind="augment")
    plain = frame.filter(protocol="tiny", augment_seed=2)
    assert plain.height == 2 * (4 + 4)
    for (protocol, seed), part in frame.group_by("protocol", "augment_seed"):
        assert part.height == plain.height
        assert sorted(part["method"]) == sorted(plain["method"])
        if (protocol, seed) != ("tiny", 2):
            uses = part["feeds"].list.join(",").unique().to_list()
            assert uses == [
                "table 3" if protocol == "tiny" else "table 4" if "+L" in str(protocol) else "tricks"
            ]
