"""`nt.decide` on a study's folder: the same rows as from its frame, and what its plan says is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

import nastransfer as nt
from nastransfer.advice import decision_of, planned_on
from nastransfer.report.decide import decide
from nastransfer.report.decide_text import decision_in_words
from nastransfer.study.plan import Task
from tests.example_study import write_example


def test_a_folder_and_its_frame_give_the_same_rows(tmp_path: Path) -> None:
    records = write_example(tmp_path)
    rows = nt.decide(records.folder, "glyphs")
    assert rows.height == 3
    assert rows.equals(nt.decide(str(records.folder), "glyphs"))
    assert rows.equals(decide(records.results(), "glyphs"))
    assert rows.equals(nt.decide(nt.results(records.folder), "glyphs"))
    assert decision_of(records.folder, "glyphs").missing is None


def test_an_unfinished_study_says_how_many_of_its_planned_trainings_are_there(tmp_path: Path) -> None:
    records = write_example(tmp_path, leave=2)
    planned = planned_on(records, "glyphs")
    found = decision_of(records.folder, "glyphs")
    assert planned == 9
    assert found.missing == "Unfinished: 7 of the 9 planned trainings on this target are there."


def test_an_arm_alone_is_ahead_of_nobody(tmp_path: Path) -> None:
    found = decision_of(write_example(tmp_path, leave=6).folder, "glyphs")
    assert found.rows["pair"].to_list() == ["random sampling"]
    assert "ahead" not in " ".join(decision_in_words(found))


def test_a_folder_without_a_plan_counts_by_what_its_arms_have(tmp_path: Path) -> None:
    records = write_example(tmp_path)
    (records.folder / "plan.jsonl").unlink()
    assert planned_on(records, "glyphs") is None
    assert decision_of(records.folder, "glyphs").missing is None


def test_trainings_for_rank_agreement_are_not_counted_as_planned(tmp_path: Path) -> None:
    records = write_example(tmp_path)
    tasks = records.plan()
    asked = next(task for task in tasks if task.kind == "augment")
    beside = Task("0" * 12, "augment", "beside", asked.parameters, feeds=("rank_agreement",))
    records.write_plan([*tasks, beside])
    assert planned_on(records, "glyphs") == 9


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    records = write_example(tmp_path)
    with pytest.raises(ValueError, match="no study folder"):
        nt.decide(tmp_path / "other", "glyphs")
    with pytest.raises(ValueError, match=r"no training on target 'mit67' is finished; .*: glyphs"):
        nt.decide(records.folder, "mit67")
