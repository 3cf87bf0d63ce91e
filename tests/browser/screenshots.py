"""`python -m tests.browser.screenshots FOLDER [--runs RUNS] [--study STUDY]`: every page as a reader sees it, as PNG.

Each page three times: on a desk in light and in dark colours, and on a phone. To be looked at by people.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.pages import DESK, PAGES, PHONE, Scheme, page_at, wait_until_drawn
from tests.browser.serving import FLAGS, find_chromium, served

# Higher than any page: Streamlit scrolls within the window, so that a whole page needs a window of its height.
TALL = 20_000
VIEWS: dict[str, tuple[tuple[int, int], Scheme]] = {
    "desk": (DESK, "light"),
    "dark": (DESK, "dark"),
    "phone": (PHONE, "light"),
}


def main() -> None:
    """Serve `--runs` and write one file a page and view."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--study", help="default: what the dashboard opens on")
    parser.add_argument("--page", choices=PAGES, nargs="*", default=list(PAGES))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    asked = f"?study={given.study}" if given.study else ""
    with sync_playwright() as playwright, served(given.runs.resolve(), given.folder) as address:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        for path in given.page:
            for view, (size, scheme) in VIEWS.items():
                file = given.folder / f"{path or 'overview'}-{view}.png"
                with page_at(browser, f"{address}{path}{asked}", size, scheme) as page:
                    wait_until_drawn(page)
                    page.set_viewport_size({"width": size[0], "height": TALL})
                    wait_until_drawn(page)
                    page.locator("[data-testid=stMainBlockContainer]").screenshot(path=file)
                print(file)
        browser.close()


if __name__ == "__main__":
    main()
