"""A headless browser, and the dashboard served on a folder of made-up studies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.serving import FLAGS, served
from tests.example_large import write_large
from tests.example_study import write_example


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """The system's Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def serve() -> Callable[[Path], AbstractContextManager[str]]:
    """Start a dashboard on a folder: `with serve(runs) as address`."""
    return lambda runs: served(runs, runs.parent)


@pytest.fixture(scope="session")
def shared_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`quickstart` finished, `another` with 3 tasks to go, `photographs` whole; not to be changed by a test."""
    runs = tmp_path_factory.mktemp("dashboard") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        # A thousand files that need survive no power cut: any harmless function of a file's number will do.
        patch.setattr(os, "fsync", int)
        write_example(runs)
        write_example(runs, name="another", leave=3)
        write_large(runs)
    return runs


@pytest.fixture(scope="session")
def dashboard(shared_runs: Path, browser: Browser) -> Iterator[str]:
    """Address of a dashboard on `shared_runs`; asks for the browser first, so that without one nothing is started."""
    assert browser.is_connected()
    with served(shared_runs, shared_runs.parent) as address:
        yield address
