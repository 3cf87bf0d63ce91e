"""What holds on every page of the dashboard, whatever the runs folder has, in Streamlit's own test harness."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from parts.picking import REFRESH_SECONDS
from tests.dashboard.opening import APP, open_page
from tests.dashboard.test_app import ROOT, break_record
from tests.example_study import finish, write_example

PAGES = sorted({path.name for path in APP.parent.glob("*.py")} - {"app.py", "serve.py"})
SCRIPT = "<script>alert(1)</script>"


def opened(page: str, **asked: str) -> AppTest:
    app = open_page(page, **asked)
    assert len(app.title) == 1
    return app


def said(app: AppTest) -> str:
    """Everything a page says in Markdown, HTML and messages."""
    parts = [element.proto.body for kind in ("html", "markdown") for element in app.get(kind)]
    return "\n".join([*parts, *(one.value for one in (*app.warning, *app.error, *app.info))])


def test_every_page_is_in_the_navigation() -> None:
    text = APP.read_text(encoding="utf-8")
    assert len(PAGES) == 10
    assert all(f'st.Page("{page}"' in text for page in PAGES)


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("page", PAGES)
def test_an_empty_folder_says_what_to_do(page: str) -> None:
    assert "make study" in said(opened(page))


@pytest.mark.parametrize("page", PAGES)
def test_an_unfinished_study_with_a_broken_record_and_a_strange_neighbour(runs: Path, page: str) -> None:
    records = write_example(runs, leave=6)
    break_record(records, 5)
    (runs / SCRIPT.replace("/", "_") / "augment").mkdir(parents=True)
    app = opened(page, study="quickstart", run=f"quickstart/{SCRIPT}", target=SCRIPT, training=SCRIPT)
    assert app.query_params["study"] == "quickstart"
    assert SCRIPT not in said(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_study_with_nothing_but_a_plan(runs: Path, page: str) -> None:
    write_example(runs, leave=14)
    opened(page)


def test_figures_are_looked_at_again_while_the_study_runs_and_not_afterwards(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float | None] = []
    original = st.fragment

    def recorded(draw: Callable[..., None], *, run_every: float | None = None) -> Callable[..., None]:
        asked.append(run_every)
        return original(draw, run_every=run_every)

    monkeypatch.setattr(st, "fragment", recorded)
    records = write_example(runs, leave=1)
    app = opened("transfer.py")
    assert asked == [REFRESH_SECONDS]
    finish(records, records.plan()[-1], 40)
    st.cache_data.clear()  # as two seconds do
    asked.clear()
    assert not app.run().exception
    assert asked == []


def test_no_page_imports_torch_or_writes_anything(runs: Path) -> None:
    write_example(runs)
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("*")}
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "for page in sys.argv[2:]:\n"
        "    app = AppTest.from_file(sys.argv[1], default_timeout=60)\n"
        "    app = (app if page == 'overview.py' else app.switch_page(page)).run()\n"
        "    assert not app.exception, (page, app.exception)\n"
        "    assert 'torch' not in sys.modules, page\n"
    )
    command = [sys.executable, "-c", code, str(APP), *PAGES]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("*")} == before
