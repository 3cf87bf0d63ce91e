"""The dashboard's first page in Streamlit's own test harness, run through its main script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from nastransfer.report.figures import FIGURES
from nastransfer.report.markup import markdown_text
from nastransfer.study.ledger import Ledger, StudyRecords
from tests.dashboard.opening import APP, open_page
from tests.dashboard.opening import html as tables
from tests.example_study import finish, write_example

ROOT = Path(__file__).resolve().parents[2]


def opened(study: str | None = None) -> AppTest:
    return open_page("overview.py", **({} if study is None else {"study": study}))


def charts(app: AppTest) -> list[str]:
    return [element.proto.spec for element in app.get("plotly_chart")]


def progress(app: AppTest) -> tuple[int, str]:
    (bar,) = app.get("progress")
    return bar.proto.value, bar.proto.text


def break_record(records: StudyRecords, place: int) -> None:
    attempt = next(iter(records.attempts(records.plan()[place].id)))
    (attempt.folder / "result.json").write_text('{"torn', encoding="utf-8")


@pytest.mark.parametrize("exists", [True, False])
def test_an_empty_runs_folder_says_what_to_do(runs: Path, exists: bool) -> None:
    if exists:
        runs.mkdir()
    app = opened()
    assert "No study has records" in app.info[0].value
    assert "make study" in app.info[0].value


def test_a_finished_study_shows_progress_table_and_figures(runs: Path) -> None:
    write_example(runs)
    app = opened()
    assert progress(app) == (100, "14 of 14 tasks done")
    assert "DARTS (1st order), from digits" in tables(app)
    accuracy, transfer = charts(app)
    assert FIGURES["accuracy-by-method"].title in accuracy
    assert "transfer better" in transfer
    assert app.query_params["study"] == "quickstart"


def test_the_decision_comes_first(runs: Path) -> None:
    write_example(runs)
    first = tables(opened()).split("<caption>")[1]
    assert "P(best)" in first
    assert "glyphs (synthetic): undecided between" in first


def test_figures_have_words_for_those_who_cannot_see_them(runs: Path) -> None:
    write_example(runs)
    alternatives = [element.proto.alt for element in opened().get("plotly_chart")]
    assert alternatives[0].startswith("Accuracy and relative improvement (RI) by method and source.")
    assert "DARTS (1st order), from digits: mean" in alternatives[0]
    assert alternatives[1].startswith("Transfer against the best direct search, top-1 accuracy.")


def test_a_study_that_runs_shows_what_is_done_running_failed_and_pending(runs: Path) -> None:
    records = write_example(runs, leave=4)
    works, fails, *_ = records.plan()[-4:]
    attempt = records.open_attempt(works)
    attempt.start(works, {})
    attempt.event({"step": 3, "steps": 6})
    broken = records.open_attempt(fails)
    broken.start(fails, {})
    broken.fail("ValueError: <b>no</b> images", "trace")
    app = opened()
    assert progress(app) == (71, "10 of 14 tasks done, 2 pending, 1 running, 1 failed")
    shown = tables(app).replace("\N{NO-BREAK SPACE}", " ")
    assert "3 of 6" in shown
    assert works.slug in shown
    (link,) = app.get("page_link")
    assert link.proto.label == fails.slug
    assert markdown_text("ValueError: <b>no</b> images") in [caption.value for caption in app.caption]
    assert link.proto.query_string == urlencode({"study": "quickstart", "run": records.run_name(broken)})
    assert len(charts(app)) == 2


def test_of_many_failures_the_first_are_links_and_the_rest_are_counted(runs: Path) -> None:
    records = write_example(runs, leave=14)
    for task in records.plan():
        attempt = records.open_attempt(task)
        attempt.start(task, {})
        attempt.fail("E: " + "x" * 500, "trace")
    app = opened()
    *named, rest = [link.proto.label for link in app.get("page_link")]
    assert len(named) == 12 and set(named) <= {task.slug for task in records.plan()}
    assert rest == "2 more, below the list of all runs"
    assert app.caption[-1].value.endswith(f"{'x' * 197} ...")


def test_the_study_that_can_decide_is_shown_first(runs: Path) -> None:
    """Not one that has more results, none of them of a searched network."""
    for name, left_out in {"begun": True, "decided": False}.items():
        records = write_example(runs, leave=14, name=name)
        for place, task in enumerate(records.plan()):
            if task.kind != "augment" or bool(task.parameters["search"]) != left_out:
                finish(records, task, place)
    assert opened().query_params["study"] == "decided"
    counts = [Ledger(runs).study(name).status().total("done") for name in ("begun", "decided")]
    assert counts == [10, 9]


def test_a_study_of_repeated_searches_comes_before_a_larger_one_of_single_ones(runs: Path) -> None:
    for name in ("single", "twice"):
        records = write_example(runs, leave=14, name=name)
        for place, task in enumerate(records.plan()):
            if "-3-to-" not in task.slug if name == "single" else task.kind == "augment":
                finish(records, task, place)
    assert opened().query_params["study"] == "twice"
    counts = [Ledger(runs).study(name).status().total("done") for name in ("single", "twice")]
    assert counts == [11, 9]


def test_the_page_goes_on_while_results_come_in(runs: Path) -> None:
    records = write_example(runs, leave=2)
    app = opened()
    assert progress(app)[1] == "12 of 14 tasks done, 2 pending"
    for place, task in enumerate(records.plan()[-2:]):
        finish(records, task, 50 + place)
    st.cache_data.clear()  # as two seconds do
    app.run()
    assert progress(app)[1] == "14 of 14 tasks done"


def test_a_record_that_cannot_be_read_is_listed_and_hides_no_other(runs: Path) -> None:
    records = write_example(runs)
    break_record(records, 5)
    shown = tables(app := opened())
    assert "Could not be read" in shown
    assert "not JSON" in shown
    assert progress(app)[1] == "13 of 14 tasks done, 1 pending"
    assert len(charts(app)) == 2


def test_a_plan_that_cannot_be_read_is_listed_too(runs: Path) -> None:
    records = write_example(runs)
    (records.folder / "plan.jsonl").write_text("{", encoding="utf-8")
    app = opened()
    assert "plan.jsonl" in tables(app)
    assert progress(app)[1] == "No plan is recorded: what is on disk is shown."
    assert len(charts(app)) == 2


def test_the_address_chooses_the_study_and_names_it(runs: Path) -> None:
    write_example(runs)
    write_example(runs, name="another", leave=3)
    app = opened("quickstart")
    assert app.selectbox(key="study").value == "quickstart"
    app.selectbox(key="study").select("another").run()
    assert app.query_params["study"] == "another"
    assert progress(app)[1] == "11 of 14 tasks done, 3 pending"
    assert not app.exception


def test_an_unknown_study_in_the_address_is_said(runs: Path) -> None:
    write_example(runs)
    app = opened("<script>*x*")
    assert app.warning[0].value == "There is no study &lt;script&gt;\\*x\\* here. This is quickstart."
    assert progress(app)[1] == "14 of 14 tasks done"


def test_a_folder_with_an_impossible_name_is_harmless(runs: Path) -> None:
    write_example(runs)
    (runs / "<script>alert(1)<" / "augment").mkdir(parents=True)
    app = opened("<script>alert(1)<")
    assert "cannot be read" in app.error[0].value
    assert "<script" not in app.error[0].value
    app.selectbox(key="study").select("quickstart").run()
    assert len(charts(app)) == 2


def test_studies_with_several_final_trainings_show_one_at_a_time(runs: Path) -> None:
    records = write_example(runs)
    baseline = next(task for task in records.plan() if task.kind == "augment")
    attempt = next(iter(records.attempts(baseline.id)))
    result = attempt.result()
    assert result is not None
    result["labels"]["protocol"] = "tiny+px32"
    attempt.publish(result)
    app = opened()
    training = app.selectbox(key="training")
    assert training.options == ["tiny", "tiny+px32"] and training.value == "tiny", "most runs have it"
    whole = tables(app)
    assert "undecided" in whole
    app = training.select("tiny+px32").run()
    assert app.query_params["training"] == "tiny+px32"
    assert tables(app) != whole
    assert not app.exception


def test_what_the_library_refuses_is_said_in_its_place(runs: Path) -> None:
    records = write_example(runs, leave=1)
    finish(records, records.plan()[-1], 3, top1_last=-1.0)
    app = opened()
    assert len(app.warning) == 3
    assert all("has a top1\\_last of -1.0" in warning.value for warning in app.warning)
    assert progress(app)[1] == "14 of 14 tasks done"


def test_the_page_never_imports_torch(runs: Path) -> None:
    write_example(runs)
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file(sys.argv[1], default_timeout=60).run()\n"
        "assert not app.exception and len(app.get('plotly_chart')) == 2, app\n"
        "assert 'torch' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code, str(APP)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
