"""Grids: what a part takes from its study, what is left out, what several parts share."""

from __future__ import annotations

from collections import Counter

import pytest

from nastransfer.study.plan import plan_study
from nastransfer.study.spec import StudySpec, parse_spec
from nastransfer.study.tasks import Task

BASE = """
name: mine
methods: [darts1, enas]
preset: tiny
sources: [digits, {dataset: glyphs, proxy: {name: p1, selection: random, classes: 40}}]
targets: [glyphs, cifar10]
search_seeds: [2, 3]
protocol: tiny
random: {genotypes: 3, seed: 5}
"""


def study(more: str = "", base: str = BASE) -> StudySpec:
    return parse_spec(base + more, "mine.yaml")


def uses(tasks: list[Task]) -> Counter[str]:
    return Counter(",".join(task.feeds) for task in tasks)


def slugs(tasks: list[Task], kind: str) -> set[str]:
    return {task.slug for task in tasks if task.kind == kind}


def test_a_part_names_only_what_differs() -> None:
    spec = study("also: [{targets: [digits], random: {genotypes: 2}}, {cells: [8]}]")
    own, other, deeper = spec.grids
    assert other.methods == deeper.methods == own.methods
    assert [target.label for target in other.targets] == ["digits"]
    assert other.random is not None and own.random is not None
    assert (other.random.genotypes, other.random.seed) == (2, own.random.seed)
    assert deeper.cells == (8,)
    assert deeper.random == own.random


def test_what_parts_share_is_one_task_that_feeds_both() -> None:
    before = plan_study(study())
    shared = plan_study(study("also: [{methods: [enas], targets: [cifar10], feeds: [figure 9, table 9]}]"))
    assert [task.id for task in shared] == [task.id for task in before]
    assert uses(shared) == {
        "search,table 1": 1,
        "search": 4,
        "search,figure 9,table 9": 4,
        "random": 3,
        "random,figure 9,table 9": 3,
        "direct": 4,
        "transfer": 4 + 4,
        "transfer,figure 9,table 9": 4,
    }


def test_what_only_a_part_trains_feeds_what_it_says() -> None:
    tasks = plan_study(
        study("also: [{methods: [], random: {genotypes: 2}, augment_seeds: [3], feeds: seeds}]")
    )
    assert uses(tasks)["seeds"] == 2 * 2
    again = [task for task in tasks if task.feeds == ("seeds",)]
    first = {task.parameters["genotype"] for task in tasks if task.feeds == ("random",)}
    assert {task.parameters["seed"] for task in again} == {3}
    assert {task.parameters["genotype"] for task in again} < first


def test_protocols_and_cells_are_axes() -> None:
    spec = study("cells: [5, 9]", BASE.replace("protocol: tiny", "protocol: [tiny, small]"))
    tasks = plan_study(spec)
    trained = [task for task in tasks if task.kind == "augment"]
    assert Counter(
        (task.parameters["protocol"], task.parameters["settings"].get("cells")) for task in trained
    ) == {
        ("tiny", None): 22,
        ("tiny", 9): 22,
        ("small", 5): 22,
        ("small", 9): 22,
    }
    assert {slug for slug in slugs(tasks, "augment") if slug.startswith("darts1-digits-2-to-glyphs")} == {
        f"darts1-digits-2-to-glyphs-{mark}-2" for mark in ("tiny", "tiny-l9", "small-l5", "small-l9")
    }
    plain = {task.id for task in plan_study(study())}
    assert plain < {task.id for task in tasks}  # tiny has 5 cells: saying so makes no other task


def test_exclusions_leave_out_searches_without_a_target_too() -> None:
    tasks = plan_study(
        study('exclude: [{method: enas, source: "glyphs-*"}, {source: digits, target: glyphs}]')
    )
    assert slugs(tasks, "search") == {
        f"{name}-{seed}" for name in ("darts1-digits", "enas-digits", "darts1-glyphs-p1") for seed in (2, 3)
    }
    found = {task.slug for task in tasks if task.parents and task.kind == "augment"}
    assert "darts1-digits-2-to-cifar10-2" in found
    assert "darts1-digits-2-to-glyphs-2" not in found
    assert "enas-glyphs-p1-2-to-cifar10-2" not in found
    assert len(found) == 2 * (2 + 2)


