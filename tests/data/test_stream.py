"""Batches read by worker processes: the same for any number of them and of ranks; resumption; typed errors."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pytest
import torch
from PIL import Image

from nastransfer.data.dataset import Dataset, file_reader
from nastransfer.data.files import BadImage, ChangedImage
from nastransfer.data.manifest import Manifest, path_keys
from nastransfer.data.passes import Share
from nastransfer.data.resident import ResidentBatches
from nastransfer.data.stream import StreamBatches, loader_of
from nastransfer.data.threads import default_workers
from nastransfer.data.transforms import PaddedCrop, Recipe, ResizedCrop

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
NUMBER = 10
RECIPES = {
    "crop": PaddedCrop(16, MEAN, STD, flip=True, padding=2),
    "resized": ResizedCrop(24, MEAN, STD, flip=True),
}


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def photos(root: Path, sizes: list[tuple[int, int]]) -> Dataset:
    """Random images of these heights and widths, as files; the label is the image's number."""
    random = np.random.default_rng(0)
    names = [f"{number}.png" for number in range(len(sizes))]
    for name, size in zip(names, sizes, strict=True):
        Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(root / name)
    stats = [(root / name).stat() for name in names]
    manifest = Manifest.build(
        "photos",
        names,
        label=np.arange(len(names)),
        part=np.zeros(len(names), np.uint8),
        key=path_keys("photos", names),
        container=".",
        name=pl.Series(names),
        length=np.array([stat.st_size for stat in stats]),
        modified=np.array([stat.st_mtime_ns for stat in stats]),
    )
    return Dataset(
        name="photos",
        manifest=manifest,
        mean=MEAN,
        std=STD,
        terms="",
        synthetic=True,
        domain="",
        flip=True,
        stem="imagenet",
        pixels=32,
        read=file_reader(root, 32),
        root=root,
    )


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    random = np.random.default_rng(1)
    return photos(tmp_path_factory.mktemp("photos"), random.integers(20, 60, (NUMBER, 2)).tolist())


def stream(
    dataset: Dataset, recipe: Recipe = RECIPES["resized"], workers: int = 0, share: Share | None = None
) -> StreamBatches:
    loader = loader_of(dataset, dataset.manifest, recipe, 16 if isinstance(recipe, PaddedCrop) else None)
    return StreamBatches(dataset.manifest.rows, loader, recipe, batch=4, share=share, workers=workers)


