"""Batches streamed from tars: bit for bit those of the unpacked set, for any number of ranks, resumed anywhere."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from nastransfer.data.batches import load_batches
from nastransfer.data.dataset import Dataset
from nastransfer.data.datasets import open_dataset
from nastransfer.data.files import ChangedImage
from nastransfer.data.passes import Batches, Share
from tests.data.tars import class_tars
from tests.data.test_stream import all_of, generator
from tests.publishers import jpeg, write_files

# Above 64 pixels crops of any size are cut from whole images; below, from squares.
RESOLUTIONS = {"resized": 72, "crop": 16}
WNIDS = ["n00004475", "n00005787", "n00006024"]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    """26 images of 3 classes, in tars and in folders, verified."""
    rng, root = np.random.default_rng(3), tmp_path_factory.mktemp("sets")
    files = {
        f"{wnid}/{wnid}_{n}.JPEG": jpeg(
            rng.integers(0, 256, (*rng.integers(20, 90, 2).tolist(), 3), np.uint8)
        )
        for wnid in WNIDS
        for n in range(9)
    }
    write_files(root / "tars" / "imagenet22k", class_tars(files))
    write_files(root / "folders" / "imagenet22k", files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASTRANSFER_CACHE", str(root / "cache"))
        return {
            name: open_dataset("imagenet22k", root=root / name).verified(progress=False)
            for name in ("tars", "folders")
        }


def stream(dataset: Dataset, name: str = "resized", workers: int = 0, share: Share | None = None) -> Batches:
    return load_batches(
        dataset,
        "train",
        batch=4,
        resolution=RESOLUTIONS[name],
        training=True,
        share=share,
        workers=workers,
        resident_bytes=0,
    )


@pytest.mark.parametrize(("name", "workers"), [("resized", 0), ("crop", 0), ("resized", 2)])
def test_batches_are_those_of_the_unpacked_set(sets: dict[str, Dataset], name: str, workers: int) -> None:
    tars, folders = stream(sets["tars"], name, workers), stream(sets["folders"], name)
    draws = generator(), generator()
    # A whole pass and more; then a capped epoch that goes on where the last one stopped.
    for number in (23, 7):
        (x, y), (images, labels) = (
            all_of(batches.epoch(draw, number)) for batches, draw in zip((tars, folders), draws, strict=True)
        )
        assert torch.equal(x, images) and y == labels
    (x, y), (images, labels) = all_of(tars.ordered()), all_of(folders.ordered())
    assert torch.equal(x, images) and y == labels


@pytest.mark.parametrize("ranks", [2, 3])
def test_any_number_of_ranks_has_the_same_global_order(sets: dict[str, Dataset], ranks: int) -> None:
    whole = list(stream(sets["tars"]).epoch(generator(), 22))
    parts = [
        list(stream(sets["tars"], share=Share(rank, ranks)).epoch(generator(), 22)) for rank in range(ranks)
    ]
    for (x, y), *shares in zip(whole, *parts, strict=True):
        assert torch.equal(y, torch.cat([labels for _, labels in shares]))
        # Sums over a batch are split otherwise: equal but for the last bits.
        torch.testing.assert_close(x, torch.cat([images for images, _ in shares]), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("done", "workers"), [(1, 0), (3, 0), (2, 1)])
def test_an_epoch_from_tars_goes_on_where_it_was_interrupted(
    sets: dict[str, Dataset], done: int, workers: int
) -> None:
    batches, draw = stream(sets["tars"], workers=workers), generator()
    running = batches.epoch(draw, 20)
    given = [next(running) for _ in range(done)]
    state, draw_state = batches.state(), draw.get_state()
    running.close()
    fresh, fresh_draw = stream(sets["tars"]), generator(9)
    fresh.load_state(state)
    fresh_draw.set_state(draw_state)
    x, y = all_of(iter([*given, *fresh.epoch(fresh_draw, 20 - 4 * done)]))
    unbroken, labels = all_of(stream(sets["folders"]).epoch(generator(), 20))
    assert torch.equal(x, unbroken) and y == labels


@pytest.mark.parametrize("workers", [0, 1])
def test_an_archive_that_changes_while_it_is_streamed_is_refused(tmp_path: Path, workers: int) -> None:
    content = {f"{WNIDS[0]}/{n}.JPEG": jpeg(np.full((20, 30, 3), n, np.uint8)) for n in range(12)}
    write_files(tmp_path / "imagenet22k", class_tars(content))
    data = open_dataset("imagenet22k", root=tmp_path).verified(cache=False, progress=False)
    running = stream(data, workers=workers).epoch(generator(), 400)
    next(running)
    os.utime(tmp_path / "imagenet22k" / f"{WNIDS[0]}.tar", ns=(1, 1))
    with pytest.raises(ChangedImage, match=rf"{WNIDS[0]}\.tar changed after it was indexed"):
        list(running)
