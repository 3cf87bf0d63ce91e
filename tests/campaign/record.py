"""A pytest plugin that keeps what a campaign found: outcome, seconds and recorded figures of each slow test.

A test adds figures of its own by pytest's `record_property("name", value)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.committed import results_file, save_entries


class Recorder:
    """Collects reports while pytest runs and writes them once at the end; a test that was cut off leaves no entry."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, dict[str, Any]] = {}
        self._running: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        entry = self._running.setdefault(report.nodeid, {"outcome": "passed", "seconds": 0.0})
        entry["seconds"] = round(entry["seconds"] + report.duration, 2)
        if not report.passed:
            entry["outcome"] = report.outcome
            entry["reason"] = reason_of(report)
        if report.when == "teardown":
            if report.user_properties:
                entry["figures"] = dict(report.user_properties)
            self.entries[report.nodeid] = self._running.pop(report.nodeid)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.entries:
            return
        path = results_file(self.folder)
        save_entries(path, self.entries)
        for name, entry in self.entries.items():
            for figure, value in entry.get("figures", {}).items():
                terminalreporter.write_line(f"{name}: {figure} = {value}")
        terminalreporter.write_line(f"written to {path}")


def reason_of(report: pytest.TestReport) -> str:
    """Why a test was skipped or failed, in at most 300 letters."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2][:300]
    crash = getattr(report.longrepr, "reprcrash", None)
    return (crash.message if crash else report.longreprtext).strip()[:300]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the results go."""
    parser.addoption("--campaign-results", type=Path, default=Path(__file__).parent / "results")


def pytest_configure(config: pytest.Config) -> None:
    """`-p tests.campaign.record` turns the recording on."""
    config.pluginmanager.register(Recorder(config.getoption("--campaign-results")), "campaign-recorder")
