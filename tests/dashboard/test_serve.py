"""The dashboard's own start: what the first page needs is there before anybody looks, whatever the folder has."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
import serve
import streamlit as st
from streamlit.web import cli

from nastransfer.report.figures import FIGURES, Entry
from nastransfer.study.ledger import StudyRecords
from parts import deciding
from tests.dashboard.opening import APP, html, open_page
from tests.dashboard.test_app import break_record
from tests.example_study import finish, write_example


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Command lines that Streamlit was started with; it is not, and its loggers are left as they are."""
    lines: list[list[str]] = []
    monkeypatch.setattr(cli, "main", lambda: lines.append(sys.argv))
    monkeypatch.setattr(sys, "argv", ["dashboard/serve.py", "--server.port", "9999"])
    monkeypatch.setattr(logging.Logger, "setLevel", lambda *_: None)
    return lines


def unasked(*_: object) -> None:
    raise AssertionError("read or drawn for the visitor")


def test_the_first_visitor_waits_for_no_reading_and_no_drawing(
    runs: Path, monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    records = write_example(runs)
    training = next(task for task in records.plan() if task.kind == "augment")
    finish(records, training, 1)
    write_example(runs, name="smaller")
    serve.main()
    assert started == [["streamlit", "run", str(APP), "--server.port", "9999"]]
    monkeypatch.setattr(StudyRecords, "results", unasked)
    monkeypatch.setattr(StudyRecords, "plan", unasked)
    for slug in deciding.FIGURES_SHOWN:
        monkeypatch.setitem(FIGURES, slug, Entry("", unasked))
    st.cache_data.clear()
    app = open_page("overview.py")
    assert len(app.get("plotly_chart")) == 2 and "P(best)" in html(app)


def test_of_several_final_trainings_the_most_used_is_ready(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = write_example(runs)
    attempt = next(iter(records.attempts(next(t.id for t in records.plan() if t.kind == "augment"))))
    result = attempt.result()
    assert result is not None
    result["labels"]["protocol"] = "tiny+px32"
    attempt.publish(result)
    deciding.prepare("quickstart")
    for slug in deciding.FIGURES_SHOWN:
        monkeypatch.setitem(FIGURES, slug, Entry("", unasked))
    app = open_page("overview.py")
    assert app.selectbox(key="training").value == "tiny"


@pytest.mark.parametrize("what", ["nothing", "no result", "a broken record", "no study", "refused"])
def test_it_starts_whatever_the_folder_has(runs: Path, started: list[list[str]], what: str) -> None:
    if what == "no study":
        (runs / "<script>" / "augment").mkdir(parents=True)
    elif what != "nothing":
        records = write_example(runs, leave=14 if what == "no result" else 1)
        if what == "a broken record":
            break_record(records, 5)
            (records.folder / "plan.jsonl").write_text("{", encoding="utf-8")
        if what == "refused":
            finish(records, records.plan()[-1], 3, top1_last=-1.0)
    serve.main()
    assert len(started) == 1
