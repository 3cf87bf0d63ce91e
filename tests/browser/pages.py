"""The dashboard's pages as a browser asks for them, and when one is drawn: for tests, screenshots and benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import urlparse

from playwright.sync_api import Browser, Page, expect

# Path in the address -> title.
PAGES = {
    "": "NASTransfer",
    "transfer": "Transfer vs direct",
    "direct": "Direct search with proxies",
    "random_sampling": "Random sampling",
    "improvement": "Relative improvement",
    "ablations": "Ablations",
    "claims": "Claims",
    "architectures": "Architectures",
    "runs": "Runs",
    "data": "Data",
}
DESK, PHONE = (1280, 900), (400, 800)
# On an address that names a page Streamlit looks for these below that page first, and is told that they are not there.
STREAMLITS_OWN = ("_stcore/health", "_stcore/host-config")
SECONDS = 1_000
Scheme = Literal["light", "dark"]


@contextmanager
def page_at(
    browser: Browser, address: str, size: tuple[int, int] = DESK, scheme: Scheme = "light"
) -> Iterator[Page]:
    """Open `address`; afterwards the console must hold no error and nothing outside may have been asked for."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    errors: list[str] = []
    asked: list[str] = []
    page.on(
        "console",
        lambda said: errors.append(f"{said.text} {said.location}") if said.type == "error" else None,
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    try:
        yield page
    finally:
        context.close()
    assert not [error for error in errors if not any(path in error for path in STREAMLITS_OWN)]
    assert not [url for url in asked if urlparse(url).hostname not in (None, "", "127.0.0.1")]


def wait_until_drawn(page: Page) -> None:
    """The heading is there, nothing is being computed or loaded any more, and every figure has been drawn."""
    expect(page.locator("[data-testid=stMain] h1").first).to_be_visible(timeout=60 * SECONDS)
    expect(page.locator("[data-testid=stApp][data-test-script-state=running]")).to_have_count(
        0, timeout=60 * SECONDS
    )
    expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0, timeout=60 * SECONDS)
    drawn = "[...document.querySelectorAll('[data-testid=stPlotlyChart]')].every(one => one.querySelector('.main-svg'))"
    page.wait_for_function(drawn, timeout=60 * SECONDS)


_SIDEWAYS = (
    "[document.documentElement, ...document.querySelectorAll('[data-testid=stMain], main')]"
    ".some(part => part.scrollWidth > part.clientWidth)"
)


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate(_SIDEWAYS))


def wait_until_it_fits(page: Page) -> None:
    """After a window has changed its width, some parts follow a moment later."""
    page.wait_for_function(f"!{_SIDEWAYS}", timeout=10 * SECONDS)
