"""A manifest of 14.2 million images and its proxies, the listing scan against torchvision's, the verifying scan.

`images` says how many images each thing handles, `images_per_second` at what rate; `peak_gib` is the memory of a
process that makes the manifest, imports included.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl
from PIL import Image
from torchvision.datasets import ImageFolder

from nastransfer.data import pieces
from nastransfer.data.layouts.imagenet import TEST_SHARE
from nastransfer.data.manifest import Manifest, path_keys
from nastransfer.data.packs import folders
from nastransfer.data.proxies import build_proxy, proxies
from nastransfer.data.scan import Listing, list_class_folders
from nastransfer.data.verify import verify
from tests.benchmarks.measure import take_turns

ROUNDS = 3
CLASSES, IMAGES_A_CLASS = 200, 500
VERIFIED = 4_000
COUNTS = "imagenet_fall11_counts.csv"
CHILD = """
import resource, sys
import polars as pl
from nastransfer.data.manifest import Manifest
counts = dict(pl.read_csv(sys.argv[1]).iter_rows())
made = len(Manifest.from_counts(counts, test_share=float(sys.argv[2])))
print(made, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def run() -> dict[str, Any]:
    """Milliseconds of each thing, taking turns with what it is compared with."""
    rows: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, NASTRANSFER_CACHE=f"{folder}/cache"),
    ):
        counts = next((found for place in folders() if (found := place / COUNTS).is_file()), None)
        if counts is None:
            print(f"  no {COUNTS} in {', '.join(map(str, folders()))}: large manifests are not measured")
        else:
            rows |= large_manifest(counts, Path(folder))
        return rows | listing(Path(folder)) | verifying(Path(folder))


def large_manifest(path: Path, folder: Path) -> dict[str, Any]:
    """The manifest of ImageNet22K's class histogram, its hash, file and proxies, against one sort of its keys."""
    counts = dict(pl.read_csv(path).iter_rows())
    manifest = Manifest.from_counts(counts, test_share=TEST_SHARE)
    file = folder / "manifest.parquet"
    things: dict[str, Callable[[], object]] = {
        "numpy sorts 14.2M keys": lambda: np.sort(manifest.rows["key"].to_numpy()),
        "manifest of 14.2M from counts": lambda: Manifest.from_counts(counts, test_share=TEST_SHARE),
        "hash of that manifest": lambda: Manifest.__dict__["hash"].func(manifest),
        "that manifest saved": lambda: manifest.save(file),
        "that manifest loaded": lambda: Manifest.load(file),
    }
    for name, spec in proxies().items():
        if name.startswith("imagenet22k"):
            things[f"proxy {name} of that manifest"] = partial(build_proxy, manifest, spec, seed=2)
    rows = with_rates(take_turns(things, ROUNDS), {name: len(manifest) for name in things})
    command = [sys.executable, "-c", CHILD, str(path), str(TEST_SHARE)]
    made, peak = map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert made == len(manifest)
    rows["manifest of 14.2M from counts"]["peak_gib"] = round(peak / 2**20, 2)
    return rows


def listing(folder: Path) -> dict[str, Any]:
    """Names and classes of a generated tree of empty files, by torchvision and by the listing scan."""
    root = folder / "tree"
    for label in range(CLASSES):
        (root / f"n{label:08}").mkdir(parents=True)
        for index in range(IMAGES_A_CLASS):
            (root / f"n{label:08}" / f"n{label:08}_{index}.JPEG").touch()
        # At rest for long enough to be kept.
        os.utime(root / f"n{label:08}", (1e9, 1e9))
    scan: Callable[[], Listing] = partial(list_class_folders, root, progress=False)
    assert len(ImageFolder(str(root)).samples) == len(scan()) == CLASSES * IMAGES_A_CLASS
    with kept_at_once():
        scan()
    # From here on a scan finds what was kept, unless it is of another cache.
    empty = mock.patch.dict(os.environ, NASTRANSFER_CACHE=f"{folder}/empty")

    def anew() -> Listing:
        with empty:
            return scan()

    things: dict[str, Callable[[], object]] = {
        "torchvision's ImageFolder: 100,000 files listed": lambda: ImageFolder(str(root)),
        "listing scan: the same files": anew,
        "listing scan: the same files, folders unchanged": scan,
    }
    return with_rates(take_turns(things, 2 * ROUNDS), dict.fromkeys(things, CLASSES * IMAGES_A_CLASS))


def verifying(folder: Path) -> dict[str, Any]:
    """JPEG files of 40 to 50 KB, all in the page cache, looked at by Pillow and by the verifying scan."""
    root = folder / "images"
    rng = np.random.default_rng(1)
    for index in range(VERIFIED):
        path = root / f"class {index % 20}" / f"{index}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (150, 200, 3), np.uint8)).save(content, "JPEG", quality=90)
        path.write_bytes(content.getvalue())
        os.utime(path, (1e9, 1e9))
    found = list_class_folders(root, progress=False)
    paths = found.container.cast(pl.String) + "/" + found.name
    manifest = Manifest.build(
        "images",
        found.classes,
        label=found.label,
        part=np.zeros(len(found), np.uint8),
        key=path_keys("images", paths),
        container=found.container,
        name=found.name,
    )
    assert len(verify(manifest, root, progress=False).manifest) == VERIFIED
    with kept_at_once():
        verify(manifest, root, progress=False)

    def by_pillow() -> None:
        for path in paths:
            with Image.open(root / path) as image:
                image.verify()

    things: dict[str, Callable[[], object]] = {
        "Pillow: 4,000 JPEG files verified, one by one": by_pillow,
        "verifying scan: the same files": lambda: verify(manifest, root, cache=False, progress=False),
        "verifying scan: the same files, unchanged": lambda: verify(manifest, root, progress=False),
    }
    return with_rates(take_turns(things, ROUNDS), dict.fromkeys(things, VERIFIED))


def with_rates(rows: dict[str, Any], images: dict[str, int]) -> dict[str, Any]:
    """The rows with the number of images each thing handles and how many a second."""
    for name, row in rows.items():
        row |= {"images": images[name], "images_per_second": round(1e3 * images[name] / row["median_ms"])}
    return rows


@contextmanager
def kept_at_once() -> Iterator[None]:
    """Scans keep what they find even where they are quick."""
    with mock.patch.object(pieces, "KEEP_SECONDS", 0.02):
        yield
