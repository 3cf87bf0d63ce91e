"""A data set handed to other processes through a folder: image files by where they lie, other images as an array."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nastransfer.data.dataset import Dataset, file_reader
from nastransfer.data.manifest import Manifest
from nastransfer.disk import save_atomic, write_atomic

_PLAIN = (
    "name",
    "mean",
    "std",
    "terms",
    "synthetic",
    "domain",
    "flip",
    "stem",
    "pixels",
    "form",
    "notes",
    "own",
)


def hand_over(dataset: Dataset, folder: Path) -> None:
    """Write into `folder` what `take_over` needs to give the same images with the same manifest.

    Without image files of their own, all images of the manifest are copied, uint8 at the set's native side.
    """
    save_atomic(folder / "manifest.parquet", dataset.manifest.save)
    if not dataset.has_files:
        images = dataset.read(dataset.manifest)
        save_atomic(folder / "images.npy", lambda path: _save(path, images))
    values: dict[str, Any] = {name: getattr(dataset, name) for name in _PLAIN}
    values["root"] = str(dataset.root.resolve()) if dataset.has_files and dataset.root is not None else None
    write_atomic(folder / "dataset.json", json.dumps(values).encode())


def take_over(folder: Path) -> Dataset:
    """The data set that `hand_over` wrote into `folder`."""
    values = json.loads((folder / "dataset.json").read_text())
    manifest = Manifest.load(folder / "manifest.parquet")
    root = None if values["root"] is None else Path(values["root"])
    if root is not None:
        read = file_reader(root, values["pixels"])
    else:
        read = partial(_pick, folder / "images.npy", manifest)
    for name in ("mean", "std", "notes"):
        values[name] = tuple(values[name])
    return Dataset(**{**values, "root": root, "manifest": manifest, "read": read})


def _save(path: Path, images: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, images, allow_pickle=False)


def _pick(path: Path, whole: Manifest, wanted: Manifest) -> np.ndarray:
    """Images of `wanted`, some of `whole`, whose images lie in the array at `path` in the order of its rows."""
    order = np.argsort(whole.rows["key"].to_numpy())
    keys = whole.rows["key"].to_numpy()[order]
    places = order[np.searchsorted(keys, wanted.rows["key"].to_numpy())]
    return np.ascontiguousarray(np.load(path, mmap_mode="r", allow_pickle=False)[places])
