"""The report of a folder: what its records hold besides the results frame."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from nastransfer.advice import write_report
from nastransfer.study.pricing.comparison import keep_estimate
from tests.example_study import write_example

HISTORY = pl.DataFrame({"epoch": [1, 2], "top1": [50.0, 60.0]})


def test_an_unfinished_folder_says_so_and_draws_the_curves_that_can_be_read(tmp_path: Path) -> None:
    records = write_example(tmp_path / "runs", leave=2)
    first, second, *_ = (one for one in records.attempts() if one.folder.parent.parent.name == "augment")
    first.write_frame("history", HISTORY)
    (second.folder / "history.parquet").write_bytes(b"torn")
    written = write_report(records.folder)
    shown = written["report.html"].read_text(encoding="utf-8")
    tasks = len(records.plan())
    assert f"The study is unfinished: {tasks - 2} of the {tasks} tasks of its plan are done." in shown
    assert "planned trainings on this target are there" in shown
    assert "1 run, 60.0% at the end" in shown
    assert written["figures/learning-curves.html"].is_file()


def test_a_folder_where_nothing_has_finished_has_a_report(tmp_path: Path) -> None:
    records = write_example(tmp_path / "runs", leave=10_000)
    shown = write_report(records.folder)["report.html"].read_text(encoding="utf-8")
    assert "0 searches and 0 trainings are finished" in shown
    assert "No finished training yet" in shown


def test_the_report_holds_the_price_against_the_records(tmp_path: Path) -> None:
    records = write_example(tmp_path / "runs", leave=2)
    assert "Predicted against actual" not in write_report(records.folder)["report.html"].read_text(
        encoding="utf-8"
    )
    tasks = [task.id for task in records.plan()]
    priced = pl.DataFrame({"id": tasks, "how": "probe", "seconds": 12.0})
    keep_estimate(records, priced, {"wall_hours": 1.0}, begun=False)
    shown = write_report(records.folder)["report.html"].read_text(encoding="utf-8")
    assert "Predicted against actual" in shown and ">0.83<" in shown
