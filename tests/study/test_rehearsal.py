"""A study grown to many tasks: as many as asked, nothing lost when it is resumed, nothing left behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from nastransfer.study.plan import plan_study
from nastransfer.study.rehearsal import grown, rehearse
from nastransfer.study.spec import load_spec, parse_spec

STUDY = """
name: tiny
methods: [darts1]
preset: tiny
sources: [digits]
targets: [digits, glyphs]
search_seeds: [2, 5]
random: {genotypes: 3}
protocol: tiny
"""
TINY = parse_spec(STUDY, "tiny.yaml")


def test_a_study_grows_by_search_seeds() -> None:
    # Six random trainings, and a search with two trainings for each seed.
    assert len(plan_study(TINY)) == 12
    assert grown(TINY, 20).search_seeds == (2, 5, 6, 7, 8)
    assert len(plan_study(grown(TINY, 20))) == 21
    assert grown(TINY, 5).search_seeds == TINY.search_seeds, "no smaller than it is"
    assert {task.id for task in plan_study(TINY)} < {task.id for task in plan_study(grown(TINY, 20))}


def test_the_papers_parts_grow_with_it() -> None:
    paper = load_spec("paper")
    tasks = plan_study(grown(paper, 2_000))
    assert 2_000 <= len(tasks) < 2_000 + 200
    assert {task.id for task in plan_study(paper)} < {task.id for task in tasks}


def test_a_study_without_searches_cannot_grow() -> None:
    still = parse_spec(
        "name: still\nmethods: []\ntargets: [digits]\nrandom: {genotypes: 3}\nprotocol: tiny", "a"
    )
    with pytest.raises(ValueError, match="'still' has no more tasks with another search seed"):
        grown(still, 100)


def test_what_was_done_is_found_and_the_rest_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    steps = rehearse(TINY, 0.5)
    found = dict(steps.select("step", "found").unique("step", keep="first").iter_rows())
    assert found["plan"] == "12 tasks: 0 proxy, 2 search, 10 augment"
    assert found["list"] == "12 pending" and steps["found"][-1] == "6 done, 6 pending"
    # All random trainings are done; both searches can start, their trainings wait for them.
    resumed = "6 found done, 6 left, 2 of them can start at once"
    assert found["resume, every result read"] == found["resume, from the index"] == resumed
    assert (steps["seconds"] > 0).all() and not list(tmp_path.iterdir())


def test_a_share_out_of_range_is_named() -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1, found 1\.5"):
        rehearse(TINY, 1.5)
