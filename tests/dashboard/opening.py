"""The dashboard in Streamlit's own test harness, run through its main script, and what a page says there."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"


def open_page(page: str, **asked: str | list[str]) -> AppTest:
    """A page (its file's name) as the address that asks for these shows it; it must raise nothing."""
    app = AppTest.from_file(str(APP), default_timeout=60)
    for name, value in asked.items():
        app.query_params[name] = value
    if page != "overview.py":
        app.switch_page(page)
    app.run()
    assert not app.exception, app.exception
    return app


def html(app: AppTest) -> str:
    """All tables of a page, as HTML."""
    return "\n".join(element.proto.body for element in app.get("html"))
