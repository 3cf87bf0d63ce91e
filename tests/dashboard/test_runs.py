"""The page of runs: its list and filters, one run whole, and every way in which a record can be missing or wrong."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from nastransfer.study.attempt import Attempt
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.plan import Task
from parts.one_run import attempt_of
from tests.dashboard.opening import html, open_page
from tests.example_study import finish, write_example

HISTORY = pl.DataFrame({"epoch": [1, 2], "top1": [50.0, 60.0], "train_top1": [40.0, 70.0]})


def opened(**asked: str) -> AppTest:
    return open_page("runs.py", **asked)


def listed(app: AppTest) -> pl.DataFrame:
    return pl.from_pandas(app.dataframe[0].value)


def links(app: AppTest) -> list[str]:
    """Runs that the page links to."""
    queries = [parse_qs(element.proto.query_string) for element in app.get("page_link")]
    return [query["run"][0] for query in queries if "run" in query]


def of_kind(records: StudyRecords, kind: str, **parameters: bool) -> tuple[Task, Attempt]:
    task = next(
        task
        for task in records.plan()
        if task.kind == kind
        and all(bool(task.parameters[name]) == value for name, value in parameters.items())
    )
    attempt = records.finished(task.id)
    assert attempt is not None
    return task, attempt


def test_all_runs_are_listed_and_filters_stand_in_the_address(runs: Path) -> None:
    write_example(runs)
    app = opened()
    assert listed(app).height == 14
    assert "**14 of 14 runs**" in [one.value for one in app.markdown]
    app.selectbox(key="only_kind").select("search").run()
    assert app.query_params["only_kind"] == "search"
    assert set(listed(app)["kind"]) == {"search"}
    app.text_input(key="words").input("no such word").run()
    assert "No run fits" in app.info[0].value
    assert not app.exception
    app.selectbox(key="only_kind").select("all").run()
    assert "only_kind" not in app.query_params
    again = opened(only_kind="augment", only_method="random")
    assert set(listed(again)["method"]) == {"random sampling"}


def test_a_study_without_runs_says_so(runs: Path) -> None:
    write_example(runs, leave=14)
    assert "No run of this study has finished yet" in opened().info[0].value


def test_failed_and_unreadable_runs_are_listed_and_opened(runs: Path) -> None:
    records = write_example(runs, leave=1)
    failed = records.open_attempt(records.plan()[-1])
    failed.start(records.plan()[-1], {})
    failed.fail("ValueError: <b>no</b> images", "the trace")
    (failed.folder.parent / "log.txt").write_text("printed last", encoding="utf-8")
    broken = next(iter(records.attempts(records.plan()[0].id)))
    (broken.folder / "result.json").write_text('{"torn', encoding="utf-8")
    app = opened()
    rows = pl.from_pandas(app.dataframe[1].value)
    assert rows["state"].to_list() == ["failed", "cannot be read"]
    assert rows["run"].to_list() == [records.run_name(failed), records.run_name(broken)]
    app = opened(run=records.run_name(failed))
    assert app.title[0].value.endswith(": failed")
    assert "&lt;b&gt;no&lt;/b&gt; images" in app.error[0].value
    assert {"the trace", "printed last"} <= {one.value for one in app.code}
    app = opened(run=records.run_name(broken))
    assert "not JSON" in app.error[0].value


def test_a_training_is_shown_whole(runs: Path) -> None:
    records = write_example(runs, leave=1)
    task = records.plan()[-1]
    attempt = finish(records, task, 7, HISTORY)
    app = opened(run=records.run_name(attempt))
    assert "on glyphs (synthetic)" in app.title[0].value
    assert "Final training" in app.markdown[0].value
    assert "95% interval" in html(app)
    assert "normal cell" in html(app)
    (curve,) = app.get("plotly_chart")
    assert "Final training, top-1 accuracy at epoch 2" in curve.proto.alt
    assert "again" in app.code[0].value and task.slug in app.code[0].value
    record = json.loads(app.json[0].value)
    assert record["result"]["task_id"] == record["asked"]["task"]["id"] == task.id
    assert "Notebook not published" in app.markdown[-1].value


def test_a_training_links_to_its_search_and_to_others_of_its_genotype(runs: Path) -> None:
    records = write_example(runs)
    task, attempt = of_kind(records, "augment", search=True)
    search = records.finished(task.parameters["search"])
    assert search is not None
    result = attempt.result()
    assert result is not None
    other = next(
        run for run in records.results().filter(kind="augment")["run"] if run != records.run_name(attempt)
    )
    twin = Attempt(runs / other)
    said = twin.result()
    assert said is not None
    said["numbers"]["genotype"] = result["numbers"]["genotype"]
    twin.publish(said)
    assert links(opened(run=records.run_name(attempt))) == [records.run_name(search), other]


@pytest.mark.parametrize(
    "run",
    [
        "quickstart/../../etc/passwd",
        "/etc/passwd",
        "../runs/quickstart/augment/x",
        "another/augment/x-1/y",
        "quickstart/augment/<script>/y",
        "quickstart//-/",
        "Panda2021",
    ],
)
def test_an_address_that_is_no_run_of_the_study_is_refused(runs: Path, run: str) -> None:
    write_example(runs)
    app = opened(run=run)
    assert app.title[0].value == "No such run"
    assert "is no run of quickstart" in app.error[0].value
    assert "<script" not in app.error[0].value


def test_a_link_that_leads_out_of_the_study_is_not_followed(runs: Path, tmp_path: Path) -> None:
    records = write_example(runs)
    task, attempt = of_kind(records, "search")
    run = records.run_name(attempt)
    assert attempt_of(records, run) == attempt
    outside = attempt.folder.rename(tmp_path / "outside")
    attempt.folder.symlink_to(outside)
    assert attempt_of(records, run) is None
    assert records.finished(task.id) is not None


def test_an_executed_notebook_is_shown_when_asked_for_and_never_its_html(runs: Path) -> None:
    records = write_example(runs)
    _, attempt = of_kind(records, "search")
    output = {"output_type": "display_data", "data": {"text/html": "<script>evil</script>"}}
    figure = {
        "output_type": "display_data",
        "data": {
            "application/vnd.plotly.v1+json": {"data": [{"y": [1], "nonsense": 2}], "layout": {"meta": 3}}
        },
    }
    cells = [
        {"cell_type": "markdown", "source": "# <b>Title</b>"},
        {"cell_type": "code", "source": "secret()", "outputs": [output, figure]},
    ]
    attempt.notebook.write_text(json.dumps({"nbformat": 4, "cells": cells}), encoding="utf-8")
    run = records.run_name(attempt)
    assert not [one.value for one in opened(run=run).markdown if "<b>Title" in one.value]
    app = opened(run=run, notebook="true")
    shown = next(one for one in app.markdown if one.value == "### <b>Title</b>")
    assert not shown.allow_html
    assert "secret()" in [one.value for one in app.code]
    assert "Not shown: an output of type text/html." in [one.value for one in app.caption]
    assert len(app.get("plotly_chart")) == 1
    attempt.notebook.write_text("{", encoding="utf-8")
    assert "It cannot be shown" in opened(run=run, notebook="true").warning[0].value
    attempt.notebook.unlink()
    attempt.notebook.symlink_to(attempt.folder / "task.json")
    assert "Notebook not published" in opened(run=run, notebook="true").markdown[-1].value


def test_damaged_tables_are_said_and_hide_nothing_else(runs: Path) -> None:
    records = write_example(runs, leave=1)
    attempt = finish(records, records.plan()[-1], 7, HISTORY)
    (attempt.folder / "history.parquet").write_bytes(b"PAR1")
    app = opened(run=records.run_name(attempt))
    assert "its digest is not the one in the result" in app.warning[0].value
    assert app.json
    assert len(app.code) == 1


def test_a_run_of_an_earlier_plan_says_that_it_does_not_count(runs: Path) -> None:
    records = write_example(runs)
    task, attempt = of_kind(records, "augment", search=False)
    records.write_plan([one for one in records.plan() if one.id != task.id])
    assert "An earlier version of the study file" in opened(run=records.run_name(attempt)).info[0].value


def test_a_record_without_what_was_asked_has_no_command(runs: Path) -> None:
    records = write_example(runs)
    _, attempt = of_kind(records, "search")
    (attempt.folder / "task.json").unlink()
    app = opened(run=records.run_name(attempt))
    assert any("What was asked is not recorded" in one.value for one in app.info)
    assert not app.code


def test_a_record_of_what_was_asked_that_cannot_be_read_hides_no_result(runs: Path) -> None:
    records = write_example(runs)
    _, attempt = of_kind(records, "search")
    (attempt.folder / "task.json").write_text("", encoding="utf-8")
    app = opened(run=records.run_name(attempt))
    assert "normal cell" in html(app)
    assert any("What was asked cannot be read" in one.value for one in app.info)
