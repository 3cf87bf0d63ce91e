"""The command `report`: the page is written whatever the results are; what they forbid to say ends it as one error."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from nastransfer.cli import main
from nastransfer.study.ledger import StudyRecords
from tests.example_study import finish, write_example


def last_training(runs: Path, **changed: Any) -> StudyRecords:
    """The quickstart study whose last training is other than the rest."""
    records = write_example(runs, leave=1)
    finish(records, records.plan()[-1], 0, **changed)
    return records


def report(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    """Exit status, what is printed, and what is printed as an error, of the command on the quickstart study."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["nastransfer", "report", "quickstart", "--runs", str(runs)])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"top1_last": math.nan}, "has a top1_last of nan; an accuracy in percent is 0 to 100"),
        ({"cells": 8}, "target 'glyphs' was trained under 2 protocols, which one table must not mix"),
    ],
    ids=["NaN", "mixed protocols"],
)
def test_the_page_comes_before_the_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, Any],
    said: str,
) -> None:
    records = last_training(tmp_path, **changed)
    status, out, err = report(tmp_path, monkeypatch, capsys)
    page = records.folder / "report" / "report.html"
    assert status == 2
    assert err.startswith("error: ") and err.count("\n") == 1 and said in err
    assert str(page) in out and said not in out
    assert said.replace("'", "&#x27;") in page.read_text(encoding="utf-8")


def test_what_is_sound_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    last_training(tmp_path)
    status, out, err = report(tmp_path, monkeypatch, capsys)
    assert (status, err) == (0, "")
    assert out.index("undecided between") < out.index("95% interval, %") < out.index("report.html")
    assert "500 classes" in out
