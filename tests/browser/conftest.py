"""A headless browser, and the dashboard served on a folder of made-up studies."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.example_study import write_example

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """The system's Chromium; no other browser is downloaded."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield started
        started.close()


@contextmanager
def served(runs: Path) -> Iterator[str]:
    """The dashboard on `runs`, as `make dashboard` starts it, on a port of its own; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(port)]
    environment = {**os.environ, "NASTRANSFER_RUNS": str(runs), "PYTHONPATH": str(ROOT)}
    log = runs.parent / "streamlit.log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_for(f"http://127.0.0.1:{port}/_stcore/health", server, log)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture(scope="session")
def serve() -> Callable[[Path], AbstractContextManager[str]]:
    """Start a dashboard on a folder: `with serve(runs) as address`."""
    return served


@pytest.fixture(scope="session")
def shared_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`quickstart` finished, `another` with 3 tasks to go; not to be changed by a test."""
    runs = tmp_path_factory.mktemp("dashboard") / "runs"
    write_example(runs)
    write_example(runs, name="another", leave=3)
    return runs


@pytest.fixture(scope="session")
def dashboard(shared_runs: Path, browser: Browser) -> Iterator[str]:
    """Address of a dashboard on `shared_runs`; asks for the browser first, so that without one nothing is started."""
    assert browser.is_connected()
    with served(shared_runs) as address:
        yield address


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            assert server.poll() is None, f"the dashboard ended: {log.read_text(encoding='utf-8')}"
            time.sleep(0.2)
    pytest.fail(f"the dashboard did not come up in a minute: {log.read_text(encoding='utf-8')}")
