"""What benchmarks and campaign leave behind: entries by name, each with its machine, commit and date."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import take_turns
from tests.committed import load, results_file, save_entries

ROOT = Path(__file__).resolve().parent.parent
SLOW_TESTS = """
import pytest

@pytest.mark.slow
def test_measures(record_property):
    record_property("ratio", 1.5)

@pytest.mark.slow
def test_fails():
    assert 1 == 2, "one is not two"

@pytest.mark.slow
def test_skips():
    pytest.skip("no such thing here")

def test_quick():
    raise AssertionError("not part of a campaign")
"""


def test_entries_of_other_names_stay(tmp_path: Path) -> None:
    path = results_file(tmp_path / "new")
    save_entries(path, {"first": {"n": 1}, "second": {"n": 2}})
    save_entries(path, {"second": {"n": 3}})
    entries = load(path)
    assert {name: entry["n"] for name, entry in entries.items()} == {"first": 1, "second": 3}
    assert {"date", "device", "threads", "versions", "commit", "cores"} <= entries["first"].keys()


def test_files_are_named_by_kind_of_machine(tmp_path: Path) -> None:
    assert results_file(tmp_path).name.startswith("cpu-")
    assert results_file(tmp_path, "NVIDIA H100").name == "nvidia-h100.json"


def test_things_that_take_turns_are_all_called_equally_often() -> None:
    calls: list[str] = []
    rows = take_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3)
    assert calls == ["a", "b"] * 4
    assert rows["a"]["ratio"] == 1.0
    assert rows["b"]["n"] == 3
    assert rows["b"]["min_ms"] <= rows["b"]["median_ms"] <= rows["b"]["max_ms"]


CUT_OFF = """

@pytest.mark.slow
def test_interrupted():
    raise KeyboardInterrupt
"""


def campaign(
    tmp_path: Path, tests: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, dict[str, Any]]]:
    """A real pytest run of a file outside this project, with the project's settings, and its entries by test."""
    file = tmp_path / "test_slow_things.py"
    file.write_text(tests, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), "-m", "slow"]
    plugin = ["-p", "tests.campaign.record", "--campaign-results", str(tmp_path / "results")]
    ran = subprocess.run(
        [*command, *plugin, str(file)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    (written,) = (tmp_path / "results").iterdir()
    entries = json.loads(written.read_text(encoding="utf-8"))
    return ran, {name.split("::")[-1]: entry for name, entry in entries.items()}


def test_a_campaign_keeps_outcomes_reasons_and_figures(tmp_path: Path) -> None:
    ran, entries = campaign(tmp_path, SLOW_TESTS)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert {name: entry["outcome"] for name, entry in entries.items()} == {
        "test_measures": "passed",
        "test_fails": "failed",
        "test_skips": "skipped",
    }
    assert entries["test_measures"]["figures"] == {"ratio": 1.5}
    assert "one is not two" in entries["test_fails"]["reason"]
    assert entries["test_skips"]["reason"] == "Skipped: no such thing here"
    assert "ratio = 1.5" in ran.stdout


def test_a_test_that_was_cut_off_is_no_result(tmp_path: Path) -> None:
    ran, entries = campaign(tmp_path, SLOW_TESTS + CUT_OFF)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert set(entries) == {"test_measures", "test_fails", "test_skips"}
