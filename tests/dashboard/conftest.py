"""What tests of pages share: the runs folder that the dashboard reads."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runs folder that is not there yet, on a machine without public sets."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("NASTRANSFER_RUNS", str(folder))
    monkeypatch.setenv("NASTRANSFER_DATA", str(tmp_path / "sets"))
    return folder
