"""A pytest plugin that keeps what a campaign found: outcome, seconds and recorded figures of each slow test.

A test adds figures of its own by pytest's `record_property("name", value)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.committed import commit_to_file, results_file

RESULTS = Path(__file__).parent / "results"


class Recorder:
    """Collects reports while pytest runs and writes them once at the end."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        entry = self.entries.setdefault(report.nodeid, {"outcome": "passed", "seconds": 0.0})
        entry["seconds"] = round(entry["seconds"] + report.duration, 2)
        if not report.passed:
            entry["outcome"] = report.outcome
            entry["reason"] = str(report.longrepr).strip().splitlines()[-1][:300]
        if report.when == "teardown" and report.user_properties:
            entry["figures"] = dict(report.user_properties)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.entries:
            return
        path = results_file(RESULTS)
        commit_to_file(path, self.entries)
        for name, entry in self.entries.items():
            for figure, value in entry.get("figures", {}).items():
                terminalreporter.write_line(f"{name}: {figure} = {value}")
        terminalreporter.write_line(f"written to {path}")


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest: `-p tests.campaign.record` turns the recording on."""
    config.pluginmanager.register(Recorder(), "campaign-recorder")
