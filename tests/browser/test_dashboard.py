"""The dashboard and the standalone figures as people see them: drawn in a real browser, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Browser, Page, expect

from nastransfer.report.figures import accuracy_by_method, standalone_html, transfer_versus_direct
from nastransfer.study.ledger import Ledger
from tests.browser.pages import DESK, PHONE, SECONDS, Scheme, page_at, scrolls_sideways
from tests.example_study import finish, write_example

Serve = Callable[[Path], AbstractContextManager[str]]

pytestmark = pytest.mark.browser


def points(page: Page) -> list[int]:
    """Dots drawn in each figure."""
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=60 * SECONDS)
    return [figure.locator(".points path").count() for figure in page.locator(".js-plotly-plot").all()]


def study_asked(page: Page) -> list[str]:
    return parse_qs(urlparse(page.url).query).get("study", [])


def test_the_page_shows_decision_progress_and_figures(browser: Browser, dashboard: str) -> None:
    with page_at(browser, f"{dashboard}?study=quickstart") as page:
        expect(page.get_by_text("14 of 14 tasks done")).to_be_visible(timeout=60 * SECONDS)
        decision = page.locator(".nt-table", has_text="P(best)")
        expect(decision.locator("tbody tr")).to_have_count(3)
        expect(decision).to_contain_text("DARTS (1st order)")
        expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=60 * SECONDS)
        page.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 2")
        accuracy, transfer = points(page)
        assert accuracy >= 9 + 3, "9 runs and 3 means"
        assert transfer >= 9 + 1
        expect(page.get_by_text("transfer better")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("study", ["quickstart", "another"])
def test_a_phone_needs_no_sideways_scrolling(
    browser: Browser, dashboard: str, study: str, scheme: Scheme
) -> None:
    with page_at(browser, f"{dashboard}?study={study}", PHONE, scheme) as page:
        expect(page.get_by_text("of 14 tasks done")).to_be_visible(timeout=60 * SECONDS)
        assert points(page)
        assert not scrolls_sideways(page)
        widths = [
            box["width"] for figure in page.locator(".js-plotly-plot").all() if (box := figure.bounding_box())
        ]
        assert all(250 < width <= PHONE[0] for width in widths)


def test_dark_pages_have_dark_figures_with_light_text(browser: Browser, dashboard: str) -> None:
    with page_at(browser, f"{dashboard}?study=quickstart", scheme="dark") as page:
        title = page.locator(".js-plotly-plot .gtitle").first
        expect(title).to_be_visible(timeout=60 * SECONDS)
        assert title.evaluate("text => getComputedStyle(text).fill") == "rgb(230, 230, 230)"
        fill = "getComputedStyle(document.querySelector('.js-plotly-plot .main-svg')).backgroundColor"
        assert page.evaluate(fill) == "rgba(0, 0, 0, 0)"


def test_a_choice_is_in_the_address_and_a_link_shows_the_same(browser: Browser, dashboard: str) -> None:
    with page_at(browser, dashboard) as page:
        expect(page.get_by_text("475 of 475 tasks done", exact=True)).to_be_visible(timeout=60 * SECONDS)
        assert study_asked(page) == ["photographs"], "the study that can decide most comes first"
        page.get_by_role("combobox").first.click()
        page.get_by_role("option", name="another").click()
        expect(page.get_by_text("11 of 14 tasks done, 3 pending")).to_be_visible(timeout=30 * SECONDS)
        assert study_asked(page) == ["another"]
        link = page.url
    with page_at(browser, link) as page:
        expect(page.get_by_text("11 of 14 tasks done, 3 pending")).to_be_visible(timeout=60 * SECONDS)


def test_hovering_a_dot_names_its_run(browser: Browser, dashboard: str) -> None:
    with page_at(browser, f"{dashboard}?study=quickstart") as page:
        expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=60 * SECONDS)
        page.locator(".js-plotly-plot").first.locator(".points path").first.hover(force=True)
        box = page.locator(".hoverlayer .hovertext").first
        expect(box).to_contain_text("search seed")
        expect(box).to_contain_text("quickstart/augment/")
        expect(box).to_contain_text("Genotype(")


def test_the_page_follows_a_running_study_by_itself(browser: Browser, serve: Serve, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    with serve(runs) as address, page_at(browser, address) as page:
        expect(page.get_by_text("No study has records")).to_be_visible(timeout=60 * SECONDS)
        records = write_example(runs, leave=1)
        expect(page.get_by_text("13 of 14 tasks done, 1 pending")).to_be_visible(timeout=30 * SECONDS)
        finish(records, records.plan()[-1], 40)
        expect(page.get_by_text("14 of 14 tasks done", exact=True)).to_be_visible(timeout=30 * SECONDS)
        (runs / "<img src=x onerror=alert(1)>" / "augment").mkdir(parents=True)
        page.goto(f"{address}?study=<img src=x onerror=alert(1)>")
        expect(page.get_by_text("cannot be read")).to_be_visible(timeout=30 * SECONDS)
        assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("draw", [accuracy_by_method, transfer_versus_direct])
def test_a_saved_figure_opens_anywhere(
    browser: Browser, shared_runs: Path, tmp_path: Path, draw: object, size: tuple[int, int]
) -> None:
    assert callable(draw)
    path = tmp_path / "figure.html"
    path.write_text(
        standalone_html(draw(Ledger(shared_runs).study("quickstart").results())), encoding="utf-8"
    )
    with page_at(browser, path.as_uri(), size) as page:
        assert points(page)[0] >= 10
        assert not scrolls_sideways(page)
