"""The report's page as somebody on a phone sees it, offline: nothing fetched, nothing cut off, no button over words."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from nastransfer.report.figures import FIGURES
from nastransfer.report.page import Section, page
from tests.report.made_study import made_study

# Right edges of a figure's title and of every panel's title, and the left one of the buttons, in a figure's own pixels.
EDGES = """() => [...document.querySelectorAll('.js-plotly-plot')].map(figure => {
    const box = figure.getBoundingClientRect();
    const right = name => Math.max(...[...figure.querySelectorAll(name)]
        .map(one => one.getBoundingClientRect().right - box.left));
    const buttons = [...figure.querySelectorAll('.modebar-btn')].map(one => one.getBoundingClientRect().left);
    return {title: right('.gtitle'), words: right('.annotation-text'), width: box.width,
            buttons: Math.min(...buttons) - box.left};
})"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frame = made_study(searches=2, genotypes=4, cells=(8,))
    path = tmp_path_factory.mktemp("report") / "report.html"
    figures = [Section(entry.title, figure=entry.draw(frame)) for entry in FIGURES.values()]
    path.write_text(page("made", figures), encoding="utf-8")
    return path


def test_a_phone_offline_sees_every_figure_whole(browser: Browser, report: Path) -> None:
    with browser.new_context(viewport={"width": 400, "height": 800}, offline=True) as context:
        seen = context.new_page()
        asked: list[str] = []
        seen.on("request", lambda request: asked.append(request.url))
        seen.goto(report.as_uri())
        seen.wait_for_function(
            f"() => document.querySelectorAll('.js-plotly-plot .gtitle').length === {len(FIGURES)}"
        )
        assert asked == [report.as_uri()]
        assert seen.evaluate("document.documentElement.scrollWidth") == 400
        assert seen.locator(".modebar-btn").count() == 2 * len(FIGURES)
        for name, edges in zip(FIGURES, seen.evaluate(EDGES), strict=True):
            assert edges["title"] <= edges["buttons"], f"{name}: the buttons lie over the title"
            assert edges["words"] <= edges["width"], f"{name}: words are cut off"
