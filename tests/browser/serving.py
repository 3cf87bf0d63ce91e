"""The dashboard served to a browser, and where that browser is."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
UP_SECONDS = 60.0


def find_chromium() -> str | None:
    """Path of the system's Chromium; no other browser is downloaded."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def served(runs: Path, logs: Path) -> Iterator[str]:
    """The dashboard on `runs`, as `make dashboard` starts it, on a port of its own; gives its address.

    What it prints goes to a file in the folder `logs`.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "dashboard/serve.py", "--server.port", str(port)]
    environment = {**os.environ, "NASTRANSFER_RUNS": str(runs), "PYTHONPATH": str(ROOT)}
    log = logs / "streamlit.log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", server, log)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(30)


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server answers at `address`; an error with what it printed (`log`) where it ends or takes too long."""
    end = time.monotonic() + UP_SECONDS
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            assert server.poll() is None, f"the server ended: {log.read_text(encoding='utf-8')}"
            time.sleep(0.05)
    raise AssertionError(
        f"the server did not come up in {UP_SECONDS:.0f} s: {log.read_text(encoding='utf-8')}"
    )
