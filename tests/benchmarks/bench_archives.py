"""Images read straight out of tars: listing them, reading by offset, streaming, each against what is usual.

All files are made here and lie in the page cache; nothing is read from a disk. `images` says how many images or members
each thing handles, `images_per_second` at what rate. Streaming is compared with torchvision's ImageFolder and
RandomResizedCrop, flip and colour jitter in a DataLoader with as many workers, and with decoding alone, by as many
threads: what is left to gain above that is nothing.
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from nastransfer.data.archives import Tar, list_members, whole_tar
from nastransfer.data.batches import load_batches
from nastransfer.data.dataset import Dataset
from nastransfer.data.datasets import open_dataset
from nastransfer.data.files import decode_rgb, read_bytes
from nastransfer.data.manifest import PART
from nastransfer.data.tar_index import read_members
from tests.benchmarks.bench_batches import TO_FLOAT, drain
from tests.benchmarks.bench_data import kept_at_once, with_rates
from tests.benchmarks.measure import take_turns

ROUNDS = 5
# Bytes of a member: as of images of 64 pixels, and as ImageNet's are.
SIZES = {"3 KB": (3_000, 20_000), "110 KB": (110_000, 4_000)}
TARS, MEMBERS = 200, 500
STREAMED, CLASSES, SIDE, BATCH, WORKERS = 1_600, 8, 224, 64, 2


def run() -> dict[str, Any]:
    """Milliseconds of each thing, taking turns with what it is compared with."""
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, NASTRANSFER_CACHE=f"{folder}/cache"),
    ):
        root = Path(folder)
        return headers(root) | listing(root / "tars") | streaming(root / "images")


def headers(root: Path) -> dict[str, Any]:
    """Members of one tar in one thread, by `tarfile` and by headers alone."""
    rows: dict[str, Any] = {}
    for name, (size, number) in SIZES.items():
        path = root / "members.tar"
        write_tar(path, [f"n00000001_{n}.JPEG" for n in range(number)], [os.urandom(size)] * number)
        things: dict[str, Callable[[], int]] = {
            f"tarfile: members of {name}": partial(by_tarfile, path),
            f"headers alone: members of {name}": partial(by_headers, path),
        }
        assert {thing() for thing in things.values()} == {number}
        rows |= with_rates(take_turns(things, 2 * ROUNDS), dict.fromkeys(things, number))
    path.unlink()
    return rows


def write_tar(path: Path, names: list[str], contents: list[bytes]) -> None:
    """A GNU tar, as the usual program writes it."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in zip(names, contents, strict=True):
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))


def by_tarfile(path: Path) -> int:
    """How many members Python's own module finds."""
    with tarfile.open(path) as tar:
        return len(tar.getmembers())


def by_headers(path: Path) -> int:
    """How many members this package finds."""
    with path.open("rb") as file:
        return len(read_members(file.fileno(), 0, path.stat().st_size).names)


def listing(root: Path) -> dict[str, Any]:
    """100,000 members of 200 tars, as a table, anew and unchanged."""
    root.mkdir()
    names = [f"image_{n}.JPEG" for n in range(MEMBERS)]
    for number in range(TARS):
        path = root / f"n{number:08}.tar"
        write_tar(path, names, [bytes(1_000)] * MEMBERS)
        # At rest for long enough to be kept.
        os.utime(path, (1e9, 1e9))
    base = os.path.realpath(root)
    tars = [tar for path in sorted(root.iterdir()) if isinstance(tar := whole_tar(base, path.name), Tar)]
    scan = partial(list_members, base, tars, progress=False)
    assert len(scan()) == TARS * MEMBERS
    with kept_at_once():
        scan()
    empty = mock.patch.dict(os.environ, NASTRANSFER_CACHE=f"{root}/empty")

    def anew() -> object:
        with empty:
            return scan()

    things: dict[str, Callable[[], object]] = {
        "tarfile: 100,000 members of 200 tars": lambda: [by_tarfile(path) for path in root.glob("*.tar")],
        "listing scan: the same tars": anew,
        "listing scan: the same tars, unchanged": scan,
    }
    return with_rates(take_turns(things, ROUNDS), dict.fromkeys(things, TARS * MEMBERS))


