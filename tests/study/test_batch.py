"""Commands that run one task again, for readers who write nothing."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from nastransfer.study.batch import again_line, retry_line
from nastransfer.study.parameters import check
from nastransfer.study.plan import Task
from tests.example_study import write_example

GENOTYPE = "Genotype(...)"


def given(line: str) -> dict[str, Any]:
    words = shlex.split(line)
    return yaml.safe_load(words[words.index("-y") + 1])


def one(tasks: list[Task], **parameters: bool) -> Task:
    return next(
        task
        for task in tasks
        if task.kind == "augment"
        and all(bool(task.parameters.get(name)) == value for name, value in parameters.items())
    )


def test_a_failed_task_is_tried_again_in_its_study_without_a_folder_being_made(tmp_path: Path) -> None:
    records = write_example(tmp_path / "runs", leave=14)
    before = sorted(tmp_path.rglob("*"))
    for task in records.plan():
        line = retry_line(records, task)
        assert given(line) == {**task.parameters, "study": "quickstart", "runs": str(tmp_path / "runs")}
        assert f"{task.kind}.ipynb" in shlex.split(line)[1]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_finished_task_is_computed_anew_in_a_folder_of_its_own(tmp_path: Path) -> None:
    records = write_example(tmp_path, leave=14)
    for task in records.plan():
        parameters = given(again_line(records, task, GENOTYPE))
        assert parameters["runs"] == "again"
        if not task.parameters.get("search"):
            assert parameters == {**task.parameters, "study": "quickstart", "runs": "again"}
            assert check(task.kind, parameters).task().id == task.id


def test_a_training_of_what_a_search_found_gets_the_genotype_itself(tmp_path: Path) -> None:
    records = write_example(tmp_path, leave=14)
    parameters = given(again_line(records, one(records.plan(), search=True), GENOTYPE))
    assert parameters["genotype"] == GENOTYPE
    assert not parameters["search"]


def test_an_own_method_is_named_by_the_copy_that_the_study_kept(tmp_path: Path) -> None:
    records = write_example(tmp_path, leave=14)
    search = next(task for task in records.plan() if task.kind == "search")
    kept = replace(search, parameters={**search.parameters, "plugin": "plugins/0123/own.py"})
    assert given(again_line(records, kept))["plugin"] == "plugins/0123/own.py"
    copy = records.folder / "plugins" / "0123" / "own.py"
    copy.parent.mkdir(parents=True)
    copy.write_text("")
    assert given(again_line(records, kept))["plugin"] == str(copy)
