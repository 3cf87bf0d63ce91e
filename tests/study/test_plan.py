"""Plans: parents first, shared work once, ids that hash all that is asked."""

from __future__ import annotations

import subprocess
import sys

from nastransfer.study.parameters import check
from nastransfer.study.plan import Task, plan_study
from nastransfer.study.spec import load_spec, parse_spec
from tests.study.test_spec import GOOD

SPEC = parse_spec(GOOD, "mine.yaml")


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
