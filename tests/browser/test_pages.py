"""Every page of the dashboard in a real browser, on a study of the shape of `photographs`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import (
    DESK,
    PAGES,
    PHONE,
    SECONDS,
    page_at,
    scrolls_sideways,
    wait_until_drawn,
    wait_until_it_fits,
)
from tests.example_study import finish, write_example

pytestmark = pytest.mark.browser


# A figure, a table or a frame that is seen.
SOMETHING = """[...document.querySelectorAll('.js-plotly-plot, .nt-table, [data-testid=stDataFrame]')]
    .some(one => one.checkVisibility() && one.clientHeight > 20)"""


def asked(page: Page, key: str) -> str | None:
    return next(iter(parse_qs(urlparse(page.url).query).get(key, [])), None)


def unnamed(page: Page) -> list[str]:
    """Buttons, figures and pictures without a name for those who cannot see them."""
    script = """[...document.querySelectorAll('[data-testid=stMain] :is(button, a, img, [role=img], figure)')]
        .filter(one => one.offsetParent && !one.closest('.modebar, [data-testid=stElementToolbar]'))
        .filter(one => !one.textContent.trim() && !one.ariaLabel && !one.alt && !one.title)
        .filter(one => !one.getAttribute('aria-labelledby'))
        .map(one => one.outerHTML.slice(0, 200))"""
    found: list[str] = page.evaluate(script)
    return found


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_drawn_on_a_desk_and_on_a_phone(browser: Browser, dashboard: str, path: str) -> None:
    with page_at(browser, f"{dashboard}{path}?study=photographs") as page:
        wait_until_drawn(page)
        expect(page.locator("[data-testid=stMain] h1").first).to_contain_text(PAGES[path])
        assert page.locator("[data-testid=stException], [data-testid=stAlertContentError]").count() == 0
        page.wait_for_function(SOMETHING, timeout=60 * SECONDS)
        assert not scrolls_sideways(page)
        assert not unnamed(page)
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        wait_until_drawn(page)
        wait_until_it_fits(page)


def test_a_click_on_a_dot_opens_its_run_and_back_leads_back(browser: Browser, dashboard: str) -> None:
    with page_at(browser, f"{dashboard}transfer?study=photographs") as page:
        wait_until_drawn(page)
        page.locator(".js-plotly-plot").first.locator(".points path").nth(1).click(force=True)
        page.wait_for_url("**/runs?**", timeout=60 * SECONDS)
        run = asked(page, "run")
        assert run is not None and run.startswith("photographs/augment/")
        expect(page.get_by_text(run).first).to_be_visible(timeout=60 * SECONDS)
        link = page.url
        page.go_back()
        expect(page.get_by_role("heading", name="Transfer vs direct").first).to_be_visible(
            timeout=60 * SECONDS
        )
    with page_at(browser, link) as page:
        expect(page.get_by_text(run).first).to_be_visible(timeout=60 * SECONDS)


def test_a_dot_of_the_map_of_genotypes_opens_its_run_of_a_study_that_is_not_the_first(
    browser: Browser, dashboard: str
) -> None:
    with page_at(browser, f"{dashboard}architectures?study=another") as page:
        wait_until_drawn(page)
        place = page.locator(".js-plotly-plot")
        place.scroll_into_view_if_needed()
        place.locator(".points path").nth(3).click(force=True)
        page.wait_for_url("**/runs?**", timeout=60 * SECONDS)
        run = asked(page, "run")
        assert run is not None and run.startswith("another/")
        expect(page.get_by_text(run, exact=True)).to_be_visible(timeout=60 * SECONDS)
        assert asked(page, "study") == "another"
        link = page.url
    with page_at(browser, link) as page:
        expect(page.get_by_text(run, exact=True)).to_be_visible(timeout=60 * SECONDS)
        expect(page.get_by_role("combobox", name="Study")).to_have_value("another")


def test_a_page_of_figures_draws_a_new_result_by_itself_and_stays_as_it_was(
    browser: Browser, serve: Callable[[Path], AbstractContextManager[str]], tmp_path: Path
) -> None:
    records = write_example(tmp_path / "runs", leave=2)
    dots = "document.querySelector('.js-plotly-plot').querySelectorAll('.points path').length"
    with serve(tmp_path / "runs") as address, page_at(browser, f"{address}transfer", (1280, 500)) as page:
        wait_until_drawn(page)
        page.get_by_text("The numbers behind this figure").first.click()
        expect(page.locator("details[open] .nt-table").first).to_be_visible()
        main = page.locator("[data-testid=stMain]")
        main.evaluate("main => main.scrollTo(0, 300)")
        before = page.evaluate(dots)
        finish(records, records.plan()[-2], 40)
        page.wait_for_function(f"{dots} > {before}", timeout=30 * SECONDS)
        wait_until_drawn(page)
        assert main.evaluate("main => main.scrollTop") == 300
        expect(page.locator("details[open] .nt-table").first).to_be_visible()


def test_the_list_of_runs_shows_a_failure_by_itself(
    browser: Browser, serve: Callable[[Path], AbstractContextManager[str]], tmp_path: Path
) -> None:
    records = write_example(tmp_path / "runs", leave=1)
    with serve(tmp_path / "runs") as address, page_at(browser, f"{address}runs") as page:
        wait_until_drawn(page)
        expect(page.get_by_text("Without a result")).to_have_count(0)
        last = records.open_attempt(records.plan()[-1])
        last.start(records.plan()[-1], {})
        last.fail("ValueError: no images", "trace")
        expect(page.get_by_text("1 failed, 0 could not be read.")).to_be_visible(timeout=30 * SECONDS)


def test_the_study_stays_chosen_from_page_to_page(browser: Browser, dashboard: str) -> None:
    with page_at(browser, f"{dashboard}?study=quickstart") as page:
        wait_until_drawn(page)
        for title in ("Claims", "Runs"):
            page.get_by_role("link", name=title, exact=True).click()
            expect(page.get_by_role("heading", name=title).first).to_be_visible(timeout=60 * SECONDS)
            wait_until_drawn(page)
            assert asked(page, "study") == "quickstart"


@pytest.mark.parametrize(
    ("path", "button", "ending", "inside"),
    [
        ("", "CSV", "csv", "nsganet"),
        ("", "LaTeX", "tex", "begin{tabular}"),
        ("transfer", "HTML", "html", "Transfer against the best direct search"),
    ],
)
def test_tables_and_figures_are_saved(
    browser: Browser, dashboard: str, tmp_path: Path, path: str, button: str, ending: str, inside: str
) -> None:
    with page_at(browser, f"{dashboard}{path}?study=photographs") as page:
        wait_until_drawn(page)
        with page.expect_download(timeout=60 * SECONDS) as download:
            page.get_by_role("button", name=button).first.click()
        saved = tmp_path / "saved"
        download.value.save_as(saved)
        assert download.value.suggested_filename.endswith(f".{ending}")
        assert inside in saved.read_text(encoding="utf-8")


def test_everything_is_reached_by_keyboard(browser: Browser, dashboard: str) -> None:
    with page_at(browser, f"{dashboard}?study=photographs") as page:
        wait_until_drawn(page)
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(
                page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel || ''")
            )
        assert {"Transfer vs direct", "Runs", "Data"} <= reached
        assert any("CSV" in name for name in reached)


def test_dark_pages_have_light_text(browser: Browser, dashboard: str) -> None:
    with page_at(browser, f"{dashboard}improvement?study=photographs", DESK, "dark") as page:
        wait_until_drawn(page)
        fill = page.locator(".js-plotly-plot .gtitle").first.evaluate("text => getComputedStyle(text).fill")
        assert fill == "rgb(230, 230, 230)"
        cell = page.locator(".nt-table td").first.evaluate("cell => getComputedStyle(cell).color")
        assert min(map(int, cell.removeprefix("rgb(").removesuffix(")").split(",")[:3])) > 200
