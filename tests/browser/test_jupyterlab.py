"""A notebook in a real JupyterLab, run by a browser as a person does: figures in light and dark, a slider."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.serving import ROOT, wait_for
from tests.contrast import contrast

pytestmark = pytest.mark.browser

TOKEN = "of-this-test"
SECONDS = 1_000
# The notebook with sliders that needs no training, on the smallest set.
NOTEBOOK, LIGHT = "proxies", {'"glyphs"': '"digits"', "int = 100": "int = 5"}
# JupyterLab asks on its first start whether it may look for news, which it does on other hosts.
QUIET = '{"fetchNews": "false", "checkForUpdates": false}'


def copied(folder: Path) -> Path:
    """A folder with all notebooks, of which the one to run has light parameters; JupyterLab's settings beside it."""
    notebooks = folder / "notebooks"
    shutil.copytree(
        ROOT / "notebooks", notebooks, ignore=lambda _, names: {n for n in names if not n.endswith("ipynb")}
    )
    path = notebooks / f"{NOTEBOOK}.ipynb"
    text = path.read_text(encoding="utf-8")
    for default, light in LIGHT.items():
        default, light = (value.replace('"', '\\"') for value in (default, light))
        assert text.count(default) == 1, f"{default} in the cell of parameters"
        text = text.replace(default, light)
    path.write_text(text, encoding="utf-8")
    settings = folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(QUIET, encoding="utf-8")
    return notebooks


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """JupyterLab on a copy of the notebooks; all that it writes stays in `folder`. Gives the notebook's address."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed here")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "IdentityProvider.token": TOKEN,
        "ServerApp.root_dir": copied(folder),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    places = {f"JUPYTER_{name.upper()}_DIR": str(folder / name) for name in ("config", "data", "runtime")}
    own = {"HOME": str(folder), "NASTRANSFER_CACHE": str(folder / "cache"), "NASTRANSFER_DATA": str(folder)}
    log = folder / "jupyterlab.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **places, **own}, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/api?token={TOKEN}", server, log)
            yield f"http://127.0.0.1:{port}/lab/tree/{NOTEBOOK}.ipynb?token={TOKEN}"
        finally:
            server.terminate()  # ends its kernels too
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(20)


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """The notebook with its kernel up. Afterwards: nothing in the console, nobody else was asked for anything."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        errors: list[str] = []
        asked: list[str] = []
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=60 * SECONDS)
        yield page
        assert not errors
        assert not [url for url in asked if urlparse(url).hostname not in (None, "", "127.0.0.1")]


def run_all(page: Page) -> None:
    """As the menu does; ends when no cell waits or runs."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    numbered = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(one => one.textContent)"
    page.wait_for_function(f"{numbered}.every(text => /[0-9]/.test(text))", timeout=120 * SECONDS)


def choose_theme(page: Page, name: str) -> None:
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-item", has_text="Theme").first.hover()
    page.locator(".lm-Menu-item", has_text=name).first.click()
    expect(page.locator(f"body[data-jp-theme-name='{name}']")).to_be_attached()


def contrast_of_title(page: Page) -> float:
    """Between a figure's title and what lies behind the figure (WCAG 2: 1 to 21)."""
    title = page.locator(".js-plotly-plot .gtitle").first
    text = title.evaluate("text => getComputedStyle(text).fill")
    behind = title.evaluate("""text => {
        for (let part = text; part; part = part.parentElement) {
            const fill = getComputedStyle(part).backgroundColor;
            if (fill && !fill.endsWith(', 0)')) return fill;
        }}""")
    return contrast(text, behind)


def test_a_notebook_runs_whole_and_its_slider_draws_anew(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as address, opened(browser, address) as page:
        run_all(page)
        failed = "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']"
        assert page.locator(failed).all_inner_texts() == []
        expect(page.locator(".jp-Notebook .js-plotly-plot .main-svg").first).to_be_visible()
        expect(page.locator(".nt-table", has_text="Table 1 of NASTransfer")).to_have_count(1)
        slider = page.locator(".widget-interact .noUi-handle").first
        slider.scroll_into_view_if_needed()
        title = page.locator(".widget-interact .js-plotly-plot .gtitle")
        expect(title).to_contain_text("random-c5 against")
        slider.press("ArrowRight")
        expect(title).to_contain_text("random-c6 against", timeout=10 * SECONDS)
        expect(title).to_have_count(1)
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            choose_theme(page, theme)
            assert contrast_of_title(page) > 10, theme
    assert not (tmp_path / "notebooks" / "runs").exists(), "reading leaves no records"