def test_exclusions_of_the_study_hold_in_its_parts() -> None:
    tasks = plan_study(
        study(
            "exclude: [{method: enas}]\n"
            "also: [{targets: [digits], exclude: [{method: darts1, source: digits}]}]"
        )
    )
    assert not any(slug.startswith("enas") for slug in slugs(tasks, "search"))
    assert {
        slug for slug in slugs(tasks, "augment") if "to-digits" in slug and not slug.startswith("random")
    } == {
        "darts1-glyphs-p1-2-to-digits-2",
        "darts1-glyphs-p1-3-to-digits-2",
    }


def test_the_baseline_can_be_left_out_where_nothing_is_searched_for() -> None:
    tasks = plan_study(
        study(
            "known: [DARTS_V2]\n"
            "exclude: [{method: random, target: cifar10}, {method: '[de]*', target: cifar10}]"
        )
    )
    assert {slug for slug in slugs(tasks, "augment") if "to-cifar10" in slug} == {"darts-v2-to-cifar10-2"}


def test_rank_agreement_trains_the_first_random_genotypes_on_sources_that_are_no_targets() -> None:
    base = BASE.replace("genotypes: 3, seed: 5", "genotypes: 3, seed: 5, rank_agreement: 2")
    tasks = plan_study(study(base=base))
    ranked = [task for task in tasks if task.feeds == ("rank_agreement",)]
    assert {task.slug for task in ranked} == {
        f"random-{draw}-to-{source}-2" for draw in (0, 1) for source in ("digits", "glyphs-p1")
    }
    proxy = next(task for task in tasks if task.kind == "proxy")
    assert {task.parents for task in ranked if "p1" in task.slug} == {(proxy.id,)}
    random = {task.parameters["genotype"] for task in tasks if task.feeds == ("random",)}
    assert {task.parameters["genotype"] for task in ranked} < random
    without = plan_study(study("exclude: [{method: random, source: digits}]", base))
    assert {task.id for task in tasks} - {task.id for task in without} == {
        task.id for task in ranked if "digits" in task.slug
    }
    deeper = plan_study(study("cells: [5, 8]\nalso: [{cells: [9]}, {protocol_settings: {cutout: 4}}]", base))
    assert uses(deeper)["rank_agreement"] == 4  # one setting, or there would be nothing to compare
    # digits as a target is trained on anyway: tables compare it without being asked to.
    as_target = plan_study(study("also: [{methods: [], targets: [digits], random: {genotypes: 2}}]", base))
    assert uses(as_target)["rank_agreement"] == 2


def test_a_target_without_a_baseline_is_said_when_planning() -> None:
    spec = study("also: [{targets: [digits], random: null}]")
    with pytest.raises(
        ValueError, match="no random genotype is trained on target 'digits' with protocol 'tiny'"
    ):
        plan_study(spec)
    with pytest.raises(ValueError, match="augment seed 3"):
        plan_study(study("also: [{augment_seeds: [3], random: null}]"))
    with pytest.raises(ValueError, match=r"protocol 'tiny\+L9'"):
        plan_study(study("also: [{cells: [9], exclude: [{method: random}]}]"))
    plan_study(study("also: [{methods: [], known: [resnet18], targets: [digits], random: null}]"))


def test_trainings_that_may_see_the_targets_test_part_say_so() -> None:
    leaking = "{dataset: glyphs, proxy: {name: p9, selection: random, classes: 40, parts: halves}}"
    tasks = plan_study(study(f"allow_target_test: true\nalso: [{{sources: [{leaking}]}}]"))
    seen = [task for task in tasks if "target_test_seen" in task.feeds]
    assert {task.feeds for task in seen} == {("direct", "target_test_seen")}
    assert len(seen) == 4
    assert all("glyphs-p9" in task.slug and "to-glyphs" in task.slug for task in seen)
    assert all(
        task.parameters["allow_target_test"] for task in tasks if task.kind == "augment" and task.parents
    )
    forbidden = plan_study(study(f"also: [{{sources: [{leaking}]}}]"))
    assert [task.id for task in forbidden] == [task.id for task in tasks]
    assert not any("allow_target_test" in task.parameters for task in forbidden)


def test_a_study_without_searches() -> None:
    tasks = plan_study(
        parse_spec(
            "name: known\nmethods: []\ntargets: [digits]\nprotocol: tiny\nrandom: {genotypes: 2}\nknown: [DARTS_V2]",
            "known.yaml",
        )
    )
    assert uses(tasks) == {"random": 2, "known": 1}
