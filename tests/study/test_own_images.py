"""Folders and tables of own images in a study file: named, opened, and no test image is searched on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nastransfer.data.datasets import open_dataset
from nastransfer.space.known import known_genotype
from nastransfer.study.sources import open_source, refuse_overlap
from nastransfer.study.spec import Source
from nastransfer.train.augment import identity
from nastransfer.train.protocol import protocol
from tests.publishers import jpeg, write_files


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders of images, and tables of the first one's; found by `NASTRANSFER_DATA`."""
    tiny = jpeg(np.zeros((4, 4, 3), np.uint8))
    for folder in ("Birds", "fish"):
        write_files(
            tmp_path / folder,
            {f"{part}/{n}/{m}.jpg": tiny for part in ("train", "test") for n in "ab" for m in "12"},
        )
    for part in ("train", "test"):
        lines = [f"{part}/{n}/{m}.jpg,{n},train" for n in "ab" for m in "12"]
        (tmp_path / f"{part}.csv").write_text("\n".join(["path,label,part", *lines]), encoding="utf-8")
    monkeypatch.setenv("NASTRANSFER_DATA", str(tmp_path))
    return tmp_path


def source(kind: str, **options: object) -> Source:
    return Source.model_validate({"dataset": kind, "options": options})


def test_names(sets: Path) -> None:
    birds = source("folder", root="Birds", pixels=32)
    assert birds.label == "folder-birds-pixels32"
    assert source("table", table="train.csv", root="Birds").label == "table-train"
    opened = open_source(birds)
    assert (opened.name, opened.root, opened.manifest.count()) == ("folder-birds", sets / "Birds", 8)


@pytest.mark.usefixtures("sets")
def test_bad_options() -> None:
    with pytest.raises(ValueError, match=r"options of folder.*root"):
        source("folder")
    with pytest.raises(ValueError, match=r"options of table.*colour"):
        source("table", table="train.csv", colour=True)


def test_a_search_on_test_images_is_refused_however_they_are_named(sets: Path) -> None:
    birds, fish = source("folder", root="Birds"), source("folder", root="fish")
    train, test = (source("table", table=f"{part}.csv", root="Birds") for part in ("train", "test"))
    for fair in (birds, fish, train):
        refuse_overlap(fair, birds)
    refuse_overlap(test, fish)
    with pytest.raises(
        ValueError,
        match=r"'table-test' would see 4 images of the test part of target 'folder-birds', such as .*/Birds/test/",
    ):
        refuse_overlap(test, birds)
    with pytest.raises(ValueError, match="would see 4 images"):
        refuse_overlap(test, source("folder", root=str(sets / "fish" / ".." / "Birds")))


@pytest.mark.usefixtures("sets")
def test_results_depend_on_how_an_own_set_is_opened() -> None:
    """Its manifest does not say: the same files at another size, or mirrored, are other images."""
    ways = [{}, {"pixels": 16}, {"pixels": 32}, {"pixels": 32, "flip": False}]
    opened = [open_source(source("folder", root="Birds", **way)) for way in ways]
    assert len({one.manifest.hash for one in opened}) == 1
    assert len({str(one.identity(None)) for one in opened}) == 4
    assert opened[1].identity(32) != opened[2].identity(None), "brought to 16 pixels first"
    chosen = protocol("tiny", resolution=None)
    trained = [identity(known_genotype("DARTS_V2"), one, 2, chosen) for one in opened]
    assert len({str(one) for one in trained}) == 4
    digits = open_dataset("digits")
    assert digits.identity(32) == {"images": digits.manifest.hash}, "keys of public sets stay what they were"
