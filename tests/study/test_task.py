"""begin / step / finish, as a notebook calls them, on the scanned digits."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import nastransfer as nt
from nastransfer.processes import lock
from nastransfer.study.ledger import Ledger
from nastransfer.study.parameters import check

GENOTYPE = str(nt.Genotype.random(np.random.default_rng(0)))
SMALL = {"cells": 3, "channels": 4, "epochs": 1, "epoch_images": 128, "resolution": 8}


def run(kind: str, runs: Path, **values: object) -> dict[str, object]:
    task = nt.begin(kind, {"runs": str(runs), "study": "mine", **values})
    for step in task:
        task.show(step)
    return task.finish()


def augment(runs: Path, **values: object) -> dict[str, object]:
    return run("augment", runs, target="digits", protocol="tiny", settings=SMALL, **values)


def test_the_three_kinds_record_what_the_frame_needs(tmp_path: Path) -> None:
    source = {"dataset": "digits", "proxy": {"selection": "random", "classes": 4}}
    proxy = run("proxy", tmp_path, source=source)
    found = run("search", tmp_path, method="random", source=source, seed=3, preset="tiny")
    records = Ledger(tmp_path).study("mine")
    (search,) = [attempt for attempt in records.attempts() if attempt.folder.parts[-3] == "search"]
    asked = search.asked()
    assert asked is not None
    trained = augment(tmp_path, search=asked["task"]["id"])
    assert proxy["proxy_classes"] == 4
    assert found["proxy_images"] == proxy["proxy_images"]
    assert trained["genotype"] == found["genotype"]
    assert trained["method"] == "random"
    assert trained["search_seed"] == 3
    frame = records.results()
    assert frame["kind"].to_list() == ["proxy", "search", "augment"]
    row = frame.row(2, named=True)
    assert row["source"] == row["target"] == "digits"
    assert row["selection"] == "random-c4"
    assert 0 <= row["top1_last"] <= row["top1_best"] <= 100
    for column in (
        "n_train",
        "n_test",
        "params",
        "macs",
        "seconds",
        "threads",
        "device",
        "versions",
        "images_seen",
    ):
        assert row[column], column
    (manifest,) = filter(None, [attempt.read_manifest() for attempt in records.attempts()])
    assert len(manifest.classes) == 4
    assert max(path.stat().st_size for path in tmp_path.rglob("result.json")) <= 2048


def test_what_was_finished_is_not_computed_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = augment(tmp_path, genotype=GENOTYPE)
    task = nt.begin(
        "augment",
        {
            "runs": str(tmp_path),
            "study": "mine",
            "target": "digits",
            "protocol": "tiny",
            "settings": SMALL,
        }
        | {"genotype": GENOTYPE},
    )
    assert list(task) == []
    assert "finished before" in capsys.readouterr().out
    assert task.finish() == first
    assert isinstance(task.history, pl.DataFrame)
    assert task.classes is not None
    assert task.classes["images"].sum() == first["n_test"]


def test_a_genotype_found_twice_is_trained_once(tmp_path: Path) -> None:
    first = augment(tmp_path, genotype=GENOTYPE, method="random", draw=0)
    second = augment(tmp_path, genotype=GENOTYPE, method="random", draw=1)
    frame = Ledger(tmp_path).study("mine").results()
    assert frame["origin"].to_list() == ["own", "linked"]
    assert frame["search_seed"].to_list() == [0, 1]
    assert second["top1_last"] == first["top1_last"]
    assert second["seconds"] == first["seconds"]
    augment(tmp_path, genotype=GENOTYPE, seed=3)
    assert Ledger(tmp_path).study("mine").results()["origin"].to_list() == ["own", "linked", "own"]


def test_the_same_seed_gives_the_same_numbers(tmp_path: Path) -> None:
    results = [augment(tmp_path / str(copy), genotype=GENOTYPE) for copy in range(2)]
    assert results[0]["top1_last"] == results[1]["top1_last"]
    histories = [
        next(iter(Ledger(tmp_path / str(copy)).study("mine").attempts())).read_frame("history")
        for copy in range(2)
    ]
    assert histories[0] is not None
    assert histories[1] is not None
    assert histories[0].drop("seconds").equals(histories[1].drop("seconds"))


def test_bad_parameters_leave_no_trace(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown setting 'seeed'"):
        run("search", tmp_path, method="random", source="digits", seeed=3)
    with pytest.raises(ValueError, match="epochs"):
        run("augment", tmp_path, target="digits", genotype=GENOTYPE, settings={"epochs": -1})
    with pytest.raises(ValueError, match="must match"):
        run("search", tmp_path, method="random", source="digits", study="../elsewhere")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_prepared_is_recorded_as_failed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no finished search task of that id"):
        augment(tmp_path, search="0123456789ab")
    (attempt,) = Ledger(tmp_path).study("mine").attempts()
    assert attempt.state() == "failed"


def test_an_interrupted_task_goes_on_in_its_place(tmp_path: Path) -> None:
    values = {"runs": str(tmp_path), "study": "mine", "target": "digits", "protocol": "tiny"}
    task = nt.begin("augment", {**values, "genotype": GENOTYPE, "settings": {**SMALL, "epochs": 3}})
    steps = iter(task)
    next(steps)
    assert isinstance(steps, Generator)
    with pytest.raises(KeyboardInterrupt):
        steps.throw(KeyboardInterrupt)
    assert task.attempt.state() == "pending"
    assert len(list(task)) == 3
    assert task.finish()["top1_last"] == task.history["top1"][-1]
    records = Ledger(tmp_path).study("mine")
    assert [attempt.state() for attempt in records.attempts()] == ["done"]


def test_another_process_on_the_same_task_is_named(tmp_path: Path) -> None:
    values = {
        "runs": str(tmp_path),
        "study": "mine",
        "method": "random",
        "source": "digits",
        "preset": "tiny",
    }
    task = check("search", values).task()
    with (
        lock(Ledger(tmp_path).study("mine").lock_path(task.id)),
        pytest.raises(RuntimeError, match="another process"),
    ):
        nt.begin("search", values)


def test_a_search_that_saw_the_targets_test_part_is_not_trained_on_it(tmp_path: Path) -> None:
    source = {"dataset": "digits", "proxy": {"name": "h", "parts": "halves"}}
    values = {"method": "random", "source": source, "preset": "tiny"}
    run("search", tmp_path, **values)
    task = check("search", {**values, "runs": str(tmp_path), "study": "mine"}).task()
    with pytest.raises(ValueError, match="test part of target 'digits'"):
        augment(tmp_path, search=task.id)


def test_a_proxy_whose_manifest_is_damaged_is_built_again(tmp_path: Path) -> None:
    source = {"dataset": "digits", "proxy": {"selection": "random", "classes": 4}}
    run("proxy", tmp_path, source=source)
    (attempt,) = Ledger(tmp_path).study("mine").attempts()
    (attempt.folder / "manifest.parquet").write_bytes(b"")
    found = run("search", tmp_path, method="random", source=source, preset="tiny")
    assert found["proxy_classes"] == 4


def test_a_twin_whose_tables_are_damaged_is_not_linked(tmp_path: Path) -> None:
    augment(tmp_path, genotype=GENOTYPE, method="random", draw=0)
    (attempt,) = Ledger(tmp_path).study("mine").attempts()
    (attempt.folder / "history.parquet").write_bytes(b"torn")
    augment(tmp_path, genotype=GENOTYPE, method="random", draw=1)
    assert Ledger(tmp_path).study("mine").results()["origin"].to_list() == ["own", "own"]


def test_a_search_with_other_settings_is_labelled_so(tmp_path: Path) -> None:
    settings = {"steps": 2, "search_images": 64, "batch": 8, "resolution": 8, "reports": 1}
    found = run("search", tmp_path, method="darts1", source="digits", preset="tiny", settings=settings)
    assert found["preset"] == "tiny+b8+px8+search_images64+reports1+steps2"


def test_finish_before_the_end_is_refused(tmp_path: Path) -> None:
    values = {"runs": str(tmp_path), "method": "random", "source": "digits", "preset": "tiny"}
    with pytest.raises(RuntimeError, match="before the last step"):
        nt.begin("search", values).finish()
