"""What training takes: damaged files are left out and said, before anything is learnt from the set."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import nastransfer as nt
from nastransfer.data.dataset import Dataset, usable
from nastransfer.data.files import BadImage
from nastransfer.report.descriptor_tables import usable_in_words
from tests.data.images import encoded


@pytest.fixture
def photographs(tmp_path: Path) -> Dataset:
    """Two classes of 12 small images; one file is cut short."""
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{number}.jpg")
    broken = tmp_path / "set" / "cats" / "3.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    return nt.folder(tmp_path / "set", pixels=16)


def test_damaged_files_are_left_out_and_said(photographs: Dataset) -> None:
    with pytest.warns(UserWarning, match=r"1 of 24 images of .* cannot be used, such as cats/3.jpg \(.+\)"):
        checked = usable(photographs)
    assert len(checked.manifest) == 23
    assert checked.rejects["name"].to_list() == ["3.jpg"]
    assert checked.manifest.rows["modified"].null_count() == 0


def test_the_list_is_written_where_the_warning_says(
    photographs: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert photographs.root is not None
    (photographs.root / "cats" / "notes.txt").write_text("no image", encoding="utf-8")
    photographs = nt.folder(photographs.root, pixels=16)
    monkeypatch.setenv("NASTRANSFER_CACHE", str(tmp_path / "cache"))
    with pytest.warns(UserWarning, match=r"rejects/folder-set-[0-9a-f]{8}\.csv lists them all"):
        usable(photographs)
    (path,) = (tmp_path / "cache" / "rejects").iterdir()
    assert sorted(pl.read_csv(path).select("name", "reason", "chosen").rows()) == [
        ("3.jpg", "truncated (no end marker)", True),
        ("notes.txt", "not an image by its name's ending", False),
    ]
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("NASTRANSFER_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match=r"`verified\(\)\.rejects` lists them all"):
        usable(photographs)


def test_a_task_records_what_was_chosen_and_cannot_be_used(photographs: Dataset, tmp_path: Path) -> None:
    source = {"dataset": "folder", "options": {"root": str(photographs.root), "pixels": 16}}
    values = {"runs": str(tmp_path / "runs"), "study": "mine"}
    task = nt.begin("proxy", {**values, "source": {**source, "proxy": {"selection": "all"}}})
    with pytest.warns(UserWarning, match="1 of 24 images"):
        (step,) = list(task)
    task.finish()
    assert (step.chosen, step.images) == (24, 23)
    assert task.rejects is not None and task.rejects.filter("chosen")["name"].to_list() == ["3.jpg"]
    assert task.manifest is not None and len(task.manifest) == 23
    whole = usable_in_words(task.manifest, task.rejects)
    assert whole == (
        "24 images were chosen; 1 of them cannot be used and is missing: "
        "cats/3.jpg (truncated (no end marker)). `task.rejects` lists them with the reason."
    )
    small = nt.begin("proxy", {**values, "source": {"dataset": "digits", "proxy": {"selection": "all"}}})
    assert len(list(small)) == 1 and small.rejects is None, "nothing was left out"
    assert usable_in_words(task.manifest, None) == "23 images were chosen, all of them can be used."


def test_what_was_verified_is_not_looked_at_again(photographs: Dataset) -> None:
    with pytest.warns(UserWarning, match="cannot be used"):
        checked = usable(photographs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert usable(checked) is checked


def test_an_image_that_turns_out_damaged_is_a_reject_from_then_on(
    photographs: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage between a file's header and its end is seen when it is decoded only: an error once, a reject later."""
    monkeypatch.setenv("NASTRANSFER_CACHE", str(tmp_path / "cache"))
    assert photographs.root is not None
    damaged = photographs.root / "dogs" / "5.jpg"
    # As PNG, whatever its name: a JPEG decoder makes some picture of nearly any bytes.
    whole = encoded(kind="PNG")
    middle = len(whole) // 2
    damaged.write_bytes(whole[:middle] + b"\xff\xc0" * 20 + whole[middle + 40 :])
    before = photographs.verified(progress=False)
    assert before.rejects["name"].to_list() == ["3.jpg"] and len(before.manifest) == 23
    with pytest.raises(
        BadImage, match=r"dogs/5\.jpg: cannot be decoded: .*; a new start leaves it out and lists it"
    ):
        before.read_images()
    for again in (before.verified(), photographs.verified(progress=False)):
        assert again.rejects["name"].to_list() == ["3.jpg", "5.jpg"] and len(again.manifest) == 22
        assert again.rejects.row(1)[:2] == (
            "dogs",
            before.manifest.rows.filter(name="5.jpg", label=1)["part"][0],
        )
        assert again.read_images()[0].shape == (22, 3, 16, 16)
    with pytest.warns(UserWarning, match=r"1 of 23 images .* dogs/5.jpg \(cannot be decoded"):
        usable(before)
    damaged.write_bytes(whole)
    assert photographs.verified(progress=False).rejects["name"].to_list() == ["3.jpg"]


def test_sets_without_files_are_taken_as_they_are() -> None:
    digits = nt.open_dataset("digits")
    assert usable(digits) is digits


@pytest.mark.parametrize("pixels", [16, 224])
def test_search_and_training_take_usable_images_only(photographs: Dataset, pixels: int) -> None:
    """Photographs of a large side, too, are fed small ones with the small images' first layers."""
    assert photographs.root is not None
    photographs = nt.folder(photographs.root, pixels=pixels)
    small = {
        "search_images": 8,
        "steps": 1,
        "batch": 4,
        "resolution": 16,
        "reports": 1,
        "cells": 3,
        "channels": 4,
    }
    with pytest.warns(UserWarning, match="cannot be used"):
        found = nt.search("darts1", photographs, preset="tiny", **small)
    assert found.cost["images_seen"] == 8
    protocol = nt.protocol("tiny", epochs=1, cells=3, channels=4, resolution=16)
    with pytest.warns(UserWarning, match="cannot be used"):
        trained = nt.augment(found.genotype, photographs, protocol=protocol)
    assert trained.n_train + trained.n_test == 23