def streaming(root: Path) -> dict[str, Any]:
    """Photograph-like images of ImageNet's usual size, in class folders and in tars: read, decoded, streamed."""
    write_images(root)
    tars, folders = (open_dataset("imagenet22k", root=root / name) for name in ("tars", "folders"))
    tars, folders = (data.verified(cache=False, progress=False) for data in (tars, folders))
    return reading(tars, folders) | loading(tars, root / "folders" / "imagenet22k")


def write_images(root: Path) -> None:
    """JPEG files of 500 by 375 pixels and about 110 KB: smooth colours with some noise."""
    rng = np.random.default_rng(1)
    contents = []
    for _ in range(50):
        smooth = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize(
            (500, 375), Image.BICUBIC
        )
        pixels = np.asarray(smooth).astype(np.int16) + rng.integers(-24, 25, (375, 500, 3))
        file = io.BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=88)
        contents.append(file.getvalue())
    for label in range(CLASSES):
        wnid = f"n{label:08}"
        names = [f"{wnid}_{n}.JPEG" for n in range(STREAMED // CLASSES)]
        chosen = [contents[(label + n) % len(contents)] for n in range(len(names))]
        (root / "folders" / "imagenet22k" / wnid).mkdir(parents=True)
        for name, content in zip(names, chosen, strict=True):
            (root / "folders" / "imagenet22k" / wnid / name).write_bytes(content)
        (root / "tars" / "imagenet22k").mkdir(parents=True, exist_ok=True)
        write_tar(root / "tars" / "imagenet22k" / f"{wnid}.tar", names, chosen)


def rows_in_random_order(data: Dataset) -> list[tuple[Any, ...]]:
    """What `read_bytes` needs of every image, by key."""
    columns = ("container", "name", "offset", "length", "modified")
    return data.manifest.rows.sort("key").select(columns).rows()


def reading(tars: Dataset, folders: Dataset) -> dict[str, Any]:
    """The bytes of all images in random order, unpacked and by offset."""
    unpacked, packed = (rows_in_random_order(data) for data in (folders, tars))
    assert folders.root is not None and tars.root is not None
    assert all(
        read_bytes(folders.root, *one) == read_bytes(tars.root, *other)
        for one, other in zip(unpacked, packed, strict=True)
    )
    things: dict[str, Callable[[], object]] = {
        "unpacked files: 1,600 images read": lambda: [read_bytes(folders.root, *row) for row in unpacked],
        "by offset in tars: the same images": lambda: [read_bytes(tars.root, *row) for row in packed],
    }
    return with_rates(take_turns(things, 4 * ROUNDS), dict.fromkeys(things, STREAMED))


def loading(tars: Dataset, folders: Path) -> dict[str, Any]:
    """An epoch with random resized crops of 224 pixels, flip and colour jitter."""
    transform = v2.Compose(
        [
            # On Pillow's images, which is the faster one of torchvision's two ways.
            v2.RandomResizedCrop(SIDE),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(0.4, 0.4, 0.4, 0.2),
            v2.PILToTensor(),
            *TO_FLOAT,
        ]
    )
    loader: DataLoader[Any] = DataLoader(
        ImageFolder(str(folders), transform),
        batch_size=BATCH,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=True,
    )
    # All images are for training here, as ImageFolder has them.
    whole = replace(tars.manifest, rows=tars.manifest.rows.with_columns(part=pl.lit("train", PART)))
    batches = load_batches(
        tars, "train", manifest=whole, batch=BATCH, resolution=SIDE, training=True, workers=WORKERS
    )
    draw, chosen = torch.Generator().manual_seed(1), rows_in_random_order(tars)
    assert tars.root is not None

    def decode(row: tuple[Any, ...]) -> None:
        decode_rgb(read_bytes(tars.root or "", *row))

    def decode_all() -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            for _ in pool.map(decode, chosen):
                pass

    things: dict[str, Callable[[], object]] = {
        f"ImageFolder, DataLoader, {WORKERS} workers": lambda: drain(loader),
        f"streamed from tars, {WORKERS} workers": lambda: drain(batches.epoch(draw)),
        f"the same images decoded, nothing else, {WORKERS} threads": decode_all,
    }
    return with_rates(take_turns(things, ROUNDS), dict.fromkeys(things, STREAMED))