def all_of(batches: Iterator[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, list[int]]:
    """Images and labels of all batches, put together."""
    x, y = zip(*batches, strict=True)
    return torch.cat(x), torch.cat(y).tolist()


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_do_not_change_the_batches(dataset: Dataset, name: str, workers: int) -> None:
    first, second = (stream(dataset, RECIPES[name], number) for number in (0, workers))
    draws = generator(), generator()
    for images in (13, None):
        (x, y), (again, labels) = (
            all_of(batches.epoch(draw, images)) for batches, draw in zip((first, second), draws, strict=True)
        )
        assert torch.equal(x, again) and y == labels
        assert torch.equal(draws[0].get_state(), draws[1].get_state())
    assert torch.equal(all_of(first.ordered())[0], all_of(second.ordered())[0])


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize(("ranks", "workers"), [(2, 0), (3, 0), (2, 1)])
def test_ranks_share_the_same_batches(dataset: Dataset, name: str, ranks: int, workers: int) -> None:
    """13 images in batches of 4: of the last one, of a single image, only one rank has anything."""
    whole = list(stream(dataset, RECIPES[name]).epoch(generator(), 13))
    parts = [
        list(stream(dataset, RECIPES[name], workers, Share(rank, ranks)).epoch(generator(), 13))
        for rank in range(ranks)
    ]
    for (x, y), *shares in zip(whole, *parts, strict=True):
        assert torch.equal(y, torch.cat([labels for _, labels in shares]))
        # Sums over a batch are split otherwise: equal but for the last bits.
        torch.testing.assert_close(x, torch.cat([images for images, _ in shares]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", RECIPES)
def test_it_equals_what_lies_on_the_device(tmp_path: Path, name: str) -> None:
    """Square images of one size, which both can be made of."""
    dataset = photos(tmp_path, [(32, 32)] * NUMBER)
    recipe = RECIPES[name]
    images, labels = dataset.read_images(resolution=16 if name == "crop" else None)
    resident = ResidentBatches(torch.from_numpy(images), torch.from_numpy(labels), recipe, batch=4)
    streamed, draws = stream(dataset, recipe), (generator(), generator())
    for number in (6, 25):
        (x, y), (again, labels_again) = (
            all_of(batches.epoch(draw, number))
            for batches, draw in zip((resident, streamed), draws, strict=True)
        )
        assert torch.equal(x, again) and y == labels_again
    assert torch.equal(all_of(resident.ordered())[0], all_of(streamed.ordered())[0])
    fresh = ResidentBatches(torch.from_numpy(images), torch.from_numpy(labels), recipe, batch=4)
    fresh.load_state(streamed.state())
    assert torch.equal(all_of(fresh.epoch(draws[0]))[0], all_of(streamed.epoch(draws[1]))[0])


@pytest.mark.parametrize("done", [0, 1, 2, 4])
@pytest.mark.parametrize("workers", [0, 1])
def test_it_resumes_in_the_middle_of_an_epoch(dataset: Dataset, done: int, workers: int) -> None:
    """However far workers have read ahead, the state is that of the last batch given."""
    batches, draw, total = stream(dataset, workers=workers), generator(), 18
    list(batches.epoch(draw, 3))
    running = batches.epoch(draw, total)
    given = [next(running) for _ in range(done)]
    state, draw_state = batches.state(), draw.get_state()
    running.close()
    fresh, fresh_draw = stream(dataset), generator(9)
    fresh.load_state(state)
    fresh_draw.set_state(draw_state)
    x, y = all_of(iter([*given, *fresh.epoch(fresh_draw, total - 4 * done)]))
    expected, again = stream(dataset), generator()
    list(expected.epoch(again, 3))
    unbroken, labels = all_of(expected.epoch(again, total))
    assert torch.equal(x, unbroken) and y == labels


def test_evaluation_is_ordered_by_key_and_complete(dataset: Dataset) -> None:
    expected = dataset.manifest.rows.sort("key")["label"].to_list()
    assert all_of(stream(dataset).ordered())[1] == expected
    backwards = dataset.with_manifest(replace(dataset.manifest, rows=dataset.manifest.rows.reverse()))
    x, y = all_of(stream(backwards, RECIPES["crop"]).ordered())
    assert y == expected and torch.equal(x, all_of(stream(dataset, RECIPES["crop"]).ordered())[0])


def test_a_proxy_of_small_images_loses_detail_first(dataset: Dataset) -> None:
    small = dataset.with_manifest(replace(dataset.manifest, resolution=8))
    (x, y), (sharp, labels) = (all_of(stream(some).epoch(generator())) for some in (small, dataset))
    assert y == labels
    assert float(x.diff(dim=3).abs().mean()) < 0.5 * float(sharp.diff(dim=3).abs().mean())


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_image_is_named_and_ends_the_workers(tmp_path: Path, name: str, workers: int) -> None:
    dataset = photos(tmp_path, [(32, 32)] * NUMBER)
    path = tmp_path / "3.png"
    path.write_bytes(path.read_bytes()[:100])
    torn = replace(
        dataset.manifest,
        rows=dataset.manifest.rows.with_columns(
            length=pl.lit(None, pl.Int64), modified=pl.lit(None, pl.Int64)
        ),
    )
    running = stream(dataset.with_manifest(torn), RECIPES[name], workers).ordered()
    expected = dataset.manifest.rows.sort("key")["label"].to_list()
    for _ in range(expected.index(3) // 4):
        next(running)
    with pytest.raises(BadImage, match=r"3\.png: "):
        next(running)
    assert not multiprocessing.active_children()


def test_workers_wait_for_the_next_epoch_and_end_with_their_batches(dataset: Dataset) -> None:
    batches, plain, draws = stream(dataset, workers=1), stream(dataset), [generator(), generator()]
    for each, draw in zip((batches, plain), draws, strict=True):
        all_of(each.epoch(draw, 7))
    (worker,) = multiprocessing.active_children()
    # The epoch that is left takes its worker along; what a pass has left is as if it had not been begun.
    left = batches.ordered()
    next(left)
    assert multiprocessing.active_children() == [worker]
    both = [next(batches.ordered()), next(plain.ordered())]
    assert torch.equal(both[0][0], both[1][0])
    left.close()
    assert not multiprocessing.active_children()
    (x, y), (again, labels) = (
        all_of(each.epoch(draw, 9)) for each, draw in zip((batches, plain), draws, strict=True)
    )
    assert torch.equal(x, again) and y == labels
    assert len(multiprocessing.active_children()) == 1
    del batches
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_changed_image_is_refused(tmp_path: Path, workers: int) -> None:
    dataset = photos(tmp_path, [(32, 32)] * NUMBER)
    os.utime(tmp_path / "3.png", ns=(1, 1))
    with pytest.raises(ChangedImage, match=r"3\.png changed"):
        list(stream(dataset, workers=workers).epoch(generator()))
    (tmp_path / "3.png").unlink()
    with pytest.raises(ChangedImage, match=r"3\.png is gone"):
        list(stream(dataset, workers=workers).epoch(generator()))
    assert not multiprocessing.active_children()


def test_global_random_numbers_are_left_alone(dataset: Dataset) -> None:
    before = torch.get_rng_state()
    list(stream(dataset).epoch(generator()))
    assert torch.equal(torch.get_rng_state(), before)


def test_bad_input(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="workers must not be negative, got -1"):
        stream(dataset, workers=-1)
    draw = generator()
    running = stream(dataset).epoch(draw)
    next(running)
    torch.rand(1, generator=draw)
    with pytest.raises(ValueError, match="used for something else"):
        next(running)
    monkeypatch.setenv("NASTRANSFER_WORKERS", "3")
    assert default_workers() == 3
    monkeypatch.setenv("NASTRANSFER_WORKERS", "-1")
    with pytest.raises(ValueError, match="0 or more, got '-1'"):
        default_workers()


@pytest.mark.slow
def test_workers_do_not_outlive_a_killed_process(dataset: Dataset) -> None:
    code = (
        "import sys, time, torch\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from tests.data.test_stream import photos, stream\n"
        "batches = stream(photos(Path(sys.argv[2]), [(32, 32)] * 10), workers=2)\n"
        "running = batches.epoch(torch.Generator(), 10_000)\n"
        "next(running)\n"
        "print('running', flush=True)\n"
        "time.sleep(600)\n"
    )
    assert dataset.root is not None
    project = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", code, str(project), str(dataset.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "running\n"
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3
        process.send_signal(signal.SIGKILL)
    end = time.monotonic() + 60
    while psutil.wait_procs(children, timeout=1)[1]:
        assert time.monotonic() < end, "workers live on"
